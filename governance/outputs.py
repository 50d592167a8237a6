"""What left the house: one row for each published file, with the facts of the moment it was published.

Licences change, people withdraw their consent, campaigns are edited. What a file rested on when it left is frozen here,
so that it can be held against what is known later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, select

from governance import fingerprints
from governance.db import Database, insert_rows
from governance.errors import UsageError
from governance.events import EventKind, item_subject
from governance.items import ItemState
from governance.licences import earliest_end
from governance.policy_records import Asked
from governance.review import Verdict
from governance.tables.outputs import OUTPUTS, OutputRow
from governance.tables.work import ITEMS, REVIEWS, EventRow, ItemRow, ReviewRow
from stylecore.data import Digest

Inbound = Literal["none", "kept", "dropped"]
"""What became of content credentials in the source: none were there, kept as ingredient, or dropped."""

_OF_THE_ITEM = (
    *("item_id", "asked_by", "campaign", "store", "key", "asset_digest", "style_name", "style_version"),
    *("package_digest", "channel", "territory", "destination", "media_type", "rendition_digest", "output_digest"),
    *("statement_digest",),
)
_NOTHING_HAPPENED_YET = dict.fromkeys(
    ("withdrawn_at", "recall_id", "checked_at", "found", "found_digest", "credentials", "credentials_why")
)
_FILTERS = frozenset(
    {"state", "campaign", "style_name", "package_digest", "style_licence", "asset_licence", "asset_digest"}
    | {"consent", "certificate", "destination", "output_digest"}
)


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication rests on, and what its file is: known to whoever publishes, and nowhere else in the records.

    ``asked`` are the questions to the policy, that of the style first, each answered with a permit.
    """

    asked: tuple[Asked, ...]
    size_bytes: int
    stamped: bool
    ai_label: bool
    inbound: Inbound
    has_mark: bool
    fingerprint: str | None = None
    retain_until: date | None = None

    def __post_init__(self) -> None:
        if not self.asked:
            raise UsageError("a publication that nobody asked the policy about", "its permit, with the question")


@dataclass(frozen=True, slots=True)
class Output:
    """A published file as it is recorded: where it lies, what it rested on then, and what was found since."""

    ordinal: int
    item_id: Digest
    published_at: datetime
    published_by: str
    asked_by: str
    run_id: str | None
    campaign: str
    store: str
    key: str
    asset_digest: Digest
    asset_class: str
    asset_licence: str
    rights_until: date | None
    style_name: str
    style_version: int
    package_digest: Digest
    style_licence: str
    style_until: date | None
    policy_digest: Digest
    channel: str
    territory: str
    shows_person: bool | None
    consent: str
    consent_until: date | None
    has_mark: bool
    reviews: int
    destination: str
    uri: str
    media_type: str
    size_bytes: int
    rendition_digest: Digest
    output_digest: Digest
    statement_digest: Digest
    certificate: str
    stamped: bool
    ai_label: bool
    inbound: str
    fingerprint: str | None
    retain_until: date | None
    state: str
    withdrawn_at: datetime | None
    recall_id: str | None
    checked_at: datetime | None
    found: str | None
    found_digest: Digest | None
    credentials: str | None
    credentials_why: str | None

    @property
    def is_live(self) -> bool:
        return self.state == "live"


def record(
    connection: Connection,
    published: Mapping[Digest, Publication],
    actor: str,
    run_id: str | None,
    at: datetime,
) -> None:
    """The rows of items that become published, in the transaction that moves them: after the move, by its pen."""
    items = _items(connection, list(published))
    rows = [
        {
            **{name: item[name] for name in _OF_THE_ITEM},
            **_frozen(published[item_id]),
            **_NOTHING_HAPPENED_YET,
            "uri": item["output_uri"],
            "published_at": at,
            "published_by": actor,
            "run_id": run_id,
            "reviews": item["reviews"],
            "certificate": _certificate(connection, item_id),
            "state": "live",
        }
        for item_id, item in items.items()
    ]
    insert_rows(connection, OUTPUTS, rows)
    ordinals = select(OutputRow.ordinal, OutputRow.item_id).where(OutputRow.item_id.in_(list(published)))
    kept = {ordinal: published[item_id].fingerprint for ordinal, item_id in connection.execute(ordinals).tuples()}
    fingerprints.record(connection, kept)


