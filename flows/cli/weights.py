"""Third-party weights for LPIPS: what is there, and bringing in what is not. restyle ships none of them."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, table

weights = typer.Typer(help="Backbone weights that the LPIPS score needs.", no_args_is_help=True)


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
