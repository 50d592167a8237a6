"""Keys: the certificates that files were signed with here, and the keys that checkpoints were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from governance.certificates import Known

keys = typer.Typer(help="Certificates and keys that were used here, and their revocation.", no_args_is_help=True)


@keys.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """Every certificate and key that was used here: since when, until when, for how many files."""
    from dataclasses import asdict

    from governance import certificates
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "keys")
    known = certificates.all_used(services.records)
    if as_json:
        say_json([asdict(each) for each in known])
    elif not known:
        console.print("Nothing was signed here yet.")
    else:
        now = datetime.now(UTC)
        table(("fingerprint", "for", "subject…", "used since", "stands…", "files"), (_row(each, now) for each in known))


def _row(each: Known, now: datetime) -> tuple[object, ...]:
    own = each.certificate
    return (
        own.fingerprint[:16],
        own.purpose,
        own.subject,
        f"{each.first_used_at:%Y-%m-%d}",
        _stands(each, now),
        each.outputs,
    )


def _stands(each: Known, now: datetime) -> str:
    if each.revoked_at is not None:
        return f"revoked on {each.revoked_at:%Y-%m-%d}: {each.revoked_why}"
    ends = each.certificate.not_after
    if ends is None:
        return "in use"
    return f"{'expired' if ends < now else 'valid until'} {ends:%Y-%m-%d}"


@keys.command()
def revoke(
    fingerprint: Annotated[str, typer.Argument(help="Its fingerprint, or the beginning; `restyle keys list`.")],
    why: Annotated[str, typer.Option(help="Why, for the ledger.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")] = None,
) -> None:
    """Sign nothing with it any more. Tell its issuer as well: verifiers elsewhere only know what the issuer says."""
    from governance import certificates
    from governance.authority import Act
    from governance.events import certificate_subject

    services = context.services()
    actor = by or services.settings.actor
    services.require(actor, Act.ADMINISTER, certificate_subject(fingerprint.strip().lower()[:64]))
    known = certificates.revoke(services.records, fingerprint, actor, why)
    console.print(
        f"[red]revoked[/] {known.certificate.fingerprint[:16]} ({plain(known.certificate.subject)}); "
        f"{known.outputs} published files were signed with it"
    )
