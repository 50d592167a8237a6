"""Others' checkpoints: read as torch wrote them, and nothing in them ever runs."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor, nn

from stylecore.checkpoints import read_checkpoint, recognise
from stylecore.errors import StyleError, WeightsError
from stylecore.pickle_reading import MAX_OPCODES, read_pickle
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.feed_forward import Architecture, TransformNetwork
from stylecore.torch_files import MAX_MEMBERS

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


def saved(value: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def some_tensors() -> dict[str, Tensor]:
    torch.manual_seed(2)
    square = torch.randn(6, 5)
    return {
        "weight": torch.randn(4, 3, 3, 3),
        "half": torch.randn(7).half(),
        "brain": torch.randn(2, 2).bfloat16(),
        "double": torch.randn(3).double(),
        "steps": torch.tensor(12),
        "small": torch.arange(5, dtype=torch.int8),
        "view": square[1:4, 2:],
        "turned": square.t(),
        "last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    }


def small_network() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(TransformNetwork(Architecture(channels=2, blocks=1)).state_dict())


def loaded(tensors: dict[str, Tensor]) -> list[StyleModel]:
    found = recognise(tensors)
    return build(found.family, found.architecture, found.tensors, [StyleSource(0, "a", np.zeros((8, 8, 3), np.uint8))])


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    same = all(torch.equal(found[name], each) and found[name].dtype == each.dtype for name, each in expected.items())
    return same and found.keys() == expected.keys()


@FORMATS
def test_what_torch_saves_reads_equal(zipped: bool) -> None:
    assert equal(read_checkpoint(saved(some_tensors(), zipped)), some_tensors())


def test_safetensors_read_equal_from_a_file_too(tmp_path: Path) -> None:
    tensors = {name: each.contiguous() for name, each in some_tensors().items()}
    (tmp_path / "a.safetensors").write_bytes(save(tensors))

    assert equal(read_checkpoint(tmp_path / "a.safetensors"), tensors)


@FORMATS
def test_an_ordered_state_dict_of_parameters_with_its_versions_reads_equal(zipped: bool) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    kept = OrderedDict(network.state_dict(keep_vars=True))
    kept._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]

    assert equal(read_checkpoint(saved(kept, zipped)), dict(network.state_dict()))


@FORMATS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_that_torch_can_be_told_to_use_reads_equal(zipped: bool, protocol: int) -> None:
    file = io.BytesIO()
    torch.save(small_network(), file, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)

    assert equal(read_checkpoint(file.getvalue()), small_network())


@FORMATS
@pytest.mark.parametrize("wrappers", [["state_dict"], ["model"], ["params_ema"], ["model", "state_dict"]], ids=str)
def test_state_dicts_are_taken_out_of_what_training_scripts_wrap_them_in(zipped: bool, wrappers: list[str]) -> None:
    value: dict[str, Any] = {f"module.{name}": each for name, each in small_network().items()}
    for wrapper in wrappers:
        value = {"epoch": 7, "best": 0.25, "name": "candy", wrapper: value, "rates": [1e-3, None, (True, {})]}

    assert equal(read_checkpoint(saved(value, zipped)), small_network())


def test_tensors_that_share_a_storage_come_apart() -> None:
    shared = torch.arange(6.0)

    found = read_checkpoint(saved({"a": shared[:3], "b": shared[1:5]}))
    found["a"].zero_()

    assert torch.equal(found["b"], torch.tensor([1.0, 2.0, 3.0, 4.0]))


class Evil:
    """Pickles as a call of whatever it is given."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], tuple(self.call[1:])


