"""Third-party weights for LPIPS: what is there, and bringing in what is not. restyle ships none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, table

weights = typer.Typer(help="Third-party weights: for LPIPS, training, optimisation, diffusion.", no_args_is_help=True)


@weights.command(name="list")
def list_() -> None:
    """Which weights are known, and which of them are in the weights folder, with the right digest."""
    from stylecore.weights import KNOWN_WEIGHTS, WeightsFolder

    folder = WeightsFolder(context.services().settings.weights)
    rows = (
        (name, "present" if folder.find(name) else "absent", digest.short) for name, digest in KNOWN_WEIGHTS.items()
    )
    console.print(f"weights in {plain(folder.path)}")
    table(("name", "state", "sha256"), rows)


@weights.command()
def pull(
    source: Annotated[str, typer.Option("--from", help="A folder, or the http(s) address of one: your own mirror.")],
    name: Annotated[list[str] | None, typer.Option(help="Only these; default: all that are known.")] = None,
) -> None:
    """Copy weights into the weights folder. A file whose digest is not the known one is refused."""
    from stylecore.weights import KNOWN_WEIGHTS
    from stylecore.weights import pull as pull_weights

    for path in pull_weights(source, context.services().settings.weights, tuple(name or KNOWN_WEIGHTS)):
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
    from stylecore.adoption import adopt_pipeline, adopt_vgg19

    folder = context.services().settings.weights
    if file is not None and pipeline is None:
        adopted = adopt_vgg19(file, folder)
    elif pipeline is not None and file is None:
        adopted = adopt_pipeline(pipeline, folder)
    else:
        raise UsageError("nothing to adopt, or two things", "a file, or --pipeline NAME")
    vouched = "the published file" if adopted.published else "your word for it"
    console.print(f"[green]adopted[/] {plain(adopted.path)}, sha256 {adopted.digest.short}, on {vouched}")
