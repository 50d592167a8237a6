"""The heart end to end with the bundled style: photographs in, signed renditions out; beside the forward pass alone."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from skimage import data

from flows.demo.story import prepare
from flows.settings import quiet_dependencies
from flows.shard import run_shard
from governance.items import ItemState
from stylecore.styles.base import StyleModel
from tests.flows.world import World, planned, waiting

PICTURES = 24
EDGE_PX = 1024


def measured(home: Path) -> Iterator[str]:
    os.environ["RESTYLE_HOME"] = str(home)
    world = World(home)
    quiet_dependencies(world.settings)
    (home / "library").mkdir()
    for number in range(PICTURES):
        world.add(f"{number:02}.jpg", _photo(number))
    list(prepare(world.services))
    campaign = world.campaign()
    campaign = campaign.model_copy(
        update={
            "style": campaign.style.model_copy(update={"name": "risograph"}),
            "recipe": campaign.recipe.model_copy(update={"max_edge_px": EDGE_PX}),
        }
    )
    made, shard = planned(world, campaign, "risograph"), waiting(world)
    started = time.perf_counter()
    published = sum(each.state == ItemState.PUBLISHED for each in run_shard(shard, made))
    rate = PICTURES / (time.perf_counter() - started)
    yield f"{PICTURES} photos of {EDGE_PX} px, {published} published, on {made.workers} workers: {rate:.2f} a second"
    alone = _forward_rate(made.model, made.workers)
    yield f"the forward pass alone on {made.workers} threads: {alone:.2f} a second; end to end {rate / alone:.2f} of it"


def _photo(number: int) -> bytes:
    photo = (data.astronaut, data.chelsea, data.coffee, data.rocket)[number % 4]()
    image = Image.fromarray(photo).resize((EDGE_PX, EDGE_PX * 3 // 4), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.rotate(number).save(out, "JPEG", quality=90)
    return out.getvalue()


def _forward_rate(model: StyleModel, threads: int) -> float:
    torch.set_num_threads(threads)
    batch = torch.rand(1, 3, EDGE_PX * 3 // 4, EDGE_PX)
    started = time.perf_counter()
    for _ in range(6):
        model.render(batch)
    return 6 / (time.perf_counter() - started)
