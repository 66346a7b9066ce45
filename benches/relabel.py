"""Writes a manifest of two labels of a data set with some labels turned over, to see whether `plainfilm audit` finds them.

python relabel.py DATA OUT LABEL_A LABEL_B SHARE SEED

DATA is a folder with manifest.csv. OUT gets manifest.csv, with the paths of DATA's films, and wrong.txt, the names of the
films whose label is no longer theirs. SHARE 0 changes nothing, 1 deals all labels at random.
"""

import csv
import random
import sys
from pathlib import Path

data, out, a, b, share, seed = sys.argv[1:]
data, out, share = Path(data).resolve(), Path(out), float(share)
with open(data / "manifest.csv") as file:
    rows = [row for row in csv.DictReader(file) if row["label"] in (a, b)]
random.seed(int(seed))
labels = [row["label"] for row in rows]
if share < 1:
    for film in random.sample(range(len(rows)), round(share * len(rows))):
        labels[film] = b if labels[film] == a else a
else:
    random.shuffle(labels)
out.mkdir(parents=True, exist_ok=True)
wrong = [Path(row["path"]).name for row, label in zip(rows, labels) if label != row["label"]]
(out / "wrong.txt").write_text("".join(name + "\n" for name in wrong))
with open(out / "manifest.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, rows[0].keys())
    writer.writeheader()
    for row, label in zip(rows, labels):
        writer.writerow({**row, "path": str(data / row["path"]), "label": label})
