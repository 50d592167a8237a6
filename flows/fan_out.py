"""How the shards of a run are spread: one after the other in this process, or over the nodes of a Ray cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.errors import UsageError
from flows.prefect_server import prefect_server
from flows.settings import RAY_ON_THIS_MACHINE, Settings, environment_of_workers


def shard_runner(settings: Settings) -> TaskRunner[Any]:
    """In one process a shard at a time: it keeps every core busy by itself."""
    if settings.ray_address is None:
        one_at_a_time: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=1)
        return one_at_a_time
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise UsageError("RESTYLE_RAY_ADDRESS is set and Ray is not installed", "the extra 'ray'") from error
    here = settings.ray_address == RAY_ON_THIS_MACHINE
    options: dict[str, Any] = {"runtime_env": {"env_vars": environment_of_workers(settings)}}
    if here:
        options |= {"include_dashboard": False, "configure_logging": False, "log_to_driver": False}
    runner: TaskRunner[Any] = RayTaskRunner(address=None if here else settings.ray_address, init_kwargs=options)
    return runner


def reachable_prefect(settings: Settings) -> AbstractContextManager[None]:
    """What the workers of a cluster report to. Of other machines' workers we cannot ask to reach our loopback."""
    if settings.ray_address is None:
        return nullcontext()
    if settings.ray_address != RAY_ON_THIS_MACHINE and settings.prefect_api_url is None:
        raise UsageError(
            "a Ray cluster without a Prefect server that its nodes can reach",
            "its address in RESTYLE_PREFECT_API_URL",
            "Start one with `prefect server start --host 0.0.0.0`",
        )
    return prefect_server(settings)
