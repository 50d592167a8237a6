"""Styles: what is registered, what is approved, and who says so."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from registry.package import StylePackage

styles = typer.Typer(help="Register, approve, list and withdraw styles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The style's name; `restyle styles list` shows them.")]
Version = Annotated[int | None, typer.Option(help="Which version; default: the newest registered one.")]
ThisVersion = Annotated[int, typer.Option("--version", help="Which version.")]
Why = Annotated[str, typer.Option(help="Why, for the ledger.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
Words = Annotated[list[str] | None, typer.Option(help="Repeat for several; default: any.")]

NewName = Annotated[str, typer.Option(help="What the style is to be called: lower case, digits and hyphens.")]
Title = Annotated[str, typer.Option(help="Its name for people.")]
PictureLicence = Annotated[str, typer.Option(help="Under which licence the picture may be used.")]
PictureSource = Annotated[str, typer.Option(help="Where the picture comes from.")]
Holder = Annotated[str, typer.Option(help="Who holds the rights in it.")]
NewFolder = Annotated[Path | None, typer.Option(help="The folder to make; default: one of the style's name, here.")]


@styles.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """Every registered version, and whether it is approved, on which terms and until when."""
    from flows.style_list import listed_styles

    rows = listed_styles(context.services())
    if as_json:
        say_json([row.as_dict() for row in rows])
        return
    if not rows:
        console.print("No style is registered. `restyle styles register --bundled` registers those that come along.")
        return
    table(("style", "version", "state", "package", "terms…"), (row.cells() for row in rows))


@styles.command()
def register(
    package: Annotated[Path | None, typer.Argument(help="A style package: a folder with style.json.")] = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="The packages that come with restyle.")] = False,
    by: By = None,
) -> None:
    """Put a package's styles into the registry. Registered is not approved: nothing runs before somebody says so."""
    from flows.errors import UsageError
    from flows.promote_style import register_package
    from registry.bundled import bundled_packages

    if (package is None) == (not bundled):
        raise UsageError("no package or two ways to name one", "a folder, or --bundled")
    services = context.services()
    for folder in bundled_packages() if package is None else (package,):
        for style in register_package(services, folder, by or services.settings.actor):
            console.print(f"registered [bold]{plain(style)}[/], package {style.package_digest.short}")


@styles.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A checkpoint: .safetensors, .pth, .pt or .model.")],
    name: NewName,
    title: Title,
    reference: Annotated[Path, typer.Option(help="A picture that stands for the style.")],
    licence: Annotated[str, typer.Option(help="Under which licence the checkpoint may be used.")],
    source: Annotated[str, typer.Option(help="Where the checkpoint comes from.")],
    holder: Holder,
    description: Annotated[str, typer.Option(help="What the style looks like.")] = "Trained by others and imported.",
    reference_licence: Annotated[str | None, typer.Option(help="The picture's, if another.")] = None,
    reference_source: Annotated[str | None, typer.Option(help="The picture's, if another.")] = None,
    reference_holder: Annotated[str | None, typer.Option(help="The picture's, if another.")] = None,
    to: NewFolder = None,
) -> None:
    """Make a style package of another project's checkpoint, without running anything that it holds."""
    from flows.import_checkpoint import Origin, Wanted, import_checkpoint

    origin = Origin(source, licence, holder)
    shown = Origin(reference_source or source, reference_licence or licence, reference_holder or holder)
    wanted = Wanted(name, title, description, reference, origin, shown)
    package = import_checkpoint(file, wanted, to or Path(name))
    console.print(
        f"imported [bold]{plain(name)}[/] as {package.family} into {plain(package.folder)}, "
        f"package {package.digest.short}; `restyle styles register` makes it known"
    )


@styles.command()
def import_cube(
    file: Annotated[Path, typer.Argument(help="A grade from a grading program: a 3D .cube file.")],
    name: NewName,
    title: Title,
    licence: Annotated[str, typer.Option(help="Under which licence the grade may be used.")],
    source: Annotated[str, typer.Option(help="Where the grade comes from.")],
    holder: Holder,
    description: Annotated[str, typer.Option(help="What the grade looks like.")] = "Made by others and imported.",
    to: NewFolder = None,
) -> None:
    """Make a style package of a brand's .cube file: colours change as it says, and no edge moves."""
    from flows.import_cube import WantedGrade, import_cube

    wanted = WantedGrade(name, title, description, source, licence, holder)
    made = import_cube(file, wanted, to or Path(name))
    console.print(
        f"imported [bold]{plain(name)}[/] as {made.family} into {plain(made.folder)}, package {made.digest.short}; "
        "`restyle styles register` makes it known"
    )


@styles.command()
def from_example(
    package: Annotated[Path, typer.Argument(help="A package of a family that reads styles off pictures.")],
    picture: Annotated[Path, typer.Argument(help="The picture whose style is wanted.")],
    name: NewName,
    title: Title,
    licence: PictureLicence,
    source: PictureSource,
    holder: Holder,
    description: Annotated[str, typer.Option(help="What the style looks like.")] = "Read off an example picture.",
    to: NewFolder = None,
) -> None:
    """Make a style package from an example picture, without any training."""
    from flows.style_from_example import Example, style_from_example
    from registry.package import StylePackage

    example = Example(name, title, source, licence, holder, description)
    made = style_from_example(StylePackage.read(package), picture, example, to or Path(name))
    _tell_made(name, made)


