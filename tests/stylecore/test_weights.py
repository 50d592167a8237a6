"""Weights files are untrusted: safetensors alone, bounded, digest checked, finite. Pulling leaves no half file."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from stylecore.data import Digest
from stylecore.errors import WeightsError
from stylecore.weights import KNOWN_WEIGHTS, WeightsFolder, load_safetensors, pull

SHARED_WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"
SMALLEST = "lpips_lin_alex"
needs_shared = pytest.mark.skipif(not SHARED_WEIGHTS.is_dir(), reason="no reference weights beside the project")


def some_weights() -> bytes:
    return save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)})


def test_tensors_come_back_as_they_were_saved() -> None:
    content = some_weights()

    tensors = load_safetensors(content, Digest.of(content))

    assert torch.equal(tensors["a"], torch.arange(6.0).reshape(2, 3))
    assert tensors["b"].dtype == torch.float16


def test_a_file_and_its_bytes_load_alike(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(some_weights())

    assert load_safetensors(path, None).keys() == load_safetensors(some_weights(), None).keys()


def test_another_digest_is_refused_and_both_are_told() -> None:
    content = some_weights()

    with pytest.raises(WeightsError) as caught:
        load_safetensors(content, Digest.of(b"other"))

    assert Digest.of(content) in str(caught.value)
    assert Digest.of(b"other") in str(caught.value)


def test_a_pickle_is_refused_before_anything_reads_it() -> None:
    file = io.BytesIO()
    torch.save({"a": torch.ones(1)}, file)

    with pytest.raises(WeightsError, match="not safetensors"):
        load_safetensors(file.getvalue(), None)


def test_a_zip_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)

    with pytest.raises(WeightsError, match="not safetensors"):
        load_safetensors(file.getvalue(), None)


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 64, b"\2" + bytes(7) + b"[]", b"\2" + bytes(7) + b"{}"])
def test_empty_and_meaningless_files_are_refused(content: bytes) -> None:
    with pytest.raises(WeightsError):
        load_safetensors(content, None)


def test_a_deeply_nested_header_is_refused() -> None:
    header = b"[" * 200_000

    with pytest.raises(WeightsError, match="not safetensors"):
        load_safetensors(len(header).to_bytes(8, "little") + header, None)


def test_a_truncated_file_is_refused_as_damaged() -> None:
    with pytest.raises(WeightsError, match="damaged"):
        load_safetensors(some_weights()[:-4], None)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_tensor_with_no_number_in_it_is_refused_by_name(number: float) -> None:
    with pytest.raises(WeightsError, match="poisoned"):
        load_safetensors(save({"fine": torch.ones(2), "poisoned": torch.tensor([1.0, number])}), None)


def test_a_file_over_the_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(some_weights())

    with pytest.raises(WeightsError, match="over 20 bytes"):
        load_safetensors(path, None, max_bytes=20)


def test_an_absent_file_is_told_as_unreadable(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        load_safetensors(tmp_path / "nowhere.safetensors", None)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_ever_raises_anything_but_a_weights_error(data: st.DataObject) -> None:
    content = bytearray(some_weights())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    try:
        tensors = load_safetensors(bytes(content), None)
    except WeightsError:
        return
    assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())


def test_a_folder_without_the_file_finds_nothing(tmp_path: Path) -> None:
    assert WeightsFolder(tmp_path).find(SMALLEST) is None


def test_loading_what_a_folder_lacks_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        WeightsFolder(tmp_path).load(SMALLEST)

    assert "pull" in caught.value.next_step


def test_an_altered_file_in_the_folder_is_refused_not_found(tmp_path: Path) -> None:
    (tmp_path / f"{SMALLEST}.safetensors").write_bytes(some_weights())

    with pytest.raises(WeightsError, match="sha256"):
        WeightsFolder(tmp_path).find(SMALLEST)


@pytest.mark.parametrize("name", ["peer_candy", "../../etc/passwd", ""])
def test_only_known_names_are_ever_looked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="one of"):
        WeightsFolder(tmp_path).find(name)
    with pytest.raises(WeightsError, match="one of"):
        pull(str(tmp_path), tmp_path / "into", [name])


@needs_shared
@pytest.mark.parametrize("name", sorted(KNOWN_WEIGHTS))
def test_every_known_digest_is_that_of_the_reference_file(name: str) -> None:
    folder = WeightsFolder(SHARED_WEIGHTS)

    assert folder.find(name) == SHARED_WEIGHTS / f"{name}.safetensors"
    assert folder.load(name)


@needs_shared
def test_pulling_from_a_folder_gives_verified_files(tmp_path: Path) -> None:
    names = [SMALLEST, "lpips_lin_squeeze"]

    placed = pull(str(SHARED_WEIGHTS), tmp_path / "new" / "weights", names)

    assert [path.name for path in placed] == [f"{name}.safetensors" for name in names]
    assert all(WeightsFolder(tmp_path / "new" / "weights").find(name) for name in names)
    assert len(list((tmp_path / "new" / "weights").iterdir())) == 2


def test_a_wrong_file_at_the_source_leaves_nothing_behind(tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.mkdir()
    (source / f"{SMALLEST}.safetensors").write_bytes(some_weights())

    with pytest.raises(WeightsError, match="sha256"):
        pull(str(source), into, [SMALLEST])

    assert list(into.iterdir()) == []


def test_a_wrong_file_at_the_source_does_not_replace_what_was_there(tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.mkdir(), into.mkdir()
    (source / f"{SMALLEST}.safetensors").write_bytes(some_weights())
    (into / f"{SMALLEST}.safetensors").write_bytes(b"what was there")

    with pytest.raises(WeightsError):
        pull(str(source), into, [SMALLEST])

    assert (into / f"{SMALLEST}.safetensors").read_bytes() == b"what was there"


def test_a_source_that_has_no_such_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="could not be copied"):
        pull(str(tmp_path), tmp_path / "into", [SMALLEST])


@pytest.mark.parametrize("source", ["file:///etc", "ftp://example.org/x", "s3://bucket/x"])
def test_other_schemes_are_refused_without_a_look(tmp_path: Path, source: str) -> None:
    with pytest.raises(WeightsError, match="scheme"):
        pull(source, tmp_path, [SMALLEST])


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test server has nothing to say."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


@needs_shared
@pytest.mark.parametrize("ending", ["", "/"])
def test_pulling_over_http_gives_verified_files(served: tuple[str, Path], tmp_path: Path, ending: str) -> None:
    url, folder = served
    (folder / f"{SMALLEST}.safetensors").write_bytes((SHARED_WEIGHTS / f"{SMALLEST}.safetensors").read_bytes())

    pull(url + ending, tmp_path / "into", [SMALLEST])

    assert WeightsFolder(tmp_path / "into").find(SMALLEST)


def test_an_altered_file_over_http_is_refused_and_leaves_nothing(served: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served
    (folder / f"{SMALLEST}.safetensors").write_bytes(json.dumps("an error page").encode())

    with pytest.raises(WeightsError, match="sha256"):
        pull(url, tmp_path / "into", [SMALLEST])

    assert list((tmp_path / "into").iterdir()) == []


def test_a_file_the_server_does_not_have_is_told(served: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="404"):
        pull(served[0], tmp_path / "into", [SMALLEST])


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="could not be copied"):
        pull("http://127.0.0.1:9", tmp_path / "into", [SMALLEST])
