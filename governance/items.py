"""The item, the unit of work: this content, at this place, in this style, for this purpose, to this destination.

Values and questions only. What moves an item is in ``planning``, ``outcomes`` and ``review``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import ColumnElement, Connection, Select, func, select, union_all

from governance.db import Database
from governance.errors import UsageError
from governance.plain_text import made_plain, require_plain, require_storable
from governance.tables.work import ITEMS, ItemRow
from stylecore.data import (
    PIPELINE_VERSION,
    SCORE_NAMES,
    AssetRef,
    Digest,
    Reason,
    Recipe,
    Rendition,
    Scores,
    StyleRef,
    canonical_json,
)

if TYPE_CHECKING:
    from governance.policy_records import Asked


class ItemState(StrEnum):
    """Where an item stands. ``approved`` may be published but is not yet; everything else says what it is."""

    PLANNED = "planned"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class RenditionFacts:
    """What is known of a rendition once its bytes are staged."""

    digest: Digest
    media_type: str
    width_px: int
    height_px: int

    @classmethod
    def of(cls, rendition: Rendition) -> Self:
        return cls(rendition.digest, rendition.media_type, rendition.width_px, rendition.height_px)


@dataclass(frozen=True, slots=True)
class NewItem:
    """A candidate for work, with the policy's verdict: planned, or refused with every reason.

    ``asked`` is what the policy was asked to come to it. Reasons may be more than the policy's.
    """

    ref: AssetRef
    asset_digest: Digest
    asset_class: str
    style: StyleRef
    recipe: Recipe
    channel: str
    territory: str
    destination: str
    campaign: str
    asked_by: str
    state: ItemState
    reasons: tuple[Reason, ...] = ()
    pipeline: str = PIPELINE_VERSION
    asked: tuple[Asked, ...] = ()

    def __post_init__(self) -> None:
        """A name that no database or terminal can hold fails here, its own item, and never the page it is in."""
        if self.state not in (ItemState.PLANNED, ItemState.REFUSED):
            raise UsageError(f"a new item is {self.state}", "planned or refused")
        if (self.state is ItemState.REFUSED) != bool(self.reasons):
            raise UsageError(f"a {self.state} item has {len(self.reasons)} reasons", "reasons exactly for a refusal")
        for name in ("store", "key", "version", "uri"):
            require_storable(getattr(self.ref, name), f"the asset's {name}")
        require_storable(self.destination, "the destination")
        for name in ("asset_class", "channel", "territory", "campaign", "asked_by"):
            require_plain(getattr(self, name), name)

    @property
    def item_id(self) -> Digest:
        return item_identity(
            asset_digest=self.asset_digest,
            store=self.ref.store,
            key=self.ref.key,
            style=self.style,
            recipe=self.recipe,
            channel=self.channel,
            territory=self.territory,
            destination=self.destination,
            pipeline=self.pipeline,
        )


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the records hold it."""

    item_id: Digest
    campaign: str
    planned_in_run: str
    touched_in_run: str
    ref: AssetRef
    asset_digest: Digest
    asset_class: str
    style: StyleRef
    recipe: Recipe
    channel: str
    territory: str
    asked_by: str
    destination: str
    pipeline: str
    state: ItemState
    reasons: tuple[Reason, ...]
    scores: Scores | None
    rendition: RenditionFacts | None
    statement_digest: Digest | None
    output_digest: Digest | None
    output_uri: str | None
    approvals_needed: int
    created_at: datetime
    updated_at: datetime


def item_identity(
    *,
    asset_digest: Digest,
    store: str,
    key: str,
    style: StyleRef,
    recipe: Recipe,
    channel: str,
    territory: str,
    destination: str,
    pipeline: str = PIPELINE_VERSION,
) -> Digest:
    """Content, place and purpose: the same bytes at two places may have different rights, and the same picture for
    another channel is another question. The version number of a style is a label; its package digest is what counts.
    """
    return Digest.of(
        canonical_json(
            {
                "asset_digest": asset_digest,
                "source": {"store": store, "key": key},
                "style": {"name": style.name, "package_digest": style.package_digest},
                "recipe": _recipe_dict(recipe),
                "purpose": {"channel": channel, "territory": territory},
                "destination": destination,
                "pipeline": pipeline,
            }
        )
    )


@lru_cache(maxsize=256)
def _recipe_dict(recipe: Recipe) -> Mapping[str, Any]:
    """Most of a page has one recipe, and spelling it out for every item took a fifth of planning."""
    return recipe.as_dict()


def get(db: Database, item_id: Digest) -> Item | None:
    return next(iter(get_many(db, [item_id])), None)


