"""Keras: forward of VGG16 under the notebook's head, on the backend that KERAS_BACKEND names (TensorFlow
unless told otherwise: it was the faster of TensorFlow and PyTorch, see benches/README.md)."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras  # noqa: E402
import numpy  # noqa: E402
from keras import layers  # noqa: E402

VERSION = f"{keras.__version__} on {keras.backend.backend()}"
BLOCKS = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
SIZE = 224
counted = None
if keras.backend.backend() == "tensorflow":
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(2)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
else:
    import torch

    torch.set_num_threads(2)


def parameters():
    return counted


def vgg16():
    steps = [keras.Input((SIZE, SIZE, 3))]
    for filters, convolutions in BLOCKS:
        for _ in range(convolutions):
            steps.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        steps.append(layers.MaxPooling2D(2))
    steps += [layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(64, activation="relu")]
    steps += [layers.Dropout(0.5), layers.Dense(2)]
    return keras.Sequential(steps)


def variants(arguments):
    global counted
    assert (arguments.work, arguments.network, arguments.precision) == ("forward", "vgg16", "f32")
    network = vgg16()
    counted = network.count_params()
    films = numpy.random.default_rng(1).random((arguments.batch, SIZE, SIZE, 3), dtype=numpy.float32)

    def predict():
        network.predict_on_batch(films)
        return arguments.batch

    found = {"predict_on_batch": lambda: predict}
    if keras.backend.backend() == "tensorflow":
        def traced():
            function = tensorflow.function(lambda batch: network(batch, training=False))
            held = tensorflow.constant(films)

            def step():
                function(held).numpy()
                return arguments.batch

            return step

        found["tf.function"] = traced
    else:
        def inference():
            held = torch.from_numpy(films)

            def step():
                with torch.inference_mode():
                    network(held, training=False)
                return arguments.batch

            return step

        found["inference_mode"] = inference
    return found
