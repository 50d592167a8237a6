"""Golden pictures and what is measured on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.contact_sheet import contact_sheet
from flows.errors import UsageError
from flows.evaluate_style import EvaluationRequest, evaluate_style, evaluate_styles
from flows.evaluation import measure
from flows.golden_set import MOST_PICTURES, golden_digest, golden_set
from flows.promote_style import register_package
from flows.settings import Settings
from flows.style_flows import evaluate_style as evaluate_flow
from flows.style_flows import promote_style as promote_flow
from flows.style_story import failed
from flows.wiring import Services
from registry.bundled import bundled_packages
from registry.package import StylePackage, load_style
from stylecore.engine import ON_CPU
from stylecore.image import ImageProblem
from stylecore.score import Judge
from tests.flows.world import STYLE, World, photo, write_style_package


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Two classes: one by its folder, one by a sidecar."""
    for name in ("product", "inbox"):
        (tmp_path / "golden" / name).mkdir(parents=True)
    (tmp_path / "golden" / "product" / "cup.png").write_bytes(photo(1, 160, 128, "png"))
    (tmp_path / "golden" / "inbox" / "ann.png").write_bytes(photo(2, 160, 128, "png"))
    (tmp_path / "golden" / "inbox" / "_restyle.csv").write_text("file,class\nann.png,Person\n")
    return tmp_path / "golden"


def test_without_pictures_of_a_brand_a_few_are_generated_in_several_classes() -> None:
    found = golden_set(None, 160)
    assert {each.asset_class for each in found.pictures} == {"product", "landscape", "person", "animal", "graphic"}
    assert all(max(each.picture.width_px, each.picture.height_px) <= 160 for each in found.pictures)
    assert any(each.picture.alpha is not None for each in found.pictures)
    assert found.digest == golden_digest(None) == golden_set(None, 200).digest


def test_a_brands_pictures_have_classes_by_folder_or_sidecar(golden: Path) -> None:
    found = golden_set(golden, 128)
    assert {each.name: each.asset_class for each in found.pictures} == {
        "inbox/ann.png": "person",
        "product/cup.png": "product",
    }
    assert found.digest == golden_digest(golden)


def test_another_picture_or_another_class_makes_another_golden_set(golden: Path) -> None:
    digests = {golden_digest(golden)}
    (golden / "inbox" / "_restyle.csv").write_text("file,class\nann.png,product\n")
    digests.add(golden_digest(golden))
    (golden / "product" / "cup.png").write_bytes(photo(3, 160, 128, "png"))
    digests.add(golden_digest(golden))
    assert len(digests) == 3


def test_no_pictures_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        golden_set(tmp_path, 128)
    for number in range(MOST_PICTURES + 1):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(UsageError, match=f"more than {MOST_PICTURES}"):
        golden_digest(tmp_path)


def test_a_file_that_is_no_picture_is_refused(golden: Path) -> None:
    (golden / "product" / "cup.png").write_bytes(b"Dear colleagues,")
    with pytest.raises(ImageProblem):
        golden_set(golden, 128)


def test_a_style_is_measured_by_class_with_its_speed_and_what_it_protects(golden: Path, tmp_path: Path) -> None:
    write_style_package(tmp_path / "package")
    model = load_style(StylePackage.read(tmp_path / "package"), STYLE)
    found = measure(model, golden_set(golden, 128), Judge(), ON_CPU)
    assert set(found.classes) == {"person", "product"}
    assert {"ssim_eighth", "lpips_lite", "style_gap_closed"} <= set(found.classes["person"])
    assert found.changed_where_protected == ()
    assert found.ms_per_megapixel > 0
    sheet = contact_sheet([(each.picture, after) for each, after in found.results] * 30)
    assert sheet.shape[0] < 3000


def test_the_flows_do_what_the_command_line_does(world: World) -> None:
    assert evaluate_flow.fn(STYLE, "owner", 1)["passed"]
    told = promote_flow.fn(STYLE, "approver", "house", "the brand", 1, channels=["web", "print"])
    assert (told["version"], told["approved_by"]) == (1, "approver")
    assert world.services.approved_style(STYLE, None).approval.terms.channels == {"web", "print"}


def test_an_unknown_style_cannot_be_evaluated(world: World) -> None:
    with pytest.raises(Exception, match="Did you mean 'dots'"):
        evaluate_style(world.services, EvaluationRequest("dot"), "owner")


@pytest.mark.slow
@pytest.mark.parametrize("folder", bundled_packages(), ids=lambda folder: folder.name)
def test_every_bundled_style_passes_the_shipped_gates(folder: Path, tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path))
    refs = register_package(services, folder, "owner")
    amiss = {str(each.style): failed(each) for each in evaluate_styles(services, refs, "owner") if not each.passed}
    assert amiss == {}
