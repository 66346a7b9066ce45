"""Whether an exported file still answers as its plainfilm model: NumPy, and the format's own runtime.

    python check.py FILE          # ONNX: needs onnxruntime; TensorFlow Lite: needs ai-edge-litert

It shows the file four drawn planes and compares with what the model said of them when it was exported, which is in
parity.json beside it. Exits with 1 where they differ. For research and teaching only: not a medical device.
"""

import json
import sys
from pathlib import Path

import numpy as np


def waves(size, number):
    """The drawn planes: grey levels of 0 to 1."""
    row, column = np.mgrid[0:size, 0:size].astype(np.float32)
    slow, fast = 0.03 + 0.02 * number, 0.4 + 0.1 * number
    return (0.5 + 0.3 * np.sin(slow * row + 0.05 * column) + 0.15 * np.cos(fast * column)).astype(np.float32)


def inputs(record, channels_last, dtype):
    """The planes as the file takes them, one batch."""
    from preprocessing import scaled

    tensors = []
    for number in range(len(record["expected"])):
        values = waves(record["preprocessing"]["size"], number)
        if record["input"] == "scaled":
            tensor = scaled(values, record["preprocessing"])
        else:
            tensor = np.repeat(values[None], record["preprocessing"]["channels"], axis=0)
        tensors.append(tensor.transpose(1, 2, 0) if channels_last else tensor)
    batch = np.stack(tensors)
    return np.rint(batch * 255).astype(np.uint8) if dtype == np.uint8 else batch.astype(np.float32)


def run_onnx(path, record):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    start = session.get_inputs()[0]
    dtype = np.uint8 if start.type == "tensor(uint8)" else np.float32
    return session.run(None, {start.name: inputs(record, False, dtype)})[0]


def run_tflite(path, record):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    start, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    batch = inputs(record, True, start["dtype"])
    interpreter.resize_tensor_input(start["index"], batch.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(start["index"], batch)
    interpreter.invoke()
    values = interpreter.get_tensor(end["index"])
    if end["dtype"] == np.uint8:
        scale, zero = end["quantization"]
        values = (values.astype(np.float32) - zero) * scale
    return values


def main():
    path = Path(sys.argv[1])
    sys.path.insert(0, str(path.parent.resolve()))
    record = json.loads((path.parent / "parity.json").read_text(encoding="utf-8"))["files"][path.name]
    run = run_tflite if path.suffix == ".tflite" else run_onnx
    found, expected = run(path, record), np.array(record["expected"])
    difference = float(np.abs(found - expected).max())
    tolerance = record["tolerance"]
    print(f"{path.name}: {len(expected)} drawn planes, greatest difference {difference:.2e}, allowed {tolerance}")
    sys.exit(not difference <= tolerance)


if __name__ == "__main__":
    main()
