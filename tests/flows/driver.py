"""A run without Prefect, as a process that can be killed: ``python -m tests.flows.driver plan|work HOME``."""

from __future__ import annotations

import sys
from pathlib import Path

from flows.approved_items import publish_approved
from flows.run_records import begin
from flows.shard import run_shard
from flows.wiring import planner, tools
from governance import items, runs
from governance.items import ItemState
from governance.planning import plan_page
from tests.flows.world import STYLE, World


def plan(world: World) -> None:
    campaign, services = world.campaign(least=0.3), world.services
    run_id = begin(services.records, campaign, "driver", None, services.policy).run_id
    style = services.approved_style(STYLE, None)
    print("ready", flush=True)
    for page in planner(services, campaign, style).pages():
        plan_page(services.records, run_id, "driver", page.items)


def work(world: World) -> None:
    campaign, services = world.campaign(least=0.3), world.services
    run = runs.latest(services.records)
    assert run is not None
    made = tools(services, campaign, services.approved_style(STYLE, None), run.run_id, "driver")
    shard = items.every(services.records, states=(ItemState.PLANNED,))
    print("ready", flush=True)
    for _ in run_shard(list(shard), made):
        pass
    for _ in publish_approved(services, "driver"):
        pass


if __name__ == "__main__":
    what, home = sys.argv[1:]
    {"plan": plan, "work": work}[what](World(Path(home)))
    print("done", flush=True)
