"""Killed anywhere, run again: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance import items, ledger, outputs, runs
from governance.db import Database
from governance.items import Item
from governance.ledger import Verified
from governance.outputs import Output
from governance.runs import RunState
from tests.flows.world import CAMPAIGN, STYLE, World, photo, twin

ASSETS = 24


def drive(what: str, home: Path, kill_after_s: float | None = None) -> bool:
    """Run the driver, or kill it that long after it is ready to work. Tells whether it got to its end."""
    command = [sys.executable, "-m", "tests.flows.driver", what, str(home)]
    environment = {**os.environ, "RESTYLE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            driver.kill()
        return driver.stdout.read() == "done\n"


def records_of(home: Path) -> list[Item]:
    """The items without what may differ: when they were last touched."""
    database = Database.open(f"sqlite:///{home / 'ledger.db'}")
    assert isinstance(ledger.verify(database), Verified)
    found = [replace(item, updated_at=item.created_at) for item in items.every(database)]
    database.close()
    return sorted(found, key=lambda item: item.ref.key)


def outputs_of(home: Path) -> list[Output]:
    """What is on record of everything published, without when and in which order."""
    database = Database.open(f"sqlite:///{home / 'ledger.db'}")
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    found = [replace(each, ordinal=0, published_at=moment) for each in outputs.page(database)]
    database.close()
    return sorted(found, key=lambda each: each.key)


def files_of(home: Path) -> dict[str, bytes]:
    shelf = home / "restyled"
    return {str(path.relative_to(shelf)): path.read_bytes() for path in shelf.rglob("*") if path.is_file()}


@pytest.fixture
def library(prepared: Path, tmp_path: Path) -> World:
    world = twin(tmp_path / "home", prepared)
    for number in range(ASSETS):
        world.add(f"photo-{number:02}.jpg", photo(number, width=160, height=120))
    world.add("cut.jpg", photo(99)[:800])
    world.add("agency.jpg", photo(98), derivatives="forbidden")
    return world


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_thirty_times_the_outputs_and_rows_equal_an_undisturbed_run_byte_for_byte(
    library: World, tmp_path: Path
) -> None:
    home, pristine, undisturbed = library.home, tmp_path / "pristine", tmp_path / "undisturbed"
    assert drive("plan", home)
    shutil.copytree(home, pristine, symlinks=True, ignore=shutil.ignore_patterns("library"))
    started = time.monotonic()
    assert drive("work", home)
    longest_s = time.monotonic() - started
    expected_rows, expected_files, expected_outputs = records_of(home), files_of(home), outputs_of(home)
    home.rename(undisturbed)

    pristine.rename(home)
    (undisturbed / "library").rename(home / "library")  # moved and not copied: an asset's version names its inode
    shutil.copytree(undisturbed / "identity", home / "identity", dirs_exist_ok=True)
    moments = random.Random(20)
    for _ in range(30):
        drive("work", home, kill_after_s=moments.uniform(0, longest_s / 8))
    assert drive("work", home)
    assert records_of(home) == expected_rows
    assert files_of(home) == expected_files
    assert outputs_of(home) == expected_outputs
    assert len(expected_outputs) == Counter(item.state for item in expected_rows)["published"]
    assert Counter(item.state for item in expected_rows)["quarantined"] == 1


@pytest.mark.slow
def test_killed_while_planning_the_plan_is_the_same_in_the_end(library: World) -> None:
    moments = random.Random(7)
    for _ in range(5):
        drive("plan", library.home, kill_after_s=moments.uniform(0, 0.2))
    assert drive("plan", library.home)
    planned = records_of(library.home)
    assert len({item.item_id for item in planned}) == len(planned) == ASSETS + 2


@pytest.mark.slow
def test_a_killed_command_leaves_a_run_that_the_next_one_calls_interrupted(library: World) -> None:
    """Both in our records and in Prefect, where a killed driver would be RUNNING for ever."""
    home = library.home
    (home / "campaign.yaml").write_text(CAMPAIGN.format(style=STYLE, least=-1, shard_size=500))
    restyle = [str(Path(sys.executable).with_name("restyle")), "--home", str(home), "run", str(home / "campaign.yaml")]
    database = Database.open(f"sqlite:///{home / 'ledger.db'}")
    with subprocess.Popen(restyle, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        while runs.latest(database) is None and killed.poll() is None:
            time.sleep(0.05)
        killed.kill()
    assert [run.state for run in runs.recent(database)] == [RunState.RUNNING]

    again = subprocess.run(restyle, capture_output=True, text=True, timeout=240, check=False)

    assert again.returncode == 0, again.stderr
    assert [run.state for run in runs.recent(database)] == [RunState.FINISHED, RunState.INTERRUPTED]
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as prefect:
        states = prefect.execute("SELECT state_type FROM flow_run ORDER BY created").fetchall()
    assert states == [("CRASHED",), ("COMPLETED",)]
