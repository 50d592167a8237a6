"""The demonstration, told as it happens."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, table

if TYPE_CHECKING:
    from flows.demo.story import Result

_HOME = Path(".restyle-demo")


def demo(
    keep: Annotated[Path | None, typer.Option(help="Put the workspace there (default: .restyle-demo).")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier demonstration there and start over.")
    ] = False,
) -> None:
    """Restyle a small library from end to end: real registry, real policy, real flow, signed files, a report."""
    home = keep or _HOME
    if fresh and (home / "library").is_dir() and (home / "ledger.db").is_file():
        shutil.rmtree(home)
    context.use_home(home)
    services = context.services_with_room()
    from flows.demo.story import CAMPAIGN_FILE, prepare, results

    again = (services.settings.workspace / CAMPAIGN_FILE).exists()
    console.print(
        "[bold]restyle demo[/]: "
        + ("the same library once more" if again else "a brand library, restyled under policy")
    )
    for told in prepare(services):
        console.print(f"[dim]·[/] {plain(told)}")
    from flows.campaign_file import read_campaign
    from flows.cli.run_display import run_with_progress

    campaign_file = services.settings.workspace / CAMPAIGN_FILE
    summary = run_with_progress(read_campaign(campaign_file))
    if not summary["plan"]["new"] and not summary["plan"]["refused_new"]:
        console.print("[bold]Nothing new to plan[/]: every asset is known, nothing was done twice.")
    ended = results(services)
    table(("asset…", "outcome", "why…"), ((each.key, each.outcome, each.why) for each in ended))
    console.print(f"\nThe contact sheet: [bold]{plain(summary['report'])}[/]")
    _next_steps(home, ended)


def _program() -> str:
    """How the reader can call us: by name where the name is found, else by the path that was called."""
    called = Path(sys.argv[0])
    return called.name if shutil.which(called.name) == str(called) else os.path.relpath(called)


def _next_steps(home: Path, ended: list[Result]) -> None:
    here = f"{_program()} --home {shlex.quote(str(home))}"
    refused = next((each for each in ended if each.outcome == "refused by policy"), None)
    published = next((each for each in ended if each.output is not None), None)
    console.print("\nTry next:")
    console.print(f"  {here} review list")
    if published is not None and published.output is not None:
        console.print(f"  {here} audit verify-file {shlex.quote(str(published.output))}", soft_wrap=True)
    if refused is not None:
        asset = shlex.quote(str(home / "library" / refused.key))
        console.print(f"  {here} policy explain {asset} --style {refused.style}", soft_wrap=True)
