"""Writes the good files of `seeds/` that are no text: openpyxl 3.1.5, pyarrow 26.0.1. Nothing in them is random but the
times that zip and Excel files keep.

usage: make_seeds.py FOLDER
"""

import gzip
import struct
import sys
import zipfile
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet

ROWS = [["path", "label", "patient_id", "age"], ["a.png", "clear", "p1", 45], ["b.png", "opacity", "p2", 0.5]]


def element(tag, kind, value):
    """An element of a DICOM file, explicit and little endian."""
    value = value + (b"\0" if kind in (b"UI", b"OB", b"OW") else b" ") * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind
    if kind in (b"OB", b"OW", b"SQ"):
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def dicom():
    def number(value):
        return struct.pack("<H", value)

    meta = element(0x00020002, b"UI", b"1.2.840.10008.5.1.4.1.1.1") + element(0x00020010, b"UI", b"1.2.840.10008.1.2.1")
    data = b"".join([
        element(0x00080018, b"UI", b"1.2.3.4"),
        element(0x00080060, b"CS", b"DX"),
        element(0x00100010, b"PN", b"Sample^Person"),
        element(0x00100020, b"LO", b"4711"),
        element(0x00280002, b"US", number(1)),
        element(0x00280004, b"CS", b"MONOCHROME2"),
        element(0x00280010, b"US", number(4)),
        element(0x00280011, b"US", number(6)),
        element(0x00280100, b"US", number(16)),
        element(0x00280101, b"US", number(12)),
        element(0x00280102, b"US", number(11)),
        element(0x00280103, b"US", number(0)),
        element(0x00281050, b"DS", b"2048"),
        element(0x00281051, b"DS", b"4096"),
        element(0x7FE00010, b"OW", struct.pack("<24H", *range(0, 4080, 170))),
    ])
    return b"\0" * 128 + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta + data


def main():
    folder = Path(sys.argv[1])
    text = "\n".join(",".join(map(str, row)) for row in ROWS) + "\n"
    (folder / "manifest.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.save(folder / "manifest.xlsx")
    columns = {name: [row[at] for row in ROWS[1:]] for at, name in enumerate(ROWS[0])}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "manifest.parquet")
    with zipfile.ZipFile(folder / "films.zip", "w", zipfile.ZIP_DEFLATED) as films:
        for name in ["clear/a.png", "opacity/b.png"]:
            films.writestr(zipfile.ZipInfo(name), f"film {name}" * 9)
    (folder / "film.dcm").write_bytes(dicom())


if __name__ == "__main__":
    main()
