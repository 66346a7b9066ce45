"""Compares how plainfilm and pydicom read DICOM files, and prints a Markdown table.

    python -m venv v && v/bin/pip install -r reference/dicom/requirements.txt
    cargo build --example dicom_pixels -p plainfilm-film
    v/bin/python reference/dicom/compare.py target/debug/examples/dicom_pixels [FILE ...]

Without files, those that pydicom and pydicom-data bring for their own tests. Compared are the stored values of the
first frame: equal where the compression loses nothing, at most 2 levels apart where it does; of lossy colours, their
grey. Of grey films the shown
levels are compared too, with pydicom's Modality LUT, VOI LUT or window, and MONOCHROME1 exchanged, where the file
says what is shown: at most 1 part in 255 (8 bits) or 2 parts in 65,535 (16 bits) apart.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import pydicom
from pydicom.data import get_testdata_files
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}


def first_frame(path: Path) -> tuple[pydicom.Dataset, numpy.ndarray]:
    """The data set and the stored values of its first frame, colours as they are stored."""
    data = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in getattr(data, "file_meta", {}):
        data.ensure_file_meta()
        data.file_meta.TransferSyntaxUID = (
            pydicom.uid.ExplicitVRLittleEndian if data.original_encoding[0] is False else pydicom.uid.ImplicitVRLittleEndian
        )
    return data, numpy.asarray(pixel_array(data, index=0, raw=True)).astype(numpy.int64)


def shown(data: pydicom.Dataset, stored: numpy.ndarray) -> numpy.ndarray | None:
    """Grey levels from 0 to 1 as pydicom shows them, or None where the file leaves it open."""
    if "VOILUTSequence" not in data and "WindowWidth" not in data:
        return None
    small = numpy.int32 if data.PixelRepresentation else numpy.uint16
    values = apply_modality_lut(stored.astype(small), data)
    if "VOILUTSequence" in data:
        levels = apply_voi_lut(values, data).astype(float)
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        levels /= max(2**bits - 1, levels.max())
    else:
        width = float(numpy.atleast_1d(data.WindowWidth)[0])
        if width < 1:
            return None
        # pydicom's window gives levels between the least and the greatest value that can be stored.
        levels = apply_voi_lut(values.astype(numpy.float64), data)
        bits = int(data.BitsStored)
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if data.PixelRepresentation else (0, 2**bits - 1)
        if "ModalityLUTSequence" in data:
            low, high = 0, 2 ** int(data.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
        elif "RescaleSlope" in data:
            slope, intercept = float(data.RescaleSlope), float(data.RescaleIntercept)
            low, high = low * slope + intercept, high * slope + intercept
        levels = (levels - low) / (high - low)
    return 1 - levels if data.PhotometricInterpretation == "MONOCHROME1" else levels


def compare(path: Path, line: list[str], out: Path) -> tuple[str, str]:
    """What plainfilm did with a film, and what is to be said of it."""
    try:
        data, expected = first_frame(path)
        broken = None
    except Exception as error:  # pydicom raises whatever comes up in its plug-ins.
        data, expected = None, None
        broken = f"{type(error).__name__}"
    syntax = ""
    if data is not None:
        syntax = pydicom.uid.UID(data.file_meta.TransferSyntaxUID).name
    if line[1] == "refused":
        why = line[2].removeprefix("file: ")
        return "refused", f"{why}; pydicom: {broken or 'reads it'}"
    if broken:
        return "read", f"not compared: pydicom {broken}"
    number = line[0]
    width, height, samples = map(int, line[2:5])
    found = numpy.fromfile(out / f"{number}.stored", "<i4").astype(numpy.int64)
    shape = (height, width) if samples == 1 else (height, width, samples)
    found = found.reshape(shape)
    if found.shape != expected.shape:
        return "WRONG", f"{found.shape}, expected {expected.shape}; {syntax}"
    # pydicom leaves bits above the stored ones, and the sign, as the codec gave them.
    bits = int(data.BitsStored)
    if samples == 1 and bits > 1:
        expected = expected & (2**bits - 1)
        if data.PixelRepresentation:
            expected = numpy.where(expected >= 2 ** (bits - 1), expected - 2**bits, expected)
    far = int(abs(found - expected).max())
    if samples == 3 and data.file_meta.TransferSyntaxUID in LOSSY:
        # What comes of colours that share chroma is a matter of taste; what plainfilm keeps is their grey: the luma
        # itself where luma is stored, because red, green and blue that do not exist are cut off when they are made.
        if data.PhotometricInterpretation.startswith("YBR_FULL"):
            grey = expected[..., 0]
        else:
            grey = numpy.asarray(pixel_array(data, index=0)).astype(float) @ [0.299, 0.587, 0.114]
        film = numpy.fromfile(out / f"{number}.film", "<u2").reshape(height, width)
        far = int(numpy.ceil(abs(film - grey).max() - 0.5))
        syntax += "; grey of colours"
    lossy = data.file_meta.TransferSyntaxUID in LOSSY
    verdict = "exact" if far == 0 else f"within {far}" if lossy and far <= 2 else "WRONG"
    note = syntax if verdict != "WRONG" else f"stored values differ by up to {far}; {syntax}"
    if samples == 1 and data.PhotometricInterpretation.startswith("MONOCHROME"):
        levels = shown(data, found)
        if levels is not None:
            full = int(line[6])
            film = numpy.fromfile(out / f"{number}.film", "<u2").reshape(shape)
            off = abs(film - levels * full).max()
            note += f"; shown within {off:.1f} of {full}"
            if off > (1 if full == 255 else 2):
                verdict = "WRONG"
    return verdict, note


def main() -> None:
    program, *files = sys.argv[1:]
    files = sorted({Path(f) for f in files or get_testdata_files()}, key=lambda path: path.name)
    files = [path for path in files if path.is_file() and path.suffix not in {".json", ".zip", ".gz", ".txt", ".tif", ".py"}]
    warnings.simplefilter("ignore")
    counts: dict[str, int] = {}
    print("| file | verdict | transfer syntax, or why |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as out:
        run = subprocess.run([program, out, *map(str, files)], stdout=subprocess.PIPE, text=True, check=True)
        for path, line in zip(files, run.stdout.splitlines(), strict=True):
            try:
                verdict, note = compare(path, line.split("\t"), Path(out))
            except Exception as error:
                verdict, note = "WRONG", f"comparison failed: {type(error).__name__}: {error}"
            counts[verdict.split()[0]] = counts.get(verdict.split()[0], 0) + 1
            print(f"| {path.name} | {verdict} | {note} |")
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
