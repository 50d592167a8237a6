"""The zoo: endless, repeatable, varied, and never a picture that shows nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.training import style_zoo
from stylecore.training.material import StyleImage
from stylecore.training.style_zoo import StyleZoo, invented
from stylecore.training.zoo.fields import cells, palette, ranked, tones
from stylecore.training.zoo.textures import TEXTURES
from stylecore.training.zoo_lessons import (
    ZooLessons,
    ZooSettings,
    packed_references,
    transfer_losses,
    zoo_for,
)
from tests.stylecore.test_adaptive import material


def test_a_picture_is_a_pure_function_of_seed_and_number() -> None:
    one, same, other = (StyleZoo(seed, 64, painted_share=0.0) for seed in (1, 1, 2))
    one.picture(0)  # what came before must not matter

    assert np.array_equal(one.picture(5), same.picture(5))
    assert not np.array_equal(one.picture(5), other.picture(5))
    assert not np.array_equal(one.picture(5), one.picture(6))


@pytest.mark.parametrize("texture", sorted(TEXTURES))
def test_every_texture_paints_a_square_that_shows_something(texture: str) -> None:
    for seed in range(3):
        picture = invented(96, texture, np.random.default_rng(seed))

        assert picture.shape == (96, 96, 3)
        assert picture.dtype == np.uint8
        dark, light = np.quantile(picture.mean(axis=2), (0.02, 0.98))
        assert light - dark > 50


def test_given_pictures_and_painters_have_their_share() -> None:
    given = np.zeros((200, 150, 3), np.uint8)
    given[..., 0] = 255

    always = StyleZoo(3, 64, (given,), painted_share=0.0, given_share=1.0)
    never = StyleZoo(3, 64, (given,), painted_share=0.0, given_share=0.0)

    assert all(np.ptp(always.picture(i).reshape(-1, 3), axis=0).max() == 0 for i in range(4))
    assert all(np.ptp(never.picture(i)) > 0 for i in range(4))


def test_a_painter_s_picture_comes_in_variations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_zoo, "_PAINTERS", ("risograph",))  # the others take seconds
    zoo = StyleZoo(3, 64, painted_share=1.0)

    assert not np.array_equal(zoo.picture(0), zoo.picture(1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_palette_goes_from_dark_to_light_within_range(seed: int) -> None:
    colours = palette(np.random.default_rng(seed))

    assert 3 <= len(colours) <= 8
    assert colours.min() >= 0
    assert colours.max() <= 1
    assert colours[-1].mean() - colours[0].mean() > 0.3


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_ranking_makes_every_tone_equally_common_and_keeps_the_order(seed: int) -> None:
    tone = tones(96, np.random.default_rng(seed))
    heights = np.sort(np.random.default_rng(seed).normal(size=(96, 96)).astype(np.float32), axis=None)

    assert np.allclose(np.quantile(tone, (0.25, 0.5, 0.75)), (0.25, 0.5, 0.75), atol=0.08)
    assert (np.diff(ranked(heights.reshape(96, 96)).ravel()) >= 0).all()


def test_cells_are_those_of_the_nearest_site() -> None:
    """A pixel in the middle of a cell is far from its border, and labels change only where the border is near."""
    found = cells(60, 12.0, np.random.default_rng(0))

    changes = found.label[:, 1:] != found.label[:, :-1]
    assert changes.any()
    assert found.border_px[:, 1:][changes].max() < 1.5
    assert found.border_px.min() >= 0


def test_a_picture_that_is_its_own_style_has_no_style_loss_and_content_itself_no_content_loss() -> None:
    given = material()
    lesson = ZooLessons(StyleZoo(4, 64, painted_share=0.0), 2, given, batch=2, seen_px=48).at(0)

    as_style = transfer_losses(lesson.styles, lesson, given.features)
    as_content = transfer_losses(lesson.content, lesson, given.features)

    assert float(as_style["style"]) == pytest.approx(0.02**0.5, rel=0.02)
    assert float(as_style["palette"]) < float(as_content["palette"])
    for name in ("content", "structure"):
        assert float(as_content[name]) == pytest.approx(0, abs=1e-5)
        assert float(as_style[name]) > 1e-3


def test_a_lesson_shows_a_section_of_the_style_it_measures_by() -> None:
    lesson = ZooLessons(StyleZoo(4, 64, painted_share=0.0), 3, material(), batch=2, seen_px=48).at(1)

    for seen, style in zip(lesson.seen, lesson.styles, strict=True):
        windows = style.unfold(1, 48, 1).unfold(2, 48, 1)
        assert any(torch.equal(seen, windows[:, y, x]) for y in range(17) for x in range(17))


def test_styles_that_are_packed_are_not_learnt_from() -> None:
    red, blue = (np.full((80, 80, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    given = material((StyleImage("red", red), StyleImage("blue", blue)))

    one = ZooSettings(packed=("red",))
    assert [picture.tolist()[0][0] for picture in zoo_for(one, given).given] == [[0, 0, 255]]
    assert list(packed_references(one, given)) == ["red"]
    assert list(packed_references(ZooSettings(), given)) == ["red", "blue"]
