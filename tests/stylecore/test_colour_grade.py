"""Grades: the same colour everywhere becomes the same colour, nothing moves, and hostile packages do not load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.lattice import neutral
from stylecore.styles.base import BLEND, STROKE, Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build, family
from stylecore.styles.colour_grade import FAMILY
from tests.stylecore.sample_images import noise

SIZE = 5
HOSTILE: list[Any] = [
    {}, {"styles": 1}, {"styles": 1, "size": 5, "more": 1}, {"styles": 0, "size": 5}, {"styles": 1, "size": 1},
    {"styles": 1, "size": 66}, {"styles": 1, "size": 10**12}, {"styles": 65, "size": 5}, {"styles": True, "size": 5},
    {"styles": 1, "size": 5.0}, {"styles": 1, "size": "5"},
]  # fmt: skip


def identity(size: int = SIZE) -> Tensor:
    return neutral(size).T.reshape(3, size, size, size)


def grades(*lattices: Tensor) -> list[StyleModel]:
    lut = torch.stack(list(lattices))
    sources = [StyleSource(index, f"grade-{index}", noise(32, 32)) for index in range(len(lattices))]
    return build(FAMILY.name, {"styles": len(lattices), "size": lut.shape[-1]}, {"lut": lut}, sources)


def drawn(seed: int, size: int = SIZE) -> Tensor:
    return torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(seed))


def picture(seed: int = 0, height: int = 24, width: int = 33, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_the_family_declares_what_it_is() -> None:
    assert family("colour-grade") is FAMILY
    assert FAMILY.exact_when_tiled
    assert BLEND in FAMILY.controls
    assert STROKE not in FAMILY.controls


@pytest.mark.parametrize("size", [2, 17, 33])
def test_the_neutral_grade_changes_nothing(size: int) -> None:
    batch = picture(count=2)

    assert torch.allclose(grades(identity(size))[0].render(batch), batch, atol=1e-6)


def test_each_channel_goes_where_its_axis_says() -> None:
    """A lattice that swaps red and blue: the layout of the tensor is the one that is written down."""
    batch = picture()

    swapped = grades(identity().flip(0))[0].render(batch)

    assert torch.allclose(swapped, batch.flip(1), atol=1e-6)


def test_a_lattice_that_bends_one_channel_alone_agrees_with_scipy() -> None:
    lattice = identity().clone()
    lattice[1] = (lattice[1] ** 2) * 0.8
    batch = picture()

    found = grades(lattice)[0].render(batch)[0].permute(1, 2, 0).numpy()

    axes = [np.linspace(0, 1, SIZE)] * 3
    plain = RegularGridInterpolator(axes, lattice.permute(1, 2, 3, 0).numpy())  # along one axis all methods agree
    assert found == pytest.approx(plain(batch[0].permute(1, 2, 0).numpy()[..., ::-1]), abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 99), st.integers(1, 23), st.integers(16, 32))
def test_tiles_give_the_whole_picture_bit_for_bit(seed: int, row: int, column: int) -> None:
    model, whole = grades(drawn(seed))[0], picture(seed, 48, 50)
    rendered = model.render(whole)

    tile = whole[:, :, row : row + 16, column : column + 17]

    assert torch.equal(model.render(tile), rendered[:, :, row : row + 16, column : column + 17])


def test_equal_colours_become_equal_colours_so_no_edge_can_move() -> None:
    few = picture(3, 4, 4).repeat(1, 1, 6, 6)
    text = torch.where(torch.rand(1, 1, 24, 24) > 0.5, few, few.flip(1))

    rendered = grades(drawn(4))[0].render(text)

    before, after = (each[0].flatten(1).T for each in (text, rendered))
    same_before, same_after = ((each[:, None] == each[None]).all(dim=2) for each in (before, after))
    assert bool((same_after | ~same_before).all())


def test_greys_are_as_neutral_as_the_greys_of_the_lattice() -> None:
    lattice = drawn(5)
    place = torch.arange(SIZE)
    lattice[:, place, place, place] = (torch.linspace(0, 1, SIZE) ** 1.7).expand(3, -1)
    ramp = torch.linspace(0, 1, 320).expand(1, 3, 16, 320)

    rendered = grades(lattice)[0].render(ramp)

    assert float((rendered.amax(dim=1) - rendered.amin(dim=1)).max()) < 1e-6


def test_what_is_not_a_number_or_out_of_range_becomes_a_colour() -> None:
    batch = picture()
    batch[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), 7.0])

    rendered = grades(drawn(6) * 3 - 1)[0].render(batch)

    assert bool(torch.isfinite(rendered).all())
    assert 0 <= float(rendered.min()) <= float(rendered.max()) <= 1


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    model, batch = grades(drawn(7))[0], picture(count=3)

    assert torch.equal(model.render(batch)[1:2], model.render(batch[1:2]))


def test_a_blend_is_the_mixture_of_the_graded_pictures() -> None:
    one, two, three = grades(drawn(1), drawn(2), drawn(3))
    batch = picture()

    mixed = blend(blend(one, [(two, 0.25)]), [(three, 0.4)])

    expected = 0.6 * (0.75 * one.render(batch) + 0.25 * two.render(batch)) + 0.4 * three.render(batch)
    assert torch.allclose(mixed.render(batch), expected, atol=1e-6)
    assert mixed.name == one.name


def test_grades_of_two_packages_do_not_blend() -> None:
    with pytest.raises(StyleError, match="another package"):
        blend(grades(drawn(1))[0], [(grades(drawn(1))[0], 0.5)])


def test_half_precision_is_the_same_grade_to_an_eighth_of_a_grey_level() -> None:
    batch, lattice = picture(), drawn(8)

    assert torch.allclose(grades(lattice.half())[0].render(batch), grades(lattice)[0].render(batch), atol=1 / 2040)


def test_the_brush_changes_nothing_that_a_grade_does() -> None:
    model, batch = grades(drawn(9))[0], picture()

    assert torch.equal(model.render(batch, Brush(seed=7)), model.render(batch))


def test_threads_may_share_a_grade() -> None:
    model, batches = grades(drawn(10))[0], [picture(seed) for seed in range(6)]
    expected = [model.render(batch) for batch in batches]

    with ThreadPoolExecutor(4) as pool:
        assert all(map(torch.equal, pool.map(model.render, batches), expected))


@pytest.mark.parametrize("architecture", HOSTILE)
def test_an_architecture_out_of_bounds_is_refused(architecture: Any) -> None:
    with pytest.raises(StyleError):
        build(FAMILY.name, architecture, {"lut": identity()[None]}, [StyleSource(0, "x", noise(32, 32))])


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "without lut"), ({"lut": identity()[None], "more": identity()}, "unknown"), ({"lut": identity()}, "shape"),
        ({"lut": identity(6)[None]}, "shape"), ({"lut": identity()[None].long()}, "floats"),
        ({"lut": identity()[None] / 0}, "NaN"), ({"lut": identity()[None] * 100}, "0 to 100"),
        ({"lut": identity()[None] - 5}, "-5 to -4"),
    ],
)  # fmt: skip
def test_tensors_that_are_no_lattice_are_refused(tensors: dict[str, Tensor], said: str) -> None:
    with pytest.raises(StyleError, match=said):
        build(FAMILY.name, {"styles": 1, "size": SIZE}, tensors, [StyleSource(0, "x", noise(32, 32))])


def test_a_style_beyond_the_lattices_is_refused() -> None:
    with pytest.raises(StyleError, match="index"):
        build(FAMILY.name, {"styles": 1, "size": SIZE}, {"lut": identity()[None]}, [StyleSource(1, "x", noise(8, 8))])
