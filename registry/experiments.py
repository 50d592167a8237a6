"""MLflow's experiments: the folders in which it keeps runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import RegistryError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def experiment_named(client: MlflowClient, name: str, artifact_location: str | None) -> str:
    """The id of the experiment of that name, made if it is not there; two processes may try at once."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=artifact_location)
        except MlflowException as problem:
            if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise RegistryError(
            f"the MLflow experiment {name!r} has been deleted",
            "an active experiment",
            "Restore it with `mlflow experiments restore`, or delete it for good with `mlflow gc`.",
        )
    return found.experiment_id
