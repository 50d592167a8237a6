"""The wheel holds all that is needed at run time: what is installed works without the source tree beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "stylecore", "registry", "governance")
NEEDED = (
    "flows/templates/report.html",
    "flows/templates/campaign.example.yaml",
    "governance/migrations/script.py.mako",
    "governance/migrations/versions/rev_0001_initial.py",
    "governance/policies/assets.cedar",
    "governance/policies/schema.cedarschema",
    "registry/bundled.py",
    "stylecore/metrics/bundled/lpips_lite.safetensors",
    "stylecore/training/recipes/atelier.yaml",
    "stylecore/training/recipes/atelier-photos.csv",
)
OPENED = """
import sys
from pathlib import Path
import flows
from flows.settings import Settings
from flows.wiring import open_services
from registry.bundled import bundled_packages
from registry.package import StylePackage
from stylecore.metrics.lpips_lite import LpipsLite

assert Path(flows.__file__).is_relative_to(sys.argv[1]), flows.__file__
LpipsLite.bundled()
packages = [StylePackage.read(folder) for folder in bundled_packages()]
services = open_services(Settings(home=Path(sys.argv[2])))
print(len(packages), services.policy.digest)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend that pyproject.toml names, in this very environment: no package index is asked."""
    build = pytest.importorskip("hatchling.build", reason="the build backend is not installed here")
    folder = tmp_path_factory.mktemp("wheel")
    with chdir(ROOT):
        return folder / str(build.build_wheel(str(folder)))


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    with ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "unpacked")
    return wheel.parent / "unpacked"


def _sources() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts):
                yield path.relative_to(ROOT).as_posix()


def test_every_file_of_the_four_rooms_is_in_the_wheel_and_nothing_of_the_others(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())

    assert set(NEEDED) <= set(_sources())
    assert not set(_sources()) - names
    (told,) = {name.split("/")[0] for name in names} - {*PACKAGES}
    assert told.endswith(".dist-info")
    assert f"{told}/licenses/LICENSE" in names


def test_every_bundled_package_is_whole(unpacked: Path) -> None:
    manifests = sorted((unpacked / "registry" / "bundled").glob("*/style.json"))

    assert {path.parent.name for path in manifests} >= {"any-style", "atelier", "gouache", "grades"}
    for path in manifests:
        assert all((path.parent / name).is_file() for name in json.loads(path.read_text())["files"])


def test_the_command_comes_along(unpacked: Path) -> None:
    (entry_points,) = unpacked.glob("*.dist-info/entry_points.txt")

    assert "restyle = flows.cli:main" in entry_points.read_text()


def test_what_was_installed_opens_a_workspace_without_the_source_tree(unpacked: Path, tmp_path: Path) -> None:
    """Migrations, policies, bundled styles and the bundled metric are all found beside the code."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    asked = [sys.executable, "-c", OPENED, str(unpacked), str(tmp_path / "home")]

    done = subprocess.run(
        asked, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 4
