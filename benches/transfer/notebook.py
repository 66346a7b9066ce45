"""The notebook's training in Keras, and the table of run.sh."""

import argparse
import csv
import json
import os
import pathlib
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SIZE = 224
BATCH = 8
EPOCHS = 100


def network():
    import keras
    from keras import layers

    keras.utils.set_random_seed(42)
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    base.trainable = False
    head = layers.AveragePooling2D(4)(base.output)
    head = layers.Dense(64, activation="relu")(layers.Flatten()(head))
    head = layers.Dense(2, activation="softmax")(layers.Dropout(0.5)(head))
    return keras.Model(base.input, head)


def weights(arguments):
    """Frozen layers and head, so that both libraries begin with the same loss."""
    network().save(arguments.file)


def films(data, split, part):
    import keras
    import numpy

    with open(split, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == part]
    pixels = [
        keras.utils.img_to_array(keras.utils.load_img(data / row["path"], target_size=(SIZE, SIZE)))
        for row in rows
    ]
    labels = [int(row["label"] == "No_findings") for row in rows]
    return numpy.stack(pixels) / 255.0, keras.utils.to_categorical(labels, 2)


def train(arguments):
    import keras

    # Keras 3 keeps it out of its public names.
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
    model = keras.saving.load_model(arguments.weights, compile=False)
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-3, 1, 2e-5)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begun = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.perf_counter() - self.begun)

    generator = ImageDataGenerator(rotation_range=15, fill_mode="nearest")
    seen = generator.flow(*films(arguments.data, arguments.split, "train"), batch_size=BATCH, seed=42)
    history = model.fit(
        seen,
        validation_data=films(arguments.data, arguments.split, "validation"),
        epochs=arguments.epochs,
        callbacks=[Clock()],
        verbose=0,
    )
    losses = history.history["val_loss"]
    version = f"{keras.__version__} on {keras.backend.backend()}"
    print(json.dumps({"version": version, "seconds": seconds, "validation_loss": losses}))


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def table(arguments):
    keras = json.loads((arguments.out / "keras.json").read_text())
    kept, fresh = history(arguments.out / "kept"), history(arguments.out / "fresh")
    total = arguments.ended - arguments.begun
    # The first epoch traces the graph.
    later = keras["seconds"][1:] or keras["seconds"]
    epoch = statistics.median(later)
    expected = keras["seconds"][0] + (EPOCHS - 1) * epoch
    ours = statistics.median(float(row["seconds"]) for row in fresh)
    count = len(keras["seconds"])
    least = min(float(row["validation_loss"]) for row in kept)
    at = float(kept[count - 1]["validation_loss"])
    print(f"Keras {keras['version']}; load before the first run {arguments.load}")
    print(f"| 100 epochs | plainfilm, 8 views {total:.1f} s | Keras {expected:.0f} s, extrapolated from {count} | {expected / total:.1f}x |")
    if arguments.half is not None:
        best = min(float(row["validation_loss"]) for row in history(arguments.out / "bf16"))
        print(
            f"| 100 epochs | plainfilm, 8 views, bf16 {arguments.half:.1f} s | Keras {expected:.0f} s, extrapolated from {count} "
            f"| {expected / arguments.half:.1f}x; least validation loss {best:.4f} |"
        )
    print(f"| an epoch | plainfilm, fresh views {ours:.2f} s | Keras {epoch:.2f} s | {epoch / ours:.2f}x |")
    print(f"| validation loss after epoch {count} | plainfilm {at:.4f} | Keras {keras['validation_loss'][-1]:.4f} | plainfilm's least {least:.4f} |")


parser = argparse.ArgumentParser(description=__doc__)
verbs = parser.add_subparsers(required=True)
verb = verbs.add_parser("weights")
verb.add_argument("file")
verb.set_defaults(run=weights)
verb = verbs.add_parser("train")
verb.add_argument("data", type=pathlib.Path)
verb.add_argument("split")
verb.add_argument("weights")
verb.add_argument("--epochs", type=int, default=2)
verb.set_defaults(run=train)
verb = verbs.add_parser("table")
verb.add_argument("out", type=pathlib.Path)
verb.add_argument("begun", type=float)
verb.add_argument("ended", type=float)
verb.add_argument("load")
verb.add_argument("--half", type=float)
verb.set_defaults(run=table)
arguments = parser.parse_args()
arguments.run(arguments)
