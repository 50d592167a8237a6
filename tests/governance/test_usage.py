"""What runs cost: summed over shards, by style and device, and never estimated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from governance import usage
from governance.db import Database
from governance.errors import UsageError
from governance.tables.outputs import USAGE
from governance.usage import Usage

ONE = Usage("risograph", "cuda (a card)", 10, 1_500, 70)
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def test_the_shards_of_a_run_are_summed_by_style_and_device(database: Database, run_id: str) -> None:
    for used in (ONE, ONE, replace(ONE, device="cpu (AVX2)", energy_j=None), replace(ONE, style_name="ink")):
        usage.add(database, run_id, used, now=NOW)
    assert usage.of_run(database, run_id) == (
        replace(ONE, style_name="ink"),
        Usage("risograph", "cpu (AVX2)", 10, 1_500, None),
        Usage("risograph", "cuda (a card)", 20, 3_000, 140),
    )
    with database.read() as connection:
        assert set(connection.execute(select(USAGE.c.campaign, USAGE.c.at)).tuples()) == {("spring", NOW)}


@pytest.mark.parametrize(("first", "second"), [(None, 70), (70, None)])
def test_joules_that_are_known_of_a_part_only_are_not_known(
    database: Database, run_id: str, first: int | None, second: int | None
) -> None:
    for joules in (first, second):
        usage.add(database, run_id, replace(ONE, energy_j=joules))
    (found,) = usage.of_run(database, run_id)
    assert (found.pictures, found.energy_j) == (20, None)


def test_of_a_run_that_was_never_started_nothing_is_kept(database: Database) -> None:
    with pytest.raises(UsageError, match="no run"):
        usage.add(database, "20260101-000000-abcdef", ONE)