def get_many(db: Database, item_ids: Sequence[Digest]) -> tuple[Item, ...]:
    """Those of them that exist, in the order asked for. A shard's worth at most."""
    with db.read() as connection:
        rows = connection.execute(select(ITEMS).where(ItemRow.item_id.in_(item_ids))).mappings()
        found = {row["item_id"]: item_of(row) for row in rows}
    return tuple(found[item_id] for item_id in item_ids if item_id in found)


def page(
    db: Database,
    *,
    states: Iterable[ItemState] = (),
    campaign: str | None = None,
    run_id: str | None = None,
    destination: str | None = None,
    style_name: str | None = None,
    package_digest: Digest | None = None,
    after: Digest | None = None,
    limit: int = 500,
) -> tuple[Item, ...]:
    """Items in the order they were first planned; continue with the last one's id. No filter means any."""
    filters = _filters(
        campaign=campaign,
        touched_in_run=run_id,
        destination=destination,
        style_name=style_name,
        package_digest=package_digest,
    )
    wanted = _in_order(after_item(select(ITEMS).where(*filters), after), tuple(states), campaign, limit)
    with db.read() as connection:
        return tuple(item_of(row) for row in connection.execute(wanted).mappings())


def _in_order(wanted: Select[Any], states: tuple[ItemState, ...], campaign: str | None, limit: int) -> Select[Any]:
    """Each state by itself comes in order out of an index; several are merged, since sorting them all for every page
    would make the walk through a large campaign quadratic."""
    each_state = states or (tuple(ItemState) if campaign is not None else ())
    parts = [_first(wanted.where(ItemRow.state == state), limit) for state in each_state]
    if len(parts) < 2:
        return next(iter(parts), _first(wanted, limit))
    merged = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return select(merged).order_by(merged.c.ordinal).limit(limit)


def _first(wanted: Select[Any], limit: int) -> Select[Any]:
    return wanted.order_by(ItemRow.ordinal).limit(limit)


def every(db: Database, *, page_size: int = 500, **filters: Any) -> Iterator[Item]:
    """All that ``page`` would give, page by page. Items that move meanwhile are neither lost nor given twice."""
    after: Digest | None = None
    while True:
        items = page(db, after=after, limit=page_size, **filters)
        yield from items
        if len(items) < page_size:
            return
        after = items[-1].item_id


def find_by_output_digest(db: Database, output_digest: Digest) -> tuple[Item, ...]:
    """Which items these published bytes are."""
    return _found(db, ItemRow.output_digest == output_digest, limit=100)


def find_by_digest_prefix(db: Database, prefix: str, *, limit: int = 10) -> tuple[Item, ...]:
    """Items whose own id, or whose asset, rendition or output digest, begins so: what a person has at hand."""
    low, high = digest_range(prefix)
    with db.read() as connection:
        return tuple(item_of(row) for row in rows_by_digest(connection, low, high, limit))


def rows_by_digest(connection: Connection, low: Digest, high: Digest, limit: int) -> list[Mapping[Any, Any]]:
    """By one index after the other: asked for by any of them at once, a database may rather read the whole table."""
    found: dict[int, Mapping[Any, Any]] = {}
    for column in (ItemRow.item_id, ItemRow.asset_digest, ItemRow.rendition_digest, ItemRow.output_digest):
        some = select(ITEMS).where(column.between(low, high)).order_by(column).limit(limit)
        found |= {row["ordinal"]: row for row in connection.execute(some).mappings().all()}
    return [found[ordinal] for ordinal in sorted(found)[:limit]]


def digest_range(prefix: str) -> tuple[Digest, Digest]:
    """The lowest and the highest digest that begin so."""
    prefix = prefix.strip().lower()
    try:
        low, high = Digest(prefix.ljust(64, "0")), Digest(prefix.ljust(64, "f"))
    except ValueError:
        raise UsageError(f"not the beginning of a digest: {prefix[:80]!r}", "4 to 64 hex digits") from None
    if len(prefix) < 4:
        raise UsageError(f"too little to find anything by: {prefix!r}", "4 to 64 hex digits")
    return low, high


def counts(db: Database, *, campaign: str | None = None, run_id: str | None = None) -> Mapping[ItemState, int]:
    """How many items stand where; every state is named. By run: the items that run was the last to touch."""
    wanted = select(ItemRow.state, func.count()).group_by(ItemRow.state)
    wanted = wanted.where(*_filters(campaign=campaign, touched_in_run=run_id))
    with db.read() as connection:
        found = dict(connection.execute(wanted).tuples().all())
    return {state: found.get(str(state), 0) for state in ItemState}


