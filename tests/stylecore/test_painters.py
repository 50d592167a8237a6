"""Painters of style images: the same every time, from dark to light, and one that can paint anything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stylecore.errors import StyleError
from stylecore.training.painters.base import soft
from stylecore.training.painters.paper_cut import cut_from
from stylecore.training.painters.registry import PAINTERS, style_image
from tests.stylecore.training_world import photo


@pytest.mark.parametrize("name", sorted(PAINTERS))
def test_a_style_image_is_the_same_every_time_and_spans_dark_to_light(name: str) -> None:
    image = style_image(name, 192)

    assert image.shape == (192, 192, 3)
    assert np.array_equal(image, style_image(name, 192))
    light = image.mean(axis=2)
    assert np.quantile(light, 0.02) < 90
    assert np.quantile(light, 0.98) > 160


@pytest.mark.parametrize("name", sorted(PAINTERS))
def test_another_seed_draws_another_image(name: str) -> None:
    assert not np.array_equal(style_image(name, 64), style_image(name, 64, seed=8))


def test_a_painter_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StyleError, match="painter named 'rembrandt'"):
        style_image("rembrandt")


def test_the_soft_blur_is_nearly_a_gaussian_one() -> None:
    field = np.random.default_rng(1).random((80, 90)).astype(np.float32)

    inside = np.s_[20:-20, 20:-20]
    assert np.abs(soft(field, 4.0) - gaussian_filter(field, 4.0))[inside].max() < 0.02
    assert np.allclose(soft(np.full((9, 9), 0.3, np.float32), 3.0), 0.3)


def test_a_picture_cut_from_paper_is_the_same_size_and_keeps_dark_dark() -> None:
    picture = np.asarray(photo())

    cut = cut_from(picture)

    assert cut.shape == picture.shape
    assert np.array_equal(cut, cut_from(picture))
    light, before = cut.mean(axis=2), picture.mean(axis=2)
    assert np.corrcoef(light.ravel(), before.ravel())[0, 1] > 0.7


def test_a_picture_of_one_colour_is_one_sheet_of_paper() -> None:
    assert cut_from(np.full((40, 50, 3), 128, np.uint8)).std(axis=(0, 1)).max() < 1
