"""Diffusion: off until adopted, pinned file by file, offline, and one seed for one result."""

from __future__ import annotations

import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from stylecore.adoption import adopt_pipeline
from stylecore.data import Recipe, RestyleError
from stylecore.diffusion.control import control_picture
from stylecore.diffusion.folder import ADAPTER, PARTS, checked_pipeline, digest_of_pipeline, pipeline_place
from stylecore.diffusion.settings import Settings
from stylecore.errors import StyleError, WeightsError
from stylecore.image import Picture
from stylecore.styles.base import Brush, StyleModel, StyleSource
from stylecore.styles.build import build, family
from stylecore.stylize import stylize
from stylecore.torchvision_bridge import ensure_importable
from stylecore.weights import WeightsFolder

HOW = Settings("tiny", "0" * 64, steps=2, strength=1.0, most_edge_px=96)


def skeleton(weights: Path) -> Path:
    """A folder with everything in its place, and nothing in it that could be loaded."""
    folder = weights / "tiny"
    for part in PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text("{}")
    (folder / ADAPTER).write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    return folder


# --- the folder ------------------------------------------------------------------------------------------------------


def test_an_adopted_pipeline_is_found_as_it_was(tmp_path: Path) -> None:
    folder = skeleton(tmp_path)

    adopted = adopt_pipeline("tiny", tmp_path)

    assert checked_pipeline("tiny", tmp_path, adopted.digest) == folder
    assert adopted.digest == digest_of_pipeline(folder)


def test_it_is_off_until_somebody_has_adopted_it(tmp_path: Path) -> None:
    digest = digest_of_pipeline(skeleton(tmp_path))

    with pytest.raises(WeightsError, match="adopt"):
        checked_pipeline("tiny", tmp_path, digest)


def test_a_package_made_with_another_pipeline_is_refused(tmp_path: Path) -> None:
    skeleton(tmp_path)
    adopt_pipeline("tiny", tmp_path)

    with pytest.raises(WeightsError, match="as the style has it"):
        checked_pipeline("tiny", tmp_path, "f" * 64)


@pytest.mark.parametrize("change", ["changed", "added", "removed", "renamed"])
def test_any_change_of_the_folder_is_noticed(tmp_path: Path, change: str) -> None:
    folder = skeleton(tmp_path)
    adopted = adopt_pipeline("tiny", tmp_path)
    config = folder / "unet" / "config.json"
    (config.with_name("extra.json") if change == "added" else config).write_text("{ }")
    if change == "removed":
        config.unlink()
    if change == "renamed":
        config.write_text("{}")
        config.rename(config.with_name("other.json"))

    with pytest.raises(WeightsError, match="as it was adopted"):
        checked_pipeline("tiny", tmp_path, adopted.digest)


@pytest.mark.parametrize(
    "name",
    ["diffusion_pytorch_model.bin", "model.pt", "model.ckpt", "pipeline.py", "model.pth", "x.msgpack", ".x.json"],
)
def test_formats_that_can_run_code_are_refused_even_if_nothing_would_read_them(tmp_path: Path, name: str) -> None:
    folder = skeleton(tmp_path)
    (folder / "unet" / name).write_bytes(b"\x80\x04.")

    with pytest.raises(WeightsError, match="can run code"):
        adopt_pipeline("tiny", tmp_path)


def test_links_and_missing_parts_are_refused(tmp_path: Path) -> None:
    folder = skeleton(tmp_path)
    (folder / "vae" / "linked.json").symlink_to("/etc/passwd")
    with pytest.raises(WeightsError, match="a link"):
        adopt_pipeline("tiny", tmp_path)
    (folder / "vae" / "linked.json").unlink()
    shutil.rmtree(folder / "vae")
    with pytest.raises(WeightsError, match="no vae"):
        adopt_pipeline("tiny", tmp_path)


@pytest.mark.parametrize("name", ["../tiny", "a/b", "", ".", "Tiny", "tiny\n", "a" * 80])
def test_a_pipelines_name_is_a_plain_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="a pipeline named"):
        pipeline_place(name, tmp_path)


# --- settings and control --------------------------------------------------------------------------------------------


def test_settings_come_back_from_their_description() -> None:
    assert Settings.parse(HOW.describe()) == HOW


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10_000},
        {"steps": 3, "strength": 0.1},
        {"strength": 1.5},
        {"guidance": float("inf")},
        {"control": "pose"},
        {"prompt": "a\nb"},
        {"prompt": "x" * 1000},
        {"pipeline_digest": "deadbeef"},
        {"trust_remote_code": True},
    ],
)
def test_settings_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        Settings.parse({**HOW.describe(), **change})


