"""Styles: making packages of checkpoints, pictures and other packages; the verbs for versions lie beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context, style_packages, style_versions
from flows.cli.output import console, plain, say_json

if TYPE_CHECKING:
    from registry.package import StylePackage

styles = typer.Typer(help="Make, register, measure, approve and withdraw styles.", no_args_is_help=True)

Version = Annotated[int | None, typer.Option(help="Which version; default: the newest registered one.")]

NewName = Annotated[str, typer.Option(help="What the style is to be called: lower case, digits and hyphens.")]
Title = Annotated[str, typer.Option(help="Its name for people.")]
PictureLicence = Annotated[str, typer.Option(help="Under which licence the picture may be used.")]
PictureSource = Annotated[str, typer.Option(help="Where the picture comes from.")]
Holder = Annotated[str, typer.Option(help="Who holds the rights in it.")]
NewFolder = Annotated[Path | None, typer.Option(help="The folder to make; default: one of the style's name, here.")]


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
def export_cube(
    named: Annotated[str, typer.Argument(metavar="NAME|PACKAGE", help="A registered style, or a package folder.")],
    to: Annotated[Path, typer.Option(help="The .cube file to write.")],
    style: Annotated[str | None, typer.Option(help="Which style of the package folder, if it has several.")] = None,
    size: Annotated[int | None, typer.Option(min=2, max=65, help="Points each way; default: as the grade has.")] = None,
    version: Version = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Write a colour grade as a 3D .cube file for grading programs, and say how near it is to the package."""
    from dataclasses import asdict

    from flows.export_cube import export_cube as exported
    from flows.export_cube import named_package

    package, name = named_package(context.services(), named, style, version)
    made = exported(package, name, to, size)
    if as_json:
        say_json({**asdict(made), "file": str(made.file), "package_digest": package.digest})
        return
    console.print(
        f"wrote [bold]{plain(name)}[/] with {made.size} points each way to {plain(made.file)}; its colours are within "
        f"{made.most_off:.2f} grey levels of the package's, {made.mean_off:.3f} on average"
    )
    if made.size not in made.exact_sizes:
        console.print(f"sizes that change no colour: {', '.join(map(str, made.exact_sizes))}")


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


styles.command("register")(style_versions.register)
styles.command("list")(style_versions.list_)
styles.command("show")(style_versions.show)
styles.command("evaluate")(style_versions.evaluate)
styles.command("gates")(style_versions.gates)
styles.command("approve")(style_versions.approve)
styles.command("retire")(style_versions.retire)
styles.command("revoke")(style_versions.revoke)
styles.command("rollback")(style_versions.rollback)
styles.command("relabel")(style_versions.relabel)
styles.command("serve")(style_versions.serve)
styles.command("pack")(style_packages.pack)
styles.command("inspect")(style_packages.inspect)
styles.command("diff")(style_packages.diff)
styles.command("schema")(style_packages.schema)
