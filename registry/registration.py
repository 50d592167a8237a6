"""Putting a package into MLflow: one run that holds its files, and one model version for each of its styles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.experiments import experiment_named
from registry.fetching import download_package
from registry.manifest import StyleEntry
from registry.package import StylePackage
from registry.pyfunc_flavour import MODEL_FILE, mlmodel
from registry.tags import (
    ARTIFACT_FOLDER,
    KIND,
    KIND_STYLE,
    LICENCE,
    PACKAGE,
    PACKAGE_DIGEST,
    REGISTERED_BY,
    STYLE_INDEX,
)
from stylecore.data import Digest, StyleRef

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.tracking import MlflowClient

EXPERIMENT = "restyle styles"
_MAX_DESCRIPTION = 5000  # the width of MLflow's column


def register_package(
    client: MlflowClient, package: StylePackage, actor: str, artifact_location: str | None
) -> tuple[StyleRef, ...]:
    """Registers what is not registered yet. A registration that was interrupted is completed by the next one."""
    run_id: str | None = None
    refs = []
    for entry in package.styles:
        version = _oldest_version(client, entry.name, package.digest)
        if version is None:
            run_id = run_id or _run_with_files(client, package, actor, artifact_location)
            version = _new_version(client, package, entry, run_id, actor)
        refs.append(StyleRef(entry.name, version, package.digest))
    return tuple(refs)


def _oldest_version(client: MlflowClient, style: str, digest: Digest) -> int | None:
    """Two processes may register at once and make a version each: the oldest is the one that counts."""
    found = client.search_model_versions(f"name='{style}' and tags.`{PACKAGE_DIGEST}`='{digest}'")
    return min((int(version.version) for version in found), default=None)


def _new_version(client: MlflowClient, package: StylePackage, entry: StyleEntry, run_id: str, actor: str) -> int:
    _ensure_model(client, entry)
    created = client.create_model_version(
        entry.name,
        source=f"runs:/{run_id}/{ARTIFACT_FOLDER}",
        run_id=run_id,
        tags={
            PACKAGE: package.name,
            PACKAGE_DIGEST: package.digest,
            STYLE_INDEX: str(entry.index),
            LICENCE: package.licence,
            REGISTERED_BY: actor,
        },
        description=f"**{entry.title}**. {entry.description}\n\n{package.card}"[:_MAX_DESCRIPTION],
    )
    oldest = _oldest_version(client, entry.name, package.digest)
    if oldest is not None and oldest < int(created.version):
        client.delete_model_version(entry.name, created.version)
        return oldest
    return int(created.version)


def _ensure_model(client: MlflowClient, entry: StyleEntry) -> None:
    from mlflow.exceptions import MlflowException

    description = f"**{entry.title}**. {entry.description}"[:_MAX_DESCRIPTION]
    try:
        client.create_registered_model(entry.name, tags={KIND: KIND_STYLE}, description=description)
    except MlflowException as problem:
        if problem.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        _refuse_foreign(client.get_registered_model(entry.name))


def _refuse_foreign(model: RegisteredModel) -> None:
    if model.tags.get(KIND) != KIND_STYLE:
        raise RegistryError(
            f"the registry already has a model named {model.name} that is not a style of restyle",
            "a name of its own for the style",
            "Rename the style in the package, or use another registry.",
        )


def _run_with_files(client: MlflowClient, package: StylePackage, actor: str, artifact_location: str | None) -> str:
    experiment_id = experiment_named(client, EXPERIMENT, artifact_location)
    for run in client.search_runs(
        [experiment_id],
        f"tags.`{PACKAGE_DIGEST}` = '{package.digest}' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time ASC"],
        max_results=1,
    ):
        return str(run.info.run_id)
    return _new_run(client, package, actor, experiment_id)


def _new_run(client: MlflowClient, package: StylePackage, actor: str, experiment_id: str) -> str:
    """Uploads the files, reads them back, and only then calls the run finished: others rely on a finished run."""
    tags = {
        PACKAGE: package.name,
        PACKAGE_DIGEST: package.digest,
        LICENCE: package.licence,
        REGISTERED_BY: actor,
        "mlflow.user": actor,
        "mlflow.note.content": package.card[:_MAX_DESCRIPTION],
    }
    run = client.create_run(experiment_id, tags=tags, run_name=f"{package.name} {package.digest.short}")
    run_id = str(run.info.run_id)
    try:
        client.log_batch(run_id, metrics=_metrics(package.styles), params=_params(package))
        client.log_artifacts(run_id, str(package.folder), ARTIFACT_FOLDER)
        client.log_text(run_id, mlmodel(package).to_yaml(), f"{ARTIFACT_FOLDER}/{MODEL_FILE}")
        with TemporaryDirectory() as folder:
            download_package(client, run_id, package.digest, Path(folder))
    except BaseException:
        with suppress(Exception):  # what went wrong first is what gets told
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


def _params(package: StylePackage) -> list[Param]:
    from mlflow.entities import Param

    said = {
        "family": package.family,
        "licence": package.licence,
        "controls": ", ".join(sorted(package.controls)),
        **{f"architecture.{key}": json.dumps(value) for key, value in package.architecture.items()},
    }
    return [Param(key, value) for key, value in said.items()]


def _metrics(styles: Iterable[StyleEntry]) -> list[Metric]:
    from mlflow.entities import Metric

    now_ms = int(time() * 1000)
    return [
        Metric(f"{style.name}/{score}", value, now_ms, 0)
        for style in styles
        for score, value in sorted(style.measured.items())
    ]
