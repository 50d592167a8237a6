"""Training as a style owner does it: a recipe in, a package that can be registered out, and the way there in MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import progress
from flows.promote_style import register_package
from flows.settings import Settings
from flows.train_style import trained
from flows.wiring import Services
from registry.mlflow_client import connect
from registry.package import load_style
from registry.training_runs import EXPERIMENT
from stylecore.training.errors import TrainingError

RECIPE = """
package: tiny-grade
family: colour-grade
description: for a test
styles:
  - name: tiny-look
    title: Tiny look
    description: The colours of a print.
    image: {drawn: risograph}
style_image_px: 64
content: {synthetic_share: 1.0, crop_px: 64}
schedule: {iterations: 20, checkpoint_every: 10, sample_every: 10}
"""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    (tmp_path / "home").mkdir()
    return Services(Settings(home=tmp_path / "home", actor="kim"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_becomes_a_package_whose_curves_samples_and_files_mlflow_keeps(
    services: Services, recipe: Path, tmp_path: Path
) -> None:
    told: list[progress.Progress] = []
    with progress.listening(told.append):
        package = trained(services, recipe, tmp_path / "out")

    assert sum(each.more for each in told) == 20
    assert load_style(package, "tiny-look").family.name == "colour-grade"
    client = connect(services.settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.params["family"]) == ("FINISHED", "colour-grade")
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == [10, 20]
    assert client.list_artifacts(run.info.run_id, "images")
    kept = {file.path for file in client.list_artifacts(run.info.run_id, "package")}
    assert "package/style.json" in kept


def test_a_trained_package_is_registered_like_any_other(services: Services, recipe: Path, tmp_path: Path) -> None:
    package = trained(services, recipe, tmp_path / "out")

    (ref,) = register_package(services, package.folder, "kim")

    assert (ref.name, ref.package_digest) == ("tiny-look", package.digest)


def test_the_same_recipe_gives_the_same_weights_and_a_colour_grade_names_no_loss_network(
    services: Services, recipe: Path, tmp_path: Path
) -> None:
    first, again = (trained(services, recipe, tmp_path / name) for name in ("one", "two"))

    assert first.files["weights.safetensors"] == again.files["weights.safetensors"]
    assert "**Loss network:** none" in first.card
    assert not any("SqueezeNet" in right.what for right in first.rights)


def test_going_on_from_a_package_that_was_altered_is_refused(services: Services, recipe: Path, tmp_path: Path) -> None:
    package = trained(services, recipe, tmp_path / "out")
    (package.folder / "CARD.md").write_text("altered")
    recipe.write_text(RECIPE + "start_from: out\n")

    with pytest.raises(Exception, match="sha256"):
        trained(services, recipe, tmp_path / "next")


def test_a_family_that_needs_a_loss_network_says_where_to_get_it(
    services: Services, recipe: Path, tmp_path: Path
) -> None:
    recipe.write_text(RECIPE.replace("colour-grade", "conditional-instance-norm"))

    with pytest.raises(Exception, match="restyle weights pull"):
        trained(services, recipe, tmp_path / "out")


def test_a_recipe_with_a_misspelt_field_trains_nothing(services: Services, recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE + "iteratoins: 5\n")

    with pytest.raises(TrainingError, match="iteratoins"):
        trained(services, recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()
