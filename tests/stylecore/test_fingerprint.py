"""The perceptual hash: what leaves it nearly as it was, and what does not."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from stylecore.fingerprint import fingerprint
from stylecore.image import Picture, decode

NEAR_BITS = 8


def drawn(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """A picture with structure, never the same for two seeds."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def hashed(image: Image.Image) -> str:
    told = fingerprint(Picture(np.asarray(image.convert("RGB"))))
    assert told is not None
    return told


def apart(one: Image.Image, other: Image.Image) -> int:
    return (int(hashed(one), 16) ^ int(hashed(other), 16)).bit_count()


def stored(image: Image.Image, kind: str, **options: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


CHANGES = {
    "stored as JPEG": lambda image: stored(image, "JPEG", quality=40),
    "stored as WebP": lambda image: stored(image, "WEBP", quality=40),
    "halved": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "a quarter, stored as JPEG": lambda image: stored(image.resize((image.width // 4, image.height // 4)), "JPEG"),
    "doubled": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "softened": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "grey": lambda image: image.convert("L"),
    "cut by a hundredth each side": lambda image: image.crop(
        (image.width // 100, image.height // 100, image.width * 99 // 100, image.height * 99 // 100)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_people_do_to_files_leaves_a_picture_near_itself(change: str) -> None:
    for seed in range(20):
        assert apart(drawn(seed), CHANGES[change](drawn(seed))) <= NEAR_BITS


@pytest.mark.parametrize("change", CHANGES)
def test_photographs_stay_near_themselves_too(change: str, shared: Path) -> None:
    for file in sorted((shared / "photos" / "kodak").glob("*.png"))[:12]:
        image = Image.open(file).convert("RGB")
        assert apart(image, CHANGES[change](image)) <= NEAR_BITS, file.name


def test_different_pictures_are_about_half_their_bits_apart() -> None:
    distances = [apart(drawn(one), drawn(other)) for one, other in combinations(range(40), 2)]
    assert min(distances) > NEAR_BITS
    assert 28 < np.mean(distances) < 34


def test_different_photographs_are_far_apart(shared: Path) -> None:
    images = [Image.open(file).convert("RGB") for file in sorted((shared / "photos" / "kodak").glob("*.png"))]
    distances = [apart(one, other) for one, other in combinations(images, 2)]
    assert min(distances) > 2 * NEAR_BITS


def test_a_mirrored_picture_is_another() -> None:
    assert apart(drawn(1), drawn(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > NEAR_BITS


@given(level=st.integers(0, 255))
def test_an_even_picture_has_none(level: int) -> None:
    assert fingerprint(Picture(np.full((40, 60, 3), level, dtype=np.uint8))) is None


def test_what_nobody_can_see_does_not_count() -> None:
    visible = Picture(np.asarray(drawn(1)))
    alpha = np.zeros((visible.height_px, visible.width_px), dtype=np.uint8)
    alpha[60:180, 80:240] = 255
    hidden = visible.pixels.copy()
    hidden[alpha == 0] = 0
    assert fingerprint(replace(visible, alpha=alpha)) == fingerprint(Picture(hidden, alpha))


@given(width=st.integers(1, 70), height=st.integers(1, 70))
def test_a_picture_of_any_shape_has_sixteen_digits_or_none(width: int, height: int) -> None:
    noise = np.random.default_rng(width * 100 + height).integers(0, 255, (height, width, 3), dtype=np.uint8)
    told = fingerprint(Picture(noise))
    assert told is None or (len(told) == 16 and int(told, 16) >= 0)


def test_a_decoded_file_gives_what_its_pixels_give() -> None:
    out = io.BytesIO()
    drawn(3).save(out, "PNG")
    assert fingerprint(decode(out.getvalue())) == hashed(drawn(3))
