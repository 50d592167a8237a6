"""The batch: plan the library, cut it into shards, run them, publish, report. Prefect schedules and shows it.

The unit of work for Prefect is the shard, never the asset. Prefect is not the record either: what happened is in the
ledger, and a run that was killed goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from flows import progress
from flows.approved_items import publish_approved
from flows.campaign import Campaign
from flows.ended import FAILED, Ended
from flows.fan_out import shard_runner
from flows.prefect_state import crash_flow_runs, current_flow_run_id
from flows.report import write_report
from flows.run_records import begin, campaign_of, interrupted, recorded, require_its_policy
from flows.settings import Settings
from flows.shard import Tools, run_shard
from flows.wiring import ApprovedStyle, Services, open_services, planner, tools
from governance import items, runs
from governance.authority import Act
from governance.items import Item, ItemState
from governance.planning import plan_page
from stylecore.data import Digest, Reason

MAX_SHARDS = 1_500
"""Prefect's embedded server drops task history past a few thousand; a larger library gets larger shards."""
_TOLD_PROBLEMS = 50
UNREADABLE = "unreadable"
"""Listed by the store and not to be read: no item, but accounted for."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items got where, and the first of those that could not be done, with their reasons."""

    states: Counter[str] = field(default_factory=Counter)
    problems: tuple[dict[str, str], ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.states + other.states, (self.problems + other.problems)[:_TOLD_PROBLEMS])

    @classmethod
    def of(cls, state: str, key: str, reasons: Sequence[Reason]) -> Tally:
        told = ({"key": key, **asdict(reasons[0])},) if state in (FAILED, UNREADABLE) else ()
        return cls(Counter({state: 1}), told)


@flow(
    name="restyle-library",
    flow_run_name="{campaign[campaign]}",
    task_runner=shard_runner(Settings()),  # a scheduled run imports this module in a process of its own
    validate_parameters=False,
)
def restyle_library(campaign: dict[str, Any]) -> dict[str, Any]:
    """Restyle the assets that a campaign asks for. ``campaign`` is the campaign file's content."""
    settings = Settings()
    services, asked = open_services(settings), Campaign.model_validate(campaign)
    services.require(settings.actor, Act.APPLY, f"campaign:{asked.campaign}")
    crash_flow_runs(run.flow_run_id for run in interrupted(services.records, settings.actor))
    style = services.approved_style(asked.style.name, asked.style.version)
    run = begin(services.records, asked, settings.actor, current_flow_run_id(), services.policy)
    with recorded(services.records, run):
        tally = plan_library(run.run_id, style)
        tally += _run_shards(run.run_id, services, style)
        tally += publish_leftovers(run.run_id)
    return _told(services, run.run_id, tally)


@task(cache_policy=NO_CACHE)
def plan_library(run_id: str, style: ApprovedStyle) -> Tally:
    """Every asset the campaign selects becomes an item that may be done or one that may not. Tallies the unreadable."""
    services = open_services(Settings())
    run = runs.get(services.records, run_id)
    tally = Tally()
    for page in planner(services, campaign_of(services.records, run_id), style).pages():
        plan_page(services.records, run_id, run.actor, page.items)
        tally = sum((Tally.of(UNREADABLE, each.ref.key, [each.reason]) for each in page.unreadable), tally)
        progress.tell("plan", len(page.items) + len(page.unreadable))
    get_run_logger().info("planned %s", runs.get(services.records, run_id).planned)
    return tally


@task(cache_policy=NO_CACHE, task_run_name="shard {number}")
def stylize_shard(run_id: str, number: int, item_ids: list[Digest]) -> Tally:
    """One shard on one worker. Items that somebody else has done meanwhile are left alone."""
    services = open_services(Settings())
    require_its_policy(runs.get(services.records, run_id), services.policy)
    shard = [item for item in items.get_many(services.records, item_ids) if item.state is ItemState.PLANNED]
    tally = _tallied(run_shard(shard, _tools_of(run_id)), "restyle")
    get_run_logger().info("shard %d: %s", number, _counted(tally))
    return tally


