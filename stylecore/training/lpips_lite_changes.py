"""What is done to a picture so that lpips-lite learns what differences look like, and the ones kept for its trial.

Each change is a function of a picture, an amount of 0..1 and a random generator; 0 is hardly visible, 1 is much.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch.nn import functional

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator
Change = Callable[[Pixels, float, Random], Pixels]


def _levels(values: npt.NDArray[np.floating]) -> Pixels:
    return np.asarray(np.rint(values).clip(0, 255), dtype=np.uint8)


def _filtered(pixels: Pixels, how: ImageFilter.Filter) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(how))


def _resized(pixels: Pixels, size: tuple[int, int], how: Image.Resampling) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def _through(pixels: Pixels, container: str, quality: int) -> Pixels:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, container, quality=quality)
    return np.asarray(Image.open(written).convert("RGB"))


def _moved(pixels: Pixels, across: npt.NDArray[np.floating], down: npt.NDArray[np.floating]) -> Pixels:
    """Every pixel taken from so many pixels away."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    places = np.stack([(x + across) / (width - 1), (y + down) / (height - 1)], axis=-1).astype(np.float32) * 2 - 1
    source, grid = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float(), torch.from_numpy(places)[None]
    found = functional.grid_sample(source, grid, padding_mode="reflection", align_corners=True)
    return _levels(found[0].permute(1, 2, 0).numpy())


