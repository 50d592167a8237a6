"""The same heart with the records on a PostgreSQL server, by a setting alone."""

from __future__ import annotations

import pytest

from flows.shard import run_shard
from governance import items, ledger
from governance.items import ItemState
from governance.ledger import Verified
from tests import postgres
from tests.flows.world import World, let_in, photo, planned, waiting, write_style_package


def test_a_library_is_restyled_with_its_records_on_postgresql(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres.server() as server:
        if isinstance(server, str):
            pytest.skip(server)
        with server.database() as url:
            monkeypatch.setenv("RESTYLE_LEDGER_URL", url)
            _restyle_and_check(world)


def _restyle_and_check(world: World) -> None:
    world.add("cup.jpg", photo(1))
    world.add("agency.jpg", photo(2), derivatives="forbidden")
    world.add("letter.jpg", b"Dear colleagues,")
    write_style_package(world.home / "package")
    let_in(world.services, world.home / "package")
    made, services = planned(world, world.campaign()), world.services
    list(run_shard(waiting(world), made))
    counts = items.counts(services.records)
    assert services.records.name.startswith("postgresql")
    assert [counts[state] for state in (ItemState.PUBLISHED, ItemState.REFUSED, ItemState.QUARANTINED)] == [1, 1, 1]
    assert isinstance(ledger.verify(services.records), Verified)
    services.records.close()
