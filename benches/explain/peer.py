"""pytorch-grad-cam on the same network and as many films: films per second of each round, one a line.

Usage: python peer.py ARCHITECTURE SIZE FILMS ROUNDS BATCH
"""

import sys
import time
from pathlib import Path

import numpy
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "reference/models"))
import export as models  # noqa: E402

NETWORKS = {
    "darkcovidnet": (models.DarkCovidNet, lambda network: network.stage7[1]),
    "resnet18": (models.ResNet18, lambda network: network.layer4),
    "vgg16": (models.Vgg16, lambda network: network.features[-1]),
}


def main():
    name, size, count, rounds, batch = sys.argv[1], *map(int, sys.argv[2:6])
    torch.set_num_threads(2)
    build, layer = NETWORKS[name]
    network = models.fill(build(2, size)).eval()
    index = numpy.arange(count * 3 * size * size, dtype=numpy.int64)
    values = (index * 7919 % 1009).astype(numpy.float32) / numpy.float32(1009.0)
    films = torch.from_numpy(values).reshape(count, 3, size, size)
    with GradCAM(model=network, target_layers=[layer(network)]) as cam:
        for turn in range(rounds + 1):
            start = time.perf_counter()
            maps = 0
            for part in films.split(batch):
                targets = [ClassifierOutputTarget(0)] * len(part)
                maps += len(cam(input_tensor=part, targets=targets))
            seconds = time.perf_counter() - start
            assert maps == count
            if turn > 0:
                print(f"{count / seconds:.2f}", flush=True)


if __name__ == "__main__":
    main()
