"""Small files as PyTorch writes them, for the readers' tests. See README.md."""

import collections
import pathlib
import sys

import torch

FOLDER = pathlib.Path(__file__).parent / "files"


def state():
    """Element i of the n-th tensor is n + i / 64, as in fixtures_keras.py."""
    shapes = {
        "features.0.weight": (2, 3, 3, 3),
        "features.0.bias": (2,),
        "features.1.running_var": (2,),
        "classifier.weight": (3, 2),
    }
    tensors = collections.OrderedDict()
    for number, (name, shape) in enumerate(shapes.items()):
        count = torch.Size(shape).numel()
        tensors[name] = (number + torch.arange(count) / 64).reshape(shape)
    tensors["features.1.num_batches_tracked"] = torch.tensor(7)
    # Views: a transposed one, and one that shares its storage with another at an offset.
    tensors["transposed"] = (torch.arange(6) / 64).reshape(2, 3).t()
    both = torch.arange(8) / 64
    tensors["first"], tensors["second"] = both[:4], both[4:]
    return tensors



def main():
    print(f"Python {sys.version.split()[0]}, PyTorch {torch.__version__}")
    FOLDER.mkdir(exist_ok=True)
    tensors = state()
    torch.save(tensors, FOLDER / "zip.pth")
    torch.save(tensors, FOLDER / "stream.pth", _use_new_zipfile_serialization=False)
    half = collections.OrderedDict((name, tensor.half()) for name, tensor in tensors.items())
    torch.save({"epoch": 3, "state_dict": half, "best": 0.5}, FOLDER / "checkpoint.pth")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.BatchNorm2d(2))
    with torch.no_grad():
        for number, tensor in enumerate(module.parameters()):
            count = tensor.numel()
            tensor.copy_((number + torch.arange(count) / 64).reshape(tensor.shape))
    torch.save(module, FOLDER / "module.pth")


if __name__ == "__main__":
    main()
