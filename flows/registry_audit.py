"""Does the style registry still hold what was approved, and is what was approved still what was signed?"""

from __future__ import annotations

from collections.abc import Iterator

from flows.diagnosis import Finding
from flows.labels import moved_label
from flows.wiring import Services
from governance import approvals
from governance.approvals import Approval
from stylecore.data import RestyleError

_SUBJECT = "style registry"


def registry_findings(services: Services) -> Iterator[Finding]:
    """Everything that is amiss, each thing by itself. What is found is in the ledger once, not once a night."""
    in_force = approvals.all_current(services.records)
    for approval in in_force:
        yield from _of_approval(services, approval)
    known = set(services.catalogue.names())
    for name in sorted(known):
        told = moved_label(services.catalogue, services.records, name, services.settings.actor)
        if told is not None:
            step = f"find out who moved it; `restyle styles relabel {name}` puts it back"
            yield Finding(_SUBJECT, "bad", f"{name}: {told}", step)


def _of_approval(services: Services, approval: Approval) -> Iterator[Finding]:
    for check in (services.require_signed, services.require_unchanged):
        try:
            check(approval)
        except RestyleError as problem:
            yield Finding(_SUBJECT, "bad", f"{approval.style}: {problem.got}", problem.next_step)
