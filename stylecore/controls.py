"""What a recipe asks of a style: checked against what its family honours, and resolved to the models that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from stylecore.data import Recipe
from stylecore.errors import ControlError
from stylecore.styles import build
from stylecore.styles.base import BLEND, SEED, STROKE, Brush, Family, StyleModel, blend


def asked_of_the_family(recipe: Recipe) -> Iterator[str]:
    """The controls in use that a family may lack. All others work around the model, so every family honours them."""
    if recipe.blend:
        yield BLEND
    if recipe.stroke != 1.0:
        yield STROKE
    if recipe.seed != 0:
        yield SEED


def check_controls(recipe: Recipe, family: Family) -> None:
    """A recipe that asks for a control which the family does not have is an error that lists the families that do."""
    for control in asked_of_the_family(recipe):
        if control not in family.controls:
            able = [name for name in build.FAMILIES if control in build.family(name).controls]
            raise ControlError(
                f"the recipe asks for {control}, which styles of the family {family.name} do not have",
                f"a style of {' or '.join(able) or 'a family that restyle does not have yet'}",
                f"Choose such a style, or leave {control} out of the campaign.",
            )


@dataclass(frozen=True, slots=True)
class Styling:
    """The models that one recipe needs, built once for a run: the style (or the blend) itself, and those of regions."""

    model: StyleModel
    brush: Brush = field(default_factory=Brush)
    regions: Mapping[str, StyleModel] = field(default_factory=dict)
    """By kind of zone."""

    @classmethod
    def of(cls, model: StyleModel, recipe: Recipe, further: Mapping[str, StyleModel] | None = None) -> Self:
        """``further``: the other styles that the recipe names, by their names."""
        check_controls(recipe, model.family)
        others = further or {}
        missing = [name for name in recipe.further_styles if name not in others]
        if missing:
            raise ControlError(f"a recipe that needs the style {missing[0]}", "every style of the recipe at hand")
        regions = {kind: others[name] for kind, name in recipe.regions}
        for other in regions.values():
            check_controls(recipe, other.family)
        mixed = blend(model, [(others[name], weight) for name, weight in recipe.blend])
        return cls(mixed, Brush(recipe.stroke, recipe.seed), regions)
