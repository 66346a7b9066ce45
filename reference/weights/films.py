"""The eight films of the check, as both sides see them: squashed to a square by the nearest pixel."""

import csv
import itertools

import numpy
from PIL import Image

SIZE = (224, 256)


def films(data, count=8):
    """The first films of each label in turn, by path: grey PNG only, which every decoder reads alike."""
    with open(data / "manifest.csv", newline="") as file:
        rows = sorted((row["label"], row["path"]) for row in csv.DictReader(file))
    labels = sorted({label for label, _ in rows})
    chosen = {label: [] for label in labels}
    for label, path in rows:
        if len(chosen[label]) < count and path.endswith(".png"):
            with Image.open(data / path) as picture:
                if picture.mode == "L":
                    chosen[label].append(path)
    turns = itertools.zip_longest(*(chosen[label] for label in labels))
    return [path for turn in turns for path in turn if path is not None][:count]


def grey(path, size):
    """Values 0 to 255, [size, size]."""
    picture = Image.open(path).convert("L").resize((size, size), Image.Resampling.NEAREST)
    return numpy.asarray(picture, dtype="float32")
