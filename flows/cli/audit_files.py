"""Proof of files: what does this file say of itself, where does it come from, is what was published still as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from flows.trace import Match, Traced
    from flows.verify_files import Checked
    from flows.verify_outputs import LookedAt
    from governance.provenance.verify import FileProof

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def verify_file(
    file: Annotated[str, typer.Argument(help="Any picture, a folder of them, or a store: s3://bucket/prefix.")],
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A root certificate (PEM) you trust; default: this workspace's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who made this file, what from, when, in which style, and whether its bytes are intact."""
    from flows.verify_files import is_single_file, verify_files
    from governance.errors import IntegrityError

    found = verify_files(context.services(), file, anchor or [])
    if is_single_file(file):
        checked = next(found)
        _say_one(checked, as_json)
        if not checked.is_good:
            raise IntegrityError(
                f"{checked.name} proves nothing: {checked.why}", "an intact file, signed by someone you trust"
            )
        return
    counts = _say_many(found, as_json)
    if bad := counts.total() - counts["good"]:
        raise IntegrityError(
            f"{bad} of {counts.total()} files prove nothing", "intact files, signed by someone you trust"
        )


def _say_one(checked: Checked, as_json: bool) -> None:
    if as_json:
        say_json(_checked_as_dict(checked))
    elif checked.proof is None:
        console.print(f"[bold]{plain(checked.name)}[/]: [red]{checked.verdict}[/], {plain(checked.why)}")
    else:
        _show(checked, checked.proof)


def _say_many(found: Iterator[Checked], as_json: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    told = []
    for each in found:
        counts[each.verdict] += 1
        if as_json:
            told.append(_checked_as_dict(each))
        elif not each.is_good:
            console.print(f"[red]{each.verdict}[/] {plain(each.name)}: {plain(each.why)}")
    if as_json:
        say_json({"files": counts.total(), "verdicts": counts, "checked": told})
    else:
        table(("verdict", "files"), sorted(counts.items()))
    return counts


def _show(checked: Checked, proof: FileProof) -> None:
    state = proof.state if checked.verdict in ("good", "untrusted") else checked.verdict
    colour = "green" if checked.is_good else "red"
    console.print(f"[bold]{plain(checked.name)}[/]: [{colour}]{state}[/], {plain(checked.why)}")
    if proof.signer is not None:
        console.print(f"signed by {plain(proof.signer.subject)}")
        if proof.signer.is_development:
            console.print("[yellow]a development identity: it proves that nothing changed, and no one's name[/]")
    for name, value in _claims(proof):
        console.print(f"  {name:<10} {plain(value)}")
    for problem in proof.problems:
        console.print(f"  [dim]{plain(problem.code)}[/] {plain(problem.text)}")
    if checked.sidecar != "none":
        console.print(f"the statement beside it: {plain(checked.sidecar)}")
    if checked.output is not None:
        told = "and the ledger tells of it" if checked.in_ledger else "[red]but the ledger does not tell of it[/]"
        console.print(
            f"this workspace published it, {told}: `restyle audit events --subject item:{checked.output.item_id}`"
        )


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


def _checked_as_dict(checked: Checked) -> dict[str, Any]:
    output = checked.output
    return {
        "file": checked.name,
        "verdict": checked.verdict,
        "why": checked.why,
        "sidecar": checked.sidecar,
        "item": None if output is None else output.item_id,
        "published_as": None if output is None else output.uri,
        "in_ledger": checked.in_ledger,
        **({} if checked.proof is None else _as_dict(checked.proof)),
    }


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


def verify_outputs(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign's files.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many: those not looked at for longest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look at what is published, where it is: is it there, is it what was signed, does it still prove it."""
    from flows.verify_outputs import verify_outputs as looked_at
    from governance.authority import Act
    from governance.errors import IntegrityError

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "outputs")
    counts: Counter[str] = Counter()
    told = []
    for each in looked_at(services, services.settings.actor, campaign=campaign, sample=sample):
        counts[each.state] += 1
        if as_json:
            told.append(_look_as_dict(each))
        elif each.state != "well":
            console.print(f"[red]{each.state}[/] {plain(each.output.uri)}: {plain(each.why)}")
    if as_json:
        say_json({"files": counts.total(), "found": counts, "looked_at": told})
    elif not counts:
        console.print("Nothing is published.")
    else:
        table(("found", "files"), sorted(counts.items()))
    if bad := counts.total() - counts["well"]:
        raise IntegrityError(f"{bad} of {counts.total()} published files are not as they left", "every one as it left")


def _look_as_dict(each: LookedAt) -> dict[str, Any]:
    output, look = each.output, each.look
    return {
        "item": output.item_id,
        "uri": output.uri,
        "state": each.state,
        "why": each.why,
        "sha256": output.output_digest,
        "found_sha256": None if look is None else look.digest,
        "credentials": None if look is None else look.credentials,
    }


def trace(file: Annotated[Path, typer.Argument(help="Any picture, from anywhere.")], as_json: AsJson = False) -> None:
    """Where a picture comes from: by its bytes, its credentials, or its looks; and the whole story behind it."""
    from flows.trace import trace as traced
    from flows.verify_files import content_of
    from governance.authority import Act
    from governance.errors import UsageError

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "trace")
    found = traced(services, content_of(file))
    if as_json:
        say_json(found.as_dict())
    else:
        _show_traced(file, found)
    if not found.matches:
        raise UsageError(
            f"nothing that was published here is like {file.name}", "a picture of ours", "Ask another workspace"
        )


def _show_traced(file: Path, found: Traced) -> None:
    if not found.matches:
        return
    console.print(f"[bold]{plain(file.name)}[/] was found by its [bold]{found.how}[/]")
    for match in found.matches:
        _show_match(match)


def _show_match(match: Match) -> None:
    lineage, item = match.lineage, match.lineage.item
    far = "" if match.distance is None else f", {match.distance} of 64 bits apart"
    state = item.state if lineage.output is None or lineage.output.is_live else lineage.output.state
    console.print(f"\n[bold]{match.what}[/]{far}: item {item.item_id} ([bold]{state}[/])")
    for name, value in _story(match):
        console.print(f"  {name:<14} {plain(value)}")


def _story(match: Match) -> Iterator[tuple[str, str]]:
    lineage, item, output = match.lineage, match.lineage.item, match.lineage.output
    yield "asset", f"{item.ref.uri} (sha256 {item.asset_digest.short}, class {item.asset_class})"
    yield "style", f"{item.style} (package {item.style.package_digest.short})"
    for source in lineage.made_from:
        yield "made from", f"{source.role}: {source.title}, {source.licence}, {source.holder}"
    if lineage.approval is not None:
        yield "licence", f"{lineage.approval.terms.licence_id} of {lineage.approval.terms.licence_holder}"
    yield "purpose", f"{item.channel}, {item.territory}"
    yield from lineage.people.items()
    if output is not None:
        yield "policy", output.policy_digest.short
        yield "published as", f"{output.uri} on {output.published_at:%Y-%m-%d}"
        if output.recall_id is not None:
            yield "recalled", f"by recall {output.recall_id}"
    yield "events", f"{len(lineage.events)}: `restyle audit events --subject item:{item.item_id}`"