@styles.command()
def optimise_from(
    picture: Annotated[Path, typer.Argument(help="The picture whose style is wanted.")],
    name: NewName,
    title: Title,
    licence: PictureLicence,
    source: PictureSource,
    holder: Holder,
    description: Annotated[str, typer.Option(help="What the style looks like.")] = "Optimised towards one picture.",
    to: NewFolder = None,
) -> None:
    """Make a style package that optimises every picture towards one: slow, and the reference for quality."""
    from flows.optimised_style import optimised_style
    from flows.style_from_example import Example
    from stylecore.weights import WeightsFolder

    example = Example(name, title, source, licence, holder, description)
    weights = WeightsFolder(context.services().settings.weights)
    made = optimised_style(picture, example, weights, to or Path(name))
    _tell_made(name, made)


def _tell_made(name: str, made: StylePackage) -> None:
    console.print(
        f"made [bold]{plain(name)}[/] in {plain(made.folder)}, package {made.digest.short}; "
        "`restyle styles register` makes it known"
    )


To = Annotated[Path, typer.Option(help="The folder to make.")]
PackageFolder = Annotated[Path, typer.Argument(help="A style package: a folder with style.json.")]
Iterations = Annotated[int, typer.Option(min=1, help="How long the smaller network is taught.")]


@styles.command()
def quantise(package: PackageFolder, to: To) -> None:
    """Store a package's weights in eight bits, and say what that costs in the pictures; under 40 dB it is refused."""
    from flows.slimming import quantise as quantised
    from registry.package import StylePackage

    console.print(plain(quantised(StylePackage.read(package), to)))


@styles.command()
def prune(
    package: PackageFolder,
    to: To,
    keep: Annotated[float, typer.Option(min=0.05, max=1, help="The share of the channels that stays.")] = 0.6,
    iterations: Iterations = 600,
) -> None:
    """Take the channels out that carry least, and let the unpruned styles teach what is left."""
    from flows.cli.run_display import shown_progress
    from flows.slimming import Lesson
    from flows.slimming import prune as pruned
    from registry.package import StylePackage
    from stylecore.weights import WeightsFolder

    lesson = Lesson(WeightsFolder(context.services().settings.weights), iterations)
    with shown_progress():
        made = pruned(StylePackage.read(package), keep, lesson, to)
    console.print(plain(made))


@styles.command()
def distil(
    package: PackageFolder,
    to: To,
    stem_channels: Annotated[int, typer.Option(min=4, max=128)] = 16,
    trunk_channels: Annotated[int, typer.Option(min=4, max=256)] = 32,
    blocks: Annotated[int, typer.Option(min=1, max=16)] = 4,
    iterations: Iterations = 1500,
) -> None:
    """Teach a smaller network of many styles by a package of any family."""
    from flows.cli.run_display import shown_progress
    from flows.slimming import Lesson
    from flows.slimming import distil as distilled
    from registry.package import StylePackage
    from stylecore.styles.conditional import Architecture
    from stylecore.weights import WeightsFolder

    lesson = Lesson(WeightsFolder(context.services().settings.weights), iterations)
    with shown_progress():
        made = distilled(StylePackage.read(package), Architecture(stem_channels, trunk_channels, blocks), lesson, to)
    console.print(plain(made))


@styles.command()
def approve(
    name: Name,
    licence: Annotated[str, typer.Option(help="Under which licence the style may be used.")],
    holder: Annotated[str, typer.Option(help="Who holds the rights in the style.")],
    version: Version = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: no end.")] = None,
    class_: Annotated[list[str] | None, typer.Option("--class", help="Asset classes; default: any.")] = None,
    channel: Words = None,
    territory: Words = None,
    by: By = None,
) -> None:
    """Allow a style version on these terms. The approval pins the package's digest in the ledger."""
    from flows.promote_style import approve_style
    from governance.approvals import ANY, Terms

    services = context.services()
    last_day: date | None = None if until is None else until.date()
    terms = Terms(licence, holder, last_day, *(frozenset(words or [ANY]) for words in (class_, channel, territory)))
    approval = approve_style(services, name, version, terms, by or services.settings.actor)
    console.print(
        f"[green]approved[/] [bold]{plain(approval.style)}[/] by {plain(approval.approved_by)}, "
        f"package {approval.style.package_digest.short}, licence {plain(licence)}"
    )


@styles.command()
def retire(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Stop using a version; it may be approved again."""
    from governance import approvals

    services = context.services()
    approvals.retire(services.records, name, version, by or services.settings.actor, why)
    console.print(f"retired {plain(name)} v{version}")


@styles.command()
def revoke(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Forbid a version at once and for good; running shards refuse it at their next item."""
    from governance import approvals

    services = context.services()
    approvals.revoke(services.records, name, version, by or services.settings.actor, why)
    console.print(f"[red]revoked[/] {plain(name)} v{version}")
