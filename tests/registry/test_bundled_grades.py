"""The bundled grades: smooth where pictures are smooth, white where paper is, and small."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from registry.bundled import bundled_packages
from registry.package import StylePackage, load_style
from stylecore.colour_spaces import delta_e, to_lab
from stylecore.styles.base import StyleModel

NAMES = ("golden-hour", "nordic-light", "matte-film")


@pytest.fixture(scope="module")
def package() -> StylePackage:
    (folder,) = (folder for folder in bundled_packages() if folder.name == "grades")
    return StylePackage.read(folder)


def shown(model: StyleModel, colours: Tensor) -> Tensor:
    """M x 3 colours as the grade shows them."""
    return model.render(colours.T.reshape(1, 3, 1, -1).expand(1, 3, 16, -1))[0, :, 0].T


def test_there_are_three_grades_in_less_than_a_megabyte(package: StylePackage) -> None:
    assert {style.name for style in package.styles} == set(NAMES)
    assert package.total_bytes < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_grey_ramp_and_a_sky_show_no_bands(package: StylePackage, name: str) -> None:
    part = torch.linspace(0, 1, 256)[:, None]
    grey = part.expand(-1, 3)
    sky = part * torch.tensor([0.80, 0.89, 0.97]) + (1 - part) * torch.tensor([0.12, 0.35, 0.78])

    for gradient, most in ((grey, 1.0), (sky, 0.4)):
        after = to_lab(shown(load_style(package, name), gradient).numpy())
        assert delta_e(after[1:], after[:-1]).max() < most
        assert (np.diff(after[:, 0]) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_white_stays_white_and_neighbours_stay_neighbours(package: StylePackage, name: str) -> None:
    model = load_style(package, name)
    colours = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 0.98
    beside = colours + 1 / 255

    assert shown(model, torch.ones(16, 3)).numpy() == pytest.approx(1, abs=3 / 255)
    one, other = (to_lab(shown(model, each).numpy()) for each in (colours, beside))
    assert delta_e(one, other).max() < 2.5