def _smooth_field(shape: tuple[int, ...], cells: int, random: Random) -> npt.NDArray[np.float32]:
    grid = random.uniform(-1, 1, (cells + 2, cells + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float32)


# --- changes to learn from -------------------------------------------------------------------------------------------


def blur(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _filtered(pixels, ImageFilter.GaussianBlur(0.3 + 4 * amount))


def noise(pixels: Pixels, amount: float, random: Random) -> Pixels:
    channels = 1 if random.random() < 0.4 else 3
    grain = random.standard_normal((*pixels.shape[:2], channels))
    return _levels(pixels + 70 * amount * grain)


def soft_noise(pixels: Pixels, amount: float, random: Random) -> Pixels:
    cells = int(random.integers(4, 40))
    field = np.stack([_smooth_field(pixels.shape, cells, random) for _ in range(3)], axis=2)
    return _levels(pixels + 110 * amount * field)


def jpeg(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _through(pixels, "JPEG", int(92 - 88 * amount))


def tone(pixels: Pixels, amount: float, random: Random) -> Pixels:
    gamma = np.exp(random.choice([-1, 1]) * amount)
    contrast, lift = np.exp(random.uniform(-1, 1) * amount), 90 * amount * random.uniform(-1, 1)
    return _levels(((pixels / 255.0) ** gamma - 0.5) * 255 * contrast + 127.5 + lift)


def colour_cast(pixels: Pixels, amount: float, random: Random) -> Pixels:
    matrix = np.eye(3) + random.normal(0, 0.5 * amount, (3, 3))
    return _levels(pixels @ matrix + random.normal(0, 30 * amount, 3))


def saturation(pixels: Pixels, amount: float, random: Random) -> Pixels:
    factor = 1 - amount if random.random() < 0.6 else 1 + 3 * amount
    return np.asarray(ImageEnhance.Color(Image.fromarray(pixels)).enhance(factor))


def duotone(pixels: Pixels, amount: float, random: Random) -> Pixels:
    light = (pixels @ np.array([0.299, 0.587, 0.114]))[..., None] / 255
    dark, bright = random.uniform(0, 110, 3), random.uniform(120, 255, 3)
    if random.random() < 0.2:
        dark, bright = bright, dark
    return _levels(pixels + (dark + (bright - dark) * light - pixels) * min(1.0, 0.3 + amount))


def recoloured(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """Mean and spread of each channel moved towards a random palette's."""
    mean, spread = pixels.mean((0, 1)), pixels.std((0, 1)) + 1
    wanted_mean, wanted_spread = random.uniform(40, 215, 3), random.uniform(15, 80, 3)
    moved = (pixels - mean) / spread * wanted_spread + wanted_mean
    return _levels(pixels + (moved - pixels) * amount)


def shifted(pixels: Pixels, amount: float, random: Random) -> Pixels:
    angle, reach = random.uniform(0, 2 * np.pi), 10 * amount**2
    still = np.zeros(pixels.shape[:2])
    return _moved(pixels, still + reach * np.cos(angle), still + reach * np.sin(angle))


def warped(pixels: Pixels, amount: float, random: Random) -> Pixels:
    cells = int(random.integers(2, 16))
    reach = 40 * amount / cells
    across, down = (reach * _smooth_field(pixels.shape, cells, random) for _ in range(2))
    return _moved(pixels, across, down)


def posterised(pixels: Pixels, amount: float, random: Random) -> Pixels:
    steps = max(1.0, 7 * (1 - amount))
    return _levels(np.rint(pixels / 255.0 * steps) / steps * 255)


def few_colours(pixels: Pixels, amount: float, random: Random) -> Pixels:
    colours = int(np.clip(48 * (1 - amount) ** 2, 2, 48))
    dither = Image.Dither(random.choice([Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG]))
    return np.asarray(Image.fromarray(pixels).quantize(colours, dither=dither).convert("RGB"))


def mosaic(pixels: Pixels, amount: float, random: Random) -> Pixels:
    height, width = pixels.shape[:2]
    block = 2 + 14 * amount * random.uniform(0.5, 1)
    small = _resized(pixels, (int(width / block) + 1, int(height / block) + 1), Image.Resampling.BOX)
    return _resized(small, (width, height), Image.Resampling.NEAREST)


def dropped_detail(pixels: Pixels, amount: float, random: Random) -> Pixels:
    height, width = pixels.shape[:2]
    factor = 1.2 + 7 * amount
    how = random.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
    small = _resized(pixels, (max(2, int(width / factor)), max(2, int(height / factor))), Image.Resampling.BILINEAR)
    return _resized(small, (width, height), Image.Resampling(how))


def flattened(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """Patches of paint: each pixel takes the most frequent level around it."""
    return _filtered(pixels, ImageFilter.ModeFilter(3 + 2 * int(2.9 * amount)))


def patches(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """Parts painted over, with a flat colour or with another part."""
    changed, (height, width) = pixels.copy(), pixels.shape[:2]
    for _ in range(1 + int(9 * amount)):
        tall, wide = (max(2, int(edge * random.uniform(0.04, 0.3))) for edge in (height, width))
        top, left = int(random.integers(height - tall)), int(random.integers(width - wide))
        other_top, other_left = int(random.integers(height - tall)), int(random.integers(width - wide))
        other = pixels[other_top : other_top + tall, other_left : other_left + wide]
        changed[top : top + tall, left : left + wide] = random.uniform(0, 255, 3) if random.random() < 0.5 else other
    return changed


def halftone(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """A cosine screen for each channel, or one for all, more or less hard."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pitch, turns = random.uniform(2.5, 9), random.uniform(0, np.pi, 3 if random.random() < 0.5 else 1)
    phases = [((x * np.cos(t) + y * np.sin(t)), (y * np.cos(t) - x * np.sin(t))) for t in turns]
    screens = [np.cos(2 * np.pi * u / pitch) + np.cos(2 * np.pi * v / pitch) for u, v in phases]
    light = pixels / 255.0 if len(turns) == 3 else pixels.mean(2, keepdims=True) / 255.0
    printed = 1 / (1 + np.exp(-(light - 0.5 + np.stack(screens, axis=2) / 4) * random.uniform(6, 40)))
    return _levels(pixels + (printed * 255 - pixels) * min(1.0, 0.25 + amount))


def drawn(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """Outlines in dark on light or light on dark, over more or less of the picture."""
    soft = _filtered(pixels, ImageFilter.GaussianBlur(random.uniform(0, 1.5)))
    light = soft @ np.array([0.299, 0.587, 0.114])
    down, across = np.gradient(light)
    ink = np.clip(np.hypot(down, across) / random.uniform(8, 40), 0, 1)[..., None]
    paper, pen = random.uniform(150, 255, 3), random.uniform(0, 90, 3)
    if random.random() < 0.3:
        paper, pen = pen, paper
    ground = paper + (soft - paper) * random.uniform(0, 1)
    return _levels(pixels + (ground + (pen - ground) * ink - pixels) * min(1.0, 0.25 + amount))


def textured(pixels: Pixels, amount: float, random: Random) -> Pixels:
    """A random small network's picture of the picture, in its colours or others: textures nobody has thought of."""
    draws = torch.Generator().manual_seed(int(random.integers(2**31)))
    x = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 127.5 - 1
    channels = [3, *random.choice([6, 10, 16], int(random.integers(1, 4))), 3]
    for before, after in pairwise(channels):
        edge = int(random.choice([1, 3, 5]))
        kernel = torch.randn(int(after), int(before), edge, edge, generator=draws) / (before * edge * edge) ** 0.5
        x = functional.pad(x, [edge // 2] * 4, mode="reflect")
        x = torch.sin(random.uniform(1, 6) * functional.conv2d(x, kernel) + torch.randn(1, generator=draws))
    painted = x[0].permute(1, 2, 0).numpy()
    spread = painted.std((0, 1)) + 0.05
    painted = (painted - painted.mean((0, 1))) / spread * pixels.std((0, 1)) + pixels.mean((0, 1))
    changed = _levels(pixels + (painted - pixels) * amount)
    return recoloured(changed, float(random.uniform(0, 0.8)), random) if random.random() < 0.4 else changed


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        change.__name__: change
        for change in (
            blur, noise, soft_noise, jpeg, tone, colour_cast, saturation, duotone, recoloured, shifted, warped,
            posterised, few_colours, mosaic, dropped_detail, flattened, patches, halftone, drawn, textured,
        )
    }
)  # fmt: skip


# --- changes kept for the trial --------------------------------------------------------------------------------------


def speckled(pixels: Pixels, amount: float, random: Random) -> Pixels:
    drawn_at = random.random(pixels.shape[:2])
    changed, share = pixels.copy(), 0.12 * amount
    changed[drawn_at < share], changed[drawn_at > 1 - share] = 0, 255
    return changed


def median(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _filtered(pixels, ImageFilter.MedianFilter(3 + 2 * int(3.9 * amount)))


def sharpened(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _filtered(pixels, ImageFilter.UnsharpMask(radius=2, percent=int(60 + 440 * amount), threshold=0))


def motion(pixels: Pixels, amount: float, random: Random) -> Pixels:
    steps = 2 + int(18 * amount)
    padded = np.pad(pixels.astype(np.float32), ((0, 0), (steps, 0), (0, 0)), mode="reflect").cumsum(axis=1)
    return _levels((padded[:, steps:] - padded[:, :-steps]) / steps)


def webp(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _through(pixels, "WEBP", int(80 - 80 * amount))


def hue(pixels: Pixels, amount: float, random: Random) -> Pixels:
    turned = np.array(Image.fromarray(pixels).convert("HSV"))
    turned[..., 0] += np.uint8(128 * amount)
    return np.asarray(Image.fromarray(turned, mode="HSV").convert("RGB"))


def swirled(pixels: Pixels, amount: float, random: Random) -> Pixels:
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - width / 2, y - height / 2
    turn = 2.5 * amount * np.exp(-np.hypot(x, y) / (0.3 * min(height, width)))
    return _moved(pixels, x * np.cos(turn) - y * np.sin(turn) - x, x * np.sin(turn) + y * np.cos(turn) - y)


def frosted(pixels: Pixels, amount: float, random: Random) -> Pixels:
    across, down = (random.uniform(-1, 1, pixels.shape[:2]) * (0.7 + 5 * amount) for _ in range(2))
    return _moved(pixels, across, down)


def striped(pixels: Pixels, amount: float, random: Random) -> Pixels:
    lines = np.arange(pixels.shape[0])[:, None, None] // 2 % 2
    return _levels(pixels * (1 - amount * lines))


def solarised(pixels: Pixels, amount: float, random: Random) -> Pixels:
    return _levels(np.where(pixels > 255 - 160 * amount, 255.0 - pixels, pixels))


UNSEEN: Mapping[str, Change] = MappingProxyType(
    {
        change.__name__: change
        for change in (speckled, median, sharpened, motion, webp, hue, swirled, frosted, striped, solarised)
    }
)
"""Never trained on."""
