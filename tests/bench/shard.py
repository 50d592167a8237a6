"""The heart end to end: photographs in, signed renditions out, against the network's forward pass alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from flows.run_records import begin
from flows.settings import quiet_dependencies
from flows.shard import run_shard
from flows.wiring import planner, tools
from governance import items
from governance.planning import plan_page
from tests.flows.world import STYLE, make_world, photo

PICTURES = 24
EDGE_PX = 1024


def measured(home: Path) -> Iterator[str]:
    os.environ["RESTYLE_HOME"] = str(home / "home")
    world = make_world(home / "home")
    quiet_dependencies(world.settings)
    for number in range(PICTURES):
        world.add(f"{number:02}.jpg", photo(number, EDGE_PX, EDGE_PX * 3 // 4))
    campaign, services = world.campaign(), world.services
    campaign = campaign.model_copy(update={"recipe": campaign.recipe.model_copy(update={"max_edge_px": EDGE_PX})})
    style = services.approved_style(STYLE, None)
    run_id = begin(services.records, campaign, "bench", None).run_id
    for page in planner(services, campaign, style).pages():
        plan_page(services.records, run_id, "bench", page.items)
    made = tools(services, campaign, style, run_id, "bench")
    started = time.perf_counter()
    ended = list(run_shard(items.pending(services.records), made))
    took_s = time.perf_counter() - started
    rate = f"{len(ended) / took_s:.2f} a second with {made.workers} workers"
    yield f"{len(ended)} pictures of {EDGE_PX} px in {took_s:.1f} s: {rate}"
    batch = torch.rand(1, 3, EDGE_PX * 3 // 4, EDGE_PX)
    torch.set_num_threads(1)
    started = time.perf_counter()
    for _ in range(4):
        made.model.render(batch)
    yield f"the forward pass alone, one thread: {4 / (time.perf_counter() - started):.2f} a second"
