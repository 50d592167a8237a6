"""Pictures, files and styles for the tests of this package, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from stylecore.image import Picture
from stylecore.styles.base import AROUND_THE_MODEL, PLAIN, Brush, Family, Reference, StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.conditional import FAMILY, Architecture, ConditionalNetwork

CONTAINERS = ("jpeg", "png", "webp", "tiff")
SMALL = Architecture(stem_channels=8, trunk_channels=8, blocks=1, styles=3)


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
    family = Family("test", "every colour its opposite", "", AROUND_THE_MODEL, exact_when_tiled=True)

    def __init__(self, reference: Reference | None = None) -> None:
        self.reference = noise(96, 96) if reference is None else reference

    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return 1.0 - batch


def tensors_of(architecture: Architecture = SMALL, seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    network = ConditionalNetwork(architecture)
    for name, parameter in network.named_parameters():
        if "norm" in name or name == "colour":  # styles that differ, as trained ones do
            torch.nn.init.normal_(parameter, std=0.5)
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def small_style(seed: int = 0, reference: Reference | None = None) -> StyleModel:
    """A style of the real family, small and untrained: it mixes whole pictures as trained ones do."""
    shown = noise(96, 96) if reference is None else reference
    return build(FAMILY.name, SMALL.describe(), tensors_of(seed=seed), [StyleSource(1, "small", shown)])[0]
