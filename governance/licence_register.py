"""The register of licences and consents: what holds now is in the table, what was said before is in the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, select, update

from governance import ledger
from governance.db import Database, insert_rows
from governance.errors import PolicyError, UsageError
from governance.events import EventKind, NewEvent, licence_subject
from governance.licences import MAX_VALUE_CHARS
from governance.plain_text import made_plain, require_plain
from governance.tables.base import Row
from governance.tables.rights import LICENCES, LicenceRow
from stylecore.data import Digest, canonical_json

ANY = frozenset({"*"})
"""All classes, all channels or all territories."""

MAX_WORDS = 200
MAX_WORD_CHARS = 64
_AT_ONCE = 500
_KEPT_APART = frozenset("|,;")
"""What divides words in files, so that it can be in none of them."""


class LicenceKind(StrEnum):
    STYLE = "style"
    PICTURE = "picture"
    TRAINING = "training"
    CONSENT = "consent"
    """Of a person who can be recognised; the holder is that person."""


class LicenceState(StrEnum):
    IN_FORCE = "in force"
    WITHDRAWN = "withdrawn"
    """For good: what is agreed anew gets an id of its own."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What somebody allows, from when to when, for what and where. ``None``: not said, or, for a day, no end."""

    licence_id: str
    kind: LicenceKind
    holder: str
    evidence: str = ""
    """Where the document is kept; its digest tells which text it is."""
    evidence_digest: Digest | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    asset_classes: frozenset[str] = ANY
    channels: frozenset[str] = ANY
    territories: frozenset[str] = ANY
    exclusive: bool = False
    derivatives: bool | None = None
    ai_training: bool | None = None
    attribution: str = ""
    state: LicenceState = LicenceState.IN_FORCE

    def __post_init__(self) -> None:
        self._keep("licence_id", require_plain(self.licence_id, "the licence's id"))
        self._keep("holder", require_plain(self.holder, "the holder"))
        for name in ("evidence", "attribution"):
            text = require_plain(getattr(self, name), f"the {name}", max_chars=MAX_VALUE_CHARS, may_be_empty=True)
            self._keep(name, text)
        self._keep("asset_classes", _words("asset_classes", (word.lower() for word in self.asset_classes)))
        for name in ("channels", "territories"):
            self._keep(name, _words(name, getattr(self, name)))
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise UsageError(f"a licence that ends on {self.valid_until}", f"a day from {self.valid_from} on")

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def is_in_force(self) -> bool:
        return self.state is LicenceState.IN_FORCE


_FIELDS = tuple(each.name for each in fields(Licence))
_SETS = ("asset_classes", "channels", "territories")


@dataclass(frozen=True, slots=True)
class Entry:
    """A licence as it stands in the register, and who wrote it there."""

    licence: Licence
    recorded_by: str
    recorded_at: datetime

    def _set(self, name: str, text: str) -> None:
        """Without the blanks around it: they would make two licences of one."""
        object.__setattr__(self, name, text)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording came to, in numbers."""

    new: int
    changed: int
    same: int


class AlreadyWithdrawn(PolicyError):
    """Licences that were withdrawn cannot be recorded again under the same ids."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = frozenset(ids)
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        named = ", ".join(made_plain(each, 60) for each in ids[:5])
        super().__init__(
            f"{named}{more}: withdrawn", "a licence that was not", "Record what was agreed anew under an id of its own"
        )


def record(db: Database, licences: Sequence[Licence], actor: str, *, now: datetime | None = None) -> Recorded:
    """Puts them on record, or what they say now in place of what they said: all of them, or none.

    The same again changes and records nothing.
    """
    actor, at = require_plain(actor, "who records it"), now or datetime.now(UTC)
    by_id = {each.licence_id: each for each in licences}
    if len(by_id) < len(licences):
        raise UsageError("one licence several times", "each id once")
    with db.write() as connection:
        before = _named(connection, by_id)
        differing = [each for each in licences if before.get(each.licence_id) != each]
        if revived := [each.licence_id for each in differing if _is_withdrawn(before.get(each.licence_id))]:
            raise AlreadyWithdrawn(revived)
        known = [each.licence_id for each in differing if each.licence_id in before]
        for some in _chunks(known):
            connection.execute(delete(LICENCES).where(LicenceRow.licence_id.in_(some)))
        insert_rows(connection, LICENCES, [_row(each, actor, at) for each in differing])
        events = (event for each in differing for event in _events(each, before.get(each.licence_id), actor))
        ledger.append(connection, list(events), at=at)
    return Recorded(len(differing) - len(known), len(known), len(licences) - len(differing))


def withdraw(db: Database, licence_id: str, actor: str, why: str) -> Entry:
    """From now on it allows nothing. What was published under it can be found with a recall."""
    actor, why = require_plain(actor, "who withdraws it"), require_plain(why, "the reason", max_chars=500)
    with db.write() as connection:
        before = _entry_of(connection, licence_id).licence
        if not before.is_in_force:
            raise PolicyError(f"the licence {before.licence_id} was withdrawn before", "one in force")
        this = update(LICENCES).where(LicenceRow.licence_id == before.licence_id)
        connection.execute(this.values(state=str(LicenceState.WITHDRAWN)))
        subject = licence_subject(before.licence_id)
        ledger.append(connection, [NewEvent(EventKind.LICENCE_WITHDRAWN, actor, subject, {"why": why})])
        return _entry_of(connection, licence_id)


def get(db: Database, licence_id: str) -> Entry:
    with db.read() as connection:
        return _entry_of(connection, licence_id)


