"""Pictures and files for the tests of this package, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from stylecore.image import Picture

CONTAINERS = ("jpeg", "png", "webp", "tiff")


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth, asymmetric colour scene: compression hardly changes it, and no turn of it looks like another."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    levels = np.stack([220 * across + 20, 200 * down + 30, 120 + 90 * across * down], axis=2)
    return Image.fromarray(levels.astype(np.uint8))


def noise(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def with_alpha(width: int = 64, height: int = 48) -> Image.Image:
    """Transparent on the left, opaque on the right, between them a ramp."""
    ramp = np.clip(np.linspace(-255, 510, width), 0, 255).astype(np.uint8)
    image = scene(width, height)
    image.putalpha(Image.fromarray(np.tile(ramp, (height, 1))))
    return image


def saved(image: Image.Image, container: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, container.upper(), **options)  # type: ignore[arg-type]
    return written.getvalue()


def picture(width: int = 64, height: int = 48, **more: object) -> Picture:
    return Picture(np.array(scene(width, height)), **more)  # type: ignore[arg-type]


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_claiming(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG whose header claims this size, whatever follows."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND", b"")


class Inverted:
    """The simplest real style: every colour becomes its opposite."""

    name = "inverted"
    family = "test"
    controls = frozenset({"strength"})

    def __init__(self, reference: npt.NDArray[np.uint8] | None = None) -> None:
        self.reference = noise(96, 96) if reference is None else reference

    def render(self, batch: torch.Tensor) -> torch.Tensor:
        return 1.0 - batch


class SmallNetwork(Inverted):
    """A convolution with whole-picture normalisation, as real styles have: what leaks between pictures leaks here."""

    name = "small-network"

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(7)
        self.kernel = torch.randn(16, 3, 5, 5, generator=random) / 8
        self.mix = torch.randn(3, 16, 1, 1, generator=random)

    def render(self, batch: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(batch, [2] * 4, mode="reflect")
        features = torch.nn.functional.instance_norm(torch.nn.functional.conv2d(padded, self.kernel))
        return torch.sigmoid(torch.nn.functional.conv2d(features.relu(), self.mix))
