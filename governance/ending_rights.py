"""Rights that end: what may not be used any more, and what soon may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from governance.approvals import ApprovalState
from governance.db import Database
from governance.tables.outputs import OUTPUTS, OutputRow
from governance.tables.rights import LicenceRow, StyleApprovalRow

_LIVE, _IN_FORCE = "live", "in force"


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that may not be used after this day."""

    what: str
    on: date


def ended(db: Database, today: date) -> Mapping[str, int]:
    """How many live files rest on rights that were known, when they left, to end before today."""
    ends = {
        "the licence of the style": OutputRow.style_until,
        "the rights in the picture": OutputRow.rights_until,
        "the consent of who is shown": OutputRow.consent_until,
    }
    with db.read() as connection:
        counts = {
            what: connection.execute(
                select(func.count()).select_from(OUTPUTS).where(until < today, OutputRow.state == _LIVE)
            ).scalar_one()
            for what, until in ends.items()
        }
    return {what: count for what, count in counts.items() if count}


def ending(db: Database, first: date, last: date) -> tuple[Ending, ...]:
    """Approvals, licences and consents in force that end in these days, the soonest first."""
    approvals = select(StyleApprovalRow.name, StyleApprovalRow.version, StyleApprovalRow.valid_until).where(
        StyleApprovalRow.valid_until.between(first, last), StyleApprovalRow.state == ApprovalState.APPROVED
    )
    licences = select(LicenceRow.kind, LicenceRow.licence_id, LicenceRow.valid_until).where(
        LicenceRow.valid_until.between(first, last), LicenceRow.state == _IN_FORCE
    )
    with db.read() as connection:
        styles = [Ending(f"the approval of {name} v{number}", on) for name, number, on in connection.execute(approvals)]
        rights = [Ending(f"the licence ({kind}) {id_}", on) for kind, id_, on in connection.execute(licences)]
    return tuple(sorted((*styles, *rights), key=lambda each: (each.on, each.what)))