@task(cache_policy=NO_CACHE)
def publish_leftovers(run_id: str) -> Tally:
    """What was approved, by people or by a run that was interrupted, and has not been published yet."""
    services = open_services(Settings())
    run = runs.get(services.records, run_id)
    require_its_policy(run, services.policy)
    return _tallied(publish_approved(services, run.actor, run.campaign, run_id), "publish")


def _run_shards(run_id: str, services: Services, style: ApprovedStyle) -> Tally:
    """Submit shards a few at a time, so that a million items are never in memory at once."""
    campaign = campaign_of(services.records, run_id)
    total = sum(1 for _ in _waiting(services, campaign, style))
    size = max(campaign.engine.shard_size, -(-total // MAX_SHARDS))
    progress.tell("restyle", 0, total)
    waiting = _waiting(services, campaign, style)
    tally, number, submitted = Tally(), 0, list[PrefectFuture[Tally]]()
    made = create_progress_artifact(0.0, key="restyle-progress", description=f"{total} items of run {run_id}")
    shown = cast(UUID, made)  # Prefect types it as sync or async at once
    while shard := [item.item_id for item in islice(waiting, size)]:
        number += 1
        submitted.append(stylize_shard.submit(run_id, number, shard))
        if len(submitted) > services.settings.shards_in_flight:
            tally += submitted.pop(0).result()
            update_progress_artifact(shown, 100 * tally.states.total() / total)
    tally = sum((future.result() for future in submitted), tally)
    update_progress_artifact(shown, 100.0)
    return tally


def _waiting(services: Services, campaign: Campaign, style: ApprovedStyle) -> Iterator[Item]:
    """What is planned and is what this campaign asks for now; an older recipe's leftovers are not."""
    planned = items.every(
        services.records,
        states=(ItemState.PLANNED,),
        campaign=campaign.campaign,
        destination=campaign.publish.store.label,
    )
    wanted = (style.ref, campaign.full_recipe, campaign.purpose.channel, campaign.purpose.territory)
    return (item for item in planned if (item.style, item.recipe.on(()), item.channel, item.territory) == wanted)


@lru_cache(maxsize=2)
def _tools_of(run_id: str) -> Tools:
    services = open_services(Settings())
    campaign = campaign_of(services.records, run_id)
    style = services.approved_style(campaign.style.name, campaign.style.version)
    return tools(services, campaign, style, run_id, runs.get(services.records, run_id).actor)


def _tallied(ended: Iterator[Ended], stage: str) -> Tally:
    tally = Tally()
    for each in ended:
        tally += Tally.of(each.state, each.key, each.reasons)
        progress.tell(stage, 1, note=each.key)
    return tally


def _counted(tally: Tally) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(tally.states.items())) or "nothing to do"


def _told(services: Services, run_id: str, tally: Tally) -> dict[str, Any]:
    """What the run came to: for the caller as a value, for Prefect's pages as an artifact."""
    run = runs.get(services.records, run_id)
    summary = {
        "run_id": run_id,
        "plan": asdict(run.planned),
        "states": dict(tally.states),
        "problems": list(tally.problems),
        "left": tally.states[FAILED] + tally.states[UNREADABLE],
        "report": str(write_report(services, run)),
    }
    create_markdown_artifact(_as_markdown(run.campaign, summary), key="restyle-run", description=f"run {run_id}")
    return summary


def _as_markdown(campaign: str, summary: dict[str, Any]) -> str:
    rows = [f"| {state} | {number} |" for state, number in sorted(summary["states"].items())]
    planned = ", ".join(f"{number} {name}" for name, number in summary["plan"].items() if number)
    return "\n".join(
        [f"# {campaign}", f"Plan: {planned or 'nothing'}", "", "| state | items |", "| --- | --- |", *rows]
    )
