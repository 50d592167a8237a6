"""What an approval rests on: an evaluation that passed, rights in order, a second person; and the emergency door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, select

from governance import evaluations, style_sources
from governance.errors import PolicyError, UsageError
from governance.evaluations import Evaluation
from governance.events import EventKind, style_subject
from governance.names import folded
from governance.plain_text import require_plain
from governance.tables.work import EventRow
from stylecore.data import Digest, Reason, StyleRef

LONGEST_EMERGENCY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Somebody's word that a style is needed before its gates and a second person can be had: why, and how long."""

    why: str
    until: date

    def __post_init__(self) -> None:
        object.__setattr__(self, "why", require_plain(self.why, "why the glass is broken", max_chars=500))

    def require_short(self, on: date) -> None:
        if not on <= self.until <= on + LONGEST_EMERGENCY:
            last = on + LONGEST_EMERGENCY
            raise UsageError(f"an emergency until {self.until}", f"a day from {on} to {last}", "Name an earlier day.")


@dataclass(frozen=True, slots=True)
class Standard:
    """What an evaluation has to have been made with to count here: the gates and the golden pictures in force."""

    gates: Digest
    golden: Digest


@dataclass(frozen=True, slots=True)
class Basis:
    """What an approval rests on. ``set_aside`` is what did not hold and was overruled in an emergency."""

    evaluation: Evaluation | None
    set_aside: tuple[Reason, ...] = ()


class NotApprovable(PolicyError):
    """Everything that stands against an approval, at once."""

    def __init__(self, style: StyleRef, reasons: tuple[Reason, ...], next_step: str) -> None:
        self.reasons = reasons
        told = "; ".join(reason.text for reason in reasons)
        super().__init__(f"{style} cannot be approved: {told}", next_step=next_step)


def require_basis(
    connection: Connection,
    style: StyleRef,
    licence: str,
    actor: str,
    *,
    standard: Standard,
    on: date,
    emergency: BreakGlass | None,
) -> Basis:
    """What this person's approval would rest on, read in the transaction that gives it. Rights are never set aside."""
    evaluation = evaluations.newest(connection, style)
    rights = style_sources.shortcomings(connection, style, licence, on)
    rules = (*_of_the_gates(evaluation, standard), *_of_four_eyes(connection, style, actor))
    if rights or (rules and emergency is None):
        raise NotApprovable(style, (*rights, *rules), _next_step(style, (*rights, *rules)))
    return Basis(evaluation, rules)


def _of_the_gates(evaluation: Evaluation | None, standard: Standard) -> Iterator[Reason]:
    if evaluation is None:
        yield Reason("not_evaluated", "this package has not been evaluated")
    elif evaluation.gates != standard.gates:
        yield Reason("other_gates", f"its last evaluation was against other gates ({evaluation.gates.short})")
    elif evaluation.golden != standard.golden:
        yield Reason("other_golden", f"its last evaluation was on other pictures ({evaluation.golden.short})")
    elif not evaluation.passed:
        yield Reason("gates_not_passed", f"its last evaluation (number {evaluation.ordinal}) did not pass")


def _of_four_eyes(connection: Connection, style: StyleRef, actor: str) -> Iterator[Reason]:
    registrant = registered_by(connection, style)
    if registrant is None:
        yield Reason("not_registered", "the ledger does not know who registered this package")
    elif folded(registrant) == folded(actor):
        yield Reason("own_style", f"{registrant} registered it, and whoever registers a style does not approve it")


def registered_by(connection: Connection, style: StyleRef) -> str | None:
    """Who put exactly this package into the registry, by the ledger; MLflow's tag is anybody's word."""
    these = (EventRow.subject == style_subject(style), EventRow.kind == EventKind.STYLE_REGISTERED)
    told = connection.execute(select(EventRow.actor, EventRow.body).where(*these).order_by(EventRow.seq)).tuples()
    return next((who for who, body in told if json.loads(body).get("package_digest") == style.package_digest), None)


_NEXT_STEPS = {
    "not_evaluated": "`restyle styles evaluate {name} --version {version}` measures it",
    "other_gates": "`restyle styles evaluate {name} --version {version}` measures it against the gates in force",
    "other_golden": "`restyle styles evaluate {name} --version {version}` measures it on the golden pictures in force",
    "gates_not_passed": "`restyle styles show {name} --version {version}` says what did not hold",
    "not_registered": "`restyle styles register` its package here",
    "sources_unknown": "`restyle styles register` its package again",
    "own_style": "Ask another approver",
}


def _next_step(style: StyleRef, reasons: tuple[Reason, ...]) -> str:
    known = (_NEXT_STEPS[each.code] for each in reasons if each.code in _NEXT_STEPS)
    return next(known, "Put its rights in order").format(name=style.name, version=style.version)