def get(db: Database, ordinal: int) -> Output | None:
    return next(iter(_found(db, OutputRow.ordinal == ordinal, limit=1)), None)


def of_item(db: Database, item_id: Digest) -> Output | None:
    """The file that this item was published as, whatever became of it."""
    return next(iter(_found(db, OutputRow.item_id == item_id, limit=1)), None)


def page(db: Database, *, after: int = 0, limit: int = 500, **equal: object) -> tuple[Output, ...]:
    """Published files in the order they left; continue with the last one's ordinal.

    ``equal`` narrows them by columns: state, campaign, style_name, package_digest, licences, digests, destination ...
    """
    if unknown := sorted(equal.keys() - _FILTERS):
        raise UsageError(f"outputs by {unknown[0][:60]!r}", f"by {', '.join(sorted(_FILTERS))}")
    narrowed = [OUTPUTS.c[name] == value for name, value in equal.items() if value is not None]
    return _found(db, and_(OutputRow.ordinal > after, *narrowed), limit=limit)


def _found(db: Database, condition: Any, limit: int) -> tuple[Output, ...]:
    wanted = select(OUTPUTS).where(condition).order_by(OutputRow.ordinal).limit(limit)
    with db.read() as connection:
        rows = connection.execute(wanted).mappings()
        return tuple(Output(**{each.name: row[each.name] for each in fields(Output)}) for row in rows)


def _items(connection: Connection, item_ids: list[Digest]) -> dict[Digest, Mapping[str, Any]]:
    """The items' own columns, with the number of people who said yes to what is published."""
    counted = and_(
        ReviewRow.item_id == ItemRow.item_id,
        ReviewRow.hold == ItemRow.times_held,
        ReviewRow.verdict == Verdict.APPROVE,
    )
    reviews = select(func.count()).select_from(REVIEWS).where(counted).scalar_subquery()
    columns = [ITEMS.c[name] for name in (*_OF_THE_ITEM, "output_uri")]
    wanted = select(*columns, reviews.label("reviews")).where(
        ItemRow.item_id.in_(item_ids), ItemRow.state == ItemState.PUBLISHED
    )
    return {row["item_id"]: dict(row) for row in connection.execute(wanted).mappings()}


def _frozen(publication: Publication) -> dict[str, Any]:
    """What may be otherwise tomorrow. Of several styles the first one's licence, and the earliest end of any."""
    asked = publication.asked[0]
    facts = asked.question.facts
    return {
        "asset_class": facts.asset_class,
        "asset_licence": facts.licence or "",
        "rights_until": facts.rights_until,
        "style_licence": asked.question.terms.licence,
        "style_until": earliest_end(*(each.question.terms.valid_until for each in publication.asked)),
        "policy_digest": asked.answer.policy_digest,
        "shows_person": facts.shows_person,
        "consent": facts.consent or "",
        "consent_until": facts.consent_until,
        "has_mark": publication.has_mark,
        "size_bytes": publication.size_bytes,
        "stamped": publication.stamped,
        "ai_label": publication.ai_label,
        "inbound": publication.inbound,
        "fingerprint": publication.fingerprint,
        "retain_until": publication.retain_until,
    }


def _certificate(connection: Connection, item_id: Digest) -> str:
    """That of the signature, which may be older than this moment and another than the one in use now.

    Empty for what an older restyle signed, which did not write it down.
    """
    this = (EventRow.subject == item_subject(item_id), EventRow.kind == EventKind.ITEM_SIGNED)
    wanted = select(EventRow.body).where(*this).order_by(EventRow.seq.desc()).limit(1)
    body = connection.execute(wanted).scalar_one_or_none()
    return "" if body is None else str(json.loads(body).get("certificate", ""))
