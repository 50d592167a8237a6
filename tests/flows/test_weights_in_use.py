"""Which weights are there is told file by file, adopted ones too; and which LPIPS scores is never left to guessing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

from flows.cli.app import app
from flows.diagnosis import diagnose
from flows.settings import Settings
from flows.weights_in_use import Weights, listed_weights, lpips_in_use, lpips_in_words
from stylecore.adoption import adopt_vgg19, pin
from stylecore.data import Digest
from stylecore.features.vgg import VggFeatures
from stylecore.weights import KNOWN_WEIGHTS, WeightsFolder, pull


@pytest.fixture
def folder(tmp_path: Path) -> WeightsFolder:
    """A weights folder in which somebody has adopted random numbers as VGG-19."""
    save_file(VggFeatures().state_dict(), tmp_path / "mine.safetensors")
    adopt_vgg19(tmp_path / "mine.safetensors", tmp_path / "weights")
    return WeightsFolder(tmp_path / "weights")


def found(folder: WeightsFolder) -> dict[str, Weights]:
    return {each.name: each for each in listed_weights(folder)}


def test_bundled_known_and_adopted_weights_are_told_apart(folder: WeightsFolder) -> None:
    known = found(folder)

    assert known["lpips-lite"].state == "bundled"
    assert known["vgg19_features"].state == "adopted"
    assert known["vgg19_features"].digest == folder.digest("vgg19_features")
    assert {known[name].state for name in KNOWN_WEIGHTS} == {"absent"}
    assert all(each.serves for each in known.values())


def test_weights_that_nobody_adopted_or_that_changed_since_are_refused_with_the_reason(folder: WeightsFolder) -> None:
    place = folder.place("vgg19_features")
    place.write_bytes(place.read_bytes() + b" ")
    (folder.path / "alexnet_features.safetensors").write_bytes(b"something else")

    altered = found(folder)
    place.with_suffix(".sha256").unlink()

    assert (altered["vgg19_features"].state, altered["alexnet_features"].state) == ("refused", "refused")
    assert "sha256" in altered["vgg19_features"].problem
    assert "adopt" in found(folder)["vgg19_features"].problem


def test_an_adopted_pipeline_is_listed_with_its_pin_and_one_without_a_sound_pin_is_refused(tmp_path: Path) -> None:
    for name in ("house", "broken", "never-adopted"):
        (tmp_path / name).mkdir()
    pin(tmp_path / "house", Digest.of(b"house"))
    (tmp_path / "broken.sha256").write_text("no digest")

    known = found(WeightsFolder(tmp_path))

    assert (known["house"].state, known["house"].digest) == ("adopted", Digest.of(b"house"))
    assert known["broken"].state == "refused"
    assert "never-adopted" not in known


def test_without_weights_the_student_stands_in_and_is_not_called_lpips(folder: WeightsFolder) -> None:
    assert lpips_in_use(folder) is None
    assert "lpips-lite, the bundled student" in lpips_in_words(None)
    assert "not measured" in lpips_in_words(None)


def test_the_backbone_that_scores_is_named(tmp_path: Path, shared: Path) -> None:
    pull(str(shared / "weights"), tmp_path, ("alexnet_features", "lpips_lin_alex"))
    assert lpips_in_use(WeightsFolder(tmp_path)) == "alex"

    pull(str(shared / "weights"), tmp_path, ("squeezenet1_1_features", "lpips_lin_squeeze"))
    assert lpips_in_use(WeightsFolder(tmp_path)) == "squeeze"
    assert "squeeze backbone" in lpips_in_words("squeeze")


def test_the_list_and_the_doctor_say_so(folder: WeightsFolder, tmp_path: Path) -> None:
    asked = ["--home", str(tmp_path), "weights", "list"]

    told = CliRunner().invoke(app, asked, catch_exceptions=False).output
    answer = json.loads(CliRunner().invoke(app, [*asked, "--json"], catch_exceptions=False).output)
    (finding,) = [each for each in diagnose(Settings(home=tmp_path)) if each.subject == "weights"]

    assert "vgg19_features" in told
    assert "bundled student" in told.replace("\n", " ")
    assert answer["lpips"] is None
    assert {"name": "lpips-lite", "state": "bundled"}.items() <= answer["weights"][0].items()
    assert finding.state == "note"
    assert "vgg19_features (adopted)" in finding.found
    assert "lpips-lite (bundled)" in finding.found


def test_the_doctor_calls_altered_weights_bad(folder: WeightsFolder, tmp_path: Path) -> None:
    place = folder.place("vgg19_features")
    place.write_bytes(place.read_bytes() + b" ")

    (finding,) = [each for each in diagnose(Settings(home=tmp_path)) if each.subject == "weights"]

    assert finding.state == "bad"
    assert "vgg19_features" in finding.next_step
