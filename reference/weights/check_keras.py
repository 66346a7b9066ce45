"""Makes full-size Keras files and what Keras computes with them, for the importers' check. See README.md.

Usage: python check_keras.py FOLDER_OF_covid-xray FOLDER_FOR_THE_FILES
"""

import importlib
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy
from films import SIZE, grey, films

applications, layers = keras.applications, keras.layers


def fill(model, seed):
    """Values large enough that a wrong axis shows in the output: He's deviation."""
    random = numpy.random.default_rng(seed)
    for weight in model.weights:
        shape, name = tuple(weight.shape), weight.name
        if len(shape) > 1:
            values = random.normal(size=shape) * numpy.sqrt(2 / numpy.prod(shape[:-1]))
        elif weight.path.split("/")[-2].startswith("normalization"):
            continue
        elif name in ("gamma", "moving_variance"):
            values = random.uniform(0.5, 1.5, shape)
        else:
            values = random.normal(size=shape) * 0.1
        weight.assign(values.astype("float32"))


def notebook(backbone):
    """The notebook's head on a backbone, a model in a model; without its softmax, to compare logits."""
    return keras.Sequential(
        [
            backbone,
            keras.Sequential(
                [
                    layers.AveragePooling2D((4, 4)),
                    layers.Flatten(),
                    layers.Dense(64, activation="relu"),
                    layers.Dropout(0.5),
                    layers.Dense(2),
                ]
            ),
        ]
    )


def as_published(fresh):
    """EfficientNetB0 as it is with ImageNet's weights, which cannot be had without a network: with the
    statistics of the normalisation and with the scaling of each channel after it."""
    efficientnet = importlib.import_module("keras.src.applications.efficientnet")
    deviation = numpy.array(efficientnet.IMAGENET_STDDEV_RGB)
    normalization = next(layer for layer in fresh.layers if isinstance(layer, layers.Normalization))
    index = fresh.layers.index(normalization)

    def follow(layer):
        # The scaling comes right after the normalisation.
        if layer is not normalization:
            return layer.__class__.from_config(layer.get_config())
        return keras.Sequential(
            [
                layers.Normalization.from_config(layer.get_config()),
                layers.Rescaling([1 / value**0.5 for value in efficientnet.IMAGENET_STDDEV_RGB]),
            ]
        )

    model = keras.models.clone_model(fresh, clone_function=follow)
    inner = model.layers[index].layers[0]
    inner.adapt_mean.assign(numpy.array([0.485, 0.456, 0.406]).reshape(inner.adapt_mean.shape))
    inner.adapt_variance.assign((deviation**2).reshape(inner.adapt_variance.shape))
    inner.finalize_state()
    return model


def main():
    data, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(exist_ok=True)
    cases = []
    names = films(data)
    planes = {size: numpy.stack([grey(data / name, size) for name in names]) for size in SIZE}

    def case(file, architecture, size, kind, scaling, values, classes=2):
        cases.append(
            {
                "file": file,
                "architecture": architecture,
                "classes": classes,
                "size": size,
                "kind": kind,
                "scaling": scaling,
                "films": names,
                "values": numpy.asarray(values).reshape(len(names), -1).astype(float).tolist(),
            }
        )

    def rgb(size):
        return numpy.repeat(planes[size][..., None], 3, axis=-1).astype("float32")

    # The notebook's model, at the published size and at one where maps are flattened.
    for size in (224, 256):
        backbone = applications.VGG16(
            weights=None, include_top=False, input_tensor=keras.Input((size, size, 3))
        )
        model = notebook(backbone)
        model.build((None, size, size, 3))
        fill(model, size)
        logits = model.predict(rgb(size) / 255, verbose=0)
        model.save(folder / f"nested-{size}.h5")
        model.save(folder / f"nested-{size}.keras")
        model.save_weights(folder / f"nested-{size}.weights.h5")
        for ending in ("h5", "keras", "weights.h5"):
            case(f"nested-{size}.{ending}", "vgg16", size, "logits", "unit", logits)
        if size == 224:
            # The backbone alone, as keras.applications publishes it: blue, green, red, less the mean.
            maps = backbone.predict(applications.vgg16.preprocess_input(rgb(size)), verbose=0)
            for name in ("vgg16_notop.h5", "vgg16_notop.weights.h5"):
                backbone.save_weights(folder / name) if "weights" in name else backbone.save(folder / name)
                case(name, "vgg16", size, "pooled", "caffe", maps.mean(axis=(1, 2)))
            # A short training of the notebook's head, with its softmax, to be gone on with.
            backbone.trainable = False
            model.add(layers.Softmax())
            model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy")
            model.fit(rgb(size) / 255, numpy.arange(len(names)) % 2, epochs=2, batch_size=4, verbose=0)
            model.save(folder / "trained.h5")
            logits = keras.Sequential(model.layers[:-1]).predict(rgb(size) / 255, verbose=0)
            case("trained.h5", "vgg16", size, "logits", "unit", logits)

    dense = applications.DenseNet121(weights=None, include_top=False, input_shape=(224, 224, 3))
    fill(dense, 3)
    maps = dense.predict(applications.densenet.preprocess_input(rgb(224)), verbose=0)
    dense.save(folder / "densenet121_notop.h5")
    dense.save(folder / "densenet121_notop.keras")
    for name in ("densenet121_notop.h5", "densenet121_notop.keras"):
        case(name, "densenet121", 224, "pooled", "imagenet", maps.mean(axis=(1, 2)))

    # The others, with a classifier of two labels. Files of weights alone, and whole models.
    number = 4
    for name, build, preprocess, scaling in (
        ("vgg19", applications.VGG19, None, "unit"),
        ("densenet121", applications.DenseNet121, None, "unit"),
        ("resnet50-keras", applications.ResNet50, applications.resnet.preprocess_input, "caffe"),
        (
            "mobilenet-v2-keras",
            applications.MobileNetV2,
            applications.mobilenet_v2.preprocess_input,
            "tf",
        ),
        ("efficientnet-b0-keras", applications.EfficientNetB0, lambda values: values, "imagenet"),
    ):
        number += 1
        backbone = build(weights=None, include_top=False, input_shape=(224, 224, 3))
        if name.startswith("efficientnet"):
            backbone = as_published(backbone)
        fill(backbone, number)
        if preprocess:
            # As it is published: without a head, so that the file alone tells the scaling.
            maps = backbone.predict(preprocess(rgb(224)), verbose=0)
            for ending in ("h5", "keras", "weights.h5"):
                file = f"{name}_notop.{ending}"
                backbone.save_weights(folder / file) if "weights" in ending else backbone.save(folder / file)
                case(file, name, 224, "pooled", scaling, maps.mean(axis=(1, 2)))
        if name == "vgg19":
            model = notebook(backbone)
        else:
            model = keras.Sequential([backbone, layers.GlobalAveragePooling2D(), layers.Dense(2)])
        model.build((None, 224, 224, 3))
        fill(model, number)
        own = name.startswith("efficientnet")
        logits = model.predict(rgb(224) if own else rgb(224) / 255, verbose=0)
        model.save(folder / f"{name}-head.keras")
        case(f"{name}-head.keras", name, 224, "logits", "imagenet" if own else "unit", logits)

    (folder / "keras.json").write_text(json.dumps(cases))
    print(f"Keras {keras.__version__} ({keras.backend.backend()}), {len(cases)} cases")


if __name__ == "__main__":
    main()
