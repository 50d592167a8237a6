"""Questions about licences and consents: what was published, or is live, without one that covers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from governance.events import EventKind, licence_subject
from governance.queries.output_rows import BY_TIME, COLUMNS, FILTERS, SHOWN, filters_besides, outputs, with_why
from governance.queries.paging import Leg, Selected
from governance.queries.question import Asked, AuditQuestion
from governance.tables.outputs import LIVE, WITHOUT_CONSENT, OutputRow
from governance.tables.rights import LICENCES, LicenceRow
from governance.tables.work import EVENTS, EventRow

DAYS_AHEAD = 30
_AFTER_THAT_DAY = "U"
"""``2026-03-31U`` comes after every instant of that day (``2026-03-31T…``) and before all of the next."""


@dataclass(frozen=True, slots=True)
class _Right:
    """A right that a published file rests on: how it is called, and where its id and its known end are kept."""

    name: str
    licence: InstrumentedAttribute[str]
    until: InstrumentedAttribute[Any]


_STYLE = _Right("style licence", OutputRow.style_licence, OutputRow.style_until)
_ASSET = _Right("asset licence", OutputRow.asset_licence, OutputRow.rights_until)
_CONSENT = _Right("consent", OutputRow.consent, OutputRow.consent_until)
_PUBLISHED = type_coerce(OutputRow.published_at, String)
_NEVER = "9999-12-31"
_RECORDED_END = cast(LicenceRow.valid_until, String) + _AFTER_THAT_DAY


def _published_after_end(connection: Connection, asked: Asked) -> Iterator[Leg]:
    for right in (_ASSET, _STYLE):
        yield from _after_end(right, asked)


def _after_end(right: _Right, asked: Asked) -> Iterator[Selected]:
    """By the licence on record (its end, or its withdrawal); and by the end that was known, where the record is
    silent."""
    ended = _ended_licences()
    why, licence = with_why(f"the {right.name} had "), (ended.c.licence_id,)
    recorded = (
        select(*SHOWN, why + ended.c.what, ended.c.licence_id, func.substr(ended.c.moment, 1, 10))
        .join_from(ended, OutputRow, and_(right.licence == ended.c.licence_id, ended.c.moment < _PUBLISHED))
        .where(ended.c.back >= _PUBLISHED + "")
        .where(*filters_besides(asked), *_of_licence(right, asked))
    )
    yield Selected(f"{right.name} 1", recorded, (*licence, ended.c.what, *BY_TIME))
    days = _known_ends(right)
    too_late = cast(days.c.day, String) + _AFTER_THAT_DAY
    known = (
        select(*SHOWN, why + "ended", right.licence, cast(days.c.day, String))
        .join_from(days, OutputRow, and_(right.until == days.c.day, too_late < _PUBLISHED))
        .where(*filters_besides(asked), *_of_licence(right, asked), ~_recorded_too(right))
    )
    yield Selected(f"{right.name} 2", known, BY_TIME)


def _of_licence(right: _Right, asked: Asked) -> list[Any]:
    return [] if asked.licence is None else [right.licence == asked.licence]


def _ended_licences() -> CTE:
    """Every stretch of time for which a licence did not hold, from one moment (as text) to another: since it ended, or
    since it was withdrawn and until it was recorded anew.

    Its id is an expression, so that no database begins with all files and looks up the licence of each.
    """
    again = EVENTS.alias("recorded_again")
    back = select(func.min(again.c.at)).where(
        again.c.subject == EventRow.subject, again.c.kind == EventKind.LICENCE_RECORDED, again.c.seq > EventRow.seq
    )
    by_day = select(
        (LicenceRow.licence_id + "").label("licence_id"),
        literal("ended", String).label("what"),
        _RECORDED_END.label("moment"),
        literal(_NEVER, String).label("back"),
    ).where(LicenceRow.valid_until.is_not(None))
    by_hand = select(
        func.substr(EventRow.subject, len(licence_subject("")) + 1),
        literal("been withdrawn", String),
        EventRow.at,
        func.coalesce(back.scalar_subquery(), _NEVER),
    ).where(EventRow.kind == EventKind.LICENCE_WITHDRAWN)
    return union_all(by_day, by_hand).cte("ended")


def _recorded_too(right: _Right) -> ColumnElement[bool]:
    return exists().where(LicenceRow.licence_id == right.licence, _RECORDED_END < _PUBLISHED)


def _known_ends(right: _Right) -> CTE:
    """Every day on which such a right ends: an index is leapt through from day to day, of which there are few."""
    days = select(func.min(right.until).label("day")).where(right.until.is_not(None)).cte("days", recursive=True)
    following = select(func.min(right.until)).where(right.until > days.c.day).scalar_subquery()
    return days.union_all(select(following).where(days.c.day.is_not(None)))


def _ending(connection: Connection, asked: Asked) -> Iterator[Leg]:
    for right in (_ASSET, _CONSENT, _STYLE):
        yield from _ending_right(right, asked)


def _ending_right(right: _Right, asked: Asked) -> Iterator[Leg]:
    """By the end that was known when it was published, and by the licence on record where that ends otherwise."""
    days = DAYS_AHEAD if asked.days is None else asked.days
    first = asked.on if asked.since is None else asked.since
    last = asked.on + timedelta(days=days)
    any_day = replace(asked, since=None, until=None)
    known = select(*SHOWN, with_why(right.name), right.licence, right.until).where(
        text(LIVE), *filters_besides(any_day)
    )
    known = known.where(right.until.between(first, last), *_of_licence(right, asked))
    yield Selected(f"{right.name} 1", known, (right.until, *BY_TIME))
    recorded = (
        select(*SHOWN, with_why(right.name), LicenceRow.licence_id, LicenceRow.valid_until)
        .join_from(LICENCES, OutputRow, and_(right.licence == LicenceRow.licence_id, OutputRow.state == "live"))
        .where(LicenceRow.valid_until.between(first, last), *_of_licence(right, asked))
        .where(or_(right.until.is_(None), right.until < first, right.until > last), *filters_besides(any_day))
    )
    yield Selected(f"{right.name} 2", recorded, (LicenceRow.licence_id, OutputRow.ordinal))


def _without_consent(connection: Connection, asked: Asked) -> Iterator[Leg]:
    nobody_asked = (with_why("no consent is named"), OutputRow.consent, with_why(""))
    yield Selected("1", outputs(asked, *nobody_asked, only=WITHOUT_CONSENT), BY_TIME)
    perhaps_a_person = OutputRow.shows_person.is_not(False)
    for leg in _after_end(_CONSENT, asked):
        yield replace(leg, name=f"2 {leg.name}", wanted=leg.wanted.where(perhaps_a_person))
    withdrawn = (
        select(*SHOWN, with_why("the consent was withdrawn and the file is live"), LicenceRow.licence_id, with_why(""))
        .join_from(LICENCES, OutputRow, and_(OutputRow.consent == LicenceRow.licence_id, OutputRow.state == "live"))
        .where(LicenceRow.kind == "consent", LicenceRow.state == "withdrawn", perhaps_a_person, *filters_besides(asked))
    )
    yield Selected("3", withdrawn, (LicenceRow.licence_id, OutputRow.ordinal))


RIGHTS_QUESTIONS = (
    AuditQuestion(
        1,
        "published-after-licence-ended",
        "Which files were published although the asset's or the style's licence had ended or been withdrawn?",
        (*COLUMNS, "why", "licence", "ended"),
        (*FILTERS, "licence"),
        _published_after_end,
    ),
    AuditQuestion(
        2,
        "licence-ending",
        f"Which live files rest on a licence or consent that ends soon (in {DAYS_AHEAD} days, or `days`)? "
        "`since` goes back to those that have ended.",
        (*COLUMNS, "right", "licence", "ends"),
        ("days", "at", "since", "style", "campaign", "licence"),
        _ending,
    ),
    AuditQuestion(
        10,
        "people-without-consent",
        "Which files may show a person without a consent that held when they were published, or with one withdrawn "
        "since?",
        (*COLUMNS, "why", "consent", "ended"),
        FILTERS,
        _without_consent,
    ),
)
