"""Packages compared, and the verbs around packages and versions as people and programs call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load, save
from typer.testing import CliRunner

from flows.cli.app import app
from flows.errors import NotPermitted
from flows.package_diff import differences
from flows.style_rights import sources_of
from governance.approval_rules import NotApprovable
from governance.style_sources import Role
from registry.bundled import bundled_packages
from registry.errors import PackageError
from registry.package import StylePackage
from registry.packing import pack_draft
from stylecore.data import RestyleError
from tests.flows.world import GATES, World, make_world, twin, write_style_package

Restyle = Callable[..., Any]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of its own: here versions are added to it and labels moved."""
    return make_world(tmp_path_factory.mktemp("packages") / "home").home


@pytest.fixture
def world(registry: Path, tmp_path: Path) -> World:
    return twin(tmp_path / "home", registry)


@pytest.fixture
def restyle(world: World, monkeypatch: pytest.MonkeyPatch) -> Restyle:
    """A command in this workspace; its JSON answer, or what it said."""
    monkeypatch.setenv("RESTYLE_ACTOR", "owner")
    monkeypatch.setenv("RESTYLE_HOME", str(world.home))  # the command sets these, and no later test should see them
    monkeypatch.setenv("PREFECT_HOME", str(world.home / "prefect"))

    def call(*words: str) -> Any:
        answer = CliRunner().invoke(app, ["--home", str(world.home), *words], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout) if "--json" in words else answer.stdout

    return call


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_style_package(tmp_path / "package")
    return tmp_path / "package"


def changed(package: Path) -> Path:
    """The same with another card, another licence of a source, and weights that moved by a half."""
    tensors = load((package / "weights.safetensors").read_bytes())
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] + tensors[name].dtype.type(0.5)
    (package / "weights.safetensors").write_bytes(save(tensors))
    rights = json.loads((package / "rights.json").read_text())
    rights[0]["licence"] = "CC-BY-4.0"
    (package / "rights.json").write_text(json.dumps(rights))
    pack_draft(package)
    return package


def test_a_package_does_not_differ_from_itself(package: Path) -> None:
    assert differences(StylePackage.read(package), StylePackage.read(package)).is_empty


def test_what_differs_is_told_by_tensor_and_by_source(package: Path) -> None:
    kept = package.rename(package.with_name("before"))
    write_style_package(package)
    found = differences(StylePackage.read(kept), StylePackage.read(changed(package)))
    (tensor,) = found.weights
    assert (tensor.most, tensor.mean) == pytest.approx((0.5, 0.5), abs=1e-6)
    (right,) = found.rights
    assert (right.before[:7], right.after[:9]) == ("CC0-1.0", "CC-BY-4.0")
    assert (found.architecture, found.shapes, found.metrics) == ((), (), ())


def test_packages_of_two_kinds_differ_in_structure() -> None:
    one, other = (StylePackage.read(folder) for folder in bundled_packages() if folder.name in ("atelier", "gouache"))
    found = differences(one, other)
    assert {"family", "styles"} <= {each.what for each in found.architecture}
    assert found.shapes


@pytest.mark.parametrize("folder", bundled_packages(), ids=lambda folder: folder.name)
def test_every_bundled_style_names_its_picture_and_what_it_was_made_from(folder: Path) -> None:
    package = StylePackage.read(folder)
    for style in package.styles:
        sources = sources_of(package, style.name)
        roles = [each.role for each in sources]
        assert roles.count(Role.STYLE_IMAGE) == 1
        assert {Role.TRAINING, Role.WEIGHTS} & set(roles)
        assert Role.STYLE_IMAGE not in [each.role for each in sources if style.name not in each.title]


def test_from_a_folder_to_an_approved_version_on_the_command_line(restyle: Restyle, package: Path) -> None:
    changed(package)
    assert restyle("styles", "inspect", str(package), "--json")["holds"]
    (registered,) = restyle("styles", "register", str(package), "--json")
    assert registered["version"] == 2
    terms = ("--licence", "house", "--holder", "the brand", "--channel", "web")
    with pytest.raises(NotApprovable, match="has not been evaluated"):
        restyle("styles", "approve", "dots", *terms, "--by", "approver")
    assert restyle("styles", "evaluate", "dots", "--json")["passed"]
    approved = restyle("styles", "approve", "dots", *terms, "--by", "approver", "--json")
    assert (approved["version"], approved["signature"], approved["approved_by"]) == (2, "holds", "approver")
    assert restyle("styles", "diff", "dots/1", "dots/2", "--json")["weights"]
    assert "dots v1" in restyle("styles", "rollback", "dots", "--why", "banding", "--by", "approver")
    assert restyle("styles", "show", "dots", "--version", "2", "--json")["state"] == "retired"
    assert "passed" in restyle("styles", "show", "dots", "--version", "2")


def test_a_version_that_fails_its_gates_is_told_with_what_failed(restyle: Restyle, world: World) -> None:
    (world.home / "gates.yaml").write_text(GATES.replace("at_least: 0", "at_least: 900"))
    with pytest.raises(NotPermitted, match="psnr_db of product is"):
        restyle("styles", "evaluate", "dots")
    assert "at_least: 900" in restyle("styles", "gates")


def test_breaking_the_glass_needs_a_last_day(restyle: Restyle) -> None:
    words = ("styles", "approve", "dots", "--licence", "house", "--holder", "us", "--break-glass", "launch")
    with pytest.raises(RestyleError, match="without --until"):
        restyle(*words)


def test_defects_end_the_command_and_are_all_in_its_answer(package: Path) -> None:
    (package / "evil.pkl").write_bytes(b"\x80\x04.")
    answer = CliRunner().invoke(app, ["styles", "inspect", str(package), "--json"])
    assert isinstance(answer.exception, PackageError)
    assert [each["code"] for each in json.loads(answer.stdout)["defects"]] == ["pickle"]


@pytest.mark.parametrize("named", ["../dots", "dots/", "dots/x", "no such", "dots/99"])
def test_a_name_that_is_no_package_and_no_style_is_refused(restyle: Restyle, named: str) -> None:
    with pytest.raises(RestyleError):
        restyle("styles", "diff", named, "dots")
