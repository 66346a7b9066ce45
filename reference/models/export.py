"""Writes models.json: what PyTorch makes of eight real films with the networks of plainfilm.

Usage: python export.py FOLDER_OF_covid-xray
Needs: Python 3.10 and requirements.txt. CPU, one thread.

The films are not committed, only numbers computed from them. The weights are not committed either:
both sides fill every tensor by the same formula.

    h = FNV-1a of the tensor's name, 32 bits
    x = h xor (index * 0x9E3779B9), then murmur3's 32-bit finaliser, all modulo 2^32
    u = x / 2^31 - 1                                    in [-1, 1)
    weight of a convolution or linear layer   u * sqrt(6 / fan_in)
    batch norm's weight                       1 + 0.1 u
    biases, running_mean                      0.1 u
    running_var                               1 + 0.5 |u|
"""

import functools
import hashlib
import importlib.metadata
import json
import math
import sys
from pathlib import Path

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torch import nn

FILMS = 8
TRAINING_FILMS = [0, 4, 1, 5]


def hashed(name, count):
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    with numpy.errstate(over="ignore"):
        x = numpy.uint32(h) ^ (numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(0x9E3779B9))
        x ^= x >> numpy.uint32(16)
        x *= numpy.uint32(0x85EBCA6B)
        x ^= x >> numpy.uint32(13)
        x *= numpy.uint32(0xC2B2AE35)
        x ^= x >> numpy.uint32(16)
    return x.astype(numpy.float64) / 2.0**31 - 1.0


def fill(network):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            u = hashed(name, tensor.numel())
            if tensor.dim() > 1:
                u = u * math.sqrt(6.0 / (tensor.numel() / tensor.shape[0]))
            elif name.endswith(".weight"):
                u = 1.0 + 0.1 * u
            elif name.endswith("running_var"):
                u = 1.0 + 0.5 * numpy.abs(u)
            else:
                u = 0.1 * u
            tensor.copy_(torch.from_numpy(u.astype(numpy.float32)).reshape(tensor.shape))
    return network


class Block(nn.Module):
    """Convolution, batch norm, LeakyReLU; every convolution is padded by 1, the 1x1 ones too."""

    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return nn.functional.leaky_relu(self.bn(self.conv(x)), 0.1)


class DarkCovidNet(nn.Module):
    class Head(nn.Module):
        def __init__(self, classes, side):
            super().__init__()
            self.conv = nn.Conv2d(256, classes, 3, padding=1, bias=False)
            self.bn = nn.BatchNorm2d(classes)
            self.linear = nn.Linear(classes * side * side, classes)

        def forward(self, x):
            return self.linear(self.bn(torch.relu(self.conv(x))).flatten(1))

    def __init__(self, classes, size):
        super().__init__()
        triple = lambda i, o: nn.Sequential(Block(i, o, 3), Block(o, i, 1), Block(i, o, 3))
        self.stage1 = nn.Sequential(Block(3, 8, 3))
        self.stage2 = nn.Sequential(Block(8, 16, 3))
        self.stage3 = triple(16, 32)
        self.stage4 = triple(32, 64)
        self.stage5 = triple(64, 128)
        self.stage6 = triple(128, 256)
        self.stage7 = nn.Sequential(Block(256, 128, 1), Block(128, 256, 3))
        side = self.eval().features(torch.zeros(1, 3, size, size)).shape[-1]
        self.head = self.Head(classes, side)

    def features(self, x):
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4, self.stage5):
            x = nn.functional.max_pool2d(stage(x), 2, 2)
        return self.stage7(self.stage6(x))

    def forward(self, x):
        return self.head(self.features(x))


class Vgg(nn.Module):
    """torchvision's vgg16().features or vgg19().features, under the notebook's head."""

    def __init__(self, build, classes, size):
        super().__init__()
        self.features = build().features
        side = size // 32 // 4
        self.head = nn.ModuleDict(
            {"hidden": nn.Linear(512 * side * side, 64), "output": nn.Linear(64, classes)}
        )

    def forward(self, x):
        x = nn.functional.avg_pool2d(self.features(x), 4, 4).flatten(1)
        x = nn.functional.dropout(torch.relu(self.head["hidden"](x)), 0.5, self.training)
        return self.head["output"](x)


Vgg16 = functools.partial(Vgg, torchvision.models.vgg16)
Vgg19 = functools.partial(Vgg, torchvision.models.vgg19)


