"""An evaluation as MLflow shows it: its numbers as metrics, its pictures on one sheet, its report beside them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any

from registry.experiments import experiment_named
from registry.tags import PACKAGE_DIGEST, REGISTERED_BY
from stylecore.data import StyleRef

if TYPE_CHECKING:
    import numpy as np
    from mlflow.tracking import MlflowClient
    from numpy.typing import NDArray

EXPERIMENT = "restyle evaluations"
STYLE, VERSION, PASSED = "restyle.style", "restyle.version", "restyle.passed"


@dataclass(frozen=True, slots=True)
class ShownEvaluation:
    """What is shown of an evaluation; what counts of it is in the ledger."""

    metrics: Mapping[str, float]
    parameters: Mapping[str, str]
    passed: bool
    report: Mapping[str, Any] = field(repr=False)
    sheet: NDArray[np.uint8] = field(repr=False)
    actor: str


def keep_evaluation(client: MlflowClient, ref: StyleRef, shown: ShownEvaluation, artifact_location: str | None) -> str:
    tags = {
        STYLE: ref.name,
        VERSION: str(ref.version),
        PACKAGE_DIGEST: ref.package_digest,
        PASSED: "yes" if shown.passed else "no",
        REGISTERED_BY: shown.actor,
        "mlflow.user": shown.actor,
    }
    experiment_id = experiment_named(client, EXPERIMENT, artifact_location)
    run_id = str(client.create_run(experiment_id, tags=tags, run_name=str(ref)).info.run_id)
    try:
        _fill(client, run_id, shown)
    except BaseException:
        with suppress(Exception):  # what went wrong first is what gets told
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


def _fill(client: MlflowClient, run_id: str, shown: ShownEvaluation) -> None:
    from mlflow.entities import Metric, Param

    now_ms = int(time() * 1000)
    metrics = [Metric(name, value, now_ms, 0) for name, value in shown.metrics.items()]
    client.log_batch(run_id, metrics=metrics, params=[Param(name, value) for name, value in shown.parameters.items()])
    client.log_dict(run_id, dict(shown.report), "report.json")
    client.log_image(run_id, shown.sheet, artifact_file="before-and-after.png")
