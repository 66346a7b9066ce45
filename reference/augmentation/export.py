"""Writes down what SciPy makes of affine transforms, the way Keras' ImageDataGenerator calls it.

    python -m pip install -r reference/requirements-pictures.txt
    python reference/augmentation/export.py

The film is noise drawn by formula (the same formula is in the Rust test). The matrix is built as
Keras builds it: rotation, then shift, then zoom, about the middle of the film, in (row, column)
order; our zoom magnifies, so Keras' factor is its inverse; our flip mirrors columns last.
"""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

HERE = Path(__file__).parent
SIZE = 20
CASES = [
    {"rotation_degrees": 0, "shift_x": 0, "shift_y": 0, "zoom": 1, "flip": True},
    {"rotation_degrees": 15, "shift_x": 0, "shift_y": 0, "zoom": 1, "flip": False},
    {"rotation_degrees": -7.3, "shift_x": 0.1, "shift_y": -0.05, "zoom": 1, "flip": False},
    {"rotation_degrees": 0, "shift_x": 0.35, "shift_y": 0.8, "zoom": 1, "flip": False},
    {"rotation_degrees": 3, "shift_x": -0.1, "shift_y": 0.07, "zoom": 1.25, "flip": True},
    {"rotation_degrees": 120, "shift_x": 0, "shift_y": 0.1, "zoom": 0.6, "flip": False},
]


def noise(size):
    y, x = np.mgrid[0:size, 0:size].astype(np.uint64)
    h = (x * 73856093) ^ (y * 19349663)
    h &= 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h >> 16) & 255) / 255


film = noise(SIZE)
results = []
for case in CASES:
    theta = np.deg2rad(case["rotation_degrees"])
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, case["shift_y"] * SIZE], [0, 1, case["shift_x"] * SIZE], [0, 0, 1]])
    zoom = np.diag([1 / case["zoom"], 1 / case["zoom"], 1])
    middle = (SIZE - 1) / 2
    there = np.array([[1, 0, middle], [0, 1, middle], [0, 0, 1]])
    back = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1]])
    matrix = there @ rotation @ shift @ zoom @ back
    result = ndimage.affine_transform(film, matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest")
    if case["flip"]:
        result = result[:, ::-1]
    results.append({**case, "size": SIZE, "values": [round(float(value), 6) for value in result.ravel()]})

lines = ",\n".join(" " + json.dumps(result, separators=(",", ":")) for result in results)
(HERE / "expected.json").write_text(f"[\n{lines}\n]\n")
