"""A new style package from an example picture: the same network, another reference. Nothing is trained.

The picture is somebody's file and somebody's work: it is decoded within bounds, drawn anew (so nothing hidden in the
file travels on), and packed only with its title, source, licence and holder. The package is registered and approved
like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.errors import UsageError
from registry.manifest import SLUG, StyleEntry
from registry.package import WEIGHTS, StylePackage, weights_of
from registry.packing import write_package
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
    if re.fullmatch(SLUG, example.name) is None:
        raise UsageError(f"a style named {example.name[:80]!a}", "lower-case letters, digits and hyphens")
    if out.exists():
        raise UsageError(f"{out} exists", "a folder to be made", "Move it away, or name another with --to.")
    reference = example_pixels(picture_bytes(picture), picture.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".example-") as temporary:
        folder = emptied(Path(temporary) / "package")
        style = _fill(folder, package, reference, example)
        write_package(
            folder,
            package=example.name,
            family=package.family,
            architecture=package.architecture,
            styles=[_entry(style, example)],
            controls=package.controls,
            licence=example.licence,
        )
        folder.rename(out)
    return StylePackage.read(out)


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
    (folder / "CARD.md").write_text(_card(package, example, [each.name for each in shown]), encoding="utf-8")
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


def _entry(model: StyleModel, example: Example) -> StyleEntry:
    found = measured(model, [sample.picture for sample in samples()])
    return StyleEntry(
        name=example.name,
        index=0,
        title=example.title,
        description=example.description,
        reference=f"references/{example.name}.jpg",
        preview=f"previews/{example.name}.jpg",
        suggested_bounds=found.bounds(),
        measured=found.medians,
    )


def _card(package: StylePackage, example: Example, shown: Sequence[str]) -> str:
    after = [example.name, *(f"{example.name}_{name}" for name in shown[1:])]
    pairs = zip(shown, after, strict=True)
    own = _CARD.format(
        pictures="\n".join(f"| ![before](previews/before_{a}.jpg) | ![after](previews/{b}.jpg) |" for a, b in pairs),
        package=package.name,
        digest=package.digest,
        **asdict(example),
    )
    # The pictures of the other card lie in the other package; its headings go below ours.
    inherited = [f"#{line}" if line.startswith("#") else line for line in package.card.splitlines()]
    return own + "\n".join(line for line in inherited if "](previews/" not in line) + "\n"
