"""Writes small ONNX files with the exporters that people use, and what ONNX Runtime answers: expected.json.

Usage: python make.py torch      (with requirements-torch.txt)
       python make.py keras      (with requirements-keras.txt)
Needs: Python 3.11. CPU. Weights are drawn at random from a seed; nothing was trained.

The films are drawn by an integer formula, so that they are not committed: of film n, the value at row r and column c
is ((7 * c + 13 * r + 29 * n + c * r) mod 256) / 255.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

HERE = Path(__file__).parent
SIZE = 32
FILMS = 5


def films(channels, layout):
    n, r, c = numpy.meshgrid(*map(numpy.arange, (FILMS, SIZE, SIZE)), indexing="ij")
    grey = (((7 * c + 13 * r + 29 * n + c * r) % 256) / 255).astype(numpy.float32)
    axis = 1 if layout == "nchw" else 3
    return numpy.repeat(numpy.expand_dims(grey, axis), channels, axis)


def answer(name, channels, layout):
    """What ONNX Runtime says of each film, one at a time."""
    session = onnxruntime.InferenceSession(HERE / name, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    rows = [session.run(None, {source: film[None]})[0][0] for film in films(channels, layout)]
    return [[float(value) for value in numpy.ravel(row)] for row in rows]


def drop_paths(path):
    """Takes out the lines of code that made each node: they name folders of this machine."""
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        del node.metadata_props[:]
    path.write_bytes(model.SerializeToString())


def with_torch():
    import torch
    from torch import nn

    torch.manual_seed(14)

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.inner = nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1, groups=width),
                nn.Hardswish(),
            )

        def forward(self, x):
            return x + self.inner(x)

    def network(labels, *last):
        made = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            Block(8),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(8, labels),
            *last,
        )
        for module in made.modules():
            if isinstance(module, nn.Linear):
                # Random weights answer nearly the same of all films.
                nn.init.normal_(module.weight, std=4.0)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
        return made.eval()

    example = torch.from_numpy(films(3, "nchw")[:2])
    names = {"input_names": ["film"], "output_names": ["logits"]}
    torch.onnx.export(
        network(3), (example,), HERE / "torch-script.onnx", dynamo=False, opset_version=17,
        dynamic_axes={"film": {0: "films"}, "logits": {0: "films"}}, **names,
    )
    torch.onnx.export(
        network(3), (example,), HERE / "torch-dynamo.onnx", dynamo=True, external_data=False,
        dynamic_shapes=({0: torch.export.Dim("films")},), **names,
    )
    # As it comes: one film, and weights in a file of their own.
    torch.onnx.export(network(2, nn.Softmax(1)), (example[:1],), HERE / "torch-defaults.onnx")
    torch.onnx.export(
        network(4, nn.Sigmoid()), (example,), HERE / "torch-findings.onnx", dynamo=False,
        dynamic_axes={"film": {0: "films"}, "logits": {0: "films"}}, **names,
    )
    for name in ["dynamo", "defaults"]:
        drop_paths(HERE / f"torch-{name}.onnx")
    return {
        f"torch-{name}.onnx": answer(f"torch-{name}.onnx", 3, "nchw")
        for name in ["script", "dynamo", "defaults", "findings"]
    }


def with_keras():
    import os

    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow
    import tf2onnx

    keras.utils.set_random_seed(14)

    def network(channels, labels, activation):
        layers = keras.layers
        return keras.Sequential([
            keras.Input((SIZE, SIZE, channels)),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(moving_mean_initializer="random_uniform"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu6"),
            layers.MaxPooling2D(2),
            layers.SeparableConv2D(8, 3, activation="swish"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(labels, activation=activation,
                         kernel_initializer=keras.initializers.RandomNormal(stddev=4.0)),
        ])

    exported = network(3, 3, "softmax")
    exported(films(3, "nhwc"))
    exported.export(HERE / "keras-export.onnx", format="onnx", verbose=False)
    single = network(1, 1, "sigmoid")
    signature = [tensorflow.TensorSpec([None, SIZE, SIZE, 1], tensorflow.float32, name="film")]
    function = tensorflow.function(lambda film: single(film, training=False), input_signature=signature)
    tf2onnx.convert.from_function(
        function, signature, opset=15, output_path=str(HERE / "keras-tf2onnx.onnx")
    )
    old_softmax()
    return {
        "keras-export.onnx": answer("keras-export.onnx", 3, "nhwc"),
        "keras-tf2onnx.onnx": answer("keras-tf2onnx.onnx", 1, "nhwc"),
        "old-softmax.onnx": answer("old-softmax.onnx", 3, "nchw"),
    }


def old_softmax():
    """Operator set 9, as SqueezeNet has it: softmax over all axes but the first, of [films, labels, 1, 1]."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = numpy.random.default_rng(14).normal(size=(4, 3, 1, 1)).astype(numpy.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["film", "weights"], ["maps"], name="conv"),
            helper.make_node("GlobalAveragePool", ["maps"], ["logits"], name="pool"),
            helper.make_node("Softmax", ["logits"], ["labels"], name="last"),
        ],
        "squeezed",
        [helper.make_tensor_value_info("film", kind, ["films", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("labels", kind, ["films", 4, 1, 1])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / "old-softmax.onnx")


def main():
    made = {"torch": with_torch, "keras": with_keras}[sys.argv[1]]()
    path = HERE / "expected.json"
    expected = json.loads(path.read_text()) if path.exists() else {}
    expected.update(made)
    text = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps([[round(v, 7) for v in row] for row in rows])}"
        for name, rows in sorted(expected.items())
    )
    path.write_text("{\n" + text + "\n}\n")


main()
