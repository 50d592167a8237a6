"""What this machine can do, what is missing, and the next step for each shortfall."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json

_MARKS = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """What works here (devices, weights, services, versions, the signing identity), and what to do about the rest."""
    from dataclasses import asdict

    from flows.errors import WorkspaceError

    chosen = context.settings()
    from flows.diagnosis import diagnose

    findings = []
    for finding in diagnose(chosen):
        findings.append(finding)
        if not as_json:
            console.print(f"{_MARKS[finding.state]} [bold]{plain(finding.subject)}[/]: {plain(finding.found)}")
            if finding.next_step:
                console.print(f"     [dim]next:[/] {plain(finding.next_step)}")
    if as_json:
        say_json([asdict(finding) for finding in findings])
    bad = [finding.subject for finding in findings if finding.state == "bad"]
    if bad:
        raise WorkspaceError(f"{len(bad)} of {len(findings)} checks failed: {', '.join(bad)}")
