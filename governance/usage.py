"""What runs cost: pictures, the time that devices were busy with them, and joules where a device counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from governance.db import Database
from governance.errors import UsageError
from governance.plain_text import require_plain
from governance.tables.outputs import USAGE, UsageRow
from governance.tables.work import RunRow


@dataclass(frozen=True, slots=True)
class Usage:
    """What one style cost on one device. ``busy_ms`` is summed over workers; joules are only what was measured."""

    style_name: str
    device: str
    pictures: int
    busy_ms: int
    energy_j: int | None


def add(db: Database, run_id: str, used: Usage, *, now: datetime | None = None) -> None:
    """Adds to what the run has used of this device for this style so far. Shards of one run may end at once."""
    this = (
        UsageRow.run_id == run_id,
        UsageRow.style_name == used.style_name,
        UsageRow.device == require_plain(used.device, "the device"),
    )
    with db.write() as connection:
        before = connection.execute(select(USAGE).where(*this)).mappings().one_or_none()
        campaign = connection.execute(select(RunRow.campaign).where(RunRow.run_id == run_id)).scalar_one_or_none()
        if campaign is None:
            raise UsageError(f"no run {run_id}", "a run that was started")
        values = {**asdict(used), "run_id": run_id, "campaign": campaign, "at": now or datetime.now(UTC)}
        if before is None:
            connection.execute(insert(USAGE), values)
        else:
            connection.execute(update(USAGE).where(*this).values({**values, **_summed(before, used)}))


def of_run(db: Database, run_id: str) -> tuple[Usage, ...]:
    """By style and device."""
    wanted = select(USAGE).where(UsageRow.run_id == run_id).order_by(UsageRow.style_name, UsageRow.device)
    with db.read() as connection:
        rows = connection.execute(wanted).mappings().all()
    return tuple(Usage(**{name: row[name] for name in Usage.__slots__}) for row in rows)


def _summed(before: Mapping[Any, Any], used: Usage) -> dict[str, int | None]:
    """Joules stay unknown as soon as one part is: a sum of some would pass for all."""
    joules = None if before["energy_j"] is None or used.energy_j is None else before["energy_j"] + used.energy_j
    return {
        "pictures": before["pictures"] + used.pictures,
        "busy_ms": before["busy_ms"] + used.busy_ms,
        "energy_j": joules,
    }
