"""Train a style package from a recipe: progress here, curves and samples in MLflow, and a package in the end.

A flow like the others, so that a training can be scheduled and seen. Cut off anywhere, the same call goes on from the
last checkpoint, in the same MLflow run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow

from flows import progress
from flows.packing import packed, start_of
from flows.promote_style import register_package
from flows.settings import Settings
from flows.wiring import Services, open_services
from registry.package import StylePackage
from registry.training_runs import TrainingRun
from stylecore.training.early_stopping import Check
from stylecore.training.loop import Progress
from stylecore.training.recipe import TrainingRecipe
from stylecore.training.recipe_file import read_recipe
from stylecore.training.run import Sampled, Workplace, train
from stylecore.weights import WeightsFolder

_CURVE_EVERY = 10


@flow(name="train-style", validate_parameters=False)
def train_style(recipe: str, out: str, photos: str | None = None, register: bool = False) -> dict[str, Any]:
    """Train what the recipe file says into the folder ``out``; with ``register``, put its styles into the registry."""
    services = open_services(Settings())
    package = trained(services, Path(recipe), Path(out), None if photos is None else Path(photos))
    refs = register_package(services, package.folder, services.settings.actor) if register else ()
    return {
        "package": package.name,
        "digest": package.digest,
        "folder": str(package.folder),
        "styles": {style.name: dict(style.measured) for style in package.styles},
        "registered": [str(ref) for ref in refs],
    }


def trained(services: Services, recipe_file: Path, out: Path, photos: Path | None = None) -> StylePackage:
    """The package of this recipe, trained here and now."""
    recipe = read_recipe(recipe_file)
    start = None
    if recipe.start_from is not None:
        start = start_of(StylePackage.read(recipe_file.parent / recipe.start_from))
    place = Workplace(recipe_file.parent, out, WeightsFolder(services.settings.weights), photos)
    actor = services.settings.actor
    with services.catalogue.training(recipe.package, recipe.digest, _parameters(recipe), actor) as run:
        outcome = train(recipe, place, _Told(run, recipe.schedule.iterations), start)
        package = packed(outcome.content)
        run.package(package.folder)
    return package


@dataclass
class _Told:
    """Passes on what training tells: to whoever is at the keys, and to MLflow."""

    run: TrainingRun
    iterations: int
    _heard: int | None = None

    def __call__(self, told: Progress | Check | Sampled) -> None:
        match told:
            case Progress():
                before = told.iteration - 1 if self._heard is None else self._heard
                more = told.iteration if self._heard is None else told.iteration - before
                self._heard = told.iteration
                progress.tell("train", more, self.iterations, f"loss {told.total:.3f}")
                if told.iteration % _CURVE_EVERY == 0:
                    self.run.curve(told.iteration, {**told.losses, "loss": told.total})
            case Check():
                self.run.curve(told.iteration, {"held-out/content": told.content, "held-out/style": told.style})
            case Sampled():
                self.run.sample(told.style, told.iteration, told.pixels)


def _parameters(recipe: TrainingRecipe) -> dict[str, str]:
    """The recipe as MLflow shows parameters: one dotted name a value."""
    return dict(_flat("", recipe.model_dump(mode="json", exclude={"styles"})))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif value is not None:
        yield name, str(value)
