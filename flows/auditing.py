"""The night's audit: is the ledger whole, is what is out there still what left, and what will soon need somebody.

Each look is by itself: one that breaks is a finding, and the others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from flows.diagnosis import Finding
from flows.ledger_proof import take_checkpoint
from flows.recalling import HELD, affected
from flows.signing import expiry_warning
from flows.verify_outputs import verify_outputs
from flows.wiring import Services
from governance import ending_rights, legal_holds, recalls
from stylecore.data import RestyleError, canonical_json

SOON = timedelta(days=30)
SAMPLE = 200
_NAMED = 5
"""How many of many are named in a finding; the questions of the audit list them all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one audit found. ``bad`` needs somebody now, ``note`` soon."""

    at: datetime
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        return all(each.state != "bad" for each in self.findings)

    def as_dict(self) -> dict[str, Any]:
        at = self.at.isoformat(timespec="seconds")
        return {"at": at, "well": self.is_well, "findings": [asdict(each) for each in self.findings]}

    @property
    def text(self) -> str:
        """For people, a line a finding."""
        lines = [f"restyle audit of {self.at:%Y-%m-%d %H:%M} UTC: {'well' if self.is_well else 'SOMETHING IS WRONG'}"]
        for each in self.findings:
            lines.append(f"{each.state:<5}{each.subject}: {each.found}")
            lines += [f"     next: {each.next_step}"] if each.next_step else []
        return "\n".join(lines) + "\n"


def audit(services: Services, actor: str, *, now: datetime | None = None, sample: int = SAMPLE) -> Report:
    """Everything that is looked at every night. The report is kept in the workspace, as JSON and as text."""
    at = now or datetime.now(UTC)
    looks: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("ledger", partial(_ledger, services)),
        ("published files", partial(_published, services, actor, sample)),
        ("rights", partial(_rights, services, at.date())),
        ("signing", partial(_signing, services, at)),
        ("recalls", partial(_recalls, services)),
        ("legal holds", partial(_legal_holds, services, at.date())),
        ("style registry", partial(_registry, services)),
    )
    report = Report(at, tuple(found for subject, look in looks for found in _attempted(subject, look)))
    _keep(services.settings.workspace / "audits", report)
    return report


def _attempted(subject: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except RestyleError as problem:
        yield Finding(subject, "bad", str(problem), problem.next_step)
    except Exception as problem:
        yield Finding(subject, "bad", f"it could not be looked at ({type(problem).__name__}: {problem})")


def _keep(folder: Path, report: Report) -> None:
    """A second audit of one minute replaces the first."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{report.at:%Y-%m-%dT%H%MZ}"
    (folder / f"{name}.json").write_bytes(canonical_json(report.as_dict()) + b"\n")
    (folder / f"{name}.txt").write_text(report.text, encoding="utf-8")


def _ledger(services: Services) -> Iterator[Finding]:
    """Taking a checkpoint walks the whole ledger and holds it against every checkpoint before."""
    taken = take_checkpoint(services)
    yield Finding("ledger", "ok", f"{taken.size} events, as they were written; checkpoint {taken.root.short}")


def _published(services: Services, actor: str, sample: int) -> Iterator[Finding]:
    states: Counter[str] = Counter()
    amiss: list[str] = []
    for each in verify_outputs(services, actor, sample=sample):
        states[each.state] += 1
        if each.state != "well" and len(amiss) < _NAMED:
            amiss.append(f"{each.output.uri} ({each.state})")
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "nothing is published"
    if amiss:
        step = "`restyle audit verify-outputs` looks at all of them"
        yield Finding("published files", "bad", f"{told}: {'; '.join(amiss)}", step)
    else:
        yield Finding("published files", "ok", told)


def _rights(services: Services, today: date) -> Iterator[Finding]:
    ended = ending_rights.ended(services.records, today)
    for what, count in ended.items():
        step = "recall them with `restyle recall`, or record the licence's renewal"
        yield Finding("rights", "bad", f"{count} live files rest on what has ended: {what}", step)
    ending = ending_rights.ending(services.records, today, today + SOON)
    for each in islice(ending, _NAMED):
        yield Finding("rights", "note", f"{each.what} ends on {each.on:%Y-%m-%d}", "renew it, or stop using it")
    if len(ending) > _NAMED:
        yield Finding("rights", "note", f"{len(ending) - _NAMED} more end by {today + SOON:%Y-%m-%d}")
    if not ended and not ending:
        yield Finding("rights", "ok", f"nothing ends until {today + SOON:%Y-%m-%d}")


def _signing(services: Services, now: datetime) -> Iterator[Finding]:
    warning = expiry_warning(services.identity, now)
    if warning is not None:
        yield Finding("signing", "note", warning, "renew the certificate")
    else:
        yield Finding("signing", "ok", f"valid until {services.identity.expires_on:%Y-%m-%d}")


def _recalls(services: Services) -> Iterator[Finding]:
    """Also one that has ended: a file may have been on its way out while it was ordered."""
    standing = [each for each in recalls.every(services.records) if each.is_in_force]
    for recall in standing:
        states = Counter(each.state for each in affected(services, recall.scope, recall.of))
        step = f"`restyle recall --recall {recall.recall_id} --apply` goes on with it"
        if left := states.total() - states[HELD]:
            yield Finding("recalls", "bad", f"{recall}: {left} files are still live", step)
        elif states[HELD]:
            yield Finding("recalls", "note", f"{recall}: {states[HELD]} files wait for a legal hold to end", step)
    if not standing:
        yield Finding("recalls", "ok", "none is in force")


def _legal_holds(services: Services, today: date) -> Iterator[Finding]:
    due = [each for each in legal_holds.every(services.records) if each.review_on and each.review_on <= today]
    for each in due[:_NAMED]:
        told = f"{each.hold_id} was to be looked at again on {each.review_on}: {each.why}"
        yield Finding("legal holds", "note", told, "`restyle hold list`")
    if not due:
        yield Finding("legal holds", "ok", "none is to be looked at again")


def _registry(services: Services) -> Iterator[Finding]:
    from flows.registry_audit import registry_findings

    found = tuple(registry_findings(services))
    yield from found or (Finding("style registry", "ok", "as it was approved"),)
