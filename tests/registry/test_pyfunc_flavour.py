"""Registered styles in other people's hands: MLflow's own loader and its own server, with nothing of ours between."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registry.catalogue import Catalogue
from registry.errors import IntegrityError, PackageError
from registry.evaluation_runs import ShownEvaluation
from registry.mlflow_client import connect
from registry.package import StylePackage
from tests.registry.conftest import picture, wait_for

MakePackage = Callable[..., StylePackage]
REPOSITORY = Path(__file__).parents[2]
NAMES = ("pen", "pencil")
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".py", ".whl"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def uri(home: Path, make_package: MakePackage) -> str:
    """A registry in which both styles of a package carry the label."""
    address = f"sqlite:///{home}/mlflow.db"
    catalogue = Catalogue(address, home / "artifacts", home / "cache")
    for ref in catalogue.register(make_package(names=NAMES), "ada"):
        catalogue.set_alias(ref.name, "approved", ref.version)
    return address


@pytest.fixture(autouse=True)
def as_other_tools_do(uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import mlflow

    connect(uri)  # telemetry off
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield
    mlflow.set_tracking_uri(before)


def loaded(name: str) -> Any:
    import mlflow

    return mlflow.pyfunc.load_model(f"models:/{name}@approved")


def restyled(model: Any, content: bytes, **params: Any) -> np.ndarray:
    import pandas as pd

    (after,) = model.predict(pd.DataFrame({"image": [content]}), params=params or None)["image"]
    assert after.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(after)).convert("RGB"))


def test_a_style_restyles_pictures_through_mlflows_own_loader() -> None:
    after = restyled(loaded("pen"), picture(3))
    assert after.shape == (24, 32, 3)


def test_strength_is_a_parameter_and_zero_is_the_picture_itself() -> None:
    content = picture(3, "png")
    before = np.asarray(Image.open(io.BytesIO(content)))
    assert (restyled(loaded("pen"), content, strength=0.0) == before).all()
    assert (restyled(loaded("pen"), content) != before).any()


def test_each_registered_model_is_its_own_style_though_they_share_a_package() -> None:
    assert tuple(loaded(name)._model_impl.style for name in NAMES) == NAMES


def test_the_signature_tells_what_goes_in_and_out() -> None:
    signature = loaded("pen").metadata.signature
    assert [column.name for column in signature.inputs.inputs] == ["image"]
    assert [(each.name, each.default) for each in signature.params.params] == [("strength", 1.0)]


def test_nothing_that_is_kept_is_a_pickle_or_code(home: Path, uri: str) -> None:
    kept = [path for path in (home / "artifacts").rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"MLmodel", "style.json", "weights.safetensors"}
    assert not [path for path in kept if path.suffix in PICKLES]
    assert not [path for path in kept if path.read_bytes()[:1] == b"\x80"]


def test_the_label_file_and_the_model_file_are_no_part_of_the_package(home: Path, uri: str) -> None:
    catalogue = Catalogue(uri, home / "artifacts", home / "other-cache")
    package = catalogue.fetch(catalogue.find("pen"))
    assert "MLmodel" not in package.files
    assert not (package.folder / "MLmodel").exists()


def test_bytes_that_changed_in_the_store_are_not_served(home: Path, uri: str) -> None:
    (stored,) = (home / "artifacts").glob("*/artifacts/package/weights.safetensors")
    content = stored.read_bytes()
    stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(IntegrityError, match="weights"):
            loaded("pen")
    finally:
        stored.write_bytes(content)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(Exception, match=r"picture|image"):
        restyled(loaded("pen"), b"Dear colleagues,")


@pytest.mark.parametrize("sent", [{"image": []}, {"photo": [b"x"]}, {"image": [b"x"] * 65}, {"image": [7]}])
def test_frames_of_another_kind_are_refused(sent: dict[str, Any]) -> None:
    import pandas as pd

    with pytest.raises(PackageError):
        loaded("pen")._model_impl.predict(pd.DataFrame(sent))


@pytest.mark.slow
def test_mlflow_serves_a_style_over_http(home: Path, uri: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = ["models", "serve", "-m", "models:/pencil@approved", "--env-manager", "local", "--port", str(port)]
    env = {**os.environ, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(REPOSITORY)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *serve],
            cwd=home,
            env={**env, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(process, port)
        after = _asked(f"http://127.0.0.1:{port}/invocations", picture(3))
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)
    assert Image.open(io.BytesIO(after)).size == (32, 24)


@pytest.mark.slow
def test_a_style_of_an_mlflow_server_loads_and_its_evaluation_is_shown_there(
    server: str, make_package: MakePackage, tmp_path: Path
) -> None:
    import mlflow

    catalogue = Catalogue(server, None, tmp_path / "cache")
    ref, _ = catalogue.register(make_package(seed=4, names=("chalk", "crayon")), "ada")
    catalogue.set_alias(ref.name, "approved", ref.version)
    mlflow.set_tracking_uri(server)
    assert restyled(loaded("chalk"), picture(3)).shape == (24, 32, 3)

    shown = ShownEvaluation(
        {"product/psnr_db": 12.5}, {"evaluation": "7"}, True, {}, np.zeros((8, 8, 3), "uint8"), "ada"
    )
    run = connect(server).get_run(catalogue.keep_evaluation(ref, shown))
    assert (run.data.metrics, run.info.status) == ({"product/psnr_db": 12.5}, "FINISHED")
    kept = {file.path for file in connect(server).list_artifacts(run.info.run_id)}
    assert kept == {"before-and-after.png", "report.json"}


def _asked(url: str, content: bytes) -> bytes:
    rows = {"dataframe_records": [{"image": base64.b64encode(content).decode()}], "params": {"strength": 0.8}}
    request = urllib.request.Request(  # noqa: S310
        url, json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        (row,) = json.load(answer)["predictions"]
    return base64.b64decode(row["image"])
