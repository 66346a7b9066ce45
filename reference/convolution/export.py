"""Writes expected.json: what PyTorch makes of convolutions and blocks of every class of shape, in float64.

Usage: python export.py
Needs: Python 3.10 and requirements.txt. CPU.

No tensor is committed. Both sides fill x, weight, bias, gamma, beta and the gradient that comes from
above by the same formula (SplitMix64's finaliser of seed and index, rounded to float32), with seeds
16 * case's seed + 1 … 6. Of every result only its largest magnitude, its product with hashed numbers
(seed 16 * case's seed + 7) and a few values spread over it are written.

The blocks have bends: ReLU's and ReLU6's, and max-pooling's where two pixels are nearly equal. A value
within rounding of one would make the float32 gradients arbitrary. Each case therefore takes the first
seed that keeps all values `MARGIN` away from the bends.
"""

import json
from pathlib import Path

import numpy
import torch
from torch.nn import functional

SAMPLES = 6
EPSILON = 1e-5
MARGIN = 3e-5
ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.1),
    "relu6": functional.relu6,
}

# name, films, [inputs, outputs], [height, width], kernel, stride, padding, dilation, groups
CASES = [
    ("3x3 same", 2, [3, 8], [20, 17], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("3x3 same, one film", 1, [8, 16], [14, 14], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("3x3 valid, odd sizes", 3, [5, 7], [9, 13], [3, 3], [1, 1], [0, 0], [1, 1], 1),
    ("3x3 stride 2", 2, [6, 10], [15, 16], [3, 3], [2, 2], [1, 1], [1, 1], 1),
    ("3x3 over-padded", 2, [4, 6], [6, 5], [3, 3], [1, 1], [4, 3], [1, 1], 1),
    ("3x3 wide", 2, [64, 80], [9, 7], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("3x3 wide, stride 2", 2, [64, 96], [13, 11], [3, 3], [2, 2], [1, 1], [1, 1], 1),
    ("3x3 of several tiles", 1, [16, 6], [90, 80], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("3x3 of few channels on a large map", 2, [3, 8], [64, 66], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("3x3 of 256 channels", 2, [128, 256], [7, 7], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("1x1", 3, [24, 18], [7, 5], [1, 1], [1, 1], [0, 0], [1, 1], 1),
    ("1x1 padded by 1", 2, [16, 9], [10, 9], [1, 1], [1, 1], [1, 1], [1, 1], 1),
    ("1x1 stride 2", 2, [12, 20], [9, 8], [1, 1], [2, 2], [0, 0], [1, 1], 1),
    ("1x1 wide", 2, [200, 180], [6, 7], [1, 1], [1, 1], [0, 0], [1, 1], 1),
    ("1x1 of few outputs", 4, [96, 3], [14, 14], [1, 1], [1, 1], [0, 0], [1, 1], 1),
    ("5x5", 2, [6, 8], [12, 11], [5, 5], [1, 1], [2, 2], [1, 1], 1),
    ("7x7 stride 2", 2, [3, 16], [31, 29], [7, 7], [2, 2], [3, 3], [1, 1], 1),
    ("stride over kernel", 3, [4, 6], [14, 17], [2, 2], [4, 5], [0, 0], [1, 1], 1),
    ("dilated", 2, [5, 6], [13, 12], [3, 3], [1, 1], [2, 2], [2, 2], 1),
    ("dilated, strided, unequal", 2, [4, 6], [15, 17], [3, 2], [2, 3], [1, 2], [2, 3], 1),
    ("unequal", 2, [4, 5], [8, 11], [2, 5], [1, 2], [1, 2], [1, 1], 1),
    ("groups", 2, [12, 18], [9, 8], [3, 3], [1, 1], [1, 1], [1, 1], 3),
    ("groups, stride 2", 2, [12, 8], [9, 8], [3, 3], [2, 2], [1, 1], [1, 1], 4),
    ("depthwise 3x3", 2, [12, 12], [14, 13], [3, 3], [1, 1], [1, 1], [1, 1], 12),
    ("depthwise 3x3, stride 2", 2, [12, 12], [15, 14], [3, 3], [2, 2], [1, 1], [1, 1], 12),
    ("depthwise 3x3 on a wide map", 1, [32, 32], [28, 35], [3, 3], [1, 1], [1, 1], [1, 1], 32),
    ("depthwise 5x5", 2, [6, 6], [11, 9], [5, 5], [1, 1], [2, 2], [1, 1], 6),
    ("depthwise, two out per in", 2, [5, 10], [8, 9], [3, 3], [1, 1], [1, 1], [1, 1], 5),
    ("one pixel", 12, [5, 4], [1, 1], [1, 1], [1, 1], [0, 0], [1, 1], 1),
    ("one pixel, padded 3x3", 12, [3, 4], [1, 1], [3, 3], [1, 1], [1, 1], [1, 1], 1),
    ("one pixel, one film", 1, [5, 4], [1, 1], [1, 1], [1, 1], [0, 0], [1, 1], 1),
    ("one row", 2, [3, 4], [1, 40], [1, 3], [1, 1], [0, 1], [1, 1], 1),
    ("more films than parts", 37, [3, 4], [5, 4], [3, 3], [1, 1], [1, 1], [1, 1], 1),
]


def uniform(seed, length):
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) * numpy.uint64(0x9E3779B97F4A7C15)
        z = z + numpy.arange(length, dtype=numpy.uint64)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    units = (z >> numpy.uint64(40)).astype(numpy.float32) / numpy.float32(1 << 23)
    return (units - numpy.float32(1.0)).astype(numpy.float64)


def filled(seed, shape, scale=1.0):
    values = torch.from_numpy(uniform(seed, int(numpy.prod(shape))) * scale).reshape(shape)
    return values.requires_grad_()


def measure(name, tensor, seed):
    values = tensor.detach().numpy().ravel()
    at = [(2 * k + 1) * values.size // (2 * SAMPLES) for k in range(SAMPLES)]
    numbers = [numpy.abs(values).max(), values @ uniform(16 * seed + 7, values.size), *values[at]]
    return name, [float(f"{number:.9g}") for number in numbers]


class Case:
    def __init__(self, row, seed):
        self.name, films, channels, size, kernel, stride, padding, dilation, groups = row
        self.seed = seed
        s = 16 * seed
        self.x = filled(s + 1, [films, channels[0], *size])
        self.weight = filled(s + 2, [channels[1], channels[0] // groups, *kernel])
        self.bias = filled(s + 3, [channels[1]])
        # Scaled by powers of 2, which is exact: signs differ, and ReLU6's upper bend is reached.
        self.gamma = filled(s + 4, [channels[1]], 4.0)
        self.beta = filled(s + 5, [channels[1]], 4.0)
        self.settings = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)

    def conv(self, bias=None):
        return functional.conv2d(self.x, self.weight, bias, **self.settings)

    def norm(self, z):
        return functional.batch_norm(z, None, None, self.gamma, self.beta, True, eps=EPSILON)

    def gradients(self, y, **leaves):
        above = filled(16 * self.seed + 6, list(y.shape)).detach()
        found = torch.autograd.grad((y * above).sum(), list(leaves.values()))
        return dict(zip(leaves, found))

    def normalises(self):
        """PyTorch refuses to normalise a single value."""
        z = self.conv()
        return z.numel() > z.shape[1]

    def away_from_bends(self):
        if not self.normalises():
            return True
        z = self.norm(self.conv()).detach()
        nearest = min(z.abs().min(), (z - 6.0).abs().min())
        if self.pools():
            height, width = (side // 2 * 2 for side in z.shape[2:])
            squares = z[:, :, :height, :width].unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
            top = squares.topk(2).values
            gaps = top[..., 0] - top[..., 1]
            # Pixels that see padding alone are equal to the bit on either side, and which of them
            # the pool takes moves no gradient. ReLU and ReLU6 may make equals of unequals; their
            # gradient is 0 there.
            nearest = min(nearest, gaps[gaps > 0].min())
        return nearest > MARGIN

    def pools(self):
        return min(self.conv().shape[2:]) >= 2

    def results(self):
        results = {}

        def add(variant, tensors):
            results[variant] = dict(measure(n, t, self.seed) for n, t in tensors.items())

        y = self.conv(self.bias)
        add("conv", {"y": y, **self.gradients(y, dx=self.x, dw=self.weight, db=self.bias)})
        if not self.normalises():
            return results
        leaves = dict(dx=self.x, dw=self.weight, dgamma=self.gamma, dbeta=self.beta)
        z = self.conv()
        # The statistics are the same whatever follows.
        add("statistics", {"mean": z.mean((0, 2, 3)), "variance": z.var((0, 2, 3), unbiased=True)})
        for name, activation in ACTIVATIONS.items():
            for pool in (False, True) if self.pools() else (False,):
                def end(y):
                    return functional.max_pool2d(activation(y), 2, 2) if pool else activation(y)

                suffix = f"{name} pool" if pool else name
                y = end(self.norm(self.conv()))
                add(f"norm {suffix}", {"y": y, **self.gradients(y, **leaves)})
                add(f"bias {suffix}", {"y": end(self.conv(self.bias))})
        return results


def main():
    cases = []
    for row in CASES:
        tried = (Case(row, seed) for seed in range(1, 400))
        case = next(case for case in tried if case.away_from_bends())
        keys = ["name", "films", "channels", "size", "kernel", "stride", "padding", "dilation", "groups"]
        cases.append({**dict(zip(keys, row)), "seed": case.seed, "results": case.results()})
    result = {
        "made_with": {"torch": torch.__version__.split("+")[0], "numpy": numpy.__version__},
        "cases": cases,
    }
    lines = json.dumps(result, separators=(",", ":")).replace('{"name"', '\n{"name"')
    Path(__file__).with_name("expected.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()
