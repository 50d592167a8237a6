"""A training as MLflow shows it: its parameters, curves, samples along the way, and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from registry.experiments import experiment_named
from registry.tags import ARTIFACT_FOLDER, PACKAGE, REGISTERED_BY
from stylecore.data import Digest

if TYPE_CHECKING:
    import numpy as np
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient
    from numpy.typing import NDArray

EXPERIMENT = "restyle training"
RECIPE_DIGEST = "restyle.recipe_digest"
_BUFFERED = 200
_MAX_PARAM = 6000  # the width of MLflow's column


@dataclass
class TrainingRun:
    """An open run. Curves are sent in batches: a request for each number would cost more than the training."""

    client: MlflowClient
    run_id: str
    _waiting: list[Metric] = field(default_factory=list)

    def curve(self, iteration: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now_ms = int(time() * 1000)
        self._waiting += [Metric(name, value, now_ms, iteration) for name, value in values.items()]
        if len(self._waiting) >= _BUFFERED:
            self.flush()

    def sample(self, name: str, iteration: int, pixels: NDArray[np.uint8]) -> None:
        """A picture along the way; MLflow's page shows those of one name as a series."""
        from PIL import Image

        self.client.log_image(self.run_id, Image.fromarray(pixels), key=f"sample-{name}", step=iteration)

    def package(self, folder: Path) -> None:
        self.client.log_artifacts(self.run_id, str(folder), ARTIFACT_FOLDER)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.client.log_batch(self.run_id, metrics=waiting)


@contextmanager
def training_run(
    client: MlflowClient,
    package: str,
    recipe_digest: Digest,
    parameters: Mapping[str, str],
    actor: str,
    artifact_location: str | None,
) -> Iterator[TrainingRun]:
    """The run of this training: the one that was cut off, if there is one, since training goes on where it stopped."""
    experiment_id = experiment_named(client, EXPERIMENT, artifact_location)
    run_id = _unfinished(client, experiment_id, recipe_digest)
    run = TrainingRun(client, run_id or _new(client, experiment_id, package, recipe_digest, parameters, actor))
    try:
        yield run
        run.flush()
    except BaseException:
        with suppress(Exception):  # what went wrong first is what gets told
            run.flush()
            client.set_terminated(run.run_id, "FAILED")
        raise
    client.set_terminated(run.run_id)


def _unfinished(client: MlflowClient, experiment_id: str, recipe_digest: Digest) -> str | None:
    asked = f"tags.`{RECIPE_DIGEST}` = '{recipe_digest}' and attributes.status != 'FINISHED'"
    for run in client.search_runs([experiment_id], asked, order_by=["attributes.start_time DESC"], max_results=1):
        client.update_run(run.info.run_id, status="RUNNING")
        return str(run.info.run_id)
    return None


def _new(
    client: MlflowClient,
    experiment_id: str,
    package: str,
    recipe_digest: Digest,
    parameters: Mapping[str, str],
    actor: str,
) -> str:
    from mlflow.entities import Param

    tags = {PACKAGE: package, RECIPE_DIGEST: recipe_digest, REGISTERED_BY: actor, "mlflow.user": actor}
    run = client.create_run(experiment_id, tags=tags, run_name=f"{package} {recipe_digest.short}")
    client.log_batch(run.info.run_id, params=[Param(name, value[:_MAX_PARAM]) for name, value in parameters.items()])
    return str(run.info.run_id)