def named(db: Database, ids: Collection[str]) -> Mapping[str, Licence]:
    """Those of these licences that are on record: one read for a page of pictures."""
    if not ids:
        return {}
    with db.read() as connection:
        return _named(connection, ids)


def entries(db: Database, *, kind: LicenceKind | None = None, holder: str | None = None) -> Iterator[Entry]:
    """The register by ids, a page at a time."""
    wanted = select(LICENCES).order_by(LicenceRow.licence_id).limit(_AT_ONCE)
    if kind is not None:
        wanted = wanted.where(LicenceRow.kind == kind)
    if holder is not None:
        wanted = wanted.where(LicenceRow.holder == holder)
    after = ""
    while True:
        with db.read() as connection:
            page = connection.execute(wanted.where(LicenceRow.licence_id > after)).mappings().all()
        yield from map(_entry, page)
        if len(page) < _AT_ONCE:
            return
        after = page[-1]["licence_id"]


def expiring(db: Database, first: date, last: date) -> tuple[Entry, ...]:
    """What is in force and ends in these days, the soonest first."""
    wanted = select(LICENCES).where(
        LicenceRow.valid_until.between(first, last), LicenceRow.state == LicenceState.IN_FORCE
    )
    with db.read() as connection:
        found = connection.execute(wanted.order_by(LicenceRow.valid_until, LicenceRow.licence_id)).mappings()
        return tuple(map(_entry, found))


def warnings(licence: Licence, today: date) -> Iterator[str]:
    """What somebody who reads it should mind."""
    if not licence.is_in_force:
        yield "it was withdrawn and allows nothing"
    elif licence.valid_until is not None and licence.valid_until < today:
        yield f"it ended on {licence.valid_until}"
    if licence.valid_from is not None and today < licence.valid_from:
        yield f"it only begins on {licence.valid_from}"
    if licence.exclusive and licence.kind is LicenceKind.STYLE:
        where = f"{_named_or_any('channel', licence.channels)} in {_named_or_any('territory', licence.territories)}"
        yield f"it is exclusive for {where}; beyond that the holder may license the style to others"
    if licence.evidence_digest is None:
        yield "no document was recorded as evidence"


def told(licence: Licence) -> dict[str, Any]:
    """All that a licence says, as JSON knows it."""
    return {name: _told(getattr(licence, name)) for name in _FIELDS}


def _told(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return sorted(value) if isinstance(value, frozenset) else value


def _words(name: str, words: Iterable[str]) -> frozenset[str]:
    kept = frozenset(require_plain(word, f"one of {name}", max_chars=MAX_WORD_CHARS) for word in words)
    if not 0 < len(kept) <= MAX_WORDS:
        raise UsageError(f"{len(kept)} {name}", f'1 to {MAX_WORDS}, or "*" for any')
    for word in kept:
        if _KEPT_APART.intersection(word) or ("*" in word and word != "*"):
            raise UsageError(f"{word!a} as one of {name}", 'a word without | , ; and *, or "*" alone for any')
    return ANY if "*" in kept else kept


def _named_or_any(what: str, words: frozenset[str]) -> str:
    return f"any {what}" if words == ANY else ", ".join(sorted(words))


def _is_withdrawn(licence: Licence | None) -> bool:
    return licence is not None and not licence.is_in_force


def _events(licence: Licence, before: Licence | None, actor: str) -> Iterator[NewEvent]:
    subject, now = licence_subject(licence.licence_id), told(licence)
    then = {} if before is None else {name: said for name, said in told(before).items() if said != now[name]}
    if then != {"state": LicenceState.IN_FORCE}:
        yield NewEvent(EventKind.LICENCE_RECORDED, actor, subject, {**now, **({"before": then} if then else {})})
    if not licence.is_in_force:
        yield NewEvent(EventKind.LICENCE_WITHDRAWN, actor, subject, {"why": "recorded as withdrawn"})


def _entry_of(connection: Connection, licence_id: str) -> Entry:
    found = connection.execute(select(LICENCES).where(LicenceRow.licence_id == licence_id)).mappings().one_or_none()
    if found is None:
        raise UsageError(
            f"no licence {made_plain(licence_id, 80)!a}", "one on record", "`restyle licence list` shows them"
        )
    return _entry(found)


def _named(connection: Connection, ids: Iterable[str]) -> dict[str, Licence]:
    return {
        row["licence_id"]: _licence(row)
        for some in _chunks(ids)
        for row in connection.execute(select(LICENCES).where(LicenceRow.licence_id.in_(some))).mappings()
    }


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _row(licence: Licence, actor: str, at: datetime) -> Row:
    said = {name: getattr(licence, name) for name in _FIELDS}
    sets = {name: _words_json(said[name]) for name in _SETS}
    words = {"kind": str(licence.kind), "state": str(licence.state)}
    return {**said, **sets, **words, "recorded_by": actor, "recorded_at": at}


@lru_cache(maxsize=1024)
def _words_json(words: frozenset[str]) -> str:
    """Thousands of licences cover the same few channels."""
    return canonical_json(sorted(words)).decode()


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(_licence(row), row["recorded_by"], row["recorded_at"])


def _licence(row: Mapping[Any, Any]) -> Licence:
    said = {name: row[name] for name in _FIELDS}
    sets = {name: frozenset(json.loads(row[name])) for name in _SETS}
    return Licence(**{**said, **sets, "kind": LicenceKind(row["kind"]), "state": LicenceState(row["state"])})
