"""Getting a package out of MLflow's artifact store and into the cache, without trusting either of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from registry.errors import IntegrityError, PackageError, RegistryError
from registry.folder import limit_bytes, read_plain_file
from registry.manifest import parse_manifest
from registry.package import MANIFEST, StylePackage
from registry.tags import ARTIFACT_FOLDER
from stylecore.data import Digest

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_FOLDERS = (ARTIFACT_FOLDER, f"{ARTIFACT_FOLDER}/references", f"{ARTIFACT_FOLDER}/previews")


def cached_package(cache: Path, digest: Digest) -> StylePackage | None:
    """The cached package, checked again as if it had just arrived, or None if it never did."""
    folder = cache / digest
    if not folder.exists():
        return None
    try:
        return StylePackage.read(folder, digest)
    except PackageError as problem:
        raise IntegrityError(
            f"the cached package is not what was cached: {problem.got}",
            f"the package {digest.short}…",
            f"Find out who changed {folder}, then remove it; it is fetched again.",
        ) from problem


def cache_package(client: MlflowClient, run_id: str, digest: Digest, cache: Path) -> StylePackage:
    """Downloads beside the cache's entries and moves the whole folder in, so that no entry is ever half there."""
    with scratch_folder(cache) as arriving:
        download_package(client, run_id, digest, arriving)
        try:
            arriving.rename(cache / digest)
        except OSError:
            if not (cache / digest).is_dir():
                raise
            # Another process was quicker. Its copy is checked below like any other.
        return StylePackage.read(cache / digest, digest)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = TemporaryDirectory(dir=parent, prefix=".arriving-")
    except OSError as problem:
        raise RegistryError(
            f"{parent} cannot be written: {problem.strerror}", "a folder to keep packages in", "Check its permissions."
        ) from problem
    with scratch as folder:
        inside = Path(folder) / "package"
        inside.mkdir()
        yield inside


def download_package(client: MlflowClient, run_id: str, digest: Digest, into: Path) -> StylePackage:
    """First ``style.json``, which must have the digest; then exactly the files it pins, and nothing else there is."""
    sizes = _sizes_of_artifacts(client, run_id)
    _download(client, run_id, MANIFEST, sizes, into)
    content = read_plain_file(into, MANIFEST)
    if Digest.of(content) != digest:
        raise changed(f"{MANIFEST} has the sha256 {Digest.of(content).short}…", digest)
    for name in parse_manifest(content).files:
        _download(client, run_id, name, sizes, into)
    try:
        return StylePackage.read(into, digest)
    except (IntegrityError, PackageError) as problem:
        # Where it was downloaded to is another place every time and tells nobody anything.
        raise changed(problem.got.replace(f" in {into}", ""), digest) from problem


def changed(what: str, digest: Digest) -> IntegrityError:
    return IntegrityError(
        f"the registered package is not what was registered: {what}",
        f"the package {digest.short}…, unchanged",
        "Do not use this version. Find out who changed it in the registry, and register the package anew.",
    )


def _sizes_of_artifacts(client: MlflowClient, run_id: str) -> dict[str, int]:
    listed = [artifact for folder in _FOLDERS for artifact in client.list_artifacts(run_id, folder)]
    return {
        artifact.path.removeprefix(f"{ARTIFACT_FOLDER}/"): artifact.file_size or 0
        for artifact in listed
        if not artifact.is_dir
    }


def _download(client: MlflowClient, run_id: str, name: str, sizes: Mapping[str, int], into: Path) -> None:
    if name not in sizes:
        raise IntegrityError(
            f"{name} of the registered package is gone", "every file of the package", "Register the package anew."
        )
    if sizes[name] > limit_bytes(name):
        raise IntegrityError(
            f"{name} of the registered package has grown to {sizes[name]} bytes",
            f"{limit_bytes(name)} at most",
            "Find out who changed it in the registry, and register the package anew.",
        )
    destination = (into / name).parent
    destination.mkdir(exist_ok=True)
    client.download_artifacts(run_id, f"{ARTIFACT_FOLDER}/{name}", str(destination))
