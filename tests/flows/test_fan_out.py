"""Shards on a Ray cluster: the same result as in one process."""

from __future__ import annotations

import json

import pytest

from flows.errors import UsageError
from flows.fan_out import reachable_prefect
from flows.settings import Settings
from governance import items, ledger
from governance.items import ItemState
from governance.ledger import Verified
from tests.flows.test_cli import restyle
from tests.flows.world import CAMPAIGN, STYLE, World, photo


def test_a_cluster_of_other_machines_needs_a_prefect_server_they_can_reach() -> None:
    with pytest.raises(UsageError, match="RESTYLE_PREFECT_API_URL"):
        reachable_prefect(Settings(ray_address="ray://cluster:10001"))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_library_is_restyled_over_the_workers_of_a_ray_cluster(world: World) -> None:
    for number in range(6):
        world.add(f"{number}.jpg", photo(number))
    world.add("letter.jpg", b"Dear colleagues,")
    campaign = world.home / "campaign.yaml"
    campaign.write_text(CAMPAIGN.format(style=STYLE, least=-1, shard_size=2))
    answer = restyle("run", str(campaign), "--json", home=world.home, RESTYLE_RAY_ADDRESS="local")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["states"] == {"published": 6, "quarantined": 1}
    assert items.counts(world.services.records)[ItemState.PUBLISHED] == 6
    assert isinstance(ledger.verify(world.services.records), Verified)
