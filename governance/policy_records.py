"""What was decided by which rules, as it is kept: policies in force, the questions put to them, answers and refusals.

Answers are written in the transaction that acts on them, and hold the day they were asked for and the policy's digest.
So each can be asked again: of the same rules with the same answer, of other rules to see what would change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select

from governance import ledger
from governance.db import Database, insert_rows
from governance.errors import IntegrityError, UsageError
from governance.events import POLICY_SUBJECT, EventKind, NewEvent
from governance.items import reasons_list
from governance.plain_text import require_plain
from governance.policy import Permit, Policy, Refusal
from governance.policy_question import Question
from governance.question_text import question_of, text_of
from governance.tables.policies import (
    POLICIES,
    QUESTIONS,
    REFUSALS,
    VERDICTS,
    PolicyRow,
    QuestionRow,
    RefusalRow,
    VerdictRow,
)
from governance.tables.work import ITEMS, EventRow, ItemRow
from stylecore.data import Digest, Reason, canonical_json

_QUESTIONS_A_READ = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the answer that somebody is about to act on."""

    question: Question
    answer: Permit | Refusal


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of an item, and every question that was put for it: one for each style its recipe uses."""

    answer: Permit | Refusal
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An item that may not be worked on or not leave, with every reason."""

    item_id: Digest
    action: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer as it was given. ``codes`` are the rules that permitted, or the reasons of a refusal."""

    ordinal: int
    at: datetime
    item_id: Digest
    action: str
    asked_on: date
    question_digest: Digest
    policy_digest: Digest
    permitted: bool
    codes: tuple[str, ...]


def codes_of(answer: Permit | Refusal) -> tuple[str, ...]:
    if isinstance(answer, Permit):
        return answer.policy_ids
    return tuple(dict.fromkeys(reason.code for reason in answer.reasons))


def record(connection: Connection, asked: Iterable[tuple[Digest, Asked]], at: datetime) -> None:
    """The answers that items were moved by, in the transaction that moves them."""
    questions: dict[Digest, str] = {}
    rows = []
    for item_id, each in asked:
        text = text_of(each.question)
        digest = Digest.of(text.encode())
        questions[digest] = text
        rows.append(_verdict_row(item_id, each, digest, at))
    _keep_questions(connection, questions)
    insert_rows(connection, VERDICTS, rows)


def record_refusals(connection: Connection, refused: Sequence[RefusedItem], at: datetime) -> None:
    """A row for each reason. The items' own rows say for which campaign and style."""
    told = _campaigns_and_styles(connection, [each.item_id for each in refused])
    rows = []
    for each in refused:
        about = {"at": at, "item_id": each.item_id, "action": each.action, **told[each.item_id]}
        rows += [{**about, **reason} for reason in reasons_list(dict.fromkeys(each.reasons))]
    insert_rows(connection, REFUSALS, rows)


def put_in_force(db: Database, policy: Policy, actor: str) -> None:
    """The policy's whole text is kept; where another was in force before, the ledger tells of the change."""
    with db.write() as connection:
        before = _last_told(connection)
        if before == policy.digest:
            return
        event = NewEvent(
            EventKind.POLICY_CHANGED,
            require_plain(actor, "the actor"),
            POLICY_SUBJECT,
            {"from": before, "to": policy.digest},
        )
        (told,) = ledger.append(connection, [event])
        known = select(PolicyRow.digest).where(PolicyRow.digest == policy.digest)
        if connection.execute(known).first() is None:
            files = canonical_json([list(each) for each in policy.files]).decode()
            connection.execute(insert(POLICIES), {"digest": policy.digest, "files": files, "first_seen_at": told.at})


def policy_of(db: Database, digest: Digest) -> Policy:
    """A policy that was in force here, from its recorded text."""
    with db.read() as connection:
        files = connection.execute(select(PolicyRow.files).where(PolicyRow.digest == digest)).scalar_one_or_none()
    if files is None:
        raise UsageError(f"no policy {digest.short} was ever in force here", "the digest of one that was")
    policy = Policy.from_files([(str(name), str(text)) for name, text in json.loads(files)])
    if policy.digest != digest:
        raise IntegrityError(
            f"the recorded text of policy {digest.short} is that of {policy.digest.short}",
            "the text that was in force",
            "Somebody changed the records: restore the database and find out who",
        )
    return policy


def verdicts_of(db: Database, item_id: Digest) -> tuple[Verdict, ...]:
    """Every answer that this item was moved by, the oldest first."""
    wanted = select(VERDICTS).where(VerdictRow.item_id == item_id).order_by(VerdictRow.ordinal)
    with db.read() as connection:
        return tuple(_verdict(row) for row in connection.execute(wanted).mappings())


