"""Training: from a recipe to a style package, and labelled datasets restyled for whoever trains other networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

RecipeFile = Annotated[Path, typer.Argument(help="A training recipe in YAML; docs/training.md explains it.")]
Out = Annotated[Path, typer.Option(help="The package folder to fill; checkpoints lie beside it.")]
Photos = Annotated[Path | None, typer.Option(help="Where the listed pictures lie; default: beside the recipe.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def train(
    recipe: RecipeFile,
    out: Out,
    photos: Photos = None,
    register: Annotated[bool, typer.Option("--register", help="Put its styles into the registry at the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a style package. Stopped anywhere, the same call goes on from the last checkpoint."""
    context.services_with_room()
    from flows.cli.run_display import shown_progress
    from flows.fan_out import reachable_prefect
    from flows.settings import Settings
    from flows.train_style import train_style

    with shown_progress(quiet=as_json), reachable_prefect(Settings()):
        told: dict[str, Any] = train_style(str(recipe), str(out), None if photos is None else str(photos), register)
    if as_json:
        say_json(told)
        return
    console.print(f"[green]trained[/] [bold]{plain(told['package'])}[/] in {plain(told['folder'])}")
    rows = ((name, *(f"{found.get(score, 0):.2f}" for score in _SHOWN)) for name, found in told["styles"].items())
    table(("style", *_SHOWN), rows)
    for ref in told["registered"]:
        console.print(f"registered [bold]{plain(ref)}[/]")
    if not told["registered"]:
        console.print(f"`restyle styles register {plain(told['folder'])}` registers it.")


def sweep(
    recipe: RecipeFile,
    sweep_file: Annotated[Path, typer.Argument(help="What to vary: trials, iterations, and ranges by dotted name.")],
    out: Annotated[Path, typer.Option(help="A folder for the study and its trials.")],
    photos: Photos = None,
    as_json: AsJson = False,
) -> None:
    """Train a recipe with other numbers, briefly and often, and say which did best on held-out pictures."""
    from flows.sweep import read_sweep, swept
    from stylecore.training.recipe_file import read_recipe
    from stylecore.training.run import Workplace
    from stylecore.weights import WeightsFolder

    services = context.services_with_room()
    place = Workplace(recipe.parent, out, WeightsFolder(services.settings.weights), photos)
    trials = swept(read_recipe(recipe), read_sweep(sweep_file), place)
    if as_json:
        say_json([{"trial": each.number, "worth": each.worth, "values": dict(each.values)} for each in trials])
        return
    names = list(trials[0].values)
    rows = ((each.number, f"{each.worth:.3f}", *(_shown(each.values[name]) for name in names)) for each in trials)
    table(("trial", "worth", *names), rows)


def dataset(
    pictures: Annotated[Path, typer.Argument(help="The dataset's pictures: class folders, or what --coco names.")],
    out: Annotated[Path, typer.Argument(help="The folder of the new dataset.")],
    rights: Annotated[Path, typer.Option(help="CSV: path, licence, holder, source, consent of every picture.")],
    style: Annotated[list[str], typer.Option(help="An approved style; repeat for several.")],
    coco: Annotated[Path | None, typer.Option(help="COCO annotations of the pictures.")] = None,
    copies: Annotated[int, typer.Option(min=1, help="In how many of the styles each picture is made.")] = 1,
    strength: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed gives the pictures other styles.")] = 0,
) -> None:
    """Restyle a labelled dataset; its classes, boxes and masks stay true."""
    from collections import Counter

    from rich.progress import track

    from flows.cli.output import errors
    from flows.restyle_dataset import DatasetRequest, restyle_dataset
    from governance.authority import Act
    from stylecore.labelled.base import LabelledSet
    from stylecore.labelled.coco import Coco
    from stylecore.labelled.folder_classes import FolderClasses
    from stylecore.labelled.restyled import LeftOut

    services = context.services_with_room()
    services.require(services.settings.actor, Act.APPLY, "dataset")
    labelled: LabelledSet = FolderClasses.read(pictures) if coco is None else Coco.read(coco, pictures)
    asked = DatasetRequest(tuple(dict.fromkeys(style)), copies, strength, seed)
    results = restyle_dataset(services, labelled, rights, out, asked)
    total = len(labelled.pictures) * copies
    left_out = [each for each in track(results, "restyling", total, console=errors) if isinstance(each, LeftOut)]
    console.print(f"[green]{total - len(left_out) * copies} pictures[/] with their labels in {plain(out)}")
    for code, number in Counter(each.reason.code for each in left_out).most_common():
        example = next(each for each in left_out if each.reason.code == code)
        console.print(f"  [yellow]{number} left out[/]: {plain(example.reason.text)}")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_SHOWN = ("style_gap_closed", "ssim_eighth", "ssim_quarter")
