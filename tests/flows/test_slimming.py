"""Smaller packages of the same styles: what they cost is measured, told, and written on their card."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import UsageError
from flows.slimming import Lesson, distil, prune, quantise
from registry.package import StylePackage, load_style
from stylecore.errors import StyleError
from stylecore.styles.conditional import Architecture
from stylecore.weights import WeightsFolder

BUNDLED = Path(__file__).parents[2] / "registry" / "bundled"
WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the reference weights are not beside the project")


@pytest.fixture(scope="module")
def grades() -> StylePackage:
    return StylePackage.read(BUNDLED / "grades")


@pytest.mark.slow
def test_eight_bit_weights_make_a_package_of_the_same_styles_at_half_the_size(tmp_path: Path) -> None:
    atelier = StylePackage.read(BUNDLED / "atelier")

    made = quantise(atelier, tmp_path / "smaller")

    assert made.bytes_after < 0.6 * made.bytes_before
    assert made.fidelity.worst_db >= 40
    assert [style.name for style in made.package.styles] == [style.name for style in atelier.styles]
    assert "eight bits" in made.package.card
    assert f"From the package {atelier.digest}" in made.package.card
    assert load_style(made.package, "risograph").name == "risograph"


@pytest.mark.slow
@needs_weights
def test_a_student_of_any_family_is_a_package_of_the_styles_that_taught_it(
    grades: StylePackage, tmp_path: Path
) -> None:
    made = distil(grades, Architecture(4, 4, 1), Lesson(WeightsFolder(WEIGHTS), iterations=3), tmp_path / "student")

    assert made.package.family == "conditional-instance-norm"
    assert [style.name for style in made.package.styles] == [style.name for style in grades.styles]
    assert "taught by grades (colour-grade)" in made.package.card


def test_only_the_network_of_many_styles_can_be_pruned(grades: StylePackage, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="styles distil"):
        prune(grades, 0.5, Lesson(WeightsFolder(tmp_path)), tmp_path / "pruned")


@pytest.mark.slow
def test_a_folder_that_exists_is_not_overwritten(grades: StylePackage, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    with pytest.raises((UsageError, StyleError), match="exists"):
        quantise(grades, tmp_path / "there")
