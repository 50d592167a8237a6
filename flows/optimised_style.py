"""A new style package from a picture, for the family that optimises every picture.

Nothing is trained, and nothing is packed but the style picture and the settings. The feature network is the owner's;
the package pins which one it was.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.errors import UsageError
from flows.style_from_example import Example, example_pixels, picture_bytes
from registry.manifest import SLUG, StyleEntry
from registry.package import StylePackage
from registry.packing import write_package
from stylecore.optimisation.pictures import packed
from stylecore.optimisation.settings import Settings
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.measuring import Measured, measured
from stylecore.training.package_content import (
    Right,
    emptied,
    reference_digest,
    shown,
    write_previews,
    write_references,
    write_rights,
    write_weights,
)
from stylecore.training.samples import samples
from stylecore.training.task import Trained
from stylecore.weights import WeightsFolder

_CARD = """# {name}

{title}. {description}

| before | after |
|---|---|
{pictures}

## How it works

Nothing was trained. Every picture is optimised towards the style picture ({paper}), which takes seconds to minutes.

- **Style picture:** {source}; {licence}; {holder}
- **Feature network:** {features} (sha256 {features_digest}), not part of this package: place it in the weights folder.
"""


def optimised_style(
    picture: Path, example: Example, weights: WeightsFolder, out: Path, settings: Settings | None = None
) -> StylePackage:
    """Writes the new package to ``out``, which must not exist yet, and returns it as a stranger would read it."""
    if re.fullmatch(SLUG, example.name) is None:
        raise UsageError(f"a style named {example.name[:80]!a}", "lower-case letters, digits and hyphens")
    if out.exists():
        raise UsageError(f"{out} exists", "a folder to be made", "Move it away, or name another with --to.")
    reference = example_pixels(picture_bytes(picture), picture.name)
    content = packed({example.name: reference}, weights, settings)
    sources = [StyleSource(0, example.name, reference)]
    model = build(content.family, content.architecture, content.tensors, sources, weights)[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".optimised-") as temporary:
        folder = emptied(Path(temporary) / "package")
        _fill(folder, content, model, example)
        _described(folder, content, model, example, Measured({}, {}))  # checked before time is spent
        small = [shown(sample.picture) for sample in samples()]
        _described(folder, content, model, example, measured(model, small))
        folder.rename(out)
    return StylePackage.read(out)


def _fill(folder: Path, content: Trained, model: StyleModel, example: Example) -> None:
    """Everything but ``style.json``."""
    write_weights(folder, content.tensors)
    write_references(folder, content.references)
    write_previews(folder, [model], samples())
    what = f"style picture of {example.name}: {example.title}"
    right = Right(what, example.source, example.licence, example.holder, reference_digest(folder, example.name))
    write_rights(folder, [right, *(sample.right for sample in samples())])
    (folder / "CARD.md").write_text(_card(content, model, example), encoding="utf-8")


def _described(folder: Path, content: Trained, model: StyleModel, example: Example, known: Measured) -> None:
    entry = StyleEntry(
        name=example.name,
        index=0,
        title=example.title,
        description=example.description,
        reference=f"references/{example.name}.jpg",
        preview=f"previews/{example.name}.jpg",
        suggested_bounds=known.bounds(),
        measured=known.medians,
    )
    write_package(
        folder,
        package=example.name,
        family=content.family,
        architecture=content.architecture,
        styles=[entry],
        controls=model.family.controls,
        licence=example.licence,
    )


def _card(content: Trained, model: StyleModel, example: Example) -> str:
    after = (example.name, *(f"{example.name}_{sample.name}" for sample in samples()[1:]))
    rows = zip((sample.name for sample in samples()), after, strict=True)
    pictures = "\n".join(f"| ![before](previews/before_{a}.jpg) | ![after](previews/{b}.jpg) |" for a, b in rows)
    pinned = {name: content.architecture[name] for name in ("features", "features_digest")}
    return _CARD.format(pictures=pictures, paper=model.family.paper, **asdict(example), **pinned)
