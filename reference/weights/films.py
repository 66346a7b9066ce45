"""The eight films of the check, as both sides see them: squashed to a square by the nearest pixel."""

import csv

import numpy
from PIL import Image

SIZE = (224, 256)


def films(data, count=8):
    """The first films of each label in turn, by path."""
    with open(data / "manifest.csv", newline="") as file:
        rows = sorted((row["label"], row["path"]) for row in csv.DictReader(file))
    labels = sorted({label for label, _ in rows})
    by_label = [[path for label, path in rows if label == wanted] for wanted in labels]
    return [by_label[number % len(labels)][number // len(labels)] for number in range(count)]


def grey(path, size):
    """Values 0 to 255, [size, size]."""
    picture = Image.open(path).convert("L").resize((size, size), Image.Resampling.NEAREST)
    return numpy.asarray(picture, dtype="float32")
