"""Questions about styles: what they were made of, who let them in, what was made with them, what falls with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from governance.events import EventKind
from governance.queries.evidence import evidence
from governance.queries.output_rows import BY_ORDINAL, BY_TIME, COLUMNS, FILTERS, outputs, with_why
from governance.queries.paging import Column, Leg, Selected
from governance.queries.question import Asked, AuditQuestion, WantedStyle
from governance.recall_reach import Reach, Scope, checked, reach_of
from governance.tables.outputs import OutputRow
from governance.tables.rights import LicenceRow, StyleSourceRow
from governance.tables.work import EventRow

_OF_STYLES = tuple(kind for kind in EventKind if kind.startswith("style:") or kind is EventKind.BREAK_GLASS)
_BY_PACKAGE = (OutputRow.package_digest, OutputRow.style_name, OutputRow.state, OutputRow.ordinal)


def _made_with(connection: Connection, asked: Asked) -> Iterator[Leg]:
    wanted = outputs(asked, OutputRow.package_digest, OutputRow.output_digest)
    if asked.package is not None:
        these = OutputRow.package_digest.between(asked.package.low, asked.package.high)
        yield Selected("1", wanted.where(these), _BY_PACKAGE)
    else:
        yield Selected("1", wanted, BY_TIME)


def _sources(connection: Connection, asked: Asked) -> Iterator[Leg]:
    licence, consent = LicenceRow.__table__.alias("of_licence"), LicenceRow.__table__.alias("of_consent")
    wanted = (
        select(
            StyleSourceRow.style_name,
            StyleSourceRow.style_version,
            StyleSourceRow.role,
            StyleSourceRow.title,
            StyleSourceRow.digest,
            StyleSourceRow.source,
            StyleSourceRow.holder,
            StyleSourceRow.licence,
            licence.c.state,
            licence.c.valid_until,
            licence.c.ai_training,
            StyleSourceRow.consent,
            consent.c.state,
            consent.c.valid_until,
        )
        .outerjoin(licence, licence.c.licence_id == StyleSourceRow.licence)
        .outerjoin(consent, consent.c.licence_id == StyleSourceRow.consent)
        .where(*_these_sources(asked))
    )
    yield Selected("1", wanted, (StyleSourceRow.ordinal,), _source_row)


def _these_sources(asked: Asked) -> Iterator[ColumnElement[bool]]:
    if asked.style is not None:
        yield StyleSourceRow.style_name == asked.style.name
        if asked.style.version is not None:
            yield StyleSourceRow.style_version == asked.style.version
    if asked.package is not None:
        yield StyleSourceRow.package_digest.between(asked.package.low, asked.package.high)
    if asked.holder is not None:
        yield StyleSourceRow.holder == asked.holder
    if asked.licence is not None:
        yield or_(StyleSourceRow.licence == asked.licence, StyleSourceRow.consent == asked.licence)


def _source_row(row: Sequence[Any]) -> Sequence[Any]:
    """An id that no licence on record has is told as such: the source's word is then all there is."""
    name, version, *told, licence, state, until, training, consent, consent_state, consent_until = row
    return (
        f"{name}/{version}",
        *told,
        licence,
        state or "not on record",
        until,
        {True: "yes", False: "no", None: "not said"}[training],
        consent,
        (consent_state or "not on record") if consent else "",
        consent_until,
    )


def _history(connection: Connection, asked: Asked) -> Iterator[Leg]:
    style = asked.style
    if style is None:
        return
    wanted = select(EventRow.seq, EventRow.at, EventRow.kind, EventRow.subject, EventRow.actor, EventRow.body)
    yield Selected("1", wanted.where(*_of_style(style)), (EventRow.seq,), _event_row)


def _of_style(style: WantedStyle) -> Iterator[ColumnElement[bool]]:
    """One version by its name; all versions by what can happen to styles, which is little among all that happens."""
    if style.version is not None:
        yield EventRow.subject == f"style:{style.name}/{style.version}"
    else:
        yield EventRow.kind.in_(_OF_STYLES)
        yield func.substr(EventRow.subject, 1, len(style.name) + 7) == f"style:{style.name}/"


def _event_row(row: Sequence[Any]) -> Sequence[Any]:
    seq, at, kind, subject, actor, body = row
    return seq, at, kind, subject.removeprefix("style:"), actor, evidence(json.loads(body))


