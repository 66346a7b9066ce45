"""Compares an exported model and the preprocessing.py beside it with `plainfilm predict`, film by film, end to end.

usage: check_preprocessing.py PLAINFILM MODEL EXPORTED.onnx FILM...

PLAINFILM is the program, MODEL what was exported. Exits with 1 where a probability differs by more than 0.01: decoders
and resizing differ by a grey level in 255 here and there. Needs NumPy, Pillow and onnxruntime.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime

TOLERANCE = 0.01


def main():
    program, model, exported, *films = sys.argv[1:]
    sys.path.insert(0, str(Path(exported).parent.resolve()))
    from preprocessing import model_input, settings

    given = settings()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    answers = subprocess.run([program, "predict", "--model", model, "--format", "json", *films], capture_output=True, text=True)
    differences, set_aside = [], 0
    for line in answers.stdout.splitlines():
        answer = json.loads(line)
        if answer["status"] != "scored":
            set_aside += 1
            continue
        try:
            tensor = model_input(answer["path"], given)
        except ValueError as reason:
            print(reason)
            set_aside += 1
            continue
        found = session.run(None, {"film": tensor[None]})[0][0]
        expected = np.array(list(answer["probabilities"].values()))
        differences.append((float(np.abs(found - expected).max()), answer["path"]))
    most, where = max(differences)
    median = np.median([difference for difference, _ in differences])
    print(f"{len(differences)} films, {set_aside} set aside: median {median:.1e}, most {most:.1e} ({where})")
    sys.exit(not most <= TOLERANCE)


if __name__ == "__main__":
    main()
