"""Content to train on: random crops of photographs, and a share of invented pictures.

Every crop is a pure function of (seed, iteration), so training can stop anywhere and go on as if it had not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from stylecore.training.augmentation import Augmentation


def photo_crop(photo: Image.Image, crop_px: int, rng: np.random.Generator) -> Image.Image:
    """A square of the photo at a random scale, from parts enlarged (large pictures are soft) to nearly all of it."""
    most = min(photo.size)
    side = float(np.clip(np.exp(rng.uniform(np.log(0.6 * crop_px), np.log(2.8 * crop_px))), 2, most))
    left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
    box = (left, top, left + side, top + side)
    return photo.resize((crop_px, crop_px), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def invented_crop(crop_px: int, rng: np.random.Generator) -> Image.Image:
    """Overlapping shaded shapes ("dead leaves") on a flat or graded ground: the look of product shots and graphics."""
    ground = np.linspace(rng.uniform(0, 255, 3), rng.uniform(0, 255, 3), crop_px)
    if rng.random() < 0.5:
        ground[:] = rng.choice([0.0, 128.0, 250.0, 255.0])
    canvas = np.repeat(ground[:, None], crop_px, axis=1).astype(np.uint8)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 60))):
        centre, radius = rng.uniform(0, crop_px, 2), crop_px * rng.uniform(0.02, 0.35) ** 1.3
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            draw.ellipse([*(centre - radius), *(centre + radius * rng.uniform(0.4, 1, 2))], fill=colour)
        else:
            turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
            corners = [(centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)) for t in turns]
            draw.polygon(corners, fill=colour)
    return image.rotate(float(rng.choice([0, 90, 180, 270])))


class ContentSampler:
    """One crop for each style and iteration."""

    def __init__(
        self,
        photos: Sequence[Image.Image],
        crop_px: int,
        synthetic_share: float,
        seed: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._photos, self._crop_px, self._seed = photos, crop_px, seed
        self._varied = augmentation or Augmentation()
        self._synthetic_share = synthetic_share if photos else 1.0

    def batch(self, iteration: int, count: int) -> npt.NDArray[np.float32]:
        """``count`` different crops, N x 3 x H x W of 0..1."""
        rng = np.random.default_rng([self._seed, iteration])
        crops = np.stack([np.asarray(self._crop(rng), dtype=np.float32) for _ in range(count)])
        return np.ascontiguousarray(crops.transpose(0, 3, 1, 2)) / np.float32(255)

    def _crop(self, rng: np.random.Generator) -> Image.Image:
        if rng.random() < self._synthetic_share:
            return invented_crop(self._crop_px, rng)
        photo = self._photos[int(rng.integers(len(self._photos)))]
        return self._varied(photo_crop(photo, self._crop_px, rng), rng)
