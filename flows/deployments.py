"""Schedules: campaigns and the nightly audit become Prefect deployments, kept by this process until it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from flows.campaign import Campaign, Schedule
from flows.errors import UsageError
from flows.prefect_server import prefect_server
from flows.settings import Settings


def serve_campaigns(settings: Settings, campaigns: Sequence[Campaign]) -> None:
    """Keep the schedules until stopped. Without a Prefect server of your own, one is run beside it."""
    unscheduled = [each.campaign for each in campaigns if each.schedule is None]
    if unscheduled:
        raise UsageError(f"no schedule in {', '.join(unscheduled)}", "schedule: {cron: ...} in each campaign file")
    with prefect_server(settings):
        from prefect import serve
        from prefect.client.schemas.schedules import CronSchedule

        from flows.restyle_library import restyle_library

        deployments: list[Any] = [
            restyle_library.to_deployment(
                name=each.campaign,
                description=each.description,
                parameters={"campaign": each.model_dump(mode="json")},
                schedules=[CronSchedule(cron=each.schedule.cron, timezone=each.schedule.timezone)],
                concurrency_limit=1,  # a run that takes longer than its interval is not overtaken by the next
            )
            for each in campaigns
            if each.schedule is not None
        ]
        serve(*deployments)


def serve_audits(settings: Settings, cron: str, timezone: str) -> None:
    """Keep the nightly audit, and recalls that are started from Prefect's pages, until stopped."""
    try:
        schedule = Schedule(cron=cron, timezone=timezone)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise UsageError(f"{first['loc'][0]} {str(first['input'])[:80]!r}", str(first["msg"])) from None
    with prefect_server(settings):
        from prefect import serve
        from prefect.client.schemas.schedules import CronSchedule

        from flows.audit_nightly import audit_nightly
        from flows.recall import recall

        nightly: Any = audit_nightly.to_deployment(
            name="nightly",
            parameters={"actor": settings.actor},
            schedules=[CronSchedule(cron=schedule.cron, timezone=schedule.timezone)],
            concurrency_limit=1,
        )
        recalls: Any = recall.to_deployment(
            name="recall",
            description="Go on with a recall that was ordered: give its id and who is responsible.",
            concurrency_limit=1,
        )
        serve(nightly, recalls)


def serve_styles(settings: Settings) -> None:
    """Keep evaluation and promotion startable from Prefect's pages and from pipelines, until stopped."""
    with prefect_server(settings):
        from prefect import serve

        from flows.style_flows import evaluate_style, promote_style

        evaluating: Any = evaluate_style.to_deployment(
            name="evaluate",
            description="Measure a registered version on the golden pictures and hold it against the gates.",
        )
        promoting: Any = promote_style.to_deployment(
            name="promote",
            description="Approve a version that passed its gates: by whom, under which licence, for what and where.",
            concurrency_limit=1,
        )
        serve(evaluating, promoting)
