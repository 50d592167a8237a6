"""A run as a person at the keys sees it: what it is doing, how far it is, and when it will be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows import progress
from flows.campaign import Campaign
from flows.cli.output import errors, plain
from flows.errors import WorkspaceError
from flows.settings import Settings

_TITLES = {
    "plan": "reading and planning",
    "restyle": "restyling",
    "train": "training",
    "publish": "publishing what was approved",
}


class RunDisplay:
    """Bars on standard error, one a stage, made when the stage is first heard of."""

    def __init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=errors,
        )
        self._stages: dict[str, Any] = {}

    def __enter__(self) -> RunDisplay:
        self._bars.start()
        self._start = self._bars.add_task("starting Prefect", total=None, note="embedded; takes a few seconds")
        return self

    def __exit__(self, *_: object) -> None:
        for stage in self._stages.values():
            self._bars.update(stage, total=self._bars.tasks[stage].completed, note="")
        self._bars.stop()

    def hear(self, told: progress.Progress) -> None:
        if told.stage not in self._stages:
            self._bars.update(self._start, visible=False)
            self._stages[told.stage] = self._bars.add_task(_TITLES[told.stage], total=told.total, note="")
        stage = self._stages[told.stage]
        total = told.total if told.total is not None else self._bars.tasks[stage].total
        self._bars.update(stage, advance=told.more, total=total, note=plain(told.note))


@contextmanager
def shown_progress(quiet: bool = False) -> Iterator[None]:
    """What is told inside this block, as bars. ``quiet`` is for programs: nothing but the answer."""
    if quiet:
        yield
        return
    with RunDisplay() as shown, progress.listening(shown.hear):
        yield


def run_with_progress(campaign: Campaign, quiet: bool = False) -> dict[str, Any]:
    """Run the Prefect flow here and now."""
    with shown_progress(quiet):
        return _run(campaign)


def _run(campaign: Campaign) -> dict[str, Any]:
    from flows.fan_out import reachable_prefect
    from flows.restyle_library import restyle_library

    settings = Settings()
    try:
        with reachable_prefect(settings):
            summary: dict[str, Any] = restyle_library(campaign.model_dump(mode="json"))
    except RuntimeError as problem:
        if "ephemeral" not in str(problem):  # Prefect has no error of its own for a server that did not come up
            raise
        raise WorkspaceError(
            "Prefect's embedded server did not start",
            "it within two minutes",
            "Check disk and memory with `restyle doctor`, or name a Prefect server in RESTYLE_PREFECT_API_URL",
        ) from problem
    return summary
