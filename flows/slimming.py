"""Smaller versions of a package: weights in eight bits, channels pruned away, or a student taught by its styles.

What comes out is a package of the same styles, to be registered as further versions of them. What it cost in the
pictures is measured against the package it came from, told, and written into its card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from flows import progress
from flows.errors import UsageError
from flows.one_style import refuse_existing
from registry.manifest import StyleEntry
from registry.package import WEIGHTS, StylePackage, load_styles, weights_of
from registry.packing import write_package
from stylecore.features import squeeze_features
from stylecore.fidelity import Fidelity, fidelity
from stylecore.quantisation import quantised
from stylecore.styles import conditional
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.build import family as family_of
from stylecore.training.content import ContentSampler
from stylecore.training.distil import DistilTask
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.measuring import measured
from stylecore.training.package_content import emptied, write_previews, write_weights
from stylecore.training.pruning import pruned
from stylecore.training.rounding import cost
from stylecore.training.run import LOSS_NETWORK
from stylecore.training.samples import samples
from stylecore.training.tasks.conditional import Settings
from stylecore.weights import WeightsFolder

_CROP_PX = 160


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a smaller network is taught: on invented pictures, so that nobody else has rights in what it saw."""

    weights: WeightsFolder
    iterations: int = 600
    learning_rate: float = 1e-3
    seed: int = 20


@dataclass(frozen=True, slots=True)
class Slimmed:
    """The smaller package, and how near its pictures are to those of the package it came from."""

    package: StylePackage
    fidelity: Fidelity
    bytes_before: int
    bytes_after: int

    def __str__(self) -> str:
        before, after = self.bytes_before / 1000, self.bytes_after / 1000
        return f"weights of {after:.0f} kB instead of {before:.0f} kB, {self.fidelity}"


def quantise(package: StylePackage, out: Path) -> Slimmed:
    """The same network with its kernels in eight bits. Under 40 dB it is refused."""
    refuse_existing(out)
    tensors = weights_of(package)
    sources = [StyleSource(style.index, style.name, model.reference) for style, model in _models(package)]

    def built(weights: Mapping[str, Tensor]) -> list[StyleModel]:
        return build(package.family, package.architecture, weights, sources)

    found = cost(built, tensors, [sample.picture for sample in samples()])
    told = f"Its kernels are stored in eight bits, with a scale for each channel ({found.fidelity})."
    return _packed(package, out, package.architecture, quantised(tensors), told)


def prune(package: StylePackage, keep: float, lesson: Lesson, out: Path) -> Slimmed:
    """Without the channels that carry least, then taught for a while by the styles as they were."""
    _refuse_other_family(package, "pruning")
    before = conditional.Architecture.parse(package.architecture)
    cut = pruned(before, weights_of(package), keep)
    told = f"Pruned to {keep:.0%} of its channels, and taught by the unpruned styles."
    return _taught(package, cut.architecture, lesson, out, told, cut.tensors)


def distil(package: StylePackage, student: conditional.Architecture, lesson: Lesson, out: Path) -> Slimmed:
    """A new, smaller network of many styles, taught by a package of any family."""
    told = f"A student of the family {conditional.FAMILY.name}, taught by {package.name} ({package.family})."
    return _taught(package, student, lesson, out, told)


def _taught(
    package: StylePackage,
    student: conditional.Architecture,
    lesson: Lesson,
    out: Path,
    told: str,
    start: Mapping[str, Tensor] | None = None,
) -> Slimmed:
    refuse_existing(out)
    teachers = [model for _, model in _models(package)]
    settings = Settings(student.stem_channels, student.trunk_channels, student.blocks, lesson.learning_rate)
    content = ContentSampler([], _CROP_PX, 1.0, lesson.seed)
    features = squeeze_features(lesson.weights.load(LOSS_NETWORK))
    trainer = Trainer(
        DistilTask(settings, teachers, content, features, lesson.seed, start), Schedule(lesson.iterations)
    )
    trainer.run(
        lesson.iterations,
        lambda at: progress.tell("train", 1, lesson.iterations, f"loss {at.total:.3f}"),
    )
    trained = trainer.task.trained()
    return _packed(package, out, trained.architecture, trained.tensors, told, conditional.FAMILY.name)


def _packed(
    package: StylePackage,
    out: Path,
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    told: str,
    family: str | None = None,
) -> Slimmed:
    before = _models(package)
    pictures = [sample.picture for sample in samples()]
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".slimmed-") as temporary:
        folder = emptied(Path(temporary) / "package")
        _copy_what_stays(package, folder)
        write_weights(folder, tensors)
        # A student has its styles in this order; other weights are those of the package they came from.
        entries = [replace(entry, index=place) if family else entry for place, (entry, _) in enumerate(before)]

        def described(entries: list[StyleEntry]) -> StylePackage:
            return write_package(
                folder,
                package=package.name,
                family=family or package.family,
                architecture=architecture,
                styles=entries,
                controls=family_of(family or package.family).controls,
                licence=package.licence,
            )

        models = load_styles(described(entries), [entry.name for entry in entries])
        near = fidelity([model for _, model in before], models, pictures)
        write_previews(folder, models, samples())
        card = f"{package.card.rstrip()}\n\n## Made smaller\n\nFrom the package {package.digest}. {told}\n"
        (folder / "CARD.md").write_text(f"{card}Against it: {near}.\n", encoding="utf-8")
        described([_measured(entry, model) for entry, model in zip(entries, models, strict=True)])
        folder.rename(out)
    made = StylePackage.read(out)
    return Slimmed(made, near, _weight(package), _weight(made))


def _copy_what_stays(package: StylePackage, folder: Path) -> None:
    (folder / "rights.json").write_bytes(package.file("rights.json"))
    for name in package.files:
        if name.startswith(("references/", "previews/")):
            (folder / name).write_bytes(package.file(name))
    (folder / "CARD.md").write_text(package.card, encoding="utf-8")


def _measured(entry: StyleEntry, model: StyleModel) -> StyleEntry:
    found = measured(model, [sample.picture for sample in samples()])
    return replace(entry, measured=found.medians, suggested_bounds=found.bounds())


def _models(package: StylePackage) -> list[tuple[StyleEntry, StyleModel]]:
    entries = sorted(package.styles, key=lambda entry: entry.index)
    return list(zip(entries, load_styles(package, [entry.name for entry in entries]), strict=True))


def _weight(package: StylePackage) -> int:
    return (package.folder / WEIGHTS).stat().st_size


def _refuse_other_family(package: StylePackage, doing: str) -> None:
    if package.family != conditional.FAMILY.name:
        raise UsageError(
            f"{doing} of {package.name}, which is of the family {package.family}",
            f"a package of {conditional.FAMILY.name}",
            "`restyle styles distil` makes a smaller student of any family.",
        )