MARKER = "a-file-that-only-an-unpickler-would-make"
ATTACKS: dict[str, tuple[Callable[[], object], str]] = {
    "a shell": (lambda: Evil(os.system, f"touch {MARKER}"), "system"),
    "exec": (lambda: Evil(exec, f"open({MARKER!r}, 'w')"), "exec"),
    "eval": (lambda: Evil(eval, f"open({MARKER!r}, 'w')"), "eval"),
    "a chain of getattr": (lambda: Evil(getattr, Evil(__import__, "os"), "system"), "getattr"),
    "open": (lambda: Evil(open, MARKER, "w"), "open"),
    "a class": (lambda: nn.Conv2d(3, 3, 3), "Conv2d"),
    "torch.load": (lambda: Evil(torch.load, MARKER), "torch.serialization.load"),
    "a numpy array": (lambda: np.zeros(2), "_reconstruct"),
    "a set": (lambda: {1, 2}, "set"),
    "bytes": (lambda: Evil(bytes.fromhex, "00"), "getattr"),
}


@FORMATS
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pickle_that_names_anything_else_is_refused_by_that_name_and_runs_nothing(
    zipped: bool, attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, told = ATTACKS[attack]
    content = saved({**small_network(), "evil": make()}, zipped)

    with pytest.raises(WeightsError, match=f"{told}, which could run"):
        read_checkpoint(content)

    assert list(tmp_path.iterdir()) == []


def test_reading_imports_no_module_that_a_pickle_names() -> None:
    assert "this" not in sys.modules

    with pytest.raises(WeightsError, match=r"this\.d"):
        read_checkpoint(saved_by_hand(b"\x80\x02cthis\nd\n."))

    assert "this" not in sys.modules


def saved_by_hand(program: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    """A zip like torch's with this pickle in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for key, stored in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", stored)
    return file.getvalue()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def whole(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def claimed(elements: int, *, key: str = "0", kind: str = "FloatStorage") -> bytes:
    """A reference to a storage."""
    named = b"ctorch\n" + kind.encode() + b"\n"
    return b"(" + text("storage") + named + text(key) + text("cpu") + whole(elements) + b"tQ"


def tensor(storage: bytes, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """A dict with this view of this storage in it."""
    view = b"".join(b"(" + b"".join(whole(each) for each in numbers) + b"t" for numbers in (size, stride))
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + whole(offset) + view + b"\x89)tR"
    return b"\x80\x02}" + text("a") + rebuilt + b"s."


FOUR = np.arange(4, dtype=np.float32).tobytes()


def test_a_tensor_told_by_hand_is_read_as_it_was_told() -> None:
    found = read_checkpoint(saved_by_hand(tensor(claimed(4), 1, (3,), (1,)), {"0": FOUR}))

    assert torch.equal(found["a"], torch.tensor([1.0, 2.0, 3.0]))


def test_what_python_2_and_the_first_versions_of_torch_wrote_is_read() -> None:
    """Texts as byte strings, an OrderedDict made of its pairs, and tensors without a word on gradients."""
    rebuilt = b"ctorch._utils\n_rebuild_tensor\n(" + claimed(4) + b"K\x00K\x02K\x02\x86K\x02K\x01\x86tR"
    program = b"\x80\x02ccollections\nOrderedDict\n](]U\x01aa" + rebuilt + b"ae\x85R."

    found = read_checkpoint(saved_by_hand(program, {"0": FOUR}))

    assert torch.equal(found["a"], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))


@pytest.mark.parametrize(
    "view",
    [
        (0, (5,), (1,)),
        (2, (3,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 3), (3, 1)),
        (0, (2, 2), (1, 1)),
        (0, (4,), (0,)),
        (0, (1 << 31,), (0,)),
        (0, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (0,), (1,)),
        (0, (1 << 40,), (1,)),
        (1 << 62, (1,), (1,)),
        (0, (2, 2), (1,)),
        (0, (1,) * 9, (1,) * 9),
    ],
    ids=str,
)
def test_a_view_out_of_its_storage_or_with_a_tricky_stride_is_refused(view: tuple[int, Any, Any]) -> None:
    with pytest.raises(WeightsError, match="tensor"):
        read_checkpoint(saved_by_hand(tensor(claimed(4), *view), {"0": FOUR}))


@pytest.mark.parametrize("elements", [3, 5, 1 << 31])
def test_a_storage_that_lies_about_its_size_is_refused(elements: int) -> None:
    with pytest.raises(WeightsError, match="storage"):
        read_checkpoint(saved_by_hand(tensor(claimed(elements), 0, (2,), (1,)), {"0": FOUR}))


def test_a_storage_that_is_not_there_is_refused() -> None:
    with pytest.raises(WeightsError, match="nothing for the storage"):
        read_checkpoint(saved_by_hand(tensor(claimed(4, key="../../etc"), 0, (4,), (1,)), {"0": FOUR}))


def test_many_views_of_one_storage_cannot_fill_the_memory() -> None:
    """Each view is honest; together they are more than a file may hold."""
    single = tensor(claimed(1 << 20), 0, (1 << 20,), (1,))[3:-2]
    program = b"\x80\x02}(" + b"".join(text(f"t{n}") + single[len(text("a")) :] for n in range(70)) + b"u."

    with pytest.raises(WeightsError, match="at most"):
        read_checkpoint(saved_by_hand(program, {"0": bytes(4 << 20)}))


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (b"", "no end|damaged"),
        (b"\x80\x02.", "empty stack|stack of another size"),
        (b"\x80\x02}}.", "stack of another size"),
        (b"\x80\x02]q\x00h\x00a.", "no dict"),
        (b"\x80\x02}q\x00" + text("state_dict") + b"h\x00s.", "no tensor"),
        (b"\x80\x02}.", "no dict"),
        (b"\x80\x02h\x05.", "remembers"),
        (b"\x80\x02t.", "never opened"),
        (b"\x80\x02" + b"(" * 60 + b".", "containers in each other"),
        (b"\x80\x02" + text("x" * 2000) + b".", "2000 characters"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged"),
        (b"\x80\x02\x8b" + struct.pack("<i", 200) + b"\x7f" * 200 + b".", "absurd number"),
        (b"\x80\x02}]]s.", "a list as a key"),
        (b"\x80\x02]]s.", "filled|empty"),
        (b"\x80\x02(K\x01u.", "filled|without a value"),
        (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "no dict"),
        (b"\x80\x02ccollections\nOrderedDict\n]K\x01a\x85R.", "no pair"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        (b"\x80\x02K\x01)R.", "no function"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "0 arguments"),
        (b"\x80\x02ctorch._utils\n_rebuild_parameter\nK\x01\x85R.", "no tensor"),
        (b"\x80\x02K\x01Q.", "no storage"),
        (b"\x80\x02}]b.", "no dict"),
        (b"\x80\x02" + text("a") + b"K\x01\x93.", "no text"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"(i__builtin__\neval\n.", "damaged|INST|did not write|safetensors"),
        (b"\x80\x02}" + b"q\x000" * (MAX_OPCODES // 2) + b".", "POP"),
        (b"\x80\x02" + b"N" * MAX_OPCODES + b".", "instructions"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_a_strange_program_is_refused_with_the_reason(program: bytes, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        read_checkpoint(saved_by_hand(program))


def test_deep_nesting_costs_an_error_and_no_stack() -> None:
    program = b"\x80\x02}" + text("a") + b")" + b"\x85" * 300_000 + b"s."

    with pytest.raises(WeightsError, match="no tensor"):
        read_checkpoint(saved_by_hand(program))


def test_a_whole_network_saved_as_an_object_is_refused_and_told_what_to_save() -> None:
    with pytest.raises(WeightsError, match="Sequential") as caught:
        read_checkpoint(saved(nn.Sequential(nn.Conv2d(3, 3, 1))))

    assert "state_dict" in caught.value.next_step


def test_two_claims_about_one_storage_are_refused() -> None:
    both = tensor(claimed(4), 0, (2,), (1,))[:-1] + tensor(claimed(2), 0, (2,), (1,))[3:]

    with pytest.raises(WeightsError, match="one key"):
        read_checkpoint(saved_by_hand(both, {"0": FOUR}))


def zip_of(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (zip_of(("archive/data.pkl", bytes(1 << 24)), compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zip_of(("archive/data.pkl", b"\x80\x02}."), ("archivf/data.pkl", b"")).replace(b"ivf", b"ive"), "one name"),
        (zip_of(("a/data.pkl", b"\x80\x02}."), ("b/data.pkl", b"\x80\x02}.")), "2 data.pkl"),
        (zip_of(("archive/notes.txt", b"")), "0 data.pkl"),
        (zip_of(("archive/data.pkl", b"\x80\x02}."), ("archive/byteorder", b"big")), "big-endian"),
        (zip_of(("archive/data.pkl", b"\x80\x02}."))[:-30], "damaged"),
        (b"PK\x03\x04" + b"PK\x01\x02" * (MAX_MEMBERS + 1), "members"),
        (b"PK\x03\x04", "damaged"),
    ],
    ids=["bomb", "twice", "two roots", "no root", "big endian", "cut", "crowd", "empty"],
)
def test_a_strange_zip_is_refused_with_the_reason(content: bytes, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        read_checkpoint(content)


def test_a_changed_number_is_noticed_by_the_sum_of_the_zip() -> None:
    content = bytearray(saved({"a": torch.full((64,), 1.5)}))
    content[content.index(b"\x00\x00\xc0\x3f" * 8)] ^= 1

    with pytest.raises(WeightsError, match="damaged"):
        read_checkpoint(bytes(content))


@pytest.mark.parametrize("cut", [1, 40, 300])
@FORMATS
def test_a_file_cut_short_is_refused(zipped: bool, cut: int) -> None:
    with pytest.raises(WeightsError):
        read_checkpoint(saved(small_network(), zipped)[:-cut])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@FORMATS
def test_what_is_no_number_is_refused_as_in_any_weights_file(zipped: bool, number: float) -> None:
    with pytest.raises(WeightsError, match="poisoned"):
        read_checkpoint(saved({"poisoned": torch.tensor([1.0, number])}, zipped))


@FORMATS
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_changed_bytes_never_do_more_than_raise_our_errors(zipped: bool, data: st.DataObject) -> None:
    content = bytearray(MUTABLE[zipped])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    with suppress(WeightsError, StyleError):
        loaded(read_checkpoint(bytes(content)))


MUTABLE = {zipped: saved(small_network(), zipped) for zipped in (True, False)}


@settings(max_examples=300, deadline=None)
@given(program=st.binary(max_size=40))
def test_any_bytes_as_a_pickle_never_do_more_than_raise_our_error(program: bytes) -> None:
    with suppress(WeightsError):
        read_pickle(b"\x80\x02" + program)


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(st.one_of(st.sampled_from(OPCODES), st.sampled_from([text("a"), b"K\x01", claimed(4)]))))
def test_any_instructions_in_any_order_never_do_more_than_raise_our_error(parts: list[bytes]) -> None:
    with suppress(WeightsError):
        read_pickle(b"\x80\x02" + b"".join(parts) + b".")


def test_a_published_feed_forward_checkpoint_is_recognised_with_its_sizes() -> None:
    tensors = small_network() | {"in1.running_mean": torch.zeros(2), "in1.running_var": torch.ones(2)}

    found = recognise(tensors)

    assert (found.family, found.architecture) == ("feed-forward", {"channels": 2, "blocks": 1})
    assert found.tensors.keys() == small_network().keys()
    assert "running statistics" in found.notes[0]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["model.model.1.weight"], "pix2pix"),
        (["features.0.weight"], "classification"),
        (["unet.down_blocks.0.weight"], "diffusion"),
        (["stem_norm.scale"], "restyle's own"),
        (["whatever"], "no network we know"),
        (["\x1b[31mred"], "no network we know"),
    ],
)
def test_another_network_is_refused_and_called_by_its_name(names: list[str], told: str) -> None:
    with pytest.raises(StyleError, match=told) as caught:
        recognise({name: torch.zeros(1) for name in names})

    assert caught.value.next_step
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["conv1.conv2d.weight", "deconv3.conv2d.weight"])
def test_tensors_of_absurd_shapes_under_known_names_are_refused(name: str) -> None:
    tensors = {**small_network(), name: torch.zeros(())}

    with pytest.raises(StyleError):
        loaded(tensors)
