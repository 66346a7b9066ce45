"""Writes down what Pillow makes of films when it resizes them.

    python -m pip install -r reference/requirements-pictures.txt
    PLAINFILM_DATA=path/to/data python reference/resampling/export.py

noise.json: a film of noise drawn by formula (the same formula is in the Rust test), every pixel of
every result. films.json: real films, named by path; of each result 64 pixels, the mean and, for
`nearest`, the SHA-256 of all pixels. Only numbers leave the films. Nothing is random.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def noise(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.uint64)
    h = (x * 73856093) ^ (y * 19349663)
    h &= 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h >> 16) & 255).astype(np.uint8)


def fitted(film, fit):
    if fit == "squash":
        return film
    width, height = film.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return film.crop((left, top, left + side, top + side))


def export_noise():
    cases = []
    for width, height in [(37, 23), (9, 30)]:
        film = Image.fromarray(noise(width, height))
        for name, resampling in FILTERS.items():
            for fit in ["crop", "squash"]:
                for size in [8, 24]:
                    result = np.asarray(fitted(film, fit).resize((size, size), resampling))
                    cases.append({"width": width, "height": height, "fit": fit, "size": size, "resampling": name, "pixels": result.ravel().tolist()})
    write("noise.json", cases)


def export_films(root):
    cases = []
    for path in films(root):
        film = Image.open(root / path).convert("L")
        for name, resampling in FILTERS.items():
            for fit, size in [("squash", 224), ("squash", 256), ("crop", 224)]:
                result = np.asarray(fitted(film, fit).resize((size, size), resampling)).ravel()
                case = {"path": path, "fit": fit, "size": size, "resampling": name}
                case["mean"] = round(float(result.mean()), 6)
                case["pixels"] = [int(result[(k * 7919 + 13) % result.size]) for k in range(64)]
                if name == "nearest":
                    case["sha256"] = hashlib.sha256(result.tobytes()).hexdigest()
                cases.append(case)
    write("films.json", cases)


def films(root):
    """Six films of the Covid-19 folder that are PNG, two that are JPEG, two of each other one."""
    covid = sorted(p for p in (root / "Covid-19").iterdir())
    png = [p for p in covid if p.suffix == ".png"]
    jpeg = [p for p in covid if p.suffix != ".png"]
    chosen = [png[i] for i in (0, 4, 8, 12, 16, 20)] + [jpeg[i] for i in (10, 60)]
    for folder in ["No_findings", "Pneumonia"]:
        all_films = sorted((root / folder).iterdir())
        chosen += [all_films[i] for i in (100, 400)]
    return [str(p.relative_to(root)) for p in chosen]


def write(name, cases):
    lines = ",\n".join(" " + json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / name).write_text(f"[\n{lines}\n]\n")
    print(name, len(cases), "cases,", (HERE / name).stat().st_size, "bytes")


export_noise()
export_films(Path(os.environ["PLAINFILM_DATA"]) / "covid-xray")
