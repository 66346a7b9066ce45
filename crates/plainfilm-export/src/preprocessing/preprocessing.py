"""How plainfilm makes a network's input of a film: NumPy and Pillow only.

Written beside an exported model, with the settings in preprocessing.json. What it makes differs from
plainfilm's own planes by at most one grey level in 255. For research and teaching only: not a medical device.

    python preprocessing.py FILM...          # the smallest and the greatest number of each input
    from preprocessing import settings, model_input
    tensor = model_input("film.png", settings())[None]      # [1, channels, size, size], float32
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def settings(path=Path(__file__).with_name("preprocessing.json")):
    """The settings of the model beside this file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def grey(path):
    """One grey channel, upright: values as stored, and what white is (255 or 65535)."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("I;16", "I;16B", "I"):
        pixels = np.asarray(image, dtype=np.int64)
        # plainfilm finds out how many of 16 bits a file uses; here only files that use all of them are read.
        if pixels.min() < 0 or not 2**15 <= pixels.max() < 2**16:
            raise ValueError(f"{path}: grey levels up to {pixels.max()}, expected 16 used bits")
        return pixels.astype(np.float32), 65535
    return np.asarray(image.convert("L"), dtype=np.float32), 255


def exposed(pixels, white):
    """The box without the even black or white around it: left, top, width, height."""
    height, width = pixels.shape
    whole = field = (0, 0, width, height)
    # In single precision, as the network's own preprocessing counts.
    margin = int(np.float32(white) * np.float32(0.03))
    bright, dark = pixels > margin, pixels < white - margin

    def kept(not_black, not_white, length):
        """Where the lines begin that are left, and how many they are."""
        most = int(np.float32(length) * np.float32(0.1))
        even = (not_black <= most) | (not_white <= most)

        def surround(lines):
            end = 0
            for line, is_even in enumerate(lines):
                if is_even:
                    end = line + 1
                elif line - end >= len(lines) // 40:
                    break
            return end

        start = surround(even)
        rest = even[start:]
        return start, len(rest) - surround(rest[::-1])

    for _ in range(4):
        before = field
        left, top, columns, rows = field
        part = np.s_[top : top + rows, left : left + columns]
        start, rows = kept(bright[part].sum(1), dark[part].sum(1), columns)
        top += start
        part = np.s_[top : top + rows, left : left + columns]
        start, columns = kept(bright[part].sum(0), dark[part].sum(0), rows)
        left += start
        field = (left, top, columns, rows)
        if columns * 8 < width or rows * 8 < height:
            return whole
        if field == before:
            break
    left, top, columns, rows = field
    part = np.s_[top : top + rows, left : left + columns]
    is_picture = 2 * np.sum(bright[part] & dark[part]) >= rows * columns
    return field if field == whole or is_picture else whole


def half_up(number):
    """Rounded to the nearest whole number, halves upwards."""
    return int(np.floor(number + 0.5))


def stripped(box, percent):
    """The box without so many percent of each of its sides."""
    left, top, width, height = box

    def cut(length):
        return min(half_up(length * percent / 100), (length - 1) // 2)

    across, down = cut(width), cut(height)
    return left + across, top + down, width - 2 * across, height - 2 * down


def resized(pixels, white, columns, rows, resampling):
    """The film in another size, each pass rounded to its own levels; 0 to 1."""
    if resampling == "nearest":
        image = Image.fromarray(pixels, mode="F").resize((columns, rows), FILTERS[resampling])
        return np.asarray(image, dtype=np.float32) / np.float32(white)
    for size in ((columns, pixels.shape[0]), (columns, rows)):
        image = Image.fromarray(np.ascontiguousarray(pixels), mode="F").resize(size, FILTERS[resampling])
        pixels = np.floor(np.clip(np.asarray(image, dtype=np.float32) + 0.5, 0, white))
    return pixels / np.float32(white)


def plane(path, given, lungs=None):
    """The square that the network is shown, `[size, size]`, grey levels of 0 to 1.

    `lungs` is (left, top, right, bottom) as parts of width and height, for models whose fit is `lungs`: plainfilm
    finds them with a network of its own. Without it such a model is shown the middle square, as where no lungs are
    found.
    """
    pixels, white = grey(path)
    size, fit = given["size"], given["fit"]
    height, width = pixels.shape
    whole = (0, 0, width, height)
    field = whole
    if given.get("field") == "exposed" and fit != "squash":
        field = exposed(pixels, white)
    left, top, width_left, height_left = stripped(field, given.get("strip_borders", 0))
    columns = rows = size
    if fit == "letterbox":
        ratio = size / max(width_left, height_left)
        columns = min(max(half_up(width_left * ratio), 1), size)
        rows = min(max(half_up(height_left * ratio), 1), size)
    elif fit in ("crop", "lungs"):
        box = None
        if fit == "lungs" and lungs is not None:
            box = around(lungs, width, height, stripped(whole, given.get("strip_borders", 0)))
        if box is None:
            side = min(width_left, height_left)
            box = (left + (width_left - side) // 2, top + (height_left - side) // 2, side, side)
        left, top, width_left, height_left = box
    cut = pixels[top : top + height_left, left : left + width_left]
    values = resized(cut, white, columns, rows, given["resampling"])
    if given["inversion"] == "invert":
        values = 1 - values
    square = np.zeros((size, size), dtype=np.float32)
    down, across = (size - rows) // 2, (size - columns) // 2
    square[down : down + rows, across : across + columns] = values
    return square


def around(lungs, width, height, within):
    """The box around the lungs with a tenth of its sides, in pixels; None where nothing of it is left."""
    left, top, right, bottom = lungs
    across, down = (right - left) * 0.1, (bottom - top) * 0.1
    left, right = max(left - across, 0), min(right + across, 1)
    top, bottom = max(top - down, 0), min(bottom + down, 1)
    left = max(half_up(left * width), within[0])
    right = min(half_up(right * width), within[0] + within[2])
    top = max(half_up(top * height), within[1])
    bottom = min(half_up(bottom * height), within[1] + within[3])
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None


def equalised(values):
    """Every value becomes its rank among the film's pixels."""
    levels = np.minimum((np.clip(values, 0, 1) * 1024).astype(int), 1023)
    counts = np.bincount(levels.ravel(), minlength=1024)
    ranks = (np.cumsum(counts) - counts / 2) / values.size
    return ranks[levels].astype(np.float32)


