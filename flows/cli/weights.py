"""Third-party weights for LPIPS: what is there, and bringing in what is not. restyle ships none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

weights = typer.Typer(help="Third-party weights: for LPIPS, training, optimisation, diffusion.", no_args_is_help=True)


@weights.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """Which weights there are: bundled, placed with the right digest, or adopted; and which LPIPS is in use."""
    from flows.weights_in_use import listed_weights, lpips_in_use, lpips_in_words
    from stylecore.weights import WeightsFolder

    folder = WeightsFolder(context.services().settings.weights)
    found = listed_weights(folder)
    refused = [each for each in found if each.state == "refused"]
    backbone = None if refused else lpips_in_use(folder)
    if as_json:
        say_json({"folder": str(folder.path), "lpips": backbone, "weights": [each.as_dict() for each in found]})
        return
    console.print(f"weights in {plain(folder.path)}")
    rows = ((each.name, each.state, "" if each.digest is None else each.digest.short, each.serves) for each in found)
    table(("name", "state", "sha256", "for"), rows)
    for each in refused:
        console.print(f"[red]refused[/] {plain(each.name)}: {plain(each.problem)}")
    if not refused:
        console.print(plain(lpips_in_words(backbone)))


@weights.command()
def pull(
    source: Annotated[str, typer.Option("--from", help="A folder, or the http(s) address of one: your own mirror.")],
    name: Annotated[list[str] | None, typer.Option(help="Only these; default: all that are known.")] = None,
) -> None:
    """Copy weights into the weights folder. A file whose digest is not the known one is refused."""
    from governance.authority import Act
    from stylecore.weights import KNOWN_WEIGHTS
    from stylecore.weights import pull as pull_weights

    services = context.services()
    services.require(services.settings.actor, Act.ADMINISTER, "weights")
    for path in pull_weights(source, services.settings.weights, tuple(name or KNOWN_WEIGHTS)):
        console.print(f"[green]verified and placed[/] {plain(path)}")


@weights.command()
def adopt(
    file: Annotated[Path | None, typer.Argument(help="Torchvision's vgg19-dcbb9e9d.pth, or its convolutions.")] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="A diffusion pipeline: the name of a folder in the weights folder.")
    ] = None,
) -> None:
    """Take in weights whose digest nobody published, on your own word: they are used exactly as they are now."""
    from flows.errors import UsageError
    from governance.authority import Act
    from stylecore.adoption import adopt_pipeline, adopt_vgg19

    services = context.services()
    services.require(services.settings.actor, Act.ADMINISTER, "weights")
    folder = services.settings.weights
    if file is not None and pipeline is None:
        adopted = adopt_vgg19(file, folder)
    elif pipeline is not None and file is None:
        adopted = adopt_pipeline(pipeline, folder)
    else:
        raise UsageError("nothing to adopt, or two things", "a file, or --pipeline NAME")
    vouched = "the published file" if adopted.published else "your word for it"
    console.print(f"[green]adopted[/] {plain(adopted.path)}, sha256 {adopted.digest.short}, on {vouched}")
