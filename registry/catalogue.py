"""The catalogue of styles, kept in MLflow: one registered model a style, one version a package it came in.

MLflow says which versions there are. It is not trusted with what they contain: the caller brings the digest that was
approved, and only bytes of that digest leave ``fetch``. Who may register or approve is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import RegistryError, unknown_name
from registry.evaluation_runs import ShownEvaluation, keep_evaluation
from registry.fetching import cache_package, cached_package, changed, download_package, scratch_folder
from registry.manifest import SLUG
from registry.mlflow_client import connect, mlflow_errors_as_ours
from registry.package import StylePackage
from registry.registration import register_package
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
from registry.training_runs import TrainingRun, training_run
from stylecore.data import Digest, StyleRef

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.store.entities import PagedList
    from mlflow.tracking import MlflowClient

_SLUG = re.compile(SLUG)
_RESERVED_ALIAS = re.compile(r"latest|v\d+")  # MLflow keeps these for itself
_PAGE = 200


@dataclass(frozen=True, slots=True)
class StyleVersion:
    """One version of a style as the registry tells it. A claim, not a proof: ``fetch`` checks the digest."""

    ref: StyleRef
    package: str
    style_index: int
    licence: str
    registered_by: str
    registered_at: datetime
    aliases: tuple[str, ...]


class Catalogue:
    """The styles of one MLflow registry: a database (``sqlite:///…``) or a server (``http://…``).

    ``artifact_root`` is where the files of new packages go: a folder or a URI. None leaves that to the server, so a
    database without a server needs one.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path | str | None, cache: Path) -> None:
        if artifact_root is None and not tracking_uri.startswith("http"):
            raise RegistryError("no place for registered packages", "a folder or URI", "Set the artifact root.")
        self._uri = tracking_uri
        self._artifact_location = _as_location(artifact_root)
        self._cache = cache

    def register(self, package: StylePackage, actor: str) -> tuple[StyleRef, ...]:
        """The versions of the package's styles, in its order: new ones, or those that this digest already has."""
        with self._asked_to("register the package") as client:
            return register_package(client, package, actor, self._artifact_location)

    def names(self) -> tuple[str, ...]:
        with self._asked_to("list its styles") as client:
            return _style_names(client)

    def versions(self, name: str) -> tuple[StyleVersion, ...]:
        """Every version that carries what restyle wrote on it, oldest first."""
        with self._asked_to("list the versions") as client:
            model = _model(client, name)
            found = [_style_version(version, model.aliases) for version in _pages_of_versions(client, name)]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.ref.version))

    def find(self, name: str, version: int | None = None) -> StyleRef:
        """That version of the style, or its newest."""
        known = self.versions(name)
        for one in reversed(known):
            if version in (None, one.ref.version):
                return one.ref
        raise unknown_name(f"version of {name}", str(version or "newest"), [str(one.ref.version) for one in known])

    def fetch(self, ref: StyleRef) -> StylePackage:
        """The package with exactly the digest of ``ref``: from the cache, else from the registry into the cache."""
        cached = cached_package(self._cache, ref.package_digest)
        if cached is not None:
            return cached
        with self._asked_to(f"fetch {ref}") as client:
            return cache_package(client, _run_of(client, ref), ref.package_digest, self._cache)

    def confirm(self, ref: StyleRef) -> None:
        """Raises an ``IntegrityError`` if what the registry holds today is not ``ref``, whatever the cache holds."""
        with self._asked_to(f"confirm {ref}") as client, scratch_folder(self._cache) as folder:
            download_package(client, _run_of(client, ref), ref.package_digest, folder)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Puts a label on a version, for people who look in MLflow. What is approved is decided in the ledger."""
        ref = self.find(name, version)
        with self._asked_to("set the alias") as client:
            client.set_registered_model_alias(ref.name, _checked_alias(alias), str(ref.version))

    def remove_alias(self, name: str, alias: str) -> None:
        """Takes the label away, if it is there."""
        with self._asked_to("remove the alias") as client:
            _model(client, name)
            client.delete_registered_model_alias(name, _checked_alias(alias))

    def alias(self, name: str, alias: str) -> StyleRef | None:
        """The version that carries the label, if any."""
        label = _checked_alias(alias)
        return next((one.ref for one in self.versions(name) if label in one.aliases), None)

    @contextmanager
    def training(
        self, package: str, recipe_digest: Digest, parameters: Mapping[str, str], actor: str
    ) -> Iterator[TrainingRun]:
        """A run for a training's curves and samples; what goes wrong inside it marks the run as failed."""
        with (
            self._asked_to("keep the training's curves") as client,
            training_run(client, package, recipe_digest, parameters, actor, self._artifact_location) as run,
        ):
            yield run

    def keep_evaluation(self, ref: StyleRef, shown: ShownEvaluation) -> str:
        """A run for people who look in MLflow: the numbers, the pictures, the report. Returns its id."""
        with self._asked_to("keep the evaluation") as client:
            return keep_evaluation(client, ref, shown, self._artifact_location)

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self._uri)

    @contextmanager
    def _asked_to(self, doing: str) -> Iterator[MlflowClient]:
        client = self._client
        with mlflow_errors_as_ours(self._uri, doing):
            yield client


