"""The catalogue against a real MLflow: a database in a folder, and a server on loopback."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.catalogue import Catalogue
from registry.errors import DiskFull, IntegrityError, RegistryError
from registry.mlflow_client import connect, mlflow_errors_as_ours, without_secrets
from registry.package import StylePackage, load_style
from stylecore.data import Digest, StyleRef

MakePackage = Callable[..., StylePackage]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose name is awkward on purpose: it must survive being made a URI and back."""
    return tmp_path_factory.mktemp("work space 100%")


@pytest.fixture(scope="module")
def uri(home: Path) -> str:
    return f"sqlite:///{home}/mlflow/mlflow.db"


@pytest.fixture(scope="module")
def catalogue(home: Path, uri: str) -> Catalogue:
    return Catalogue(uri, home / "mlflow" / "artifacts", home / "cache")


@pytest.fixture
def elsewhere(uri: str, home: Path, tmp_path: Path) -> Catalogue:
    """Another worker of the same registry, with an empty cache of its own."""
    return Catalogue(uri, home / "mlflow" / "artifacts", tmp_path / "cache")


@pytest.fixture
def names(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Style names of this test alone, so that tests can share one registry."""
    slug = request.node.originalname.removeprefix("test_").replace("_", "-")[:50].rstrip("-")
    return f"{slug}-a", f"{slug}-b"


def artifact(home: Path, package: StylePackage, name: str) -> Path:
    """Where the embedded registry keeps that file of the package."""
    for manifest in (home / "mlflow" / "artifacts").glob("*/artifacts/package/style.json"):
        if Digest.of(manifest.read_bytes()) == package.digest:
            return manifest.parent / name
    raise AssertionError("the package has not been stored")


def test_registering_makes_a_version_of_each_style(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    refs = catalogue.register(package, "ada")
    assert refs == tuple(StyleRef(name, 1, package.digest) for name in names)
    assert set(names) <= set(catalogue.names())
    (version,) = catalogue.versions(names[1])
    assert (version.ref, version.package, version.style_index) == (refs[1], "tiny", 1)
    assert (version.licence, version.registered_by, version.aliases) == ("Apache-2.0", "ada", ())


def test_registering_the_same_digest_again_returns_the_versions_there_are(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    first = catalogue.register(make_package(names=names), "ada")
    assert catalogue.register(make_package(names=names), "bob") == first
    assert len(catalogue.versions(names[0])) == 1


def test_another_digest_becomes_the_next_version(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    old, new = make_package(seed=1, names=names), make_package(seed=2, names=names)
    catalogue.register(old, "ada")
    catalogue.register(new, "ada")
    assert catalogue.find(names[0]) == StyleRef(names[0], 2, new.digest)
    assert catalogue.find(names[0], 1) == StyleRef(names[0], 1, old.digest)


def test_an_interrupted_registration_is_completed_by_the_next_one(
    catalogue: Catalogue, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    first, lost = catalogue.register(package, "ada")
    connect(uri).delete_model_version(lost.name, str(lost.version))
    completed = catalogue.register(package, "ada")
    assert completed == (first, replace(lost, version=2)), "MLflow never gives a number twice"
    versions = [connect(uri).get_model_version(ref.name, str(ref.version)) for ref in completed]
    assert versions[0].run_id == versions[1].run_id, "the files were uploaded twice"


def test_registering_at_the_same_moment_makes_one_version(
    home: Path, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    told: list[tuple[StyleRef, ...]] = []

    def register() -> None:
        told.append(Catalogue(uri, home / "mlflow" / "artifacts", home / "cache").register(package, "ada"))

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 4
    assert len(set(told)) == 1
    versions = Catalogue(uri, home / "mlflow" / "artifacts", home / "cache").versions(names[0])
    assert [one.ref for one in versions] == [told[0][0]]


def test_someone_who_knows_mlflow_finds_what_they_expect(
    catalogue: Catalogue, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    catalogue.register(package, "ada")
    client = connect(uri)
    version = client.get_model_version(names[0], "1")
    assert version.tags["restyle.package_digest"] == package.digest
    assert version.status == "READY"
    assert "# Tiny" in str(version.description)
    run = client.get_run(str(version.run_id))
    assert run.info.status == "FINISHED"
    assert run.data.params["family"] == "conditional-instance-norm"
    assert run.data.params["architecture.blocks"] == "1"
    assert run.data.metrics[f"{names[0]}/ssim_eighth"] == 0.5
    assert run.data.tags["mlflow.user"] == "ada"
    assert client.get_experiment(run.info.experiment_id).name == "restyle styles"
    assert "package/weights.safetensors" in [file.path for file in client.list_artifacts(run.info.run_id, "package")]


def test_what_is_fetched_is_what_was_registered_and_renders(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    ref, _ = catalogue.register(package, "ada")
    fetched = catalogue.fetch(ref)
    assert replace(fetched, folder=package.folder) == package
    assert load_style(fetched, names[0]).name == names[0]


def test_fetching_again_needs_no_registry(
    catalogue: Catalogue, home: Path, make_package: MakePackage, names: tuple[str, str]
) -> None:
    ref, _ = catalogue.register(make_package(names=names), "ada")
    fetched = catalogue.fetch(ref)
    assert Catalogue("http://127.0.0.1:9", None, home / "cache").fetch(ref) == fetched


def test_a_cache_that_was_tampered_with_is_refused_and_left_as_evidence(
    elsewhere: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    ref, _ = elsewhere.register(make_package(names=names), "ada")
    spoilt = elsewhere.fetch(ref).folder / "CARD.md"
    spoilt.write_bytes(b"# Another")
    with pytest.raises(IntegrityError, match=r"CARD\.md"):
        elsewhere.fetch(ref)
    spoilt.unlink()
    with pytest.raises(IntegrityError, match=r"CARD\.md is missing"):
        elsewhere.fetch(ref)
    assert spoilt.parent.is_dir()


def test_another_valid_package_in_the_cache_is_refused(
    elsewhere: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    ref, _ = elsewhere.register(make_package(seed=1, names=names), "ada")
    cached = elsewhere.fetch(ref).folder
    shutil.rmtree(cached)
    shutil.copytree(make_package(seed=2, names=names).folder, cached)
    with pytest.raises(IntegrityError, match=r"style\.json"):
        elsewhere.fetch(ref)


def test_a_package_that_changed_since_it_was_read_is_not_registered(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    (package.folder / "CARD.md").write_text("# Better")
    with pytest.raises(IntegrityError, match=r"CARD\.md"):
        catalogue.register(package, "ada")
    assert names[0] not in catalogue.names()


@pytest.mark.parametrize("name", ["weights.safetensors", "style.json", "rights.json"])
def test_a_file_replaced_behind_mlflow_is_an_integrity_error(
    elsewhere: Catalogue, home: Path, make_package: MakePackage, tmp_path: Path, name: str
) -> None:
    package = make_package(seed=len(name), names=("swapped-behind-a", "swapped-behind-b"))
    ref, _ = elsewhere.register(package, "ada")
    stored = artifact(home, package, name)
    stored.write_bytes(stored.read_bytes().replace(b"o", b"0"))
    with pytest.raises(IntegrityError) as caught:
        elsewhere.fetch(ref)
    assert caught.value.kind == "integrity"
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_vanished_or_swelled_behind_mlflow_is_an_integrity_error(
    elsewhere: Catalogue, home: Path, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    ref, _ = elsewhere.register(package, "ada")
    stored = artifact(home, package, "CARD.md")
    os.truncate(stored, 300_000_000)
    with pytest.raises(IntegrityError, match="grown"):
        elsewhere.fetch(ref)
    stored.unlink()
    with pytest.raises(IntegrityError, match="gone"):
        elsewhere.fetch(ref)


def test_confirm_sees_a_swap_that_a_warm_cache_would_hide(
    catalogue: Catalogue, home: Path, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package = make_package(names=names)
    ref, _ = catalogue.register(package, "ada")
    catalogue.fetch(ref)
    catalogue.confirm(ref)
    artifact(home, package, "weights.safetensors").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        catalogue.confirm(ref)
    assert catalogue.fetch(ref).digest == package.digest, "the approved bytes are still in the cache"


def test_another_valid_package_in_the_place_of_the_approved_one_is_an_integrity_error(
    elsewhere: Catalogue, home: Path, make_package: MakePackage, names: tuple[str, str]
) -> None:
    package, other = make_package(seed=1, names=names), make_package(seed=2, names=names)
    ref, _ = elsewhere.register(package, "ada")
    stored = artifact(home, package, "style.json").parent
    shutil.rmtree(stored)
    shutil.copytree(other.folder, stored)
    with pytest.raises(IntegrityError, match=r"style\.json"):
        elsewhere.fetch(ref)


def test_a_digest_tag_changed_by_hand_is_an_integrity_error(
    elsewhere: Catalogue, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    ref, _ = elsewhere.register(make_package(names=names), "ada")
    connect(uri).set_model_version_tag(ref.name, "1", "restyle.package_digest", "f" * 64)
    with pytest.raises(IntegrityError, match="another digest"):
        elsewhere.fetch(ref)


def test_a_version_made_by_hand_is_not_a_version_of_the_style(
    catalogue: Catalogue, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    ref, _ = catalogue.register(make_package(names=names), "ada")
    connect(uri).create_model_version(ref.name, "file:///etc")
    assert catalogue.find(ref.name) == ref
    with pytest.raises(RegistryError, match="one of: 1"):
        catalogue.find(ref.name, 2)
    with pytest.raises(IntegrityError):
        catalogue.fetch(StyleRef(ref.name, 2, Digest("a" * 64)))


def test_an_alias_is_set_moved_and_read(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    name = names[0]
    catalogue.register(make_package(seed=1, names=names), "ada")
    catalogue.register(make_package(seed=2, names=names), "ada")
    assert catalogue.alias(name, "approved") is None
    catalogue.set_alias(name, "approved", 1)
    assert catalogue.alias(name, "approved") == catalogue.find(name, 1)
    catalogue.set_alias(name, "approved", 2)
    assert catalogue.alias(name, "approved") == catalogue.find(name, 2)
    assert [one.aliases for one in catalogue.versions(name)] == [(), ("approved",)]
    with pytest.raises(RegistryError, match=r"no version of .* named '3'"):
        catalogue.set_alias(name, "approved", 3)


@pytest.mark.parametrize("alias", ["latest", "v1", "A", "a/b", "x' or '1'='1"])
def test_an_alias_that_mlflow_would_stumble_over_is_refused(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str], alias: str
) -> None:
    catalogue.register(make_package(names=names), "ada")
    with pytest.raises(RegistryError, match="no alias"):
        catalogue.set_alias(names[0], alias, 1)


@pytest.mark.parametrize("name", ["../x", "a/b", "x' or name like '%", "", "dots\n", "Dots"])
def test_a_hostile_style_name_is_simply_unknown(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(RegistryError, match="no style named"):
        catalogue.find(name)


def test_an_unknown_style_names_the_closest_one(
    catalogue: Catalogue, make_package: MakePackage, names: tuple[str, str]
) -> None:
    catalogue.register(make_package(names=names), "ada")
    with pytest.raises(RegistryError, match=f"Did you mean '{names[0]}'"):
        catalogue.find(names[0][:-2] + "e-a")


def test_a_model_of_someone_else_is_neither_listed_nor_written_to(
    catalogue: Catalogue, uri: str, make_package: MakePackage, names: tuple[str, str]
) -> None:
    connect(uri).create_registered_model(names[1], description="churn prediction")
    assert names[1] not in catalogue.names()
    with pytest.raises(RegistryError, match="not a style of restyle"):
        catalogue.register(make_package(names=names), "ada")
    with pytest.raises(RegistryError, match="no style named"):
        catalogue.find(names[1])


def test_an_absent_server_is_told_within_bounded_time(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(RegistryError, match="failed to list its styles") as caught:
        Catalogue("http://ada:secret@127.0.0.1:9", None, tmp_path).names()
    assert time.monotonic() - started < 15
    assert "secret" not in str(caught.value)
    assert caught.value.kind == "registry"


def test_an_unwritable_database_is_told_within_bounded_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    started = time.monotonic()
    with pytest.raises(RegistryError, match="failed to open"):
        Catalogue(f"sqlite:///{tmp_path}/file/mlflow.db", tmp_path, tmp_path).names()
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(RegistryError, match="failed to open"):
        Catalogue(f"sqlite:///{tmp_path}/mlflow.db", tmp_path, tmp_path).names()
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/x", "databricks", "", "sqlite:x.db"])
def test_an_address_of_no_kind_we_know_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(RegistryError, match="no style registry can be at"):
        Catalogue(uri, tmp_path, tmp_path).names()


def test_credentials_in_an_address_are_not_told() -> None:
    told = without_secrets("could not reach postgresql+pg8000://ada:s3cret@db/mlflow")
    assert told == "could not reach postgresql+pg8000://…@db/mlflow"


def test_first_use_writes_nothing_to_the_terminal_and_nothing_beside_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    code = (
        "import sys; from pathlib import Path; from registry.catalogue import Catalogue; w = Path(sys.argv[1]);"
        "print(Catalogue(f'sqlite:///{w}/mlflow.db', w / 'artifacts', w / 'cache').names())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "workspace")],
        cwd=tmp_path / "here",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("()\n", "")
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.slow
def test_the_same_verbs_work_against_an_mlflow_server(server: str, make_package: MakePackage, tmp_path: Path) -> None:
    package = make_package()
    catalogue = Catalogue(server, None, tmp_path / "cache")
    ref, _ = catalogue.register(package, "ada")
    assert catalogue.register(package, "ada")[0] == ref
    assert catalogue.names() == ("dots", "hatching")
    assert catalogue.find("dots") == ref
    catalogue.set_alias("dots", "approved", 1)
    assert catalogue.alias("dots", "approved") == ref
    assert catalogue.fetch(ref).digest == package.digest
    catalogue.confirm(ref)
    with pytest.raises(RegistryError, match="Did you mean 'dots'"):
        catalogue.find("dotz")


@pytest.mark.slow
def test_a_file_replaced_behind_a_server_is_an_integrity_error(
    server: str, make_package: MakePackage, tmp_path: Path
) -> None:
    package = make_package(seed=9)
    catalogue = Catalogue(server, None, tmp_path / "cache")
    ref, _ = catalogue.register(package, "ada")
    (tmp_path / "CARD.md").write_text("# Swapped")
    client = connect(server)
    client.log_artifact(client.get_model_version("dots", str(ref.version)).run_id, str(tmp_path / "CARD.md"), "package")
    with pytest.raises(IntegrityError, match=r"CARD\.md"):
        catalogue.fetch(ref)


def test_a_disk_without_room_is_told_as_such_whatever_mlflow_says_of_it() -> None:
    with pytest.raises(DiskFull, match="no room left to fetch it"), mlflow_errors_as_ours("sqlite:///x", "fetch it"):
        _break_as_mlflow_does(OSError(errno.ENOSPC, "No space left on device"))


def _break_as_mlflow_does(problem: OSError) -> None:
    from mlflow.exceptions import MlflowException

    raise MlflowException("Failed to download artifacts") from problem
