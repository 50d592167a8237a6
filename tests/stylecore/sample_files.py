"""Files of the kinds that Pillow does not write: 16 bits, planes, interlacing, Photoshop."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from tests.stylecore.sample_images import png_chunk, saved, scene


def deep(width: int = 64, height: int = 48, channels: int = 3) -> npt.NDArray[np.uint16]:
    """A ramp of more steps than 8 bits have."""
    down, across = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    ramps = [across, down, (across + down) / 2, np.clip(3 * across - 1, 0, 1)][:channels]
    return np.rint(np.stack(ramps, axis=-1) * 65_535).astype(np.uint16)


def tiff(samples: npt.NDArray[np.generic], photometric: str = "rgb", **options: object) -> bytes:
    written = io.BytesIO()
    tifffile.imwrite(written, samples, photometric=photometric, metadata=None, **options)  # type: ignore[call-overload]
    return written.getvalue()


def profile_tag(profile: bytes) -> list[tuple[int, int, int, bytes, bool]]:
    return [(34675, 7, len(profile), profile, True)]


def png16(samples: npt.NDArray[np.uint16], *chunks: bytes) -> bytes:
    png = bytes(imagecodecs.png_encode(samples[..., 0] if samples.shape[2] == 1 else samples))
    return png[:33] + b"".join(chunks) + png[33:]


def frames(container: str, **options: object) -> bytes:
    turned = [scene().rotate(turn) for turn in (90, 180)]
    return saved(scene(), container, save_all=True, append_images=turned, **options)


def psd(image: Image.Image, bits: int = 8, composite: bool = True) -> bytes:
    """The least that Photoshop calls a file: header, its version resource, no layers, raw planes."""
    samples = np.moveaxis(np.array(image), -1, 0)
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", len(samples), image.height, image.width, bits, 3)
    info = b"8BIM" + struct.pack(">HHI", 1057, 0, 6) + bytes([0, 0, 0, 1, composite, 0])
    return head + bytes(4) + struct.pack(">I", len(info)) + info + bytes(4) + b"\0\0" + samples.tobytes()


def interlaced() -> bytes:
    """Pillow writes no interlaced PNG: seven passes over the scene, unfiltered."""
    pixels, body = np.array(scene()), b""
    for top, left, down, across in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        body += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    header = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 1)
    data = imagecodecs.zlib_encode(body)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", bytes(data)) + png_chunk(b"IEND", b"")