class PlantsCnn(nn.Module):
    def __init__(self, classes, size):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3)
        self.conv5 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv6 = nn.Conv2d(128, 128, 3)
        side = size
        for _ in range(3):
            side = (side - 2) // 2
        self.head = nn.ModuleDict(
            {
                "dense1": nn.Linear(128 * side * side, 512),
                "dense2": nn.Linear(512, 128),
                "output": nn.Linear(128, classes),
            }
        )

    def forward(self, x):
        assert not self.training, "only predictions are exported"
        for first, second in (
            (self.conv1, self.conv2),
            (self.conv3, self.conv4),
            (self.conv5, self.conv6),
        ):
            x = nn.functional.max_pool2d(torch.relu(second(torch.relu(first(x)))), 2, 2)
        x = torch.relu(self.head["dense1"](x.flatten(1)))
        x = torch.relu(self.head["dense2"](x))
        return self.head["output"](x)


def from_torchvision(build):
    return lambda classes, size: build(num_classes=classes)


ResNet18 = from_torchvision(torchvision.models.resnet18)
ResNet50 = from_torchvision(torchvision.models.resnet50)
MobileNetV2 = from_torchvision(torchvision.models.mobilenet_v2)
DenseNet121 = from_torchvision(torchvision.models.densenet121)


def XrvDenseNet121(classes, size):
    """torchxrayvision's network has torchvision's layers and names, on one channel."""
    network = DenseNet121(classes, size)
    network.features.conv0 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return network


def EfficientNetLite0(classes, size):
    """The package's network, none of whose blocks are skipped at random in training."""
    # Here, so that other scripts can use the networks without the package.
    import efficientnet_lite_pytorch

    return efficientnet_lite_pytorch.EfficientNet.from_name(
        "efficientnet-lite0", num_classes=classes, image_size=size, drop_connect_rate=0.0
    )


def EfficientNetB0(classes, size):
    """torchvision's network, none of whose blocks are skipped at random in training."""
    return torchvision.models.efficientnet_b0(num_classes=classes, stochastic_depth_prob=0.0)