def refusals_of(db: Database, item_id: Digest) -> tuple[tuple[datetime, Reason], ...]:
    """Every reason for which this item was refused, the oldest first."""
    wanted = select(RefusalRow.at, RefusalRow.code, RefusalRow.text).where(RefusalRow.item_id == item_id)
    with db.read() as connection:
        rows = connection.execute(wanted.order_by(RefusalRow.ordinal)).tuples().all()
    return tuple((at, Reason(code, text)) for at, code, text in rows)


def page(
    db: Database, *, since: datetime, until: datetime | None, after: Verdict | None = None, limit: int = 5_000
) -> tuple[Verdict, ...]:
    """Answers in the order they were given; continue with the last one."""
    wanted = select(VERDICTS).where(VerdictRow.at >= (since if after is None else after.at))
    if until is not None:
        wanted = wanted.where(VerdictRow.at < until)
    if after is not None:
        wanted = wanted.where(or_(VerdictRow.at > after.at, VerdictRow.ordinal > after.ordinal))
    wanted = wanted.order_by(VerdictRow.at, VerdictRow.ordinal).limit(limit)
    with db.read() as connection:
        return tuple(_verdict(row) for row in connection.execute(wanted).mappings())


def questions(db: Database, wanted: Sequence[tuple[Digest, date]]) -> list[Question]:
    """The questions of these digests, each as it was asked on its day. What was changed since is refused."""
    digests = list(dict.fromkeys(digest for digest, _ in wanted))
    found: dict[Digest, str] = {}
    with db.read() as connection:
        for start in range(0, len(digests), _QUESTIONS_A_READ):
            some = digests[start : start + _QUESTIONS_A_READ]
            found.update(connection.execute(_bodies(some)).tuples().all())
    return [_checked(digest, found.get(digest), on) for digest, on in wanted]


def _bodies(digests: Sequence[Digest]) -> Select[tuple[Digest, str]]:
    return select(QuestionRow.digest, QuestionRow.body).where(QuestionRow.digest.in_(digests))


def _checked(digest: Digest, body: str | None, on: date) -> Question:
    if body is None or Digest.of(body.encode()) != digest:
        raise IntegrityError(
            f"the question {digest.short} is {'gone' if body is None else 'not what was asked'}",
            "every question as it was put",
            "Somebody changed the records: restore the database and find out who",
        )
    return question_of(body, on)


def _verdict_row(item_id: Digest, each: Asked, question: Digest, at: datetime) -> dict[str, Any]:
    return {
        "at": at,
        "item_id": item_id,
        "action": each.question.action,
        "asked_on": each.question.on,
        "question_digest": question,
        "policy_digest": each.answer.policy_digest,
        "permitted": isinstance(each.answer, Permit),
        "codes": canonical_json(list(codes_of(each.answer))).decode(),
    }


def _keep_questions(connection: Connection, questions: Mapping[Digest, str]) -> None:
    """Those that are not kept yet. The caller holds the pen, so nobody adds one in between."""
    digests = list(questions)
    known: set[Digest] = set()
    for start in range(0, len(digests), _QUESTIONS_A_READ):
        some = digests[start : start + _QUESTIONS_A_READ]
        known.update(connection.execute(select(QuestionRow.digest).where(QuestionRow.digest.in_(some))).scalars())
    new = [{"digest": digest, "body": text} for digest, text in questions.items() if digest not in known]
    insert_rows(connection, QUESTIONS, new)


def _campaigns_and_styles(connection: Connection, item_ids: Sequence[Digest]) -> dict[Digest, dict[str, str]]:
    columns = (ITEMS.c.item_id, ITEMS.c.campaign, ITEMS.c.style_name)
    rows = connection.execute(select(*columns).where(ItemRow.item_id.in_(item_ids))).tuples()
    return {item_id: {"campaign": campaign, "style_name": style} for item_id, campaign, style in rows}


def _last_told(connection: Connection) -> Digest | None:
    wanted = select(EventRow.body).where(EventRow.kind == EventKind.POLICY_CHANGED)
    body = connection.execute(wanted.order_by(EventRow.seq.desc()).limit(1)).scalar_one_or_none()
    return None if body is None else Digest(json.loads(body)["to"])


def _verdict(row: Mapping[Any, Any]) -> Verdict:
    own = {name: row[name] for name in Verdict.__slots__ if name != "codes"}
    return Verdict(**own, codes=tuple(json.loads(row["codes"])))
