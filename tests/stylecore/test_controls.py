"""What a recipe asks of a style: honoured, or refused with the families that honour it."""

from __future__ import annotations

import pytest

from stylecore.controls import Styling, asked_of_the_family, check_controls
from stylecore.data import Recipe
from stylecore.errors import ControlError, StyleError
from stylecore.styles import build
from stylecore.styles.base import AROUND_THE_MODEL, BLEND, SEED, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.conditional import FAMILY
from tests.stylecore.sample_images import SMALL, Inverted, noise, tensors_of

NOTHING_OF_ITS_OWN = Family("plain", "does one thing", "", AROUND_THE_MODEL, exact_when_tiled=True)
EVERYTHING = Recipe(blend=(("b", 0.5),), stroke=2.0, seed=7)


def three() -> dict[str, StyleModel]:
    sources = [StyleSource(index, name, noise(96, 96)) for index, name in enumerate("abc")]
    return {model.name: model for model in build.build(FAMILY.name, SMALL.describe(), tensors_of(), sources)}


def test_what_works_around_the_model_is_asked_of_no_family() -> None:
    recipe = Recipe(strength=0.5, protect=("logo",), keep_colour="luminance", palette=("ff0000",))

    check_controls(recipe, NOTHING_OF_ITS_OWN)
    assert list(asked_of_the_family(recipe)) == []


def test_only_controls_that_are_used_are_asked_for() -> None:
    assert list(asked_of_the_family(EVERYTHING)) == [BLEND, STROKE, SEED]


@pytest.mark.parametrize(
    ("recipe", "control"),
    [(Recipe(blend=(("b", 0.5),)), BLEND), (Recipe(stroke=2.0), STROKE)],
)
def test_a_control_that_a_family_lacks_is_an_error_that_lists_the_families_that_have_it(
    recipe: Recipe, control: str
) -> None:
    with pytest.raises(StyleError, match=control) as caught:
        check_controls(recipe, NOTHING_OF_ITS_OWN)

    for name in build.FAMILIES:
        assert (name in caught.value.expected.split()) == (control in build.family(name).controls)
    assert FAMILY.name in caught.value.expected


def test_a_styling_holds_the_blend_the_brush_and_the_styles_of_regions() -> None:
    models = three()
    recipe = Recipe(blend=(("b", 0.25),), regions=(("sky", "c"),), stroke=1.5)

    styling = Styling.of(models["a"], recipe, models)

    assert styling.regions == {"sky": models["c"]}
    assert (styling.brush.stroke, styling.brush.seed) == (1.5, 0)
    assert styling.model is not models["a"]
    assert Styling.of(models["a"], Recipe()).model is models["a"]


def test_a_style_that_is_named_and_not_at_hand_is_an_error() -> None:
    with pytest.raises(ControlError, match="the style b"):
        Styling.of(Inverted(), Recipe(regions=(("sky", "b"),)))


def test_a_region_whose_family_lacks_what_is_asked_is_an_error_too() -> None:
    with pytest.raises(ControlError, match="stroke"):
        Styling.of(three()["a"], Recipe(stroke=2.0, regions=(("sky", "inverted"),)), {"inverted": Inverted()})
