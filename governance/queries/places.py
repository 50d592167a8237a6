"""Where licences allow their works to be shown, and where they were shown all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, Connection, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute

from governance.approvals import ANY
from governance.queries.output_rows import BY_ORDINAL, COLUMNS, FILTERS, outputs, with_why
from governance.queries.paging import Leg, Selected
from governance.queries.question import Asked, AuditQuestion
from governance.tables.outputs import OutputRow
from governance.tables.rights import LicenceRow, StyleApprovalRow

_BY_LICENCE = (OutputRow.asset_licence, OutputRow.channel, OutputRow.territory)
_BY_STYLE = (OutputRow.package_digest, OutputRow.style_name, OutputRow.channel, OutputRow.territory)


@dataclass(frozen=True, slots=True)
class _Use:
    """Something was shown somewhere; ``among`` are the values of the columns by which the files are found."""

    among: tuple[str, ...]
    channel: str
    territory: str
    licence: str
    channels: str
    territories: str

    @property
    def outside(self) -> str | None:
        """What of it no licence covers. A list that is empty says nothing."""
        for what, value, listed in (
            ("channel", self.channel, self.channels),
            ("territory", self.territory, self.territories),
        ):
            allowed = json.loads(listed)
            if allowed and ANY not in allowed and value not in allowed:
                return f"the {what} {value} is not among {', '.join(map(str, allowed))}"
        return None


def _outside(connection: Connection, asked: Asked) -> Iterator[Leg]:
    for number, columns, uses in (
        (1, _BY_LICENCE, _uses_of_assets(connection)),
        (2, _BY_STYLE, _uses_of_styles(connection)),
    ):
        for use in sorted(uses, key=lambda use: (use.among, use.licence)):
            outside = use.outside
            if outside is not None and asked.licence in (None, use.licence):
                wanted = outputs(asked, with_why(outside), with_why(use.licence))
                these = [column == value for column, value in zip(columns, use.among, strict=True)]
                yield Selected(_leg_name(number, use), wanted.where(*these), BY_ORDINAL)


def _leg_name(number: int, use: _Use) -> str:
    """In the order in which the legs come, whatever the words hold."""
    return f"{number} {json.dumps([*use.among, use.licence], ensure_ascii=False)}"


def _uses_of_assets(connection: Connection) -> list[_Use]:
    used = _combinations(_BY_LICENCE)
    wanted = select(*used.c, LicenceRow.licence_id, LicenceRow.channels, LicenceRow.territories).join_from(
        used, LicenceRow, LicenceRow.licence_id == used.c.asset_licence
    )
    return [_use(row) for row in connection.execute(wanted)]


def _uses_of_styles(connection: Connection) -> list[_Use]:
    """By the terms of the approval, and by the licence that it names where that is on record."""
    used = _combinations(_BY_STYLE)
    approved = and_(
        StyleApprovalRow.package_digest == used.c.package_digest, StyleApprovalRow.name == used.c.style_name
    )
    terms = select(*used.c, StyleApprovalRow.licence_id, StyleApprovalRow.channels, StyleApprovalRow.territories)
    licence = select(*used.c, LicenceRow.licence_id, LicenceRow.channels, LicenceRow.territories)
    by_terms = connection.execute(terms.join_from(used, StyleApprovalRow, approved))
    by_licence = connection.execute(
        licence.join_from(used, StyleApprovalRow, approved).join(
            LicenceRow, LicenceRow.licence_id == StyleApprovalRow.licence_id
        )
    )
    found = [_use(row) for rows in (by_terms, by_licence) for row in rows]
    # Once where both forbid it.
    return list({(use.among, use.licence): use for use in reversed(found) if use.outside is not None}.values())


def _use(row: Any) -> _Use:
    *among, licence, channels, territories = map(str, row)
    return _Use(tuple(among), among[-2], among[-1], licence, channels, territories)


def _combinations(columns: tuple[InstrumentedAttribute[Any], ...]) -> CTE:
    """All values that these columns have together: an index is leapt through, column by column, value by value."""
    found = _one_deeper(None, columns[:1])
    for depth in range(2, len(columns) + 1):
        found = _one_deeper(found, columns[:depth])
    # Every leap past the last value ends in nothing.
    return select(found).where(found.c[columns[-1].key].is_not(None)).cte("used")


def _one_deeper(before: CTE | None, columns: tuple[InstrumentedAttribute[Any], ...]) -> CTE:
    *outer, column = columns
    least = func.min(column)
    if before is None:
        seed = select(least.label(column.key))
    else:
        among = [each == before.c[each.key] for each in outer]
        first = select(least).where(*among).correlate(before).scalar_subquery()
        seed = select(*(before.c[each.key] for each in outer), first.label(column.key)).select_from(before)
        seed = seed.where(before.c[outer[-1].key].is_not(None))
    this = seed.cte(f"used_{len(columns)}", recursive=True)
    among = [each == this.c[each.key] for each in outer]
    following = select(least).where(*among, column > this.c[column.key]).correlate(this).scalar_subquery()
    more = select(*(this.c[each.key] for each in outer), following).select_from(this)
    return this.union_all(more.where(this.c[column.key].is_not(None)))


PLACE_QUESTIONS = (
    AuditQuestion(
        12,
        "outside-territory",
        "Which files were published for a channel or a territory that the asset's or the style's licence does not "
        "cover?",
        (*COLUMNS, "why", "licence"),
        (*FILTERS, "licence"),
        _outside,
    ),
)
