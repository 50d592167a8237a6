"""From a recipe to the content of a package: material, task, loop, and what is packed. One reads it from top to bottom.

Stopped anywhere, it goes on from its last checkpoint when it is run again. Weights are stored as the task gives them,
and all that is shown and measured is made with the stored ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylecore.data import Recipe
from stylecore.features import SqueezeFeatures, squeeze_features
from stylecore.image import Picture
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build, family
from stylecore.stylize import stylize
from stylecore.training.card import Made, card
from stylecore.training.early_stopping import Check, best, check, is_over
from stylecore.training.errors import TrainingError
from stylecore.training.families import has_loss_network, task_of
from stylecore.training.loop import Progress, Trainer
from stylecore.training.material_of import Gathered, gathered
from stylecore.training.measuring import Measured, measured
from stylecore.training.package_content import (
    PackageContent,
    PackedStyle,
    emptied,
    shown,
    write_previews,
    write_references,
    write_rights,
    write_weights,
)
from stylecore.training.recipe import TrainingRecipe
from stylecore.training.rights import rights_of
from stylecore.training.samples import samples
from stylecore.training.start import Start
from stylecore.training.task import Pixels, Trained
from stylecore.weights import WeightsFolder

LOSS_NETWORK = "squeezenet1_1_features"


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one style makes of the first sample photograph, along the way."""

    iteration: int
    style: str
    pixels: Pixels = field(repr=False)


Told = Callable[[Progress | Check | Sampled], None]


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a training reads and writes. ``folder``: the recipe's own; ``photos``: where the pictures of its listing
    lie, if not beside it; ``out``: the package folder to fill, with the checkpoints beside it."""

    folder: Path
    out: Path
    weights: WeightsFolder
    photos: Path | None = None

    @property
    def checkpoint(self) -> Path:
        return self.out.with_name(self.out.name + ".checkpoint.safetensors")

    @property
    def best(self) -> Path:
        return self.out.with_name(self.out.name + ".best.safetensors")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was filled, and how it went."""

    content: PackageContent
    iterations: int
    checks: tuple[Check, ...] = field(default=())


def train(
    recipe: TrainingRecipe,
    place: Workplace,
    told: Told = lambda _: None,
    start: Start | None = None,
    also_judged_by: Sequence[Picture] = (),
) -> Outcome:
    """``start`` is the package that the recipe goes on from, read by whoever knows packages. ``also_judged_by`` are
    pictures to measure the finished styles on, besides the held-out ones."""
    if (start is None) != (recipe.start_from is None):
        raise TrainingError("a package to go on from", "one where the recipe says start_from, and only there")
    # A family without a loss network never looks at these features: nobody has to place weights for it.
    squeeze = (
        squeeze_features(place.weights.load(LOSS_NETWORK)) if has_loss_network(recipe.family) else SqueezeFeatures()
    )
    given = gathered(recipe, place.folder, place.photos, squeeze, start)
    trainer = _trainer(recipe, given)
    if place.checkpoint.exists():
        trainer.load(place.checkpoint)
    checks = run(trainer, recipe, place, given.judged_by, told)
    return Outcome(_filled(recipe, place, given, trainer, checks, also_judged_by), trainer.iteration, checks)


def run(
    trainer: Trainer, recipe: TrainingRecipe, place: Workplace, judged_by: Sequence[Picture], told: Told
) -> tuple[Check, ...]:
    """To the recipe's end, or to where no check gets better; then back to the best, if that was not the last."""
    place.out.parent.mkdir(parents=True, exist_ok=True)
    patience = recipe.patience if judged_by else None
    checks = [Check(**noted) for noted in trainer.notes.get("checks", [])]
    while trainer.iteration < recipe.schedule.iterations and not (patience and is_over(checks, patience)):
        trainer.run(_next_stop(trainer.iteration, recipe), told)
        if trainer.iteration % recipe.schedule.sample_every == 0:
            _show(trainer, told)
        if patience and trainer.iteration % patience.check_every == 0:
            checks.append(check(trainer.iteration, _models(trainer.task.trained()), judged_by, patience))
            told(checks[-1])
            trainer.notes = {"checks": [each.as_dict() for each in checks]}
            if best(checks, patience) is checks[-1]:
                trainer.save(place.best)
        trainer.save(place.checkpoint)
    chosen = best(checks, patience) if patience else None
    if chosen is not None and chosen.iteration != trainer.iteration and place.best.exists():
        trainer.load(place.best)
    return tuple(checks)


def _trainer(recipe: TrainingRecipe, given: Gathered) -> Trainer:
    task, start = task_of(recipe.family, recipe.settings, given.material), given.material.start
    return Trainer(task, recipe.pace, identity=recipe.digest if start is None else f"{recipe.digest} {start.digest}")


def _next_stop(iteration: int, recipe: TrainingRecipe) -> int:
    every = [recipe.schedule.checkpoint_every, recipe.schedule.sample_every]
    if recipe.early_stopping is not None:
        every.append(recipe.early_stopping.check_every)
    return min(recipe.schedule.iterations, *(iteration + each - iteration % each for each in every))


def _show(trainer: Trainer, told: Told) -> None:
    for model in _models(trainer.task.trained()):
        picture = stylize(model, [shown(samples()[0].picture)], Recipe())[0]
        told(Sampled(trainer.iteration, model.name, picture.pixels))


def _models(trained: Trained) -> list[StyleModel]:
    sources = [StyleSource(i, name, pixels) for i, (name, pixels) in enumerate(trained.references.items())]
    return build(trained.family, trained.architecture, trained.tensors, sources)


def _filled(
    recipe: TrainingRecipe,
    place: Workplace,
    given: Gathered,
    trainer: Trainer,
    checks: tuple[Check, ...],
    also_judged_by: Sequence[Picture],
) -> PackageContent:
    trained, folder, free = trainer.task.trained(), emptied(place.out), samples()
    models = _models(trained)
    pictures = (*given.judged_by, *(sample.picture for sample in free), *also_judged_by)
    found = {model.name: measured(model, pictures) for model in models}
    write_weights(folder, trained.tensors)
    write_references(folder, trained.references)
    write_previews(folder, models, free)
    write_rights(folder, rights_of(recipe, given, folder, [sample.right for sample in free]))
    told = _described(recipe, given, trained, found)
    made = Made(recipe, given, told, trainer.iteration, checks, [each.name for each in free], len(pictures))
    (folder / "CARD.md").write_text(card(made, folder), encoding="utf-8")
    return PackageContent(
        folder=folder,
        package=recipe.package,
        family=trained.family,
        architecture=trained.architecture,
        styles=told,
        controls=family(trained.family).controls,
        licence=recipe.licence,
    )


def _described(
    recipe: TrainingRecipe, given: Gathered, trained: Trained, found: dict[str, Measured]
) -> tuple[PackedStyle, ...]:
    kept = given.material.start.styles if given.material.start is not None else ()
    words = {style.name: (style.title, style.description) for style in kept}
    words |= {style.name: (style.title, style.description) for style in recipe.styles}
    for name in trained.references:  # a family of any style may pack more examples than its recipe names
        words.setdefault(name, (name.replace("-", " ").capitalize(), recipe.description))
    return tuple(
        PackedStyle(
            name=name,
            index=index,
            title=words[name][0],
            description=words[name][1],
            reference=f"references/{name}.jpg",
            preview=f"previews/{name}.jpg",
            suggested_bounds=found[name].bounds(),
            measured=found[name].medians,
        )
        for index, name in enumerate(trained.references)
    )
