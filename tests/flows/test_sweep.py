"""Sweeps: what may be varied, and that a sweep that was cut off goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import UsageError
from flows.sweep import Sweep, read_sweep, swept, with_values
from stylecore.training.recipe import TrainingRecipe
from stylecore.training.recipe_file import parse_recipe
from stylecore.training.run import Workplace
from stylecore.weights import WeightsFolder

WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"
RECIPE = b"""
package: tiny
family: conditional-instance-norm
description: for a test
styles:
  - name: dots
    title: Dots
    description: Dots.
    image: {drawn: risograph}
    pull: {style: 1.5}
style_image_px: 64
content: {synthetic_share: 1.0, crop_px: 64}
settings: {learning_rate: 0.002, stem_channels: 4, trunk_channels: 4, blocks: 1}
schedule: {iterations: 400}
"""


@pytest.fixture
def recipe() -> TrainingRecipe:
    return parse_recipe(RECIPE)


def sweep(**vary: object) -> Sweep:
    return Sweep.model_validate({"trials": 2, "iterations": 2, "vary": vary})


def test_a_value_deep_in_a_recipe_can_be_another(recipe: TrainingRecipe) -> None:
    changed = with_values(recipe, {"styles.0.pull.style": 2.5, "schedule.warm_up": 10, "settings.learning_rate": 0.01})

    assert changed.styles[0].pull == {"style": 2.5}
    assert (changed.schedule.warm_up, changed.settings["learning_rate"]) == (10, 0.01)
    assert recipe.styles[0].pull == {"style": 1.5}


@pytest.mark.parametrize("name", ["nothing", "styles.1.pull.style", "styles.x", "styles.0.pull.style.more", ""])
def test_a_name_that_is_not_in_the_recipe_is_told_before_any_training(
    recipe: TrainingRecipe, name: str, tmp_path: Path
) -> None:
    place = Workplace(tmp_path, tmp_path / "out", WeightsFolder(tmp_path))

    with pytest.raises(UsageError, match="the recipe has no"):
        swept(recipe, sweep(**{name: {"from": 0, "to": 1}}), place)


def test_a_value_that_makes_no_recipe_is_refused(recipe: TrainingRecipe) -> None:
    with pytest.raises(UsageError, match=r"schedule\.iterations"):
        with_values(recipe, {"schedule.iterations": 0})


@pytest.mark.parametrize(
    "text",
    [
        "trials: 0",
        "[",
        "trials: 1\niterations: 5\nvary: {}",
        "trials: 1\niterations: 5\nvary: {a: {from: 2, to: 1}}",
        "trials: 1\niterations: 5\nvary: {a: {from: 2}}",
        "trials: 1\niterations: 5\nvary: {a: {from: 0, to: 1, choices: [1]}}",
        "!!python/object/apply:os.getcwd []",
    ],
)
def test_a_sweep_file_that_cannot_be_understood_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(text)

    with pytest.raises(UsageError):
        read_sweep(tmp_path / "sweep.yaml")


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the reference weights are not beside the project")
def test_a_sweep_ends_with_the_best_first_and_goes_on_where_it_was(tmp_path: Path) -> None:
    photos = tmp_path / "photos.csv"
    names = ("coffee", "rocket")
    lines = [f"{name}.png,CC0-1.0,somebody,scikit-image" for name in names]
    photos.write_text("\n".join(["path,licence,holder,source", *lines]))
    from skimage import data, io

    for name in names:
        io.imsave(tmp_path / f"{name}.png", getattr(data, name)()[::2, ::2])
    held_out = RECIPE.replace(
        b"synthetic_share: 1.0", b"listing: photos.csv, held_out: [coffee.png], synthetic_share: 0.5"
    )
    recipe = parse_recipe(held_out)
    place = Workplace(tmp_path, tmp_path / "study", WeightsFolder(WEIGHTS))
    asked = sweep(**{"settings.learning_rate": {"from": 0.0001, "to": 0.01, "log": True}})

    first = swept(recipe, asked, place)
    again = swept(recipe, asked.model_copy(update={"trials": 3}), place)

    assert len(first) == 2
    assert first[0].worth >= first[1].worth
    assert {each.number for each in again} == {0, 1, 2}
    assert [each for each in again if each.number < 2] == [each for each in first if each.number < 2]
