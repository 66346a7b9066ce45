"""Small files as Keras writes them, for the readers' tests. See README.md.

The layers carry VGG16's names and are narrow; every weight is a formula of its place, so the files
say the same in every format.
"""

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import h5py
import keras
import numpy

FOLDER = pathlib.Path(__file__).parent / "files"


def fill(model):
    """Element i of the n-th tensor is n + i / 64: exact in every format, half floats included."""
    for number, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        values = number + numpy.arange(numpy.prod(shape)) / 64
        weight.assign(values.reshape(shape).astype("float32"))


def nested():
    """A model in a model, as the notebook has it: a backbone and a head, both models."""
    layers = keras.layers
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(2, 3, padding="same", name="block1_conv1"),
            layers.BatchNormalization(epsilon=0.002, name="block1_bn"),
            layers.DepthwiseConv2D(3, padding="same", name="block1_depthwise"),
        ],
        name="vgg16",
    )
    head = keras.Sequential(
        [layers.Flatten(), layers.Dense(2, name="dense_7"), layers.Dense(3, name="dense_2")],
        name="head",
    )
    model = keras.Sequential([backbone, head], name="whole")
    model.build((None, 8, 8, 3))
    model.compile(optimizer="adam", loss="mse")
    model.fit(numpy.zeros((1, 8, 8, 3)), numpy.zeros((1, 3)), verbose=0)  # So that there is an optimiser.
    fill(model)
    return model


def main():
    print(f"Python {sys.version.split()[0]}, Keras {keras.__version__}, h5py {h5py.__version__}")
    FOLDER.mkdir(exist_ok=True)
    model = nested()
    model.save(FOLDER / "nested.h5")
    model.save(FOLDER / "nested.keras")
    model.save_weights(FOLDER / "nested.weights.h5")

    # Files that point into other files.
    with h5py.File(FOLDER / "external-link.h5", "w") as file:
        file["layers"] = h5py.ExternalLink("/etc/hostname", "/x")
    with h5py.File(FOLDER / "external-data.h5", "w") as file:
        group = file.create_group("model_weights/block1_conv1")
        group.create_dataset("kernel", (3, 3, 3, 2), "f4", external=[("/etc/hostname", 0, 216)])
    # Groups in a circle, and a shape of 4 GB in a small file.
    with h5py.File(FOLDER / "circle.h5", "w") as file:
        group = file.create_group("layers")
        group["again"] = group
    with h5py.File(FOLDER / "huge.h5", "w") as file:
        group = file.create_group("model_weights/block1_conv1")
        group.create_dataset("kernel", (3, 3, 3, 37_000_000), "f4")


if __name__ == "__main__":
    main()
