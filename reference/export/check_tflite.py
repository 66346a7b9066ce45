"""Compares exported TensorFlow Lite files with what our networks say of the same films, in LiteRT's interpreter.

usage: check_tflite.py FOLDER

FOLDER is what the example `every_network` wrote: for each network NAME.json (shape, labels, expected probabilities),
NAME.input (raw f32, [films, channels, rows, columns]) and NAME.*.tflite. Exits with 1 where a file differs by more than
its tolerance.
"""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

# Greatest difference of a probability, with room for sums that another CPU makes in another order. Whole numbers have 256 levels, and drawn weights no reason to agree: theirs is
# a bound against blunders, and labels that flip are counted.
TOLERANCE = {"f32": 5e-5, "f16": 4e-3, "int8": 0.15, "int8.uint8": 0.15}
# Drawn weights of these leave maps of very uneven ranges, which 256 levels hold badly.
UNEVEN = {"densenet121": 0.35, "xrv-densenet121": 0.35}



def run(path, films):
    interpreter = Interpreter(str(path))
    start = interpreter.get_input_details()[0]
    # Every film alone, and then all at once, which a fixed batch would not allow.
    alone = np.concatenate([call(interpreter, start, film[None]) for film in films])
    interpreter.resize_tensor_input(start["index"], films.shape)
    together = call(interpreter, interpreter.get_input_details()[0], films)
    return alone, together


def call(interpreter, start, films):
    interpreter.allocate_tensors()
    if start["dtype"] == np.uint8:
        scale, zero = start["quantization"]
        films = np.clip(np.round(films / scale) + zero, 0, 255).astype(np.uint8)
    interpreter.set_tensor(start["index"], np.ascontiguousarray(films))
    interpreter.invoke()
    end = interpreter.get_output_details()[0]
    values = interpreter.get_tensor(end["index"])
    if end["dtype"] == np.uint8:
        scale, zero = end["quantization"]
        values = (values.astype(np.float32) - zero) * scale
    return values


def main():
    folder = Path(sys.argv[1])
    failed = False
    print(f"{'network':24} {'numbers':11} {'max |dp|':>10} {'spread':>7} {'flips':>6} {'MB':>7} {'s':>5}")
    for record_path in sorted(folder.glob("*.json")):
        name = record_path.stem
        record = json.loads(record_path.read_text())
        films = np.fromfile(folder / f"{name}.input", np.float32).reshape(record["shape"])
        films = films.transpose(0, 2, 3, 1)
        expected = np.array(record["expected"], np.float32)
        # How much the probabilities differ between films: where they do not, agreement says little.
        spread = np.ptp(expected, axis=0).max()
        for number, (kind, tolerance) in enumerate(TOLERANCE.items()):
            path = folder / f"{name}.{kind}.tflite"
            with zipfile.ZipFile(path) as archive:
                labels = archive.read("labels.txt").decode().splitlines()
            assert labels == record["labels"], labels
            alone, together = run(path, films)
            difference = max(np.abs(alone - expected).max(), np.abs(together - expected).max())
            flips = int((alone.argmax(1) != expected.argmax(1)).sum())
            if kind.startswith("int8"):
                tolerance = UNEVEN.get(name, tolerance)
            bad = not difference <= tolerance
            failed |= bad
            size = path.stat().st_size / 1e6
            seconds = record["seconds"][number]
            print(
                f"{name:24} {kind:11} {difference:10.2e} {spread:7.3f} {flips:3}/{len(films)} {size:7.2f} {seconds:5.2f}"
                f"{'  TOO FAR' if bad else ''}",
                flush=True,
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