def _impact(connection: Connection, asked: Asked) -> Iterator[Leg]:
    reach = _reach(connection, asked)
    for number, way in enumerate(_ways(reach)):
        wanted = outputs(asked, with_why(way.why), *_FACTS).where(*way.these)
        yield Selected(f"{number:06}", wanted, way.key, _without_facts, partial(_is_new, reach, way.stage))


def _impact_counts(connection: Connection, asked: Asked) -> tuple[str, ...]:
    """For every way in which files are reached, how many, of all days and campaigns; one that is reached in two ways
    counts in both."""
    told = []
    for way in _ways(_reach(connection, asked)):
        counted = select(OutputRow.state, func.count()).where(*way.these).group_by(OutputRow.state)
        counts = dict(connection.execute(counted).tuples().all())
        if counts:
            told.append(f"{way.why}: {counts.get('live', 0)} live, {counts.get('withdrawn', 0)} withdrawn")
    return tuple(told)


_FACTS = (
    OutputRow.style_name,
    OutputRow.package_digest,
    OutputRow.style_licence,
    OutputRow.asset_licence,
    OutputRow.consent,
    OutputRow.asset_digest,
)


def _without_facts(row: Sequence[Any]) -> Sequence[Any]:
    return row[: -len(_FACTS)]


@dataclass(frozen=True, slots=True)
class _Way:
    """One index by which files are reached. What an earlier stage reaches is not told again by a later one."""

    stage: int
    why: str
    these: tuple[ColumnElement[bool], ...]
    key: tuple[Column, ...]


def _reach(connection: Connection, asked: Asked) -> Reach:
    named = ((Scope.ARTIST, asked.holder), (Scope.LICENCE, asked.licence), (Scope.ASSET, asked.asset))
    reaches = [reach_of(connection, scope, checked(scope, of)) for scope, of in named if of is not None]
    return Reach(*(frozenset().union(*(getattr(reach, each.name) for reach in reaches)) for each in fields(Reach)))


def _ways(reach: Reach) -> Iterator[_Way]:
    for name, package in sorted(reach.in_packages):
        these = (OutputRow.package_digest == package, OutputRow.style_name == name)
        yield _Way(0, f"style {name} of package {package.short}", these, (OutputRow.state, OutputRow.ordinal))
    for stage, column in enumerate((OutputRow.style_licence, OutputRow.asset_licence, OutputRow.consent), start=1):
        for licence in sorted(reach.licences):
            why = f"{column.key.replace('_', ' ')} {licence}"
            yield _Way(stage, why, (column == licence,), (OutputRow.state, OutputRow.ordinal))
    for digest in sorted(reach.digests):
        yield _Way(4, f"asset {digest.short}", (OutputRow.asset_digest == digest,), BY_ORDINAL)
    for key in sorted(reach.keys):
        yield _Way(5, f"asset {key}", (OutputRow.key == key,), BY_ORDINAL)


def _is_new(reach: Reach, stage: int, row: Sequence[Any]) -> bool:
    name, package, style_licence, asset_licence, consent, asset = row[-len(_FACTS) :]
    reached = (
        (name, package) in reach.in_packages,
        style_licence in reach.licences,
        asset_licence in reach.licences,
        consent in reach.licences,
        asset in reach.digests,
    )
    return not any(reached[:stage])


STYLE_QUESTIONS = (
    AuditQuestion(
        3,
        "made-with",
        "What was made with a style, with one version of it, or with a style package?",
        (*COLUMNS, "package digest", "file digest"),
        (*FILTERS, "package"),
        _made_with,
        needs=("style", "package"),
    ),
    AuditQuestion(
        4,
        "style-sources",
        "What was a style made from: which data and pictures, whose, under which licences and consents?",
        (
            *("style", "role", "title", "digest", "source", "holder", "licence", "licence is", "licence ends"),
            *("ai training", "consent", "consent is", "consent ends"),
        ),
        ("style", "package", "holder", "licence"),
        _sources,
        needs=("style", "package", "holder", "licence"),
    ),
    AuditQuestion(
        5,
        "style-history",
        "Who registered, evaluated, approved and withdrew a style, when, and on what evidence?",
        ("event", "at", "what", "style", "by", "evidence"),
        ("style",),
        _history,
        needs=("style",),
    ),
    AuditQuestion(
        19,
        "takedown-impact",
        "If this artist, licence or picture falls away, which files fall with it, by which styles?",
        (*COLUMNS, "reached by"),
        (*FILTERS, "holder", "licence", "asset"),
        _impact,
        needs=("holder", "licence", "asset"),
        notes=_impact_counts,
    ),
)
