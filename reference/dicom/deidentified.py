"""Checks with pydicom what `plainfilm data deidentify` writes, and prints a Markdown table.

    python -m venv v && v/bin/pip install -r reference/dicom/requirements.txt
    cargo build
    v/bin/python reference/dicom/deidentified.py target/debug/plainfilm [FILE ...]

Without files, those that pydicom and pydicom-data bring for their own tests. Every element of text, date or unique
identifier of a copy of each, those in sequences too, is overwritten with a canary, a private block, a comment on an
overlay and a preamble of canaries are added, and the copies are de-identified. Of every film that is written: pydicom
reads it, each element is one that pydicom's dictionary knows, no canary is left in its bytes or, where it is deflated,
in its elements, its pixel data has the same bytes, and, where pydicom can decode them, the same values.
"""

import hashlib
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import pydicom
from pydicom.data import get_testdata_files
from pydicom.pixels import pixel_array

TEXT = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE"}
CANARIES = [b"canary", b"19010203", b"1.2.3.46464646"]
# They stay as they are, being names of products.
PRODUCTS = {0x00080070, 0x00081090}
# Whose identifiers are the standard's, and what says how the file is written.
CLASSES = {0x00080016, 0x00020010, 0x00020002}


def poison(data: pydicom.Dataset, number: int) -> None:
    """Overwrites whatever can name somebody."""
    for element in list(data):
        if element.tag in PRODUCTS | CLASSES or element.tag.group == 0x7FE0:
            continue
        if element.VR == "SQ":
            for item in element.value:
                poison(item, number)
        elif element.VR in TEXT and element.tag not in (0x00281054, 0x00283004):
            element.value = f"CANARY-{element.tag:08X}"[:16]
        elif element.VR == "DA":
            element.value = "19010203"
        elif element.VR == "UI":
            element.value = f"1.2.3.46464646.{number}"
        elif element.VR == "AS":
            element.value = "047Y"


def prepared(path: Path, number: int, folder: Path) -> None:
    """A copy of a file with canaries in it."""
    data = pydicom.dcmread(path)
    poison(data, number)
    data.add_new(0x00100010, "PN", "CANARY^Person")
    data.add_new(0x00100020, "LO", f"CANARY-{number}")
    data.add_new(0x00104000, "LT", "Canary, a comment")
    data.add_new(0x00080018, "UI", f"1.2.3.46464646.{number}")
    if "BurnedInAnnotation" in data:
        data.BurnedInAnnotation = "NO"
    data.add_new(0x60004000, "LT", "Canary of an overlay")
    data.private_block(0x000B, "CANARY", create=True).add_new(1, "LO", "Canary")
    data.preamble = (b"CANARY" * 22)[:128]
    data.file_meta.SourceApplicationEntityTitle = "CANARY"
    data.save_as(folder / f"{number}.dcm")


def canaries(data: pydicom.Dataset) -> list[str]:
    """Elements in which a canary is left."""
    found = []
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                found += canaries(item)
        elif element.tag.group != 0x7FE0 and any(canary.decode() in str(element.value).lower() for canary in CANARIES):
            found.append(str(element.tag))
    return found


def checked(old: Path, new: Path) -> str:
    """What is wrong with a new file; nothing where all is well."""
    before, after = pydicom.dcmread(old), pydicom.dcmread(new)
    text = new.read_bytes().lower()
    # Compressed pixels may hold any bytes, canaries of six letters hardly.
    if any(canary in text for canary in CANARIES) or canaries(after) or canaries(after.file_meta):
        return "a canary is left"
    if any(element.tag.is_private or not element.keyword for element in after):
        return "an element that is not of the standard"
    if after.PatientIdentityRemoved != "YES" or not after.DeidentificationMethod:
        return "it does not say that it is de-identified"
    if after.file_meta.TransferSyntaxUID != before.file_meta.TransferSyntaxUID:
        return "another transfer syntax"
    if new.read_bytes()[:128] != bytes(128):
        return "a preamble"
    if after.PixelData.rstrip(b"\0") != before.PixelData.rstrip(b"\0"):
        return "other bytes of pixels"
    try:
        expected = pixel_array(old)
    except Exception:  # pydicom raises whatever comes up in its plug-ins.
        return ""
    return "" if numpy.array_equal(pixel_array(new), expected) else "other pixels"


def main() -> None:
    program, *files = sys.argv[1:]
    files = sorted({Path(f) for f in files or get_testdata_files()}, key=lambda path: path.name)
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        films, new = Path(scratch) / "films", Path(scratch) / "new"
        films.mkdir()
        names = {}
        for number, path in enumerate(files):
            try:
                prepared(path, number, films)
                names[number] = path.name
            except Exception:  # Not a file that pydicom can write.
                (films / f"{number}.dcm").unlink(missing_ok=True)
        run = subprocess.run(
            [program, "data", "deidentify", films, "--output", new], capture_output=True, text=True, env={"COLUMNS": "2000"}
        )
        refused = dict(line.split(": refused: ", 1) for line in run.stderr.splitlines() if ": refused: " in line)
        salt = bytes.fromhex((films / "manifest.salt").read_text().strip())

        def hashed(purpose: str, what: str) -> bytes:
            return hashlib.sha256(salt + purpose.encode() + what.encode()).digest()[:16]

        print("| file | verdict |\n|---|---|")
        for number, name in names.items():
            film = films / f"{number}.dcm"
            uid = bytearray(hashed("uid:", f"1.2.3.46464646.{number}"))
            uid[6], uid[8] = uid[6] & 0x0F | 0x80, uid[8] & 0x3F | 0x80
            instance = f"2.25.{int.from_bytes(uid, 'big')}"
            written = new / f"{hashed('', instance).hex()[:16]}.dcm"
            if film.name in refused:
                verdict = f"refused: {refused[film.name]}"
            elif not written.exists():
                verdict = "WRONG: neither written nor refused"
            else:
                wrong = checked(film, written)
                same = pydicom.dcmread(written).PatientID == hashed("", f"CANARY-{number}").hex()
                verdict = f"WRONG: {wrong}" if wrong else "clean" if same else "WRONG: another pseudonym"
            counts[verdict.split(":")[0]] = counts.get(verdict.split(":")[0], 0) + 1
            print(f"| {name} | {verdict} |")
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    sys.exit("WRONG" in counts)


if __name__ == "__main__":
    main()
