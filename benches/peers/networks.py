"""The networks, as reference/models has them for PyTorch, and as ONNX files made from those."""

import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "reference" / "models"))
import export  # noqa: E402

SIZE = 224
CLASSES = 2
BUILDERS = {
    "darkcovidnet": export.DarkCovidNet,
    "vgg16": export.Vgg16,
    "resnet18": export.ResNet18,
    "mobilenet-v2": export.MobileNetV2,
    "densenet121": export.DenseNet121,
}


def network(name):
    torch.manual_seed(0)
    return BUILDERS[name](CLASSES, SIZE)


def parameters(name):
    return sum(tensor.numel() for tensor in network(name).parameters())


def films(batch):
    return torch.rand(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def onnx_file(name, batch):
    """The network for this batch size, exported once."""
    path = ROOT / "target" / "peers" / "onnx" / f"{name}-{batch}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.onnx.export(network(name).eval(), (films(batch),), path, dynamo=True, external_data=False)
    return path