def test_edges_are_light_where_light_changes_and_black_elsewhere() -> None:
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 1

    edges, luma = control_picture(picture, "edges"), control_picture(picture, "luma")

    assert edges.shape == luma.shape == picture.shape
    assert edges[..., 15:17].min() > 0.9
    assert edges[..., :10].max() == edges[..., 22:].max() == 0
    assert torch.allclose(luma, picture)


# --- the whole, with a tiny pipeline ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ensure_importable()
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    from tests.stylecore.tiny_pipeline import write_pipeline

    root = tmp_path_factory.mktemp("weights")
    write_pipeline(root / "tiny")
    adopt_pipeline("tiny", root)
    return root


def reference(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 255, (40, 60, 3)).astype(np.uint8)


def models(weights: Path, how: Settings = HOW) -> list[StyleModel]:
    told = replace(how, styles=2, pipeline_digest=digest_of_pipeline(weights / "tiny"))
    sources = [StyleSource(index, f"style-{index}", reference(index)) for index in range(2)]
    return build("diffusion", told.describe(), {"style_scales": torch.ones(2)}, sources, WeightsFolder(weights))


@pytest.fixture(scope="module")
def model(weights: Path) -> StyleModel:
    return models(weights)[0]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(model: StyleModel, weights: Path) -> None:
    content = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(1))

    first, again, other = (model.render(content, Brush(seed=seed)) for seed in (1, 1, 2))

    assert torch.equal(first, again)
    assert torch.equal(first, models(weights)[0].render(content, Brush(seed=1)))
    assert not torch.equal(first, other)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 16), (64, 128), (70, 131), (40, 200)])
def test_any_size_comes_back_in_the_same_size_and_range(model: StyleModel, size: tuple[int, int]) -> None:
    rendered = model.render(torch.rand(1, 3, *size))

    assert rendered.shape == (1, 3, *size)
    assert torch.isfinite(rendered).all()
    assert 0 <= rendered.min() <= rendered.max() <= 1


@pytest.mark.slow
def test_neighbours_in_a_batch_change_nothing(model: StyleModel) -> None:
    content = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))

    both = model.render(content)

    assert torch.equal(both[1:], model.render(content[1:]))


@pytest.mark.slow
def test_the_style_picture_the_control_and_the_prompt_all_reach_the_result(weights: Path) -> None:
    content = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    one, two = models(weights)
    plain = one.render(content)

    others = [two.render(content)] + [
        models(weights, replace(HOW, **changed))[0].render(content)
        for changed in ({"control": "luma"}, {"control_scale": 0.0}, {"style_scale": 0.0}, {"prompt": "woodcut"})
    ]

    assert not any(torch.equal(plain, other) for other in others)


@pytest.mark.slow
def test_it_stylizes_like_every_other_family(model: StyleModel) -> None:
    before = Picture(reference(5))

    after = stylize(model, [before], Recipe())[0]

    assert after.pixels.shape == before.pixels.shape
    assert not np.array_equal(after.pixels, before.pixels)
    assert family("diffusion").deterministic


@pytest.mark.slow
def test_nothing_is_asked_of_the_network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("somebody phoned home")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)

    assert models(weights)[0].render(torch.rand(1, 3, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_a_network_with_a_tensor_missing_is_refused_and_not_filled_up(weights: Path, tmp_path: Path, part: str) -> None:
    shutil.copytree(weights / "tiny", tmp_path / "tiny")
    (path,) = (tmp_path / "tiny" / part).glob("*.safetensors")
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path, metadata={"format": "pt"})
    adopt_pipeline("tiny", tmp_path)

    with pytest.raises(StyleError, match=f"weights of {part}"):
        models(tmp_path)


@pytest.mark.slow
def test_parts_that_do_not_fit_together_are_a_style_error(weights: Path, tmp_path: Path) -> None:
    shutil.copytree(weights / "tiny", tmp_path / "tiny")
    (tmp_path / "tiny" / "vae" / "config.json").write_text('{"latent_channels": "many"}')
    adopt_pipeline("tiny", tmp_path)

    with pytest.raises(RestyleError):
        models(tmp_path)


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton(tmp_path)
    adopt_pipeline("tiny", tmp_path)
    monkeypatch.setitem(sys.modules, "diffusers", None)

    with pytest.raises(StyleError, match=r"pip install restyle\[diffusion\]"):
        models(tmp_path)


def test_without_a_weights_folder_it_says_so() -> None:
    with pytest.raises(StyleError, match="no weights folder"):
        build("diffusion", HOW.describe(), {"style_scales": torch.ones(1)}, [])