def clahe(values):
    """Contrast-limited adaptive equalisation (Zuiderveld 1994): 8x8 tiles, 256 levels, limit 3."""
    size = len(values)
    if size < 16:
        return equalised(values)
    levels = np.minimum((np.clip(values, 0, 1) * 256).astype(int), 255)
    edges = [tile * size // 8 for tile in range(9)]
    maps = np.zeros((8, 8, 256), dtype=np.float32)
    for row in range(8):
        for column in range(8):
            tile = levels[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
            counts = np.bincount(tile.ravel(), minlength=256).astype(np.float64)
            limit = 3 * tile.size / 256
            share = np.maximum(counts - limit, 0).sum() / 256
            counts = np.minimum(counts, limit) + share
            maps[row, column] = np.minimum((np.cumsum(counts) - counts / 2) / tile.size, 1)
    place = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)
    low = np.minimum(place.astype(int), 6)
    part = (place - low).astype(np.float32)
    top, left = low[:, None], low[None, :]
    down, across = part[:, None], part[None, :]
    upper = maps[top, left, levels] * (1 - across) + maps[top, left + 1, levels] * across
    lower = maps[top + 1, left, levels] * (1 - across) + maps[top + 1, left + 1, levels] * across
    return upper * (1 - down) + lower * down


def scaled(values, given):
    """A plane as the network's numbers: `[channels, size, size]`."""
    histogram = given.get("histogram", "stored")
    values = {"stored": lambda v: v, "equalised": equalised, "clahe": clahe}[histogram](values)
    channels, scaling = given["channels"], given["scaling"]

    def figures(three):
        return np.array(three if channels == 3 else [np.mean(three)] * channels, dtype=np.float32)[:, None, None]

    tensor = np.repeat(values[None], channels, axis=0)
    if scaling == "imagenet":
        return (tensor - figures([0.485, 0.456, 0.406])) / figures([0.229, 0.224, 0.225])
    if scaling == "caffe":
        return tensor * 255 - figures([123.68, 116.779, 103.939])
    if scaling == "tf":
        return tensor * 2 - 1
    if scaling == "xrv":
        return (2 * tensor - 1) * 1024
    if scaling == "percentile":
        low, high = np.percentile(values, [1, 99])
        return np.clip((tensor - low) / (high - low), 0, 1) if high > low else np.zeros_like(tensor)
    if scaling == "zscore":
        deviation = np.std(values, dtype=np.float64)
        mean = np.mean(values, dtype=np.float64)
        return ((tensor - mean) / deviation).astype(np.float32) if deviation > 0 else np.zeros_like(tensor)
    return tensor


def model_input(path, given, lungs=None, channels_last=False, dtype=np.float32):
    """What the exported model takes for a film, without the batch: `[channels, size, size]`.

    TensorFlow Lite wants channels last. `dtype` is that of the model's input: of `np.uint8` grey levels are 0 to 255.
    `input` in preprocessing.json says whether the model scales grey levels itself (`unit`) or wants them `scaled`.
    """
    values = plane(path, given["preprocessing"], lungs)
    if given["input"] == "scaled":
        tensor = scaled(values, given["preprocessing"])
    else:
        tensor = np.repeat(values[None], given["preprocessing"]["channels"], axis=0)
    if channels_last:
        tensor = tensor.transpose(1, 2, 0)
    if dtype == np.uint8:
        return np.rint(tensor * 255).astype(np.uint8)
    return np.ascontiguousarray(tensor, dtype=dtype)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        numbers = model_input(name, settings())
        print(name, numbers.shape, numbers.min(), numbers.max())
