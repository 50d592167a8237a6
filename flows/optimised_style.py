"""A new style package from a picture, for the family that optimises every picture.

Nothing is trained, and nothing is packed but the style picture and the settings. The feature network is the owner's;
the package pins which one it was.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

from flows.one_style import before_and_after, describe, fill, made_whole, refuse_taken
from flows.style_from_example import Example, example_pixels, picture_bytes, said_of
from registry.package import StylePackage
from stylecore.data import Digest
from stylecore.optimisation.pictures import packed
from stylecore.optimisation.settings import Settings
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.measuring import Measured, measured
from stylecore.training.package_content import Right, emptied, shown
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
    refuse_taken(example.name, out)
    reference = example_pixels(picture_bytes(picture), picture.name)
    content = packed({example.name: reference}, weights, settings)
    sources = [StyleSource(0, example.name, reference)]
    model = build(content.family, content.architecture, content.tensors, sources, weights)[0]
    with made_whole(out) as folder:
        fill(emptied(folder), model, content.tensors, partial(_rights, example), _card(content, model, example))
        describe(folder, said_of(example), model, content.architecture, Measured({}, {}))
        small = [shown(sample.picture) for sample in samples()]
        describe(folder, said_of(example), model, content.architecture, measured(model, small))
    return StylePackage.read(out)


def _rights(example: Example, reference: Digest) -> list[Right]:
    what = f"style picture of {example.name}: {example.title}"
    return [Right(what, example.source, example.licence, example.holder, reference)]


def _card(content: Trained, model: StyleModel, example: Example) -> str:
    pictures = before_and_after(example.name)
    pinned = {name: content.architecture[name] for name in ("features", "features_digest")}
    return _CARD.format(pictures=pictures, paper=model.family.paper, **asdict(example), **pinned)
