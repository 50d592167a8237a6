"""Colour spaces and differences: the published values, from the whole range, a piece at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.interpolate import interpn

from stylecore.colour_spaces import delta_e, fractions, from_lab, levels, to_lab
from stylecore.lattice import looked_up, neutral

SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
"""The test data of Sharma, Wu & Dalal (2005), less the pair whose hues lie exactly opposite each other."""

EIGHT_BITS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3)))


def pairs() -> npt.NDArray[np.float32]:
    return np.array([line.split() for line in SHARMA.strip().splitlines()], dtype=np.float32)


def test_colour_differences_are_those_that_were_published() -> None:
    table = pairs()

    assert delta_e(table[:, :3], table[:, 3:6]) == pytest.approx(table[:, 6], abs=1e-3)


def test_colour_differences_do_not_depend_on_the_order() -> None:
    table = pairs()

    assert delta_e(table[:, :3], table[:, 3:6]) == pytest.approx(delta_e(table[:, 3:6], table[:, :3]), abs=1e-4)


def test_a_colour_is_compared_with_many_by_broadcasting() -> None:
    table = pairs()

    assert delta_e(table[:, None, :3], table[None, :, 3:6]).shape == (len(table), len(table))


@pytest.mark.parametrize(
    ("hexadecimal", "lab"),
    [("ffffff", (100, 0, 0)), ("000000", (0, 0, 0)), ("ff0000", (53.24, 80.09, 67.20)),
     ("0000ff", (32.30, 79.19, -107.86)), ("777777", (50.03, 0, 0))],
)  # fmt: skip
def test_well_known_colours_have_their_well_known_lab_values(hexadecimal: str, lab: tuple[float, ...]) -> None:
    colour = np.array(list(bytes.fromhex(hexadecimal)), dtype=np.uint8)

    assert to_lab(colour) == pytest.approx(np.array(lab), abs=0.02)


@given(EIGHT_BITS)
def test_eight_bits_survive_the_way_to_lab_and_back(picture: npt.NDArray[np.uint8]) -> None:
    lab = to_lab(picture)

    assert lab.dtype == np.float32
    assert lab.shape == picture.shape
    assert np.array_equal(levels(from_lab(lab)), picture)


def test_pictures_larger_than_a_piece_and_of_no_pixels_are_converted_too() -> None:
    large = np.random.default_rng(0).random((300, 400, 3)).astype(np.float32)

    assert np.array_equal(to_lab(large)[250:], to_lab(large[250:]))
    assert to_lab(np.empty((0, 3), np.uint8)).shape == (0, 3)
    assert delta_e(to_lab(large), np.zeros(3, np.float32)).shape == (300, 400)


@pytest.mark.filterwarnings("error")
def test_a_colour_beyond_srgb_is_clipped_without_a_word() -> None:
    beyond = np.array([[50, 0, 200], [100, 100, -100], [0, 20, 20]], dtype=np.float32)

    assert from_lab(beyond).min() >= 0
    assert from_lab(beyond).max() <= 1


def test_what_is_not_a_number_is_mid_grey_and_what_is_out_of_range_is_clipped() -> None:
    assert fractions(np.array([np.nan, -np.inf, np.inf, 0.25])).tolist() == [0.5, 0, 1, 0.25]


@given(st.integers(2, 9), arrays.arrays(np.float32, (3, 7), elements=st.floats(0, 1, width=32)))
def test_the_neutral_lattice_changes_nothing(size: int, colours: npt.NDArray[np.float32]) -> None:
    found = looked_up(neutral(size), size, torch.from_numpy(colours))

    assert found.numpy() == pytest.approx(colours.T, abs=1e-6)


def test_a_lattice_gives_what_its_nodes_hold_and_is_straight_along_its_axes() -> None:
    lattice = torch.rand(27, 4)
    nodes = neutral(3)
    between = torch.tensor([[0.25], [0.5], [1.0]])  # along red alone: on an edge, every interpolation is linear

    assert torch.allclose(looked_up(lattice, 3, nodes.T), lattice)
    expected = interpn([(0, 0.5, 1)] * 3, lattice.view(3, 3, 3, 4).numpy(), between.numpy()[::-1].T)
    assert looked_up(lattice, 3, between).numpy() == pytest.approx(expected, abs=1e-6)


def test_greys_depend_on_the_greys_of_a_lattice_alone() -> None:
    lattice = torch.rand(5**3, 3)
    diagonal = torch.arange(5) * (1 + 5 + 25)
    lattice[diagonal] = neutral(5)[diagonal]
    grey = torch.linspace(0, 1, 101).expand(3, -1)

    assert torch.allclose(looked_up(lattice, 5, grey), grey.T, atol=1e-6)


def test_neighbouring_colours_get_neighbouring_values_across_every_border_between_tetrahedra() -> None:
    lattice = torch.rand(4**3, 3, generator=torch.Generator().manual_seed(0))
    path = torch.rand(3, 50, 1, generator=torch.Generator().manual_seed(1))
    ends = torch.rand(3, 50, 1, generator=torch.Generator().manual_seed(2))
    walked = (path + (ends - path) * torch.linspace(0, 1, 1001)).reshape(3, -1)
    steps = looked_up(lattice, 4, walked).view(50, 1001, 3).diff(dim=1).abs()

    assert float(steps.max()) <= 3 * 3 * 1e-3 + 1e-5  # three cells across, of differences up to 1, along three axes
