"""The life of a style version, through the same doors as a real one: registered, measured, approved, tampered with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import update

from flows.evaluate_style import EvaluationRequest, evaluate_style
from flows.labels import APPROVED
from flows.promote_style import approve_style, register_package, relabel_style, retire_style, roll_back_style
from flows.registry_audit import registry_findings
from flows.style_story import story_of
from governance import approvals, evaluations, ledger, style_sources
from governance.approval_rules import BreakGlass, NotApprovable
from governance.errors import IntegrityError as RecordsChanged
from governance.events import EventKind
from governance.style_sources import Role
from governance.tables.rights import STYLE_APPROVALS
from registry.errors import IntegrityError
from registry.evaluation_runs import EXPERIMENT
from registry.mlflow_client import connect
from registry.packing import pack_draft
from registry.tags import PACKAGE_DIGEST
from stylecore.data import StyleRef
from tests.flows.world import GATES, STYLE, TERMS, World, let_in, make_world, photo, twin, write_style_package


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of its own, since it is tampered with: version 1 is approved, version 2 is registered."""
    world = make_world(tmp_path_factory.mktemp("styles") / "home")
    folder = world.home / "second"
    write_style_package(folder)
    (folder / "CARD.md").write_text("# Dots\n\nAgain, and better.\n")
    register_package(world.services, pack_draft(folder).folder, "owner")
    return world.home


@pytest.fixture
def world(two_versions: Path, tmp_path: Path) -> World:
    twinned = twin(tmp_path / "home", two_versions)
    relabel_style(twinned.services, STYLE, "approver")
    return twinned


def evaluated(world: World, version: int = 2, **asked: Any) -> evaluations.Evaluation:
    return evaluate_style(world.services, EvaluationRequest(STYLE, version, **asked), "owner")


def label(world: World) -> StyleRef | None:
    return world.services.catalogue.alias(STYLE, APPROVED)


def told(world: World, kind: EventKind) -> list[Any]:
    return [event.body for event in ledger.page(world.services.records, kind=kind)]


def codes(refused: pytest.ExceptionInfo[NotApprovable]) -> set[str]:
    return {reason.code for reason in refused.value.reasons}


def test_registering_records_what_the_style_was_made_from(world: World) -> None:
    sources = style_sources.recorded(world.services.records, world.services.catalogue.find(STYLE, 2))
    assert [source.role for source in sources] == [Role.STYLE_IMAGE, Role.TRAINING]
    assert sources[0].licence == "CC0-1.0"


def test_an_evaluation_measures_every_class_and_is_compared_with_the_approved_version(world: World) -> None:
    found = evaluated(world)
    assert found.passed
    assert set(found.report["classes"]) == {"product"}
    assert found.report["compared_with"] == {"version": 1}
    assert {"protection", "speed", "rights"} <= {each["code"] for each in found.report["findings"]}
    assert evaluations.of_version(world.services.records, STYLE, 2) == (found,)


def test_an_evaluation_can_be_looked_at_in_mlflow(world: World, tmp_path: Path) -> None:
    found = evaluated(world)
    client = connect(world.settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run, *_) = client.search_runs([experiment.experiment_id], f"params.evaluation = '{found.ordinal}'")
    assert run.data.metrics["product/psnr_db"] == found.report["classes"]["product"]["psnr_db"]
    assert run.data.tags["restyle.passed"] == "yes"
    sheet = client.download_artifacts(run.info.run_id, "before-and-after.png", str(tmp_path))
    with Image.open(sheet) as image:
        assert image.format == "PNG"


def test_classes_may_be_called_as_a_brand_calls_its_folders(world: World, tmp_path: Path) -> None:
    (tmp_path / "g" / "Größe: 'L' \x1b[31m").mkdir(parents=True)
    (tmp_path / "g" / "Größe: 'L' \x1b[31m" / "one\udc80.png").write_bytes(photo(8, 160, 128, "png"))
    found = evaluated(world, golden=tmp_path / "g")
    (name,) = found.report["classes"]
    assert name.startswith("größe: 'l' ")
    assert "\x1b" not in name


def test_failing_the_gates_is_recorded_and_keeps_the_version_out(world: World) -> None:
    (world.home / "gates.yaml").write_text(GATES.replace("at_least: 0", "at_least: 900"))
    found = evaluated(world)
    assert not found.passed
    assert told(world, EventKind.STYLE_EVALUATED)[-1]["failures"] == ["product/psnr_db"]
    with pytest.raises(NotApprovable) as refused:
        approve_style(world.services, STYLE, 2, TERMS, "approver")
    assert codes(refused) == {"gates_not_passed"}


def test_passing_other_gates_or_on_other_pictures_does_not_count(world: World, tmp_path: Path) -> None:
    easy = tmp_path / "easy.yaml"
    easy.write_text(GATES.replace("edge_px: 128", "edge_px: 160"))
    evaluated(world, gates=easy)
    with pytest.raises(NotApprovable) as refused:
        approve_style(world.services, STYLE, 2, TERMS, "approver")
    assert codes(refused) == {"other_gates"}

    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").write_bytes(photo(8, 160, 128, "png"))
    assert set(evaluated(world, golden=tmp_path / "pictures").report["classes"]) == {"unclassified"}
    with pytest.raises(NotApprovable) as refused:
        approve_style(world.services, STYLE, 2, TERMS, "approver")
    assert codes(refused) == {"other_golden"}


def test_whoever_registered_a_version_does_not_approve_it(world: World) -> None:
    evaluated(world)
    with pytest.raises(Exception, match="registered"):
        approve_style(world.services, STYLE, 2, TERMS, "Owner")
    assert label(world) == world.services.catalogue.find(STYLE, 1)


