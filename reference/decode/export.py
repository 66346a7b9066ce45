"""Draws one tiny film per file format and colour layout, and writes down how Pillow reads it.

    python -m pip install -r reference/requirements-pictures.txt
    python reference/decode/export.py

Writes films/ and expected.json beside itself. Nothing is random. The films are drawn by formula;
no real film is involved. PNG layouts that Pillow cannot write (2 and 4 bits, 16-bit colour,
interlaced) and TIFF ones (4 bits, palette of 4 bits, 16-bit colour, floats outside 0..1, planes)
are written by hand below.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
FILMS = HERE / "films"
WIDTH, HEIGHT = 13, 9
expected = []


def ramp(width=WIDTH, height=HEIGHT, top=255):
    y, x = np.mgrid[0:height, 0:width]
    return (x * 7 + y * 11) * top // (7 * (width - 1) + 11 * (height - 1))


def rgb(width=WIDTH, height=HEIGHT, top=255):
    grey = ramp(width, height, top)
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([grey, top - grey, (x * y) * top // ((width - 1) * (height - 1))], axis=-1)


def luma(colour):
    """Pillow's fixed-point Rec. 601, for depths that Pillow itself does not keep."""
    red, green, blue = (colour[..., channel].astype(np.int64) for channel in range(3))
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


def record(name, form, colour, pixels, bit_depth=8, tolerance=0, orientation=1):
    pixels = np.asarray(pixels)
    expected.append(
        {
            "file": name,
            "format": form,
            "colour": colour,
            "bit_depth": bit_depth,
            "orientation": orientation,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "tolerance": tolerance,
            "pixels": [int(value) for value in pixels.ravel()],
        }
    )


def by_pillow(name, form, colour, **more):
    """What Pillow makes of a film: turned upright, then converted to grey."""
    film = ImageOps.exif_transpose(Image.open(FILMS / name))
    pixels = np.asarray(film) if film.mode == "I;16" else np.asarray(film.convert("L"))
    record(name, form, colour, pixels, **more)


def png(name, samples, colour_type, bits, interlaced=False, palette=None, transparency=None):
    """Filterless PNG; samples is [rows, columns, channels]."""

    def packed(block):
        rows = []
        for row in block.reshape(block.shape[0], -1):
            if bits == 16:
                rows.append(b"\0" + row.astype(">u2").tobytes())
                continue
            text = "".join(format(int(value), f"0{bits}b") for value in row)
            text += "0" * (-len(text) % 8)
            rows.append(b"\0" + int(text, 2).to_bytes(len(text) // 8, "big"))
        return b"".join(rows)

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    blocks = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [samples]
    data = b"".join(packed(block) for block in blocks if block.size)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = samples.shape[:2]
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, int(interlaced)))]
    if palette is not None:
        parts.append(chunk(b"PLTE", bytes(palette)))
    if transparency is not None:
        parts.append(chunk(b"tRNS", bytes(transparency)))
    parts += [chunk(b"IDAT", zlib.compress(data, 9)), chunk(b"IEND", b"")]
    (FILMS / name).write_bytes(b"".join(parts))


def tiff(name, data, width, height, bits, samples, photometric, order="<", sample_format=None, colour_map=None, planar=1, strips=None):
    """Uncompressed TIFF; strips are the byte lengths into which data is cut."""
    strips = strips or [len(data)]
    tags = {256: [width], 257: [height], 258: [bits] * samples, 259: [1], 262: [photometric], 277: [samples], 278: [height], 284: [planar], 279: strips}
    if sample_format:
        tags[339] = [sample_format] * samples
    if colour_map:
        tags[320] = colour_map
    tags[273] = [0] * len(strips)
    count = len(tags)
    behind = 8 + 2 + count * 12 + 4
    extra = b""
    offsets = {}
    for tag, values in sorted(tags.items()):
        if tag != 273 and len(values) > 2:
            offsets[tag] = behind + len(extra)
            extra += struct.pack(f"{order}{len(values)}H", *values)
    if len(strips) > 2:
        offsets[273] = behind + len(extra)
        extra += b"\0" * (4 * len(strips))
    start = behind + len(extra)
    starts = [start + sum(strips[:index]) for index in range(len(strips))]
    if len(strips) > 2:
        at = offsets[273] - behind
        extra = extra[:at] + struct.pack(f"{order}{len(starts)}I", *starts) + extra[at + 4 * len(starts):]
    entries = b""
    for tag, values in sorted(tags.items()):
        if tag == 273:
            value = struct.pack(f"{order}I", offsets.get(273, starts[0]))
            entries += struct.pack(f"{order}HHI", tag, 4, len(starts)) + value
        else:
            value = struct.pack(f"{order}I", offsets[tag]) if tag in offsets else struct.pack(f"{order}{len(values)}H", *values).ljust(4, b"\0")
            entries += struct.pack(f"{order}HHI", tag, 3, len(values)) + value
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HI", 42, 8)
    (FILMS / name).write_bytes(head + struct.pack(f"{order}H", count) + entries + b"\0" * 4 + extra + data)


