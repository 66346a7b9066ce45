"""Writes expected.json: maps of pytorch-grad-cam and Captum for networks with formula weights.

Usage: python export.py
Needs: Python 3.10 and requirements.txt. CPU, one thread. Nothing is drawn at random.

The weights are those of reference/models/export.py (every tensor is a function of its name); the films are
synthetic, by an integer formula, so that neither is committed. Class activation maps are what the packages
return at the film's size, scaled to 0..1 by themselves, every `size / 16`-th pixel of them.
"""

import json
import sys
from pathlib import Path

import captum
import numpy
import pytorch_grad_cam
import torch
from captum.attr import IntegratedGradients
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_with_sign_correction

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
import export as models  # noqa: E402

FILMS = 2
KEPT = 16
STEPS = 50


class SignedEigenCAM(EigenCAM):
    """EigenCAM, whose component has no sign, with the package's own rule for one."""

    def get_cam_image(self, input_tensor, layer, targets, activations, grads, eigen_smooth):
        return get_2d_projection_with_sign_correction(activations)


METHODS = {
    "grad-cam": GradCAM,
    "grad-cam-plus-plus": GradCAMPlusPlus,
    "hi-res-cam": HiResCAM,
    "eigen-cam": SignedEigenCAM,
}


def film(index, size, channels):
    """Blocks of 8 pixels, brighter towards one corner, by whole numbers alone."""
    y, x = numpy.mgrid[0:size, 0:size] // 8
    blocks = (37 * x + 59 * y + 11 * x * y + 29 * index) % 101
    ramp = 3 * x + (5 if index else 2) * y
    values = (blocks + ramp).astype(numpy.float32) / numpy.float32(200.0)
    return torch.from_numpy(values)[None].repeat(channels, 1, 1)


def case(architecture, build, layer, stage, size, labels=(0, 1), channels=3):
    network = models.fill(build(2, size)).eval()
    films = torch.stack([film(index, size, channels) for index in range(FILMS)])
    with torch.no_grad():
        logits = network(films)
    maps = {}
    every = size // KEPT
    for name, method in METHODS.items():
        targets = [ClassifierOutputTarget(label) for label in labels]
        with method(model=network, target_layers=[layer(network)]) as cam:
            found = cam(input_tensor=films.clone(), targets=targets)
        maps[name] = [rounded(one[every // 2 :: every, every // 2 :: every]) for one in found]
    return {
        "architecture": architecture,
        "stage": stage,
        "size": size,
        "channels": channels,
        "labels": list(labels),
        "logits": logits.tolist(),
        "maps": maps,
    }


def rounded(values, digits=4):
    return [round(float(value), digits) for value in values.ravel()]


def integrated(architecture, build, size):
    """Captum's integrated gradients from black, channels added up, with the sums over whole films."""
    network = models.fill(build(2, size)).eval()
    films = torch.stack([film(index, size, 3) for index in range(FILMS)])
    labels = torch.tensor([0, 1])
    found, delta = IntegratedGradients(network).attribute(
        films,
        baselines=torch.zeros_like(films),
        target=labels,
        n_steps=STEPS,
        method="gausslegendre",
        return_convergence_delta=True,
    )
    found = found.sum(dim=1).numpy()
    every = size // KEPT
    return {
        "architecture": architecture,
        "size": size,
        "steps": STEPS,
        "labels": labels.tolist(),
        "greatest": [float(numpy.abs(one).max()) for one in found],
        "sums": [float(one.astype(numpy.float64).sum()) for one in found],
        "delta": delta.tolist(),
        "maps": [
            [float(f"{v:.6e}") for v in one[every // 2 :: every, every // 2 :: every].ravel()]
            for one in found
        ],
    }


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    last = lambda network: network.features[-1]
    result = {
        "made_with": {
            "torch": torch.__version__.split("+")[0],
            "grad-cam": "1.5.7",
            "captum": captum.__version__,
            "numpy": numpy.__version__,
        },
        "cases": [
            case("darkcovidnet", models.DarkCovidNet, lambda n: n.stage7[1], None, 96, (0, 0)),
            case("vgg16", models.Vgg16, last, None, 128),
            case("resnet18", models.ResNet18, lambda n: n.layer4, None, 128),
            case("resnet18", models.ResNet18, lambda n: n.layer2, "layer2", 96, (0, 0)),
            case("mobilenet-v2", models.MobileNetV2, last, None, 128),
            case("efficientnet-b0", models.EfficientNetB0, last, None, 96, (0, 0)),
        ],
        "integrated": [
            integrated("darkcovidnet", models.DarkCovidNet, 96),
            integrated("resnet18", models.ResNet18, 64),
            integrated("mobilenet-v2", models.MobileNetV2, 64),
        ],
    }
    Path(__file__).with_name("expected.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
