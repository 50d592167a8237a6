"""A decoder in a process of its own gives what it would give here; when it dies, one file is lost and no more."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from stylecore import decoder_pool, image
from stylecore.decoder_pool import DecoderPool
from stylecore.decoder_wire import WireError, put, take
from stylecore.image import ImageProblem, Limits, Picture, ProblemCode, Reading, decode
from tests.stylecore.colour_profiles import display_p3
from tests.stylecore.heic_sample import heic
from tests.stylecore.sample_files import deep, psd, tiff
from tests.stylecore.sample_images import CONTAINERS, saved, scene, with_alpha

KEEP = Reading("keep")


@pytest.fixture(scope="module")
def pool() -> DecoderPool:
    return DecoderPool(1)


@pytest.fixture
def shared_file() -> Iterator[int]:
    with decoder_pool._shared_file() as file:
        yield file.fileno()


def same(one: Picture, other: Picture) -> bool:
    """In everything: arrays, metadata and notes."""
    with decoder_pool._shared_file() as first, decoder_pool._shared_file() as second:
        told = put(one, first.fileno()), put(other, second.fileno())
        first.seek(0)
        second.seek(0)
        return told[0] == told[1] and first.read() == second.read()


def files() -> dict[str, bytes]:
    made = {container: saved(scene(), container) for container in CONTAINERS}
    made["alpha"] = saved(with_alpha(), "png")
    made["wide"] = saved(with_alpha(), "png", icc_profile=display_p3(), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    made["deep"] = tiff(deep(channels=4), extrasamples=["unassalpha"])
    made["noted"] = psd(scene())
    return made


@pytest.mark.parametrize("content", files().values(), ids=files().keys())
def test_a_picture_is_the_same_from_there_as_from_here(pool: DecoderPool, content: bytes) -> None:
    for edge in (None, 20):
        assert same(
            pool.decode(content, max_edge_px=edge, reading=KEEP), decode(content, max_edge_px=edge, reading=KEEP)
        )


@pytest.mark.parametrize("content", [b"", b"no image", saved(scene(), "jpeg")[:-400], saved(scene(), "bmp")])
def test_a_problem_is_the_same_from_there_as_from_here(pool: DecoderPool, content: bytes) -> None:
    problems = []
    for reads in (pool.decode, decode):
        with pytest.raises(ImageProblem) as refused:
            reads(content)
        problems.append((refused.value.code, str(refused.value)))
    assert problems[0] == problems[1]


def test_a_decoder_that_is_killed_costs_its_file_and_the_next_one_is_decoded() -> None:
    pool = DecoderPool(1)
    pool.decode(saved(scene(), "png"))
    process = pool._idle.get()
    assert process is not None
    pool._idle.put(process)
    os.kill(process._popen.pid, signal.SIGSTOP)  # it holds still in the middle of the next file
    killing = threading.Timer(0.3, os.kill, (process._popen.pid, signal.SIGKILL))
    killing.start()
    with pytest.raises(ImageProblem, match="SIGKILL") as lost:
        pool.decode(saved(scene(), "jpeg"))
    assert lost.value.code == ProblemCode.CORRUPT
    assert same(pool.decode(saved(scene(), "jpeg")), decode(saved(scene(), "jpeg")))


def test_a_heic_that_kills_its_decoder_kills_nothing_else() -> None:
    crashing = heic().replace(b"Exif", b"\xff" * 4, 1)  # libheif's binding dies of an item whose kind is no text
    for reads in (image.decode, image.probe):
        with suppress(ImageProblem):  # one day it may not
            reads(crashing)
        assert reads(heic()).width_px == 64


def test_a_file_that_keeps_its_decoder_busy_is_ended(pool: DecoderPool) -> None:
    content = bytes(imagecodecs.png_encode(np.zeros((6_000, 5_000, 3), np.uint16), level=1))
    with pytest.raises(ImageProblem, match="busy") as ended:
        pool.decode(content, Limits(max_cpu_s=1), reading=KEEP)
    assert ended.value.code == ProblemCode.DECOMPRESSION_BOMB


def test_decoders_know_nothing_of_the_secrets_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    pool = DecoderPool(1)
    pool.decode(saved(scene(), "png"))
    process = pool._idle.get()
    assert process is not None
    assert b"AWS_SECRET" not in Path(f"/proc/{process._popen.pid}/environ").read_bytes()


def test_decoders_end_with_the_pool() -> None:
    pool = DecoderPool(1)
    pool.decode(saved(scene(), "png"))
    process = pool._idle.get()
    assert process is not None
    popen = process._popen
    del process, pool
    assert popen.poll() == 0


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"problem": {"code": "made_up", "got": "", "expected": "", "next_step": ""}}',
        b'{"format": "png", "notes": [], "arrays": {"pixels": {"kind": "|O8", "shape": [1, 1, 3], "at": 0}}}',
        b'{"format": "png", "notes": [], "arrays": {"pixels": {"kind": "|u1", "shape": [9, 9, 3], "at": 0}}}',
        b'{"format": "png", "notes": [], "arrays": {"pixels": {"kind": "|u1", "shape": [1, 1, 3], "at": -1}}}',
        b'{"format": "png", "notes": [], "arrays": {"pixels": {"kind": "|u1", "shape": [1, 3], "at": 0}}}',
        b'{"format": "png", "notes": [], "arrays": {"pixels": {"kind": "|u1", "shape": [99999, 99999, 3], "at": 0}}}',
        b'{"format": "png", "notes": 7, "arrays": {"pixels": {"kind": "|u1", "shape": [1, 1, 3], "at": 0}}}',
    ],
)
def test_a_decoder_that_was_taken_over_can_say_nothing_that_is_believed(said: bytes, shared_file: int) -> None:
    os.pwrite(shared_file, bytes(10), 0)
    with pytest.raises(WireError):
        take(said, shared_file, Limits())


def test_the_shapes_of_a_picture_have_to_fit_each_other(shared_file: int) -> None:
    picture = decode(tiff(deep(channels=4), extrasamples=["unassalpha"]), reading=KEEP)
    told = put(picture, shared_file)
    assert same(take(json.dumps(told).encode(), shared_file, Limits()), picture)
    for name in ("alpha", "samples", "cover", "wide"):
        shape = told["arrays"][name]["shape"]
        broken = {**told, "arrays": {**told["arrays"], name: {**told["arrays"][name], "shape": (1, *shape[1:])}}}
        with pytest.raises(WireError):
            take(json.dumps(broken).encode(), shared_file, Limits())
