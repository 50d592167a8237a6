"""Small real packages: random weights of the real architecture, real pictures, written by the real packer."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from registry.manifest import StyleEntry
from registry.package import StylePackage
from registry.packing import write_package

ARCHITECTURE = {"stem_channels": 4, "trunk_channels": 4, "blocks": 1, "styles": 2}
RIGHTS = [{"what": "dots", "source": "drawn by a program", "licence": "CC0-1.0", "holder": "nobody"}]

MakePackage = Callable[..., StylePackage]


def picture(seed: int, kind: str = "jpeg") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def random_weights() -> bytes:
    import torch
    from safetensors.torch import save

    from stylecore.styles.conditional import Architecture, ConditionalNetwork

    torch.manual_seed(7)
    return save(ConditionalNetwork(Architecture(**ARCHITECTURE)).state_dict())


@pytest.fixture(scope="session")
def weights() -> bytes:
    return random_weights()


@pytest.fixture(scope="session")
def make_package(tmp_path_factory: pytest.TempPathFactory, weights: bytes) -> MakePackage:
    """Makes a package; another ``seed`` makes other pictures and so another digest."""

    def make(seed: int = 0, names: tuple[str, ...] = ("dots", "hatching"), package: str = "tiny") -> StylePackage:
        folder = tmp_path_factory.mktemp("package")
        lay_out(folder, names, weights, seed)
        return write_package(
            folder,
            package=package,
            family="conditional-instance-norm",
            architecture=ARCHITECTURE,
            styles=[entry(name, index) for index, name in enumerate(names)],
            controls=["strength"],
            licence="Apache-2.0",
        )

    return make


def lay_out(folder: Path, names: tuple[str, ...], weights: bytes, seed: int) -> None:
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "CARD.md").write_text("# Tiny\n\nA style – for tests.\n", encoding="utf-8")
    (folder / "rights.json").write_text(json.dumps(RIGHTS))
    for place in ("references", "previews"):
        (folder / place).mkdir()
        for name in names:
            (folder / place / f"{name}.jpg").write_bytes(picture(seed))


def entry(name: str, index: int) -> StyleEntry:
    return StyleEntry(
        name=name,
        index=index,
        title=name.title(),
        description=f"{name} in two colours",
        reference=f"references/{name}.jpg",
        preview=f"previews/{name}.jpg",
        suggested_bounds={"ssim_eighth": 0.45},
        measured={"ssim_eighth": 0.5, "style_gap_closed": 0.4},
    )


@pytest.fixture
def folder(make_package: MakePackage) -> Path:
    """The folder of a good package, for a test to spoil."""
    return make_package().folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server over a database and folder of its own."""
    home = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = ["--backend-store-uri", f"sqlite:///{home}/server.db", "--artifacts-destination", str(home / "artifacts")]
    listening = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *listening, *places],
        cwd=home,
        env={**os.environ, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the MLflow server did not start")
