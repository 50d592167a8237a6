"""Had this policy been in force: which decisions of the past would have been others, and what of it is out there.

Every recorded answer is asked for again as it was asked then: with the facts, terms and purpose of that moment, on that
day. Equal questions of one day are put once, and answers are read in pages: a year takes seconds and little memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select

from governance import policy_records
from governance.db import Database
from governance.policy import Permit, Policy
from governance.policy_records import Verdict, codes_of
from governance.tables.outputs import OutputRow
from governance.tables.work import ItemRow
from stylecore.data import Digest

EXAMPLES = 20
_PAGE = 5_000
_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Turned:
    """A decision that would be another. ``codes`` are then the rules that permit, or the reasons of a refusal."""

    verdict: Verdict
    permitted: bool
    codes: tuple[str, ...]
    key: str
    live_at: str | None
    """Where the file lies that was published by it, while it does."""


@dataclass(slots=True)
class Replay:
    """What another policy would have decided. Examples are the first ones; counts are of all."""

    policy: Digest
    asked: int = 0
    now_refused: Counter[str] = field(default_factory=Counter)
    """By the reason: how many permits would be refusals. One refusal may have several reasons."""
    now_permitted: Counter[str] = field(default_factory=Counter)
    """By the reason that is gone: how many refusals would be permits."""
    refusals: int = 0
    permits: int = 0
    other_reasons: int = 0
    """Refused then and refused now, for other reasons."""
    live: int = 0
    """Published files that lie there and would have been refused."""
    live_examples: list[Turned] = field(default_factory=list)
    examples: list[Turned] = field(default_factory=list)

    def count(self, turned: Turned, is_new_output: bool) -> None:
        if turned.permitted:
            self.permits += 1
            self.now_permitted.update(turned.verdict.codes)
        else:
            self.refusals += 1
            self.now_refused.update(turned.codes)
        if is_new_output:
            self.live += 1
        shown = self.live_examples if is_new_output else self.examples
        if len(shown) < EXAMPLES:
            shown.append(turned)


def replay(db: Database, policy: Policy, since: datetime, until: datetime | None = None) -> Replay:
    """Every answer that was given from one moment to another, held against what this policy says to its question."""
    found = Replay(policy.digest)
    answers = _Answers(db, policy)
    seen_live: set[Digest] = set()
    for verdicts in _pages(db, since, until):
        found.asked += len(verdicts)
        told = answers.to(verdicts)
        turned = []
        for verdict, (permitted, codes) in zip(verdicts, told, strict=True):
            if verdict.permitted != permitted:
                turned.append((verdict, permitted, codes))
            elif not permitted and set(codes) != set(verdict.codes):
                found.other_reasons += 1
        for each in _described(db, turned):
            is_new = each.live_at is not None and each.verdict.item_id not in seen_live
            if is_new:
                seen_live.add(each.verdict.item_id)
            found.count(each, is_new)
    return found


def _pages(db: Database, since: datetime, until: datetime | None) -> Iterator[Sequence[Verdict]]:
    last: Verdict | None = None
    while verdicts := policy_records.page(db, since=since, until=until, after=last, limit=_PAGE):
        yield verdicts
        last = verdicts[-1]


_Told = tuple[bool, tuple[str, ...]]


class _Answers:
    """What the policy says to recorded questions, remembered by question and day."""

    def __init__(self, db: Database, policy: Policy) -> None:
        self._db, self._policy = db, policy
        self._remembered: dict[tuple[Digest, date], _Told] = {}

    def to(self, verdicts: Sequence[Verdict]) -> list[_Told]:
        if len(self._remembered) > _REMEMBERED:
            self._remembered = {}
        wanted = dict.fromkeys((each.question_digest, each.asked_on) for each in verdicts)
        unknown = [each for each in wanted if each not in self._remembered]
        questions = policy_records.questions(self._db, unknown)
        for asked, answer in zip(unknown, self._policy.check_many(questions), strict=True):
            self._remembered[asked] = isinstance(answer, Permit), codes_of(answer)
        return [self._remembered[each.question_digest, each.asked_on] for each in verdicts]


def _described(db: Database, turned: Sequence[tuple[Verdict, bool, tuple[str, ...]]]) -> Iterator[Turned]:
    """With the asset's key, and with the address of what is published and would be refused."""
    item_ids = sorted({verdict.item_id for verdict, _, _ in turned})
    keys: dict[Digest, str] = {}
    live: dict[Digest, str] = {}
    with db.read() as connection:
        for start in range(0, len(item_ids), 500):
            some = item_ids[start : start + 500]
            items = select(ItemRow.item_id, ItemRow.key).where(ItemRow.item_id.in_(some))
            keys.update(connection.execute(items).tuples().all())
            outputs = select(OutputRow.item_id, OutputRow.uri)
            outputs = outputs.where(OutputRow.item_id.in_(some), OutputRow.state == "live")
            live.update(connection.execute(outputs).tuples().all())
    for verdict, permitted, codes in turned:
        at = None if permitted else live.get(verdict.item_id)
        yield Turned(verdict, permitted, codes, keys.get(verdict.item_id, ""), at)
