"""A new style package from an example picture: the same network, another reference. Nothing is trained.

The picture is somebody's file and somebody's work: it is decoded within bounds, drawn anew (so nothing hidden in the
file travels on), and packed only with its title, source, licence and holder. The package is registered and approved
like any other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from flows.errors import UsageError
from flows.one_style import Said, before_and_after, describe, made_whole, refuse_taken
from registry.package import WEIGHTS, StylePackage, weights_of
from stylecore.image import Pixels, decode
from stylecore.image_problems import Limits
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.measuring import measured
from stylecore.training.package_content import (
    Right,
    emptied,
    reference_digest,
    write_previews,
    write_references,
    write_rights,
)
from stylecore.training.samples import samples

READS_EXAMPLES = ("adaptive-instance-norm", "style-attention")
"""The families whose styles are nothing but their reference pictures."""
EXAMPLE_LIMITS = Limits(max_bytes=50_000_000, max_pixels=100_000_000)
MAX_EDGE_PX = 1024
MIN_EDGE_PX = 128

_CARD = """# {name}

{title}. {description}

| before | after |
|---|---|
{pictures}

## How it was made

Nothing was trained for this style: it was read off one example picture by the network of the package {package}
(sha256 {digest}), of which the rest of this card tells.

- **Example picture:** {source}; {licence}; {holder}

"""


@dataclass(frozen=True, slots=True)
class Example:
    """What a person says of their example picture. ``name`` becomes that of the style and of the package."""

    name: str
    title: str
    source: str
    licence: str
    holder: str
    description: str = "Read off an example picture."


def style_from_example(package: StylePackage, picture: Path, example: Example, out: Path) -> StylePackage:
    """Writes the new package to ``out``, which must not exist yet, and returns it as a stranger would read it."""
    if package.family not in READS_EXAMPLES:
        raise UsageError(
            f"{package.name} is of the family {package.family}",
            f"a package of {' or '.join(READS_EXAMPLES)}",
            "The other families learn a style by training.",
        )
    refuse_taken(example.name, out)
    reference = example_pixels(picture_bytes(picture), picture.name)
    with made_whole(out) as folder:
        style = _fill(emptied(folder), package, reference, example)
        found = measured(style, [sample.picture for sample in samples()])
        describe(folder, said_of(example), style, package.architecture, found)
    return StylePackage.read(out)


def said_of(example: Example) -> Said:
    return Said(example.name, example.title, example.description, example.licence)


def example_pixels(content: bytes, file_name: str) -> Pixels:
    """The picture, bounded in every way, opaque, and large enough to show a style."""
    picture = decode(content, EXAMPLE_LIMITS, MAX_EDGE_PX)
    if min(picture.width_px, picture.height_px) < MIN_EDGE_PX:
        raise UsageError(
            f"{file_name!a} has {picture.width_px} x {picture.height_px} px",
            f"an example of at least {MIN_EDGE_PX} px each way",
        )
    if picture.alpha is not None and int(picture.alpha.min()) < 255:
        raise UsageError(f"{file_name!a} is transparent in places", "an opaque picture", "Flatten it first.")
    return picture.pixels


def picture_bytes(picture: Path) -> bytes:
    try:
        with picture.open("rb") as file:
            return file.read(EXAMPLE_LIMITS.max_bytes + 1)
    except OSError as problem:
        raise UsageError(f"{picture} cannot be read ({problem.strerror})", "a picture of the style") from problem


def _fill(folder: Path, package: StylePackage, reference: Pixels, example: Example) -> StyleModel:
    """Everything but ``style.json``, made and shown with the reference as it is stored."""
    (folder / WEIGHTS).write_bytes(package.file(WEIGHTS))
    write_references(folder, {example.name: reference})
    stored = decode((folder / "references" / f"{example.name}.jpg").read_bytes()).pixels
    source = StyleSource(0, example.name, stored)
    model = build(package.family, package.architecture, weights_of(package), [source])[0]
    shown = samples()
    write_previews(folder, [model], shown)
    write_rights(folder, [_right_of(folder, example), *_inherited(package), *(each.right for each in shown)])
    (folder / "CARD.md").write_text(_card(package, example), encoding="utf-8")
    return model


def _right_of(folder: Path, example: Example) -> Right:
    what = f"style image of {example.name}: {example.title}"
    return Right(what, example.source, example.licence, example.holder, reference_digest(folder, example.name))


def _inherited(package: StylePackage) -> list[Right]:
    """What the network was made of; what its own styles look like and what they were shown on stays with them."""
    pictures = {package.files[style.reference] for style in package.styles}
    shown = {sample.right.what for sample in samples()}
    kept = [each for each in package.rights if each.digest not in pictures and each.what not in shown]
    return [Right(each.what, each.source, each.licence, each.holder, each.digest) for each in kept]


def _card(package: StylePackage, example: Example) -> str:
    own = _CARD.format(
        pictures=before_and_after(example.name),
        package=package.name,
        digest=package.digest,
        **asdict(example),
    )
    # The pictures of the other card lie in the other package; its headings go below ours.
    inherited = [f"#{line}" if line.startswith("#") else line for line in package.card.splitlines()]
    return own + "\n".join(line for line in inherited if "](previews/" not in line) + "\n"
