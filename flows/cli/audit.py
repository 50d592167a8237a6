"""Proof: is the ledger whole, and what does this file say of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from governance.provenance.verify import FileProof

audit = typer.Typer(help="Verify the ledger, read it, and check any file.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@audit.command()
def verify(as_json: AsJson = False) -> None:
    """Walk the whole ledger, hold it against every checkpoint, and say which event is not as it was written."""
    from flows.ledger_proof import verify_ledger
    from governance.errors import IntegrityError
    from governance.ledger import Broken, Verified

    found, checkpoints = verify_ledger(context.services())
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

    services = context.services()
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
    count, last = export_bundle(context.services(), bundle, subject, first)
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

    found = ledger.page(context.services().records, subject=subject, limit=limit, newest_first=True)[::-1]
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


@audit.command()
def verify_file(
    file: Annotated[Path, typer.Argument(help="Any picture, from anywhere.")],
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A root certificate (PEM) you trust; default: this workspace's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who made this file, what from, when, in which style, and whether its bytes are intact."""
    from flows.file_proof import file_proof
    from governance.errors import IntegrityError

    proof, item_id = file_proof(context.services(), file, anchor or [])
    if as_json:
        say_json({**_as_dict(proof), "item": item_id})
    else:
        _show(file, proof, item_id)
    if not (proof.is_intact and proof.is_trusted):
        raise IntegrityError(
            f"{file.name} proves nothing: {proof.explanation}", "an intact file, signed by someone you trust"
        )


def _show(file: Path, proof: FileProof, item_id: str | None) -> None:
    good = proof.is_intact and proof.is_trusted
    console.print(
        f"[bold]{plain(file.name)}[/]: [{'green' if good else 'red'}]{proof.state}[/], {plain(proof.explanation)}"
    )
    if proof.signer is not None:
        console.print(f"signed by {plain(proof.signer.subject)}")
        if proof.signer.is_development:
            console.print("[yellow]a development identity: it proves that nothing changed, and no one's name[/]")
    for name, value in _claims(proof):
        console.print(f"  {name:<10} {plain(value)}")
    for problem in proof.problems:
        console.print(f"  [dim]{plain(problem.code)}[/] {plain(problem.text)}")
    if item_id is not None:
        console.print(f"this workspace published it: `restyle audit events --subject item:{item_id}`")


def _claims(proof: FileProof) -> list[tuple[str, str]]:
    statement = proof.statement
    if statement is None:
        return []
    review = "" if statement.review is None else f", approved by {statement.review.reviewer}"
    return [
        ("from", f"{statement.source.uri} (sha256 {statement.source.sha256.short})"),
        (
            "style",
            f"{statement.style.name} v{statement.style.version} (package {statement.style.package_sha256.short})",
        ),
        ("licence", statement.style.licence),
        ("decision", f"{statement.decision.verdict}{review}"),
        ("permit", ", ".join(statement.permit.policy_ids)),
        ("campaign", f"{statement.campaign}, run {statement.run}"),
        ("made at", f"{statement.made_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("made with", ", ".join(f"{name} {value}" for name, value in statement.pipeline.environment.items())),
    ]


def _as_dict(proof: FileProof) -> dict[str, Any]:
    return {
        "state": proof.state,
        "trusted": proof.is_trusted,
        "explanation": proof.explanation,
        "signer": None if proof.signer is None else proof.signer.subject,
        "development_identity": proof.signer is not None and proof.signer.is_development,
        "problems": [{"code": each.code, "text": each.text} for each in proof.problems],
        "statement": None if proof.statement is None else proof.statement.as_dict(),
        "statement_sha256": proof.statement_digest,
    }