def main():
    FILMS.mkdir(exist_ok=True)
    for old in FILMS.iterdir():
        old.unlink()
    grey = ramp().astype(np.uint8)
    colour = rgb().astype(np.uint8)
    alpha = (255 - ramp()).astype(np.uint8)
    rgba = np.dstack([colour, alpha])
    deep = (ramp(top=65535)).astype(np.uint16)
    deep_rgb = rgb(top=65535).astype(np.uint16)

    # PNG
    for bits in (1, 2, 4):
        name = f"grey-{bits}.png"
        png(name, ramp(top=2**bits - 1)[..., None], 0, bits)
        by_pillow(name, "png", f"grey {bits}-bit")
    png("grey-8-interlaced.png", grey[..., None], 0, 8, interlaced=True)
    by_pillow("grey-8-interlaced.png", "png", "grey 8-bit")
    png("grey-16.png", deep[..., None], 0, 16)
    by_pillow("grey-16.png", "png", "grey 16-bit", bit_depth=16)
    png("grey-alpha-8.png", np.dstack([grey, alpha]), 4, 8)
    by_pillow("grey-alpha-8.png", "png", "grey+alpha 8-bit")
    png("grey-alpha-16.png", np.dstack([deep, 65535 - deep]), 4, 16)
    record("grey-alpha-16.png", "png", "grey+alpha 16-bit", deep, bit_depth=16)
    png("rgb-8.png", colour, 2, 8)
    by_pillow("rgb-8.png", "png", "RGB 8-bit")
    png("rgb-16.png", deep_rgb, 2, 16)
    record("rgb-16.png", "png", "RGB 16-bit", luma(deep_rgb), bit_depth=16)
    png("rgba-8.png", rgba, 6, 8)
    by_pillow("rgba-8.png", "png", "RGBA 8-bit")
    entries = [(index * 16, 255 - index * 9, index * index) for index in range(16)]
    flat = [value for entry in entries for value in entry]
    png("palette-4-transparent.png", ramp(top=15)[..., None], 3, 4, palette=flat, transparency=[0, 128])
    by_pillow("palette-4-transparent.png", "png", "palette 4-bit")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey).save(FILMS / "grey-8-turned.png", exif=exif)
    by_pillow("grey-8-turned.png", "png", "grey 8-bit", orientation=6)

    # JPEG
    smooth = rgb(24, 17).astype(np.uint8)
    Image.fromarray(ramp(24, 17).astype(np.uint8)).save(FILMS / "grey.jpg", quality=90)
    by_pillow("grey.jpg", "jpeg", "grey 8-bit", tolerance=1)
    Image.fromarray(smooth).save(FILMS / "ycbcr-444.jpg", quality=90, subsampling=0)
    by_pillow("ycbcr-444.jpg", "jpeg", "YCbCr 8-bit", tolerance=1)
    Image.fromarray(smooth).save(FILMS / "ycbcr-420.jpg", quality=90, subsampling=2)
    by_pillow("ycbcr-420.jpg", "jpeg", "YCbCr 8-bit", tolerance=1)
    Image.fromarray(smooth).save(FILMS / "progressive.jpg", quality=90, progressive=True)
    by_pillow("progressive.jpg", "jpeg", "YCbCr 8-bit", tolerance=1)
    Image.fromarray(smooth).save(FILMS / "rgb.jpg", quality=90, keep_rgb=True)
    by_pillow("rgb.jpg", "jpeg", "RGB 8-bit", tolerance=1)
    ink = np.dstack([smooth, ramp(24, 17) // 2]).astype(np.uint8)
    Image.fromarray(ink, mode="CMYK").save(FILMS / "cmyk.jpg", quality=90)
    by_pillow("cmyk.jpg", "jpeg", "CMYK 8-bit", tolerance=1)
    # YCCK: store luma and chroma where CMYK would be, then say so in the Adobe segment.
    ycc = np.asarray(Image.fromarray(smooth).convert("YCbCr"))
    stored = 255 - np.dstack([ycc, 255 - ink[..., 3]])
    Image.fromarray(stored.astype(np.uint8), mode="CMYK").save(FILMS / "ycck.jpg", quality=90)
    data = bytearray((FILMS / "ycck.jpg").read_bytes())
    data[data.index(b"Adobe") + 11] = 2
    (FILMS / "ycck.jpg").write_bytes(data)
    by_pillow("ycck.jpg", "jpeg", "YCCK 8-bit", tolerance=1)
    for turn in (2, 3, 5, 8):
        exif[0x0112] = turn
        name = f"grey-turned-{turn}.jpg"
        Image.fromarray(ramp(24, 17).astype(np.uint8)).save(FILMS / name, quality=90, exif=exif)
        by_pillow(name, "jpeg", "grey 8-bit", tolerance=1, orientation=turn)

    # TIFF
    Image.fromarray(ramp(top=1).astype(bool)).save(FILMS / "grey-1.tif")
    by_pillow("grey-1.tif", "tiff", "grey 1-bit")
    nibbles = ramp(top=15)
    padded = np.pad(nibbles, ((0, 0), (0, WIDTH % 2)))
    packed = (padded[:, ::2] << 4 | padded[:, 1::2]).astype(np.uint8).tobytes()
    tiff("grey-4.tif", packed, WIDTH, HEIGHT, 4, 1, 1)
    by_pillow("grey-4.tif", "tiff", "grey 4-bit")
    tiff("palette-4.tif", packed, WIDTH, HEIGHT, 4, 1, 3, colour_map=[entry[c] * 257 for c in range(3) for entry in entries])
    by_pillow("palette-4.tif", "tiff", "palette 4-bit")
    tiff("grey-8-white-is-zero.tif", grey.tobytes(), WIDTH, HEIGHT, 8, 1, 0, order=">")
    by_pillow("grey-8-white-is-zero.tif", "tiff", "grey 8-bit")
    Image.fromarray(grey).save(FILMS / "grey-8-lzw.tif", compression="tiff_lzw", tiffinfo={274: 8})
    by_pillow("grey-8-lzw.tif", "tiff", "grey 8-bit", orientation=8)
    Image.fromarray(colour).quantize(32).save(FILMS / "palette-8.tif")
    by_pillow("palette-8.tif", "tiff", "palette 8-bit")
    Image.fromarray(deep).save(FILMS / "grey-16.tif")
    by_pillow("grey-16.tif", "tiff", "grey 16-bit", bit_depth=16)
    Image.fromarray(np.dstack([grey, alpha]), mode="LA").save(FILMS / "grey-alpha-8.tif")
    by_pillow("grey-alpha-8.tif", "tiff", "grey+extra 8-bit")
    Image.fromarray(rgba).save(FILMS / "rgba-8.tif", compression="tiff_adobe_deflate")
    by_pillow("rgba-8.tif", "tiff", "RGBA 8-bit")
    tiff("rgb-8-planes.tif", colour.transpose(2, 0, 1).tobytes(), WIDTH, HEIGHT, 8, 3, 2, planar=2, strips=[WIDTH * HEIGHT] * 3)
    by_pillow("rgb-8-planes.tif", "tiff", "RGB 8-bit")
    tiff("rgb-16.tif", deep_rgb.astype(">u2").tobytes(), WIDTH, HEIGHT, 16, 3, 2, order=">")
    record("rgb-16.tif", "tiff", "RGB 16-bit", luma(deep_rgb), bit_depth=16)
    Image.fromarray(np.dstack([colour, grey // 2]), mode="CMYK").save(FILMS / "cmyk-8.tif")
    by_pillow("cmyk-8.tif", "tiff", "CMYK 8-bit")
    Image.fromarray(smooth).save(FILMS / "rgb-jpeg.tif", compression="jpeg", quality=90)
    by_pillow("rgb-jpeg.tif", "tiff", "RGB 8-bit", tolerance=1)
    fraction = (grey / 255).astype(np.float32)
    Image.fromarray(fraction).save(FILMS / "grey-float.tif")
    record("grey-float.tif", "tiff", "grey 32-bit float", np.rint(fraction.astype(np.float64) * 65535), bit_depth=16)
    wide = fraction * 3000 - 1000
    tiff("grey-float-wide.tif", wide.astype("<f4").tobytes(), WIDTH, HEIGHT, 32, 1, 1, sample_format=3)
    stretched = (wide.astype(np.float64) - wide.min()) / (float(wide.max()) - float(wide.min()))
    record("grey-float-wide.tif", "tiff", "grey 32-bit float", np.rint(stretched * 65535), bit_depth=16, tolerance=1)

    # BMP and WebP
    Image.fromarray(grey).save(FILMS / "grey-8.bmp")
    by_pillow("grey-8.bmp", "bmp", "palette 8-bit")
    Image.fromarray(ramp(top=1).astype(bool)).save(FILMS / "grey-1.bmp")
    by_pillow("grey-1.bmp", "bmp", "palette 1-bit")
    Image.fromarray(colour).save(FILMS / "rgb-8.bmp")
    by_pillow("rgb-8.bmp", "bmp", "RGB 8-bit")
    Image.fromarray(colour).save(FILMS / "lossless.webp", lossless=True)
    by_pillow("lossless.webp", "webp", "RGB 8-bit")
    Image.fromarray(rgba).save(FILMS / "lossless-alpha.webp", lossless=True, exact=True)
    by_pillow("lossless-alpha.webp", "webp", "RGBA 8-bit")
    exif[0x0112] = 3
    Image.fromarray(smooth).save(FILMS / "lossy-turned.webp", quality=80, exif=exif)
    by_pillow("lossy-turned.webp", "webp", "RGB 8-bit", tolerance=1, orientation=3)

    lines = ",\n".join(" " + json.dumps(entry) for entry in expected)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n")
    sizes = [path.stat().st_size for path in FILMS.iterdir()]
    print(f"{len(sizes)} films, {sum(sizes)} bytes, largest {max(sizes)}")


main()
