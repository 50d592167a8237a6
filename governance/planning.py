"""What a plan does to the records: new items come in, known ones are asked about again, nothing is planned twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, select, update

from governance import policy_records
from governance.db import Database, insert_rows
from governance.errors import UsageError
from governance.events import EventKind, NewEvent, item_subject
from governance.items import ItemState, NewItem, columns_of, fixed_columns_of
from governance.policy_records import RefusedItem
from governance.tables.work import ITEMS, RUNS, ItemRow, RunRow
from governance.transitions import Move, move
from stylecore.data import Digest

_REPLANNED = ("campaign", "asked_by", "version", "size_bytes", "modified_at", "uri", "asset_class", "style_version")
"""What may change about an item that is the same item still. The newest is right: it is what a worker will read."""


@dataclass(frozen=True, slots=True)
class PlanPage:
    """What became of a page of candidates. Every candidate is in exactly one count but ``seen``."""

    seen: int = 0
    new: int = 0
    refused_new: int = 0
    already: int = 0
    lifted: int = 0
    withdrawn: int = 0
    changed: int = 0

    def __add__(self, other: Self) -> PlanPage:
        return PlanPage(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(PlanPage)))


def plan_page(db: Database, run_id: str, actor: str, candidates: Sequence[NewItem]) -> PlanPage:
    """One page, one transaction: inserts what is not known, re-evaluates what is, and counts it to the run.

    ``lifted``: was refused, is planned now. ``withdrawn``: was planned, is refused now. ``changed``: where it was,
    with other reasons or another version. ``already``: nothing to do, whatever its state, and nothing is written.
    """
    by_id = {item.item_id: item for item in candidates}
    with db.write() as connection:
        known = _known(connection, list(by_id))
        new = {item_id: item for item_id, item in by_id.items() if item_id not in known}
        moves = [each for item_id, row in known.items() if (each := _reconsidered(by_id[item_id], row, actor))]
        counted = _counted(len(candidates), new.values(), moves)
        _count_to_run(connection, run_id, counted)
        _insert(connection, run_id, new)
        told = [_planned(item_id, new[item_id], run_id, actor) for item_id in new]
        moved = move(connection, moves, run_id=run_id, also=told)
        _record_answers(connection, new | {item_id: by_id[item_id] for item_id in moved})
    return counted


def _record_answers(connection: Connection, decided: Mapping[Digest, NewItem]) -> None:
    """By which answers they are where they are now; nothing for an item that stays as it was."""
    now = datetime.now(UTC)
    asked = ((item_id, asked) for item_id, item in decided.items() for asked in item.asked)
    policy_records.record(connection, asked, now)
    refused = [RefusedItem(item_id, "restyle", item.reasons) for item_id, item in decided.items() if item.reasons]
    policy_records.record_refusals(connection, refused, now)


def _known(connection: Connection, item_ids: Sequence[Digest]) -> dict[Digest, Mapping[str, Any]]:
    columns = [ITEMS.c[name] for name in ("item_id", "state", "reasons", *_REPLANNED)]
    rows = connection.execute(select(*columns).where(ItemRow.item_id.in_(item_ids))).mappings()
    return {row["item_id"]: dict(row) for row in rows}


def _insert(connection: Connection, run_id: str, new: Mapping[Digest, NewItem]) -> None:
    now = datetime.now(UTC)
    blank = {
        **dict.fromkeys(("scores", "rendition_digest", "media_type", "width_px", "height_px")),
        **dict.fromkeys(("statement_digest", "output_digest", "output_uri")),
        **{"approvals_needed": 1, "times_held": 0, "created_at": now, "updated_at": now},
        **{"planned_in_run": run_id, "touched_in_run": run_id},
    }
    rows = [{**blank, **fixed_columns_of(item_id, item), **columns_of(item)} for item_id, item in new.items()]
    insert_rows(connection, ITEMS, rows)


def _planned(item_id: Digest, item: NewItem, run_id: str, actor: str) -> NewEvent:
    told: dict[str, Any] = {
        "run": run_id,
        "campaign": item.campaign,
        "asset_digest": item.asset_digest,
        "uri": item.ref.uri,
        "style": str(item.style),
        "package_digest": item.style.package_digest,
    }
    if item.state is ItemState.PLANNED:
        return NewEvent(EventKind.ITEM_PLANNED, actor, item_subject(item_id), told)
    told["reasons"] = json.loads(columns_of(item)["reasons"])
    return NewEvent(EventKind.ITEM_REFUSED, actor, item_subject(item_id), told)


def _reconsidered(item: NewItem, row: Mapping[str, Any], actor: str) -> Move | None:
    """What a second look changes: only items that nobody has worked on yet are open to it."""
    origin = ItemState(row["state"])
    if origin not in (ItemState.PLANNED, ItemState.REFUSED):
        return None
    now = columns_of(item)
    differing = {name: now[name] for name in _REPLANNED if now[name] != row[name]}
    if origin is item.state and now["reasons"] == row["reasons"] and not differing:
        return None
    told: dict[str, Any] = {"campaign": item.campaign}
    if differing:
        told["changed"] = sorted(differing)
    if item.state is ItemState.REFUSED:
        told["reasons"] = json.loads(now["reasons"])
    return Move(item.item_id, origin, item.state, _kind_of(origin, item.state), actor, told, now)


def _kind_of(origin: ItemState, target: ItemState) -> EventKind:
    if target is ItemState.REFUSED:
        return EventKind.ITEM_REFUSED
    return EventKind.ITEM_PERMITTED if origin is ItemState.REFUSED else EventKind.ITEM_REPLANNED


def _counted(seen: int, new: Iterable[NewItem], moves: Sequence[Move]) -> PlanPage:
    states = [item.state for item in new]
    ways = [(each.origin, each.target) for each in moves]
    lifted = ways.count((ItemState.REFUSED, ItemState.PLANNED))
    withdrawn = ways.count((ItemState.PLANNED, ItemState.REFUSED))
    return PlanPage(
        seen=seen,
        new=states.count(ItemState.PLANNED),
        refused_new=states.count(ItemState.REFUSED),
        already=seen - len(states) - len(moves),
        lifted=lifted,
        withdrawn=withdrawn,
        changed=len(moves) - lifted - withdrawn,
    )


def _count_to_run(connection: Connection, run_id: str, counted: PlanPage) -> None:
    added = {
        f"plan_{each.name}": RUNS.c[f"plan_{each.name}"] + getattr(counted, each.name) for each in fields(PlanPage)
    }
    if connection.execute(update(RUNS).where(RunRow.run_id == run_id).values(added)).rowcount != 1:
        raise UsageError(f"no run {run_id}", "a run that was started")