def test_the_label_follows_approval_rollback_and_withdrawal(world: World) -> None:
    services = world.services
    evaluated(world)
    approve_style(services, STYLE, 2, TERMS, "approver")
    assert label(world) == services.catalogue.find(STYLE, 2)
    roll_back_style(services, STYLE, "approver", "banding on skies")
    assert label(world) == services.catalogue.find(STYLE, 1)
    assert services.approved_style(STYLE, None).ref.version == 1
    retire_style(services, STYLE, 1, "approver", "season over")
    assert label(world) is None


def test_in_an_emergency_one_person_lets_a_version_in_for_days(world: World) -> None:
    now = datetime.now(UTC)
    urgent = BreakGlass("the launch is tonight", (now + timedelta(days=2)).date())
    approval = approve_style(world.services, STYLE, 2, TERMS, "owner", emergency=urgent, now=now)
    assert approval.terms.valid_until == urgent.until
    assert told(world, EventKind.BREAK_GLASS)[0]["set_aside"] == ["not_evaluated", "own_style"]
    assert world.services.approved_style(STYLE, None).ref.version == 2


def test_a_version_tells_its_whole_story(world: World) -> None:
    story = story_of(world.services, STYLE, 1).as_dict()
    assert (story["state"], story["signature"], story["aliases"]) == ("approved", "holds", [APPROVED])
    assert story["evaluations"][0]["passed"]
    assert {source["role"] for source in story["sources"]} == {"style image", "training data"}
    assert json.dumps(story, default=str)


def test_nothing_amiss_is_found_in_an_untouched_registry(world: World) -> None:
    assert list(registry_findings(world.services)) == []


def test_an_approval_changed_in_the_database_is_not_used(world: World) -> None:
    with world.services.records.write() as connection:
        connection.execute(update(STYLE_APPROVALS).values(channels='["*"]'))
    with pytest.raises(RecordsChanged, match="channels"):
        world.services.approved_style(STYLE, None)
    (finding,) = registry_findings(world.services)
    assert (finding.state, "not what was signed" in finding.found) == ("bad", True)


def test_an_approval_signed_elsewhere_is_not_used(world: World) -> None:
    world.settings.note_key_file.unlink()
    with pytest.raises(RecordsChanged, match="did not sign"):
        world.services.approved_style(STYLE, None)


@contextmanager
def changed(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(before[:-2] + b"!\n")
    yield
    path.write_bytes(before)


def test_a_file_swapped_after_approval_is_refused_and_told_once(world: World, two_versions: Path) -> None:
    digest = world.services.catalogue.find(STYLE, 1).package_digest
    stored = next(
        path.parent / "CARD.md"
        for path in (two_versions / "mlflow" / "artifacts").glob("*/artifacts/package/style.json")
        if digest == digest.of(path.read_bytes())
    )
    with changed(stored):
        for _ in range(2):
            with pytest.raises(IntegrityError, match=r"CARD\.md"):
                world.services.approved_style(STYLE, None)
        (finding,) = registry_findings(world.services)
    assert finding.state == "bad"
    (body,) = told(world, EventKind.STYLE_DIGEST_MISMATCH)
    assert "CARD.md" in body["found"]


def test_a_digest_tag_changed_by_hand_is_refused(world: World) -> None:
    client, ref = connect(world.settings.tracking_uri), world.services.catalogue.find(STYLE, 1)
    client.set_model_version_tag(STYLE, "1", PACKAGE_DIGEST, "f" * 64)
    try:
        with pytest.raises(IntegrityError, match="another digest"):
            world.services.approved_style(STYLE, None)
    finally:
        client.set_model_version_tag(STYLE, "1", PACKAGE_DIGEST, ref.package_digest)
    assert len(told(world, EventKind.STYLE_DIGEST_MISMATCH)) == 1


def test_a_label_moved_by_hand_changes_nothing_and_is_told_once(world: World) -> None:
    services = world.services
    connect(world.settings.tracking_uri).set_registered_model_alias(STYLE, APPROVED, "2")
    for _ in range(2):
        assert services.approved_style(STYLE, None).ref.version == 1
        (finding,) = registry_findings(services)
        assert "on v2; approved is v1" in finding.found
    assert [body["found_version"] for body in told(world, EventKind.STYLE_ALIAS_MOVED)] == [2]
    assert relabel_style(services, STYLE, "approver") == services.catalogue.find(STYLE, 1)
    assert list(registry_findings(services)) == []


def test_a_label_that_was_taken_away_is_found(world: World) -> None:
    connect(world.settings.tracking_uri).delete_registered_model_alias(STYLE, APPROVED)
    (finding,) = registry_findings(world.services)
    assert "on no version; approved is v1" in finding.found


def test_a_version_that_was_deleted_is_found(world: World) -> None:
    package = world.home / "third"
    write_style_package(package)
    (package / "CARD.md").write_text("# Dots\n\nA third time.\n")
    (ref,) = let_in(world.services, pack_draft(package).folder)
    connect(world.settings.tracking_uri).delete_model_version(STYLE, str(ref.version))
    found = [finding.found for finding in registry_findings(world.services)]
    assert any(f"{ref} is gone" in each for each in found)
    with pytest.raises(IntegrityError, match="is gone"):
        world.services.approved_style(STYLE, ref.version)
    assert approvals.find(world.services.records, STYLE, ref.version) is not None


def test_terms_can_be_changed_by_a_new_signature(world: World) -> None:
    wider = replace(TERMS, channels=frozenset({"web", "print"}))
    approve_style(world.services, STYLE, 1, wider, "approver")
    assert world.services.approved_style(STYLE, None).approval.terms == wider
