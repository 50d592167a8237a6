"""A package of the optimising family: a picture, its rights, the pinned feature network, and nothing trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from flows.errors import UsageError
from flows.optimised_style import optimised_style
from flows.style_from_example import Example
from registry.package import load_style
from stylecore import weights as weights_module
from stylecore.data import Digest, Recipe
from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.image import Picture
from stylecore.optimisation.settings import Settings
from stylecore.stylize import stylize
from stylecore.weights import WeightsFolder

EXAMPLE = Example("waves", "Waves", "painted for this test", "CC0-1.0", "Restyle")
QUICK = Settings(first_steps=1, steps=1, least_edge_px=64, most_edge_px=64)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsFolder:
    """A SqueezeNet of random numbers, which everybody knows here."""
    path = tmp_path / "weights" / "squeezenet1_1_features.safetensors"
    path.parent.mkdir()
    save_file(SqueezeFeatures().state_dict(), path)
    monkeypatch.setattr(weights_module, "KNOWN_WEIGHTS", {path.stem: Digest.of(path.read_bytes())})
    return WeightsFolder(path.parent)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 255, (150, 200, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "waves.png")
    return tmp_path / "waves.png"


def test_a_picture_becomes_a_package_that_says_what_it_needs_and_renders(
    tmp_path: Path, weights: WeightsFolder, picture: Path
) -> None:
    package = optimised_style(picture, EXAMPLE, weights, tmp_path / "waves", QUICK)

    assert (package.family, package.licence) == ("optimisation", "CC0-1.0")
    assert package.architecture["features_digest"] == weights.digest("squeezenet1_1_features")
    assert weights.digest("squeezenet1_1_features") in package.card
    assert package.rights[0].holder == "Restyle"
    before = Picture(np.full((40, 50, 3), 90, dtype=np.uint8))
    after = stylize(load_style(package, "waves", weights), [before], Recipe())[0]
    assert after.pixels.shape == before.pixels.shape


def test_the_package_does_not_load_without_the_feature_network(
    tmp_path: Path, weights: WeightsFolder, picture: Path
) -> None:
    package = optimised_style(picture, EXAMPLE, weights, tmp_path / "waves", QUICK)

    with pytest.raises(StyleError, match="restyle weights pull"):
        load_style(package, "waves", WeightsFolder(tmp_path))


def test_nothing_is_written_where_something_is(tmp_path: Path, weights: WeightsFolder, picture: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        optimised_style(picture, EXAMPLE, weights, tmp_path, QUICK)