def choose(folder):
    """Four PNG films of each label, spread over the sorted names: PNG, so that both sides decode to
    the same pixels, and without colour or transparency, so that no conversion takes part."""

    def plain(path):
        with Image.open(path) as image:
            pixels = numpy.asarray(image)
        if pixels.ndim == 2:
            return pixels.dtype == numpy.uint8
        opaque = pixels.shape[2] == 3 or (pixels[..., 3] == 255).all()
        return opaque and all((pixels[..., 0] == pixels[..., i]).all() for i in (1, 2))

    chosen = []
    for label in ("Covid-19", "No_findings"):
        # The first 40 are enough to choose from.
        usable = [path for path in sorted((folder / label).glob("*.png"))[:40] if plain(path)]
        chosen += [usable[i * (len(usable) - 1) // 3] for i in range(4)]
    assert len(set(chosen)) == FILMS
    return chosen


def plane(path, size):
    with Image.open(path) as image:
        return numpy.asarray(image.convert("L").resize((size, size), Image.NEAREST))


def batch(planes):
    films = torch.from_numpy(numpy.stack(planes).astype(numpy.float32) / numpy.float32(255.0))
    return films[:, None].repeat(1, 3, 1, 1)


def measure(name, tensor):
    """A tensor in two numbers: its length, and its product with hashed numbers (for order and sign)."""
    values = tensor.detach().double().numpy().ravel()
    probe = hashed(name + ".probe", values.size)
    return {"name": name, "norm": float(numpy.linalg.norm(values)), "dot": float(values @ probe)}


def training_step(films, shift):
    """Gradients and running statistics of one training pass over four films, mean cross-entropy.

    In 64 bits, and with `shift` added to the biases of the batch norms before LeakyReLU. Without a
    shift many values lie so close to the bend that rounding decides their side, and each one that
    changes sides moves the gradients below it by about 1e-3 of their length: PyTorch's own 32-bit
    gradients then differ from its 64-bit ones by up to 1e-2. With a shift of 4 few values are near
    the bend; near-ties in max-pooling remain, and add up towards the film.
    """
    network = fill(DarkCovidNet(2, films.shape[-1])).double().train()
    with torch.no_grad():
        for name, bias in network.named_parameters():
            if name.startswith("stage") and name.endswith("bn.bias"):
                bias += shift
    labels = torch.tensor([0, 1, 0, 1])
    loss = nn.functional.cross_entropy(network(films.double()), labels)
    loss.backward()
    return {
        "shift": shift,
        "labels": labels.tolist(),
        "loss": float(loss),
        "gradients": [measure(name, p.grad) for name, p in network.named_parameters()],
        "running": [measure(n, t) for n, t in network.state_dict().items() if "running_" in n],
    }


def backbone_step(architecture, network, films, shift):
    """Gradients and running statistics of one pass through a backbone, in 64 bits.

    The loss is the mean of its last maps times hashed numbers, so that MobileNetV2's dropout, which
    has other masks on either side, takes no part. `shift` is added to the biases of all batch
    norms, as in `training_step`: it keeps values away from the bends of ReLU (at 0) and ReLU6 (at 0
    and 6).
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias += shift
    network = network.double().train()
    if architecture == "efficientnet-lite0":
        maps = network.extract_features(films.double())
    elif architecture == "resnet18":
        maps = nn.Sequential(*list(network.children())[:-2])(films.double())
    else:
        maps = network.features(films.double())
        maps = torch.relu(maps) if architecture == "densenet121" else maps
    probe = torch.from_numpy(hashed("features.probe", maps.numel())).reshape(maps.shape)
    loss = (maps * probe).mean()
    loss.backward()
    return {
        "architecture": architecture,
        "size": films.shape[-1],
        "shift": shift,
        "loss": float(loss),
        "gradients": [
            measure(name, p.grad) for name, p in network.named_parameters() if p.grad is not None
        ],
        "running": [measure(n, t) for n, t in network.state_dict().items() if "running_" in n],
    }


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    paths = choose(folder)
    planes = {size: [plane(path, size) for path in paths] for size in (150, 224, 256)}
    cases = []
    for architecture, build, classes, size in (
        ("darkcovidnet", DarkCovidNet, 2, 256),
        ("darkcovidnet", DarkCovidNet, 3, 224),
        ("vgg16", Vgg16, 2, 224),
        ("vgg19", Vgg19, 2, 224),
        ("resnet18", ResNet18, 2, 224),
        ("resnet50", ResNet50, 2, 224),
        ("mobilenet-v2", MobileNetV2, 2, 224),
        ("efficientnet-lite0", EfficientNetLite0, 2, 224),
        ("efficientnet-lite0", EfficientNetLite0, 2, 150),
        ("efficientnet-b0", EfficientNetB0, 2, 224),
        ("densenet121", DenseNet121, 2, 224),
        ("xrv-densenet121", XrvDenseNet121, 2, 224),
        ("plants", PlantsCnn, 2, 150),
    ):
        network = fill(build(classes, size)).eval()
        with torch.no_grad():
            films = batch(planes[size])
            if architecture == "xrv-densenet121":
                films = (2 * films[:, :1] - 1) * 1024
            logits = network(films)
        cases.append(
            {
                "architecture": architecture,
                "classes": classes,
                "size": size,
                "parameters": sum(p.numel() for p in network.parameters()),
                "logits": logits.tolist(),
            }
        )
    result = {
        "made_with": {
            "torch": torch.__version__.split("+")[0],
            "numpy": numpy.__version__,
            "torchvision": torchvision.__version__.split("+")[0],
            "efficientnet_lite_pytorch": importlib.metadata.version("efficientnet_lite_pytorch"),
            "pillow": PIL.__version__,
        },
        "films": [
            {
                "path": path.relative_to(folder).as_posix(),
                "sha256": {
                    str(size): hashlib.sha256(planes[size][i].tobytes()).hexdigest()
                    for size in planes
                },
            }
            for i, path in enumerate(paths)
        ],
        "cases": cases,
        "training_films": TRAINING_FILMS,
        "training": [training_step(batch([planes[256][i] for i in TRAINING_FILMS]), s) for s in (0, 4)],
        "backbones": [
            backbone_step(name, fill(build(2, 224)), batch([planes[224][i] for i in TRAINING_FILMS]), s)
            for name, build, s in (
                ("resnet18", ResNet18, 4),
                ("mobilenet-v2", MobileNetV2, 3),
                ("efficientnet-lite0", EfficientNetLite0, 3),
                ("efficientnet-b0", EfficientNetB0, 0),
                ("densenet121", DenseNet121, 4),
            )
        ],
    }
    out = Path(__file__).with_name("models.json")
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
