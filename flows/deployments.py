"""Schedules: each campaign with one becomes a Prefect deployment, kept by this process until it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.campaign import Campaign
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
