"""Compares exported ONNX files with what our networks say of the same films, in ONNX Runtime.

usage: check_onnx.py FOLDER

FOLDER is what the example `every_network` wrote, see check_tflite.py. Every file has to pass ONNX's own checker, with
shapes inferred. Exits with 1 where a file differs by more than its tolerance.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

# Greatest difference of a probability, as for TensorFlow Lite.
TOLERANCE = {"f32": 5e-5, "f16": 4e-3, "int8": 0.15}
# Drawn weights of these leave maps of very uneven ranges, which 256 levels hold badly.
UNEVEN = {"densenet121": 0.35, "xrv-densenet121": 0.35}



def main():
    folder = Path(sys.argv[1])
    failed = False
    print(f"{'network':24} {'numbers':7} {'max |dp|':>10} {'spread':>7} {'flips':>6} {'MB':>7} {'s':>5}")
    for record_path in sorted(folder.glob("*.json")):
        name = record_path.stem
        record = json.loads(record_path.read_text())
        films = np.fromfile(folder / f"{name}.input", np.float32).reshape(record["shape"])
        expected = np.array(record["expected"], np.float32)
        spread = np.ptp(expected, axis=0).max()
        seconds = record["seconds"][-len(TOLERANCE) :]
        for (kind, tolerance), writing in zip(TOLERANCE.items(), seconds):
            path = folder / f"{name}.{kind}.onnx"
            onnx.checker.check_model(str(path), full_check=True)
            metadata = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
            assert json.loads(metadata["plainfilm.labels"]) == record["labels"], metadata
            assert "not a medical device" in metadata["plainfilm.not_a_medical_device"], metadata
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            together = session.run(None, {"film": films})[0]
            alone = np.concatenate([session.run(None, {"film": film[None]})[0] for film in films])
            difference = max(np.abs(alone - expected).max(), np.abs(together - expected).max())
            flips = int((alone.argmax(1) != expected.argmax(1)).sum())
            if kind.startswith("int8"):
                tolerance = UNEVEN.get(name, tolerance)
            bad = not difference <= tolerance
            failed |= bad
            size = path.stat().st_size / 1e6
            print(
                f"{name:24} {kind:7} {difference:10.2e} {spread:7.3f} {flips:3}/{len(films)} {size:7.2f} {writing:5.2f}"
                f"{'  TOO FAR' if bad else ''}",
                flush=True,
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
