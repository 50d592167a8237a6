"""Proof of single events, and the audit that runs every night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json

_MARKS = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}


def prove(
    event: Annotated[int, typer.Argument(min=1, help="The number of the event.")],
    to: Annotated[Path | None, typer.Option(help="The file to write; default: event-NUMBER.zip, here.")] = None,
) -> None:
    """One event, with proof that it is in the ledger of the newest checkpoint: `python3 FILE` checks it anywhere."""
    from flows.ledger_proof import prove_event
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "prove")
    path = to or Path(f"event-{event}.zip")
    last = prove_event(services, event, path)
    console.print(
        f"[green]event {event}[/] in {plain(path)}, proven by the checkpoint of {last.size} events; "
        f"check it with: python3 {plain(path)}"
    )


def nightly(
    sample: Annotated[int, typer.Option(min=1, help="How many published files to look at.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Is the ledger whole, is what is out there still what left, what ends soon. Exit code 1 if something is wrong."""
    from flows.auditing import audit as audited
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "audit")
    report = audited(services, services.settings.actor, sample=sample)
    if as_json:
        say_json(report.as_dict())
    else:
        for each in report.findings:
            console.print(f"{_MARKS[each.state]} [bold]{plain(each.subject)}[/]: {plain(each.found)}")
            if each.next_step:
                console.print(f"     [dim]next:[/] {plain(each.next_step)}")
    if not report.is_well:
        raise typer.Exit(1)


def serve(
    cron: Annotated[str, typer.Option(help="When to audit, as cron says it.")] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="In which time zone, such as Europe/Berlin.")] = "UTC",
) -> None:
    """Audit every night until stopped, and offer recalls to Prefect's own pages."""
    from flows.deployments import serve_audits
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "audit")
    serve_audits(services.settings, cron, timezone)
