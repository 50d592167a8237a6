"""A training in a real MLflow: what it keeps of one that ends, and of one that is cut off and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.catalogue import Catalogue
from registry.mlflow_client import connect
from registry.training_runs import EXPERIMENT
from stylecore.data import Digest

RECIPE = Digest.of(b"recipe")
PARAMETERS = {"iterations": "40", "pulls.dots.style": "1.3"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db"


@pytest.fixture
def catalogue(uri: str, tmp_path: Path) -> Catalogue:
    return Catalogue(uri, tmp_path / "artifacts", tmp_path / "cache")


def runs(uri: str, recipe: Digest) -> list[object]:
    client = connect(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], f"tags.`restyle.recipe_digest` = '{recipe}'"))


def test_curves_samples_and_parameters_of_a_training_can_be_looked_up(catalogue: Catalogue, uri: str) -> None:
    recipe = Digest.of(b"looked up")

    with catalogue.training("prints", recipe, PARAMETERS, "kim") as run:
        for iteration in range(300):
            run.curve(iteration, {"dots/style": 300.0 - iteration})
        run.sample("dots", 300, np.zeros((8, 8, 3), np.uint8))

    client = connect(uri)
    (kept,) = runs(uri, recipe)
    curve = client.get_metric_history(kept.info.run_id, "dots/style")  # type: ignore[attr-defined]
    assert [(point.step, point.value) for point in curve] == [(step, 300.0 - step) for step in range(300)]
    assert kept.data.params == PARAMETERS  # type: ignore[attr-defined]
    assert kept.info.status == "FINISHED"  # type: ignore[attr-defined]
    pictures = [file.path for file in client.list_artifacts(kept.info.run_id, "images")]  # type: ignore[attr-defined]
    assert any("sample-dots" in path for path in pictures)


def test_a_training_that_was_cut_off_goes_on_in_the_same_run(catalogue: Catalogue, uri: str) -> None:
    def cut_off_after_one_iteration() -> None:
        with catalogue.training("prints", RECIPE, PARAMETERS, "kim") as run:
            run.curve(1, {"loss": 2.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off_after_one_iteration()

    (cut_off,) = runs(uri, RECIPE)
    assert cut_off.info.status == "FAILED"  # type: ignore[attr-defined]

    with catalogue.training("prints", RECIPE, PARAMETERS, "kim") as run:
        run.curve(2, {"loss": 1.0})

    (whole,) = runs(uri, RECIPE)
    assert whole.info.status == "FINISHED"  # type: ignore[attr-defined]
    curve = connect(uri).get_metric_history(whole.info.run_id, "loss")  # type: ignore[attr-defined]
    assert [point.value for point in curve] == [2.0, 1.0]


def test_training_the_same_recipe_again_after_it_was_finished_is_a_run_of_its_own(
    catalogue: Catalogue, uri: str
) -> None:
    recipe = Digest.of(b"twice")
    for _ in range(2):
        with catalogue.training("prints", recipe, PARAMETERS, "kim") as run:
            run.curve(1, {"loss": 1.0})

    assert len(runs(uri, recipe)) == 2


def test_a_package_is_kept_with_its_training(catalogue: Catalogue, uri: str, tmp_path: Path) -> None:
    recipe, folder = Digest.of(b"package"), tmp_path / "made"
    folder.mkdir()
    (folder / "style.json").write_text("{}")

    with catalogue.training("prints", recipe, PARAMETERS, "kim") as run:
        run.package(folder)

    (kept,) = runs(uri, recipe)
    files = connect(uri).list_artifacts(kept.info.run_id, "package")  # type: ignore[attr-defined]
    assert [file.path for file in files] == ["package/style.json"]
