"""Proof of the ledger: is it whole, what does it say, and what can an auditor take along."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import audit_files, audit_proofs, audit_questions, context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from flows.wiring import Services

audit = typer.Typer(help="Verify the ledger, read it, and check any file.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@audit.command()
def verify(as_json: AsJson = False) -> None:
    """Walk the whole ledger, hold it against every checkpoint, and say which event is not as it was written."""
    from flows.ledger_proof import verify_ledger
    from governance.errors import IntegrityError
    from governance.ledger import Broken, Verified

    found, checkpoints = verify_ledger(_read("ledger"))
    if isinstance(found, Verified):
        if as_json:
            say_json({"intact": True, "events": found.count, "head": found.head, "checkpoints": checkpoints})
        else:
            held = f"and it agrees with {checkpoints} checkpoints" if checkpoints else "no checkpoint was ever taken"
            console.print(f"[green]The ledger is intact[/]: {found.count} events, head {found.head}; {held}")
        return
    seq = found.seq if isinstance(found, Broken) else found.after_seq + 1
    if as_json:
        say_json({"intact": False, "event": seq, "problem": found.what})
    raise IntegrityError(
        f"the ledger is not intact at event {seq}: {found.what}",
        "every event as it was written",
        "Restore the database from before it was changed, and find out who did",
    )


@audit.command()
def checkpoint() -> None:
    """Sign what the ledger is now, and keep the signed note outside the database."""
    from flows.ledger_proof import take_checkpoint

    services = _read("checkpoint")
    taken = take_checkpoint(services)
    console.print(
        f"[green]checkpoint[/] of {taken.size} events, root {taken.root.short}, kept in "
        f"{plain(services.settings.checkpoints.label)}"
    )


@audit.command()
def key() -> None:
    """Print the public key that signs checkpoints: give it to your auditors before they need it."""
    from flows.ledger_proof import signer

    typer.echo(str(signer(context.services()).verifier))


@audit.command()
def export(
    bundle: Annotated[Path, typer.Option("--bundle", help="The file to write; `python3 FILE` checks it anywhere.")],
    subject: Annotated[str | None, typer.Option(help="Only of this, like item:ID, run:ID, style:NAME/VERSION.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only from this day on (UTC).")] = None,
) -> None:
    """One file for an auditor: events, proofs, checkpoints, and a verifier that needs only Python."""
    from flows.ledger_proof import export_bundle

    first = None if since is None else since.replace(tzinfo=UTC)
    count, last = export_bundle(_read("bundle"), bundle, subject, first)
    console.print(
        f"[green]{count} events[/] in {plain(bundle)}, proven by the checkpoint of {last.size} events; "
        f"check it with: python3 {plain(bundle)}"
    )


@audit.command()
def events(
    subject: Annotated[str | None, typer.Option(help="Only of this, like item:ID, run:ID, style:NAME/VERSION.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
    as_json: AsJson = False,
) -> None:
    """The latest events of the ledger, the newest last."""
    from dataclasses import asdict

    from governance import ledger

    found = ledger.page(_read("events").records, subject=subject, limit=limit, newest_first=True)[::-1]
    if as_json:
        say_json([asdict(each) for each in found])
        return
    rows = ((e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind, e.actor, e.subject[:44]) for e in found)
    table(("event", "at (UTC)", "what", "who…", "of"), rows)


@audit.command()
def anchor() -> None:
    """Print the root certificate (PEM) under which this workspace's files are trusted, for other C2PA verifiers."""
    from governance.errors import UsageError

    pem = context.services().identity.anchor_pem
    if pem is None:
        raise UsageError("no anchor is known for your signing certificate", "the root it chains to, from your issuer")
    typer.echo(pem, nl=False)


def _read(what: str) -> Services:
    """The services, for somebody who may read the audit."""
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, what)
    return services


audit.command()(audit_questions.questions)
audit.command()(audit_questions.ask)
audit.command()(audit_files.verify_file)
audit.command()(audit_files.verify_outputs)
audit.command()(audit_files.trace)
audit.command()(audit_proofs.prove)
audit.command()(audit_proofs.nightly)
audit.command()(audit_proofs.serve)
