"""PyTorch: forward, a training step in memory, and a whole step with films and augmentation.

Settings tried: the two memory formats; for prediction also TorchScript's frozen graph, which folds batch
norms; for the whole step 0, 1 and 2 loader processes. `torch.compile` is tried where PEERS_COMPILE is set:
it needs a C++ compiler at run time.
"""

import os
from pathlib import Path

import numpy
import torch
from torch.nn import functional

import networks

THREADS = 2
VERSION = torch.__version__.split("+")[0]
ROTATION = 15.0
torch.set_num_threads(THREADS)
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
COMPILE = bool(os.environ.get("PEERS_COMPILE"))
counted = None


def parameters():
    return counted


def variants(arguments):
    global counted
    counted = networks.parameters(arguments.network)
    return {
        "forward": forward_variants,
        "train-step": train_variants,
        "whole-step": whole_variants,
    }[arguments.work](arguments)


def forward_variants(arguments):
    half = arguments.precision == "bf16"
    dtype = torch.bfloat16 if half else torch.float32
    films = networks.films(arguments.batch)

    def build(layout, prepare, autocast=False):
        network = networks.network(arguments.network).eval().to(memory_format=LAYOUTS[layout])
        network = prepare(network if autocast else network.to(dtype))

        def step():
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                batch = films.to(memory_format=LAYOUTS[layout])
                network(batch if autocast else batch.to(dtype))
            return arguments.batch

        return step

    def frozen(layout):
        def prepare(network):
            example = films.to(dtype).to(memory_format=LAYOUTS[layout])
            with torch.no_grad():
                network = torch.jit.freeze(torch.jit.trace(network, example))
                return torch.jit.optimize_for_inference(network)

        return prepare

    found = {}
    for layout in LAYOUTS:
        found[layout] = lambda layout=layout: build(layout, lambda network: network)
        if half:
            found[f"{layout}, autocast"] = lambda layout=layout: build(layout, lambda network: network, True)
        else:
            found[f"{layout}, frozen"] = lambda layout=layout: build(layout, frozen(layout))
    if COMPILE:
        torch._inductor.config.freezing = True
        found["compile"] = lambda: build("contiguous", torch.compile)
    return found


def training(arguments, layout, compiled=False):
    """A function that takes one optimiser step on films and labels, and reads the loss as ours does."""
    network = networks.network(arguments.network).train().to(memory_format=LAYOUTS[layout])
    forward = torch.compile(network) if compiled else network
    # The rule that `plainfilm train` takes by default for the network; a small rate where the films
    # are noise, so that the weights stay finite.
    rate = 1e-3 if arguments.work == "whole-step" else 1e-5
    if arguments.network == "darkcovidnet":
        optimiser = torch.optim.AdamW(
            network.parameters(), rate, betas=(0.9, 0.99), eps=1e-5, weight_decay=1e-2, fused=True
        )
    else:
        optimiser = torch.optim.Adam(network.parameters(), rate, eps=1e-7, fused=True)
    half = arguments.precision == "bf16"

    def step(films, labels):
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = functional.cross_entropy(forward(films), labels)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def train_variants(arguments):
    films = networks.films(arguments.batch)
    labels = torch.arange(arguments.batch) % networks.CLASSES

    def build(layout, compiled=False):
        take = training(arguments, layout, compiled)

        def step():
            take(films.to(memory_format=LAYOUTS[layout]), labels)
            return arguments.batch

        return step

    found = {layout: (lambda layout=layout: build(layout)) for layout in LAYOUTS}
    if COMPILE:
        found["compile"] = lambda: build("contiguous", True)
    return found


class Films(torch.utils.data.Dataset):
    """Films in memory, one grey channel of float32; a film is rotated when it is asked for."""

    def __init__(self, planes, labels):
        from torchvision.transforms import v2

        self.planes, self.labels = planes, labels
        self.rotate = v2.RandomRotation(ROTATION, interpolation=v2.InterpolationMode.BILINEAR)

    def __len__(self):
        return len(self.planes)

    def __getitem__(self, index):
        return self.rotate(self.planes[index]).expand(3, -1, -1), self.labels[index]


def decoded(data):
    """Every film of the two labels, decoded and resized as ours are (the middle square); kept in a file."""
    from PIL import Image
    from torchvision.transforms.v2 import functional as transforms

    path = networks.ROOT / "target" / "peers" / f"films-{networks.SIZE}.npz"
    if not path.is_file():
        planes, labels = [], []
        for label, name in enumerate(["Covid-19", "No_findings"]):
            for film in sorted((Path(data) / name).iterdir()):
                with Image.open(film) as image:
                    grey = image.convert("L")
                square = transforms.center_crop(grey, min(grey.size))
                planes.append(numpy.asarray(transforms.resize(square, [networks.SIZE] * 2)))
                labels.append(label)
        numpy.savez(path, planes=numpy.stack(planes), labels=numpy.array(labels))
    stored = numpy.load(path)
    planes = torch.from_numpy(stored["planes"].astype(numpy.float32) / 255.0)[:, None]
    return planes, torch.from_numpy(stored["labels"])


def whole_variants(arguments):
    planes, labels = decoded(arguments.data)

    def build(layout, workers, compiled=False):
        loader = torch.utils.data.DataLoader(
            Films(planes, labels),
            batch_size=arguments.batch,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        take = training(arguments, layout, compiled)

        def endless():
            while True:
                yield from loader

        batches = endless()

        def step():
            films, truth = next(batches)
            take(films.to(memory_format=LAYOUTS[layout]), truth)
            return arguments.batch

        return step

    found = {
        f"{layout}, {workers} loaders": (lambda layout=layout, workers=workers: build(layout, workers))
        for layout in LAYOUTS
        for workers in (0, 1, 2)
    }
    if COMPILE:
        found["compile, 1 loader"] = lambda: build("contiguous", 1, True)
    return found
