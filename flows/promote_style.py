"""The life of a style version: registered in MLflow, approved in the ledger, labelled for people, and withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flows.labels import APPROVED, relabel
from flows.style_rights import sources_of
from flows.wiring import Services
from governance import approval_rules, approvals, style_records
from governance.approval_rules import BreakGlass, Standard
from governance.approvals import Approval, Terms
from governance.authority import Act
from governance.db import Database
from governance.events import style_subject
from registry.package import StylePackage
from stylecore.data import StyleRef


def register_package(services: Services, folder: Path, actor: str) -> tuple[StyleRef, ...]:
    """Every style of the package as a version of its own; the ledger learns of those that are new to it, and the
    records of what they were made from."""
    package = StylePackage.read(folder)
    services.require(actor, Act.REGISTER, f"package:{package.name}")
    refs = services.catalogue.register(package, actor)
    for ref in refs:
        style_records.record_registered(services.records, ref, sources_of(package, ref.name), actor)
    return refs


def approve_style(
    services: Services,
    name: str,
    version: int | None,
    terms: Terms,
    actor: str,
    *,
    emergency: BreakGlass | None = None,
    now: datetime | None = None,
) -> Approval:
    """The approval counts; MLflow's alias, set after it, is only a label for those who look there."""
    ref = services.catalogue.find(name, version)
    _require_may_approve(services, ref, actor, emergency)
    services.catalogue.confirm(ref)
    approval = approvals.approve(
        services.records,
        ref,
        terms,
        actor,
        signer=services.note_signer,
        standard=_standard(services),
        emergency=emergency,
        now=now or datetime.now(UTC),
    )
    relabel(services.catalogue, services.records, name)
    return approval


def retire_style(services: Services, name: str, version: int, actor: str, why: str) -> Approval:
    """No longer to be used; it may be approved again."""
    return _withdrawn(services, approvals.retire, name, version, actor, why)


def revoke_style(services: Services, name: str, version: int, actor: str, why: str) -> Approval:
    """Never to be used again, from the next item on."""
    return _withdrawn(services, approvals.revoke, name, version, actor, why)


def roll_back_style(services: Services, name: str, actor: str, why: str) -> tuple[Approval, Approval]:
    """Back to the approval before: the withdrawn one, and the one that counts now."""
    services.require(actor, Act.RETIRE, f"style:{name}")
    both = approvals.roll_back(services.records, name, actor, why)
    relabel(services.catalogue, services.records, name)
    return both


def relabel_style(services: Services, name: str, actor: str) -> StyleRef | None:
    """Puts a label that somebody moved back; the version it is on now."""
    services.require(actor, Act.APPROVE, f"style:{name}")
    relabel(services.catalogue, services.records, name)
    return services.catalogue.alias(name, APPROVED)


def _require_may_approve(services: Services, ref: StyleRef, actor: str, emergency: BreakGlass | None) -> None:
    subject = style_subject(ref)
    if emergency is not None:
        services.require(actor, Act.ADMINISTER, subject)
        return
    with services.records.read() as connection:
        registrant = approval_rules.registered_by(connection, ref)
    services.require(actor, Act.APPROVE, subject, registered_by=registrant)


def _standard(services: Services) -> Standard:
    from flows.golden_set import golden_digest

    return Standard(services.gates.digest, golden_digest(services.settings.golden))


_Withdraw = Callable[[Database, str, int, str, str], Approval]


def _withdrawn(services: Services, withdraw: _Withdraw, name: str, version: int, actor: str, why: str) -> Approval:
    """The records first: a registry that does not answer keeps nobody from withdrawing."""
    services.require(actor, Act.RETIRE, f"style:{name}/{version}")
    approval = withdraw(services.records, name, version, actor, why)
    relabel(services.catalogue, services.records, name)
    return approval
