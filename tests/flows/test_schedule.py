"""A campaign with a schedule runs when its time comes, without anyone at the keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from governance import runs
from governance.runs import RunState
from tests.flows.test_cli import CAMPAIGN, expect, restyle
from tests.flows.world import World, photo


def test_a_campaign_without_a_schedule_is_not_served(world: World) -> None:
    (world.home / "campaign.yaml").write_text(CAMPAIGN)
    answer = restyle("campaign", "serve", str(world.home / "campaign.yaml"), home=world.home)
    expect("usage", answer, "by-hand", "schedule")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_minute_means_that_a_run_is_finished_within_three(world: World) -> None:
    world.add("cup.jpg", photo(1))
    campaign = world.home / "campaign.yaml"
    campaign.write_text(CAMPAIGN + 'schedule: {cron: "* * * * *", timezone: Europe/Berlin}\n')
    command = [str(Path(sys.executable).with_name("restyle")), "--home", str(world.home), "campaign", "serve"]
    environment = {**os.environ, "RESTYLE_HOME": str(world.home)}
    with subprocess.Popen([*command, str(campaign)], env=environment, stdout=subprocess.DEVNULL) as served:
        try:
            finished = _wait_for_a_finished_run(world, served)
        finally:
            served.send_signal(signal.SIGTERM)
            served.wait(timeout=60)
    assert finished
    assert len(world.published()) == 1


def _wait_for_a_finished_run(world: World, served: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and served.poll() is None:
        if any(run.state is RunState.FINISHED for run in runs.recent(world.services.records)):
            return True
        time.sleep(1)
    return False
