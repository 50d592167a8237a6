"""The command as people type it: what it answers, what it refuses, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.errors import EXIT_CODES
from governance import items
from governance.items import ItemState
from tests.flows.world import World, photo

RESTYLE = Path(sys.executable).with_name("restyle")


def restyle(*words: str, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, **environment, "COLUMNS": "200"}
    if home is not None:
        told["RESTYLE_HOME"] = str(home)
    return subprocess.run([RESTYLE, *words], capture_output=True, text=True, env=told, timeout=240, check=False)


def expect(kind: str, answer: subprocess.CompletedProcess[str], *told: str) -> None:
    """One line of error with the kind's exit code, the words, and no traceback."""
    assert answer.returncode == EXIT_CODES[kind], answer.stderr
    assert "Traceback" not in answer.stderr
    for words in told:
        assert words in answer.stderr


CAMPAIGN = """\
campaign: by-hand
asked_by: maria@brand.example
purpose: {channel: web, territory: DE}
source: {store: {kind: folder, path: library}}
style: {name: dots}
recipe: {max_edge_px: 256}
quality: {bounds: [{metric: ssim_quarter, at_least: -1}]}
routing: {four_eyes_classes: [person]}
publish: {store: {kind: folder, path: restyled}}
"""


@pytest.fixture
def campaign(world: World) -> Path:
    """A campaign file in a world with one good asset, one of a person, and one that may not be restyled."""
    world.add("cup.jpg", photo(1))
    world.add("maria.jpg", photo(2), **{"class": "person", "person": "yes", "consent": "release-7"})
    world.add("agency.jpg", photo(3), derivatives="forbidden")
    path = world.home / "campaign.yaml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    return path


def test_help_imports_nothing_heavy() -> None:
    probe = "import sys, flows.cli.app; print([m for m in ('torch', 'mlflow', 'prefect', 'numpy') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"


def test_plan_shows_every_asset_with_its_reasons_and_changes_nothing(world: World, campaign: Path) -> None:
    answer = restyle("plan", str(campaign), home=world.home)
    assert answer.returncode == 0, answer.stderr
    assert "does not allow altered copies" in answer.stdout
    assert "3 assets: 2 restyle, 1 refuse" in answer.stdout
    assert items.counts(world.services.records)[ItemState.PLANNED] == 0


def test_a_plan_as_json_is_one_document_also_when_nothing_is_selected(world: World, campaign: Path) -> None:
    told = json.loads(restyle("plan", str(campaign), "--json", home=world.home).stdout)
    assert {each["key"]: each["outcome"] for each in told} == {
        "agency.jpg": "refuse",
        "cup.jpg": "restyle",
        "maria.jpg": "restyle",
    }
    nothing = "{store: {kind: folder, path: library}, select: {include: [none/**]}}"
    campaign.write_text(CAMPAIGN.replace("{store: {kind: folder, path: library}}", nothing))
    assert json.loads(restyle("plan", str(campaign), "--json", home=world.home).stdout) == []


def test_a_campaign_file_with_problems_exits_with_usage_and_names_line_and_field(world: World, campaign: Path) -> None:
    campaign.write_text(CAMPAIGN.replace("max_edge_px: 256", "max_edge_px: 1"))
    expect("usage", restyle("run", str(campaign), home=world.home), "line 6", "recipe.max_edge_px", "64")


def test_an_unknown_style_exits_with_policy_and_names_those_that_are_approved(world: World, campaign: Path) -> None:
    campaign.write_text(CAMPAIGN.replace("name: dots", "name: cubism"))
    expect("policy", restyle("plan", str(campaign), home=world.home), "cubism", "dots v1")


def test_a_source_that_is_not_there_exits_with_store(world: World, campaign: Path) -> None:
    campaign.write_text(CAMPAIGN.replace("path: library", "path: elsewhere"))
    expect("store", restyle("plan", str(campaign), home=world.home), "elsewhere")