def after_item(wanted: Select[Any], after: Digest | None) -> Select[Any]:
    """Keyset paging: what was planned after that item, whatever came and went meanwhile."""
    if after is None:
        return wanted
    ordinal = select(ItemRow.ordinal).where(ItemRow.item_id == after).scalar_subquery()
    return wanted.where(ItemRow.ordinal > ordinal)


def _filters(**equal: object) -> list[ColumnElement[bool]]:
    return [ITEMS.c[name] == value for name, value in equal.items() if value is not None]


def _found(db: Database, condition: ColumnElement[bool], limit: int) -> tuple[Item, ...]:
    with db.read() as connection:
        rows = connection.execute(select(ITEMS).where(condition).order_by(ItemRow.ordinal).limit(limit)).mappings()
        return tuple(item_of(row) for row in rows)


def reasons_json(reasons: Iterable[Reason]) -> str:
    """Reasons as they are stored; texts may quote a hostile file, so they are made plain first."""
    return canonical_json(reasons_list(reasons)).decode()


def reasons_list(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"code": made_plain(reason.code, 100), "text": made_plain(reason.text)} for reason in reasons]


def scores_json(scores: Scores | None) -> str | None:
    """Scores as they are stored. JSON has no infinity: such a number is kept as an absence that says what it was."""
    if scores is None:
        return None
    told = scores.as_dict()
    known = {name: told[name] for name in SCORE_NAMES if told.get(name) is not None}
    strange = {name: value for name, value in known.items() if not math.isfinite(value)}
    absent = {**told["absent"], **{name: f"it was {value}, not a finite number" for name, value in strange.items()}}
    plain = {name: made_plain(why) for name, why in absent.items()}
    return canonical_json({**told, **dict.fromkeys(strange), "absent": plain}).decode()


def item_of(row: Mapping[Any, Any]) -> Item:
    return Item(
        item_id=row["item_id"],
        campaign=row["campaign"],
        planned_in_run=row["planned_in_run"],
        touched_in_run=row["touched_in_run"],
        ref=AssetRef(row["store"], row["key"], row["version"], row["size_bytes"], row["modified_at"], row["uri"]),
        asset_digest=row["asset_digest"],
        asset_class=row["asset_class"],
        style=StyleRef(row["style_name"], row["style_version"], row["package_digest"]),
        recipe=_recipe_of(row["recipe"]),
        channel=row["channel"],
        territory=row["territory"],
        asked_by=row["asked_by"],
        destination=row["destination"],
        pipeline=row["pipeline"],
        state=ItemState(row["state"]),
        reasons=tuple(Reason(**reason) for reason in json.loads(row["reasons"])),
        scores=None if row["scores"] is None else Scores(**json.loads(row["scores"])),
        rendition=_rendition_of(row),
        statement_digest=row["statement_digest"],
        output_digest=row["output_digest"],
        output_uri=row["output_uri"],
        approvals_needed=row["approvals_needed"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


@lru_cache(maxsize=256)
def _recipe_of(text: str) -> Recipe:
    """Most items of a campaign share one recipe; only those with zones of their own do not."""
    return Recipe.read(json.loads(text))


def _rendition_of(row: Mapping[Any, Any]) -> RenditionFacts | None:
    if row["rendition_digest"] is None:
        return None
    return RenditionFacts(row["rendition_digest"], row["media_type"], row["width_px"], row["height_px"])


def columns_of(item: NewItem) -> dict[str, Any]:
    """The columns that a plan decides."""
    return {
        "campaign": item.campaign,
        "version": item.ref.version,
        "size_bytes": item.ref.size_bytes,
        "modified_at": item.ref.modified_at,
        "uri": item.ref.uri,
        "asset_class": item.asset_class,
        "style_version": item.style.version,
        "asked_by": item.asked_by,
        "state": str(item.state),
        "reasons": reasons_json(sorted(set(item.reasons), key=lambda reason: (reason.code, reason.text))),
    }


def fixed_columns_of(item_id: Digest, item: NewItem) -> dict[str, Any]:
    """The columns that are the item's identity, and so never change."""
    return {
        "item_id": item_id,
        "store": item.ref.store,
        "key": item.ref.key,
        "asset_digest": item.asset_digest,
        "style_name": item.style.name,
        "package_digest": item.style.package_digest,
        "recipe": canonical_json(_recipe_dict(item.recipe)).decode(),
        "channel": item.channel,
        "territory": item.territory,
        "destination": item.destination,
        "pipeline": item.pipeline,
    }