def _as_location(artifact_root: Path | str | None) -> str | None:
    return artifact_root.absolute().as_uri() if isinstance(artifact_root, Path) else artifact_root


def _style_names(client: MlflowClient) -> tuple[str, ...]:
    names: list[str] = []
    token: str | None = None
    while token != "":
        page: PagedList[RegisteredModel] = client.search_registered_models(
            f"tags.`{KIND}`='{KIND_STYLE}'", max_results=_PAGE, page_token=token
        )
        names.extend(model.name for model in page)
        token = page.token or ""
    return tuple(sorted(name for name in names if _SLUG.fullmatch(name)))


def _pages_of_versions(client: MlflowClient, name: str) -> Iterator[ModelVersion]:
    token: str | None = None
    while token != "":
        page: PagedList[ModelVersion] = client.search_model_versions(
            f"name='{name}'", max_results=_PAGE, page_token=token
        )
        yield from page
        token = page.token or ""


def _model(client: MlflowClient, name: str) -> RegisteredModel:
    """The registered model of a style. Only slugs are asked for: MLflow takes names that its own filters break on."""
    from mlflow.exceptions import MlflowException

    if not _SLUG.fullmatch(name):
        raise unknown_name("style", name, _style_names(client))
    try:
        model = client.get_registered_model(name)
    except MlflowException as problem:
        if problem.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise unknown_name("style", name, _style_names(client)) from problem
    if model.tags.get(KIND) != KIND_STYLE:
        raise unknown_name("style", name, _style_names(client))
    return model


def _style_version(version: ModelVersion, aliases: Mapping[str, str]) -> StyleVersion | None:
    tags = version.tags
    try:
        return StyleVersion(
            ref=StyleRef(version.name, int(version.version), Digest(tags[PACKAGE_DIGEST])),
            package=tags[PACKAGE],
            style_index=int(tags[STYLE_INDEX]),
            licence=tags[LICENCE],
            registered_by=tags[REGISTERED_BY],
            registered_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            aliases=tuple(sorted(alias for alias, at in aliases.items() if int(at) == int(version.version))),
        )
    except (KeyError, ValueError):
        return None  # made by hand or by another tool: not a version that could be fetched


def _run_of(client: MlflowClient, ref: StyleRef) -> str:
    """The run that holds the files of this version, if the registry's own record still says what ``ref`` says."""
    _model(client, ref.name)
    version = _version(client, ref)
    if version.tags.get(PACKAGE_DIGEST) != ref.package_digest:
        raise changed(f"{ref} is tagged with another digest", ref.package_digest)
    run_id: str | None = version.run_id
    if run_id is None or version.source != f"runs:/{run_id}/{ARTIFACT_FOLDER}":
        raise changed(f"{ref} points to other files", ref.package_digest)
    return run_id


def _version(client: MlflowClient, ref: StyleRef) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(ref.name, str(ref.version))
    except MlflowException as problem:
        if problem.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise changed(f"{ref} is gone", ref.package_digest) from problem


def _checked_alias(alias: str) -> str:
    if not _SLUG.fullmatch(alias) or _RESERVED_ALIAS.fullmatch(alias):
        raise RegistryError(
            f"no alias can be {ascii(alias)[:80]}",
            "lower-case letters, digits and dashes, like approved",
            "Choose another alias.",
        )
    return alias