def test_an_s3_endpoint_that_does_not_answer_exits_with_store(world: World, campaign: Path) -> None:
    nowhere = "{kind: s3, bucket: assets, endpoint_url: 'http://127.0.0.1:9', region: eu-central-1}"
    campaign.write_text(CAMPAIGN.replace("{kind: folder, path: library}", nowhere))
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    expect("store", restyle("plan", str(campaign), home=world.home, **keys), "127.0.0.1:9")


def test_a_workspace_that_cannot_be_made_exits_with_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    expect("workspace", restyle("runs", home=tmp_path / "file" / "home"), "--home")


def test_an_unexpected_argument_is_a_usage_error() -> None:
    assert restyle("run").returncode == EXIT_CODES["usage"]


def test_explain_says_why_not_in_plain_words(world: World, campaign: Path) -> None:
    asset = world.home / "library" / "agency.jpg"
    answer = restyle("policy", "explain", str(asset), "--style", "dots", home=world.home)
    assert answer.returncode == 0, answer.stderr
    assert "does not allow altered copies" in answer.stdout
    assert "asset_licence_forbids_restyling" in answer.stdout


def test_policy_check_counts_every_reason(world: World, campaign: Path) -> None:
    answer = restyle("policy", "check", str(campaign), "--json", home=world.home)
    told = json.loads(answer.stdout)
    assert (told["allowed"], told["refused"]) == (2, 1)
    assert told["reasons"] == {"asset_licence_forbids_restyling": 1}


def test_an_edited_ledger_exits_with_integrity_and_names_the_event(world: World) -> None:
    import sqlite3

    with sqlite3.connect(world.home / "ledger.db") as records:
        records.execute("DROP TRIGGER IF EXISTS events_no_update")
        for (name,) in records.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            records.execute(f'DROP TRIGGER "{name}"')
        records.execute("UPDATE events SET actor = 'somebody else' WHERE seq = 2")
    expect("integrity", restyle("audit", "verify", home=world.home), "event 2")


@pytest.mark.slow
def test_a_run_from_file_to_signed_picture_and_again_and_review_and_publish(world: World, campaign: Path) -> None:
    first = restyle("run", str(campaign), "--json", home=world.home)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["states"] == {"published": 1, "in_review": 1}
    assert Path(told["report"]).is_file()

    again = restyle("run", str(campaign), home=world.home)
    assert "Nothing new to plan: all 3 assets are known." in again.stdout

    (waiting,) = json.loads(restyle("review", "list", "--json", home=world.home).stdout)
    alone = restyle("review", "approve", waiting["item"][:12], "--by", "maria@brand.example", home=world.home)
    expect("policy", alone, "four eyes")
    for person in ("ann", "ben"):
        assert restyle("review", "approve", waiting["item"][:12], "--by", person, home=world.home).returncode == 0
    published = restyle("publish", "--json", home=world.home)
    assert [each["state"] for each in json.loads(published.stdout)] == ["published"]

    picture = next(path for path in (world.home / "restyled").glob("maria*.jpg"))
    proof = restyle("audit", "verify-file", str(picture), home=world.home)
    assert proof.returncode == 0, proof.stderr
    assert "approved by ann, ben" in proof.stdout
    spoilt = bytearray(picture.read_bytes())
    spoilt[-40] ^= 1
    picture.write_bytes(spoilt)
    expect("integrity", restyle("audit", "verify-file", str(picture), home=world.home), "proves nothing")


def test_a_setting_that_is_not_understood_is_named_as_in_the_environment() -> None:
    expect("usage", restyle("runs", RESTYLE_WORKERS="none"), "RESTYLE_WORKERS", "'none'")


def test_half_a_signing_identity_is_refused_and_not_replaced_by_the_development_one(world: World) -> None:
    answer = restyle("doctor", home=world.home, RESTYLE_SIGNING_CERTIFICATE="/etc/chain.pem")
    assert "only one of RESTYLE_SIGNING_CERTIFICATE and RESTYLE_SIGNING_KEY is set" in answer.stdout
    expect("workspace", answer, "signing identity")


def test_weights_that_cannot_be_fetched_exit_with_store(world: World) -> None:
    answer = restyle("weights", "pull", "--from", "http://127.0.0.1:9", home=world.home)
    expect("store", answer, "127.0.0.1:9", "could not be copied")
