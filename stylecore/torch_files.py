"""Files of ``torch.save``, in both of its formats, read without unpickling: the zip of today and the stream before 1.6.

Either way a pickle says which tensors there are, and their numbers lie beside it. Whatever a file claims is held
against the bytes that are there before memory is taken for it.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO

import torch
from torch import Tensor

from stylecore.errors import WeightsError
from stylecore.pickle_reading import read_pickle
from stylecore.stored_tensors import Storage, StoredTensor, refused
from stylecore.weights import MAX_BYTES

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"
MAX_MEMBERS = 20_000
MAX_NAME = 300

_STREAM_MAGIC, _STREAM_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ENTRY_MAGIC = b"PK\x01\x02"
_ENCRYPTED = 0x1
_WRAPPERS = ("state_dict", "model", "params_ema")
"""Where training scripts put a network's tensors beside what else they save."""
_MAX_WRAPPINGS = 3
_ADVICE = "Fetch it again, or save the network's state_dict() with torch.save."

_Bytes = Callable[[Storage], memoryview]


def read_torch_file(content: bytes, prefix: str = "") -> dict[str, Tensor]:
    """The named tensors of one network, or only those whose names begin so. Raises WeightsError alone."""
    described, bytes_of = _zip(content) if content.startswith(ZIP_MAGIC) else _stream(content)
    tensors = {name: tensor for name, tensor in _named_tensors(described).items() if name.startswith(prefix)}
    needed = sum(tensor.span * tensor.storage.dtype.itemsize for tensor in tensors.values())
    if needed > MAX_BYTES:
        raise WeightsError(f"tensors of {needed} bytes", f"at most {MAX_BYTES}")
    return {name: _read(tensor, bytes_of(tensor.storage)) for name, tensor in tensors.items()}


def _read(tensor: StoredTensor, stored: memoryview) -> Tensor:
    """A copy that shares memory with nothing."""
    width = tensor.storage.dtype.itemsize
    own = bytearray(stored[tensor.offset * width : (tensor.offset + tensor.span) * width])
    return torch.frombuffer(own, dtype=tensor.storage.dtype).as_strided(tensor.size, tensor.stride).contiguous()


def _named_tensors(described: object) -> dict[str, StoredTensor]:
    """The state dict, out of the dicts that training scripts wrap it in."""
    for _ in range(_MAX_WRAPPINGS):
        inner = [described[name] for name in _WRAPPERS if name in described] if isinstance(described, dict) else []
        if not inner or not isinstance(inner[0], dict):
            break
        described = inner[0]
    if not isinstance(described, dict) or not described:
        raise refused("no dict of tensors")
    return {_checked_name(name): _checked_tensor(name, tensor) for name, tensor in described.items()}


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
        raise refused("a tensor whose name is no plain text")
    return name


def _checked_tensor(name: object, tensor: object) -> StoredTensor:
    if not isinstance(tensor, StoredTensor):
        raise refused(f"{ascii(name)[:80]}, which is no tensor ({type(tensor).__name__}), among the tensors")
    return tensor


def _zip(content: bytes) -> tuple[object, _Bytes]:
    """One folder in the zip: ``data.pkl`` and, for each storage, ``data/KEY``, all of it uncompressed."""
    if content.count(_ENTRY_MAGIC) > MAX_MEMBERS:  # before a list of them is made
        raise WeightsError(f"a zip of over {MAX_MEMBERS} members", "the file of one network")
    try:
        members = _members(content)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, struct.error) as problem:
        raise WeightsError(f"a damaged zip ({ascii(str(problem))[:100]})", "a file of torch.save", _ADVICE) from problem
    roots = [name.removesuffix("data.pkl") for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise WeightsError(f"a zip with {len(roots)} data.pkl", "one, as torch.save writes it", _ADVICE)
    if members.get(f"{roots[0]}byteorder", b"little") != b"little":
        raise WeightsError("a file of a big-endian machine", "little-endian numbers", "Save it on another machine.")
    described = read_pickle(members[f"{roots[0]}data.pkl"])
    return described.value, lambda storage: _whole(storage, members.get(f"{roots[0]}data/{storage.key}"))


def _members(content: bytes) -> dict[str, bytes]:
    """Every member by its name. None is compressed (torch never does), so together they are no larger than the file."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        found = archive.infolist()
        if len({member.filename for member in found}) != len(found):
            raise ValueError("two members of one name")
        if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED for member in found):
            raise ValueError("compressed or encrypted members, which torch.save does not write")
        if sum(member.file_size for member in found) > len(content):
            raise ValueError("members that lie over each other")
        return {member.filename: archive.read(member) for member in found}


def _whole(storage: Storage, stored: bytes | memoryview | None) -> memoryview:
    expected = storage.elements * storage.dtype.itemsize
    if stored is None or len(stored) != expected:
        got = "nothing" if stored is None else f"{len(stored)} bytes"
        raise WeightsError(f"{got} for the storage {ascii(storage.key)[:40]}", f"{expected} bytes", _ADVICE)
    return memoryview(stored)


def _stream(content: bytes) -> tuple[object, _Bytes]:
    """Pickles one after another (magic, protocol, machine, tensors, keys), then the storages in the order of keys."""
    magic = read_pickle(content)
    protocol = read_pickle(content, magic.end)
    machine = read_pickle(content, protocol.end)
    little = isinstance(machine.value, dict) and machine.value.get("little_endian") is True
    if (magic.value, protocol.value) != (_STREAM_MAGIC, _STREAM_PROTOCOL) or not little:
        raise WeightsError("a pickle that torch.save did not write", "a PyTorch checkpoint", _ADVICE)
    described = read_pickle(content, machine.end)
    keys = read_pickle(content, described.end)
    stored = _in_order(memoryview(content)[keys.end :], keys.value, described.storages)
    return described.value, lambda storage: _whole(storage, stored.get(storage.key))


def _in_order(rest: memoryview, keys: object, storages: Mapping[str, Storage]) -> dict[str, memoryview]:
    """Each storage is its number of elements, in eight bytes, and then these elements."""
    found: dict[str, memoryview] = {}
    for key in keys if isinstance(keys, list) else ():
        if not isinstance(key, str) or key not in storages or key in found:
            raise WeightsError(f"a storage {ascii(key)[:40]} that no tensor uses", "each storage once", _ADVICE)
        size = storages[key].elements * storages[key].dtype.itemsize
        if int.from_bytes(rest[:8], "little") != storages[key].elements:
            raise WeightsError(f"a storage {ascii(key)[:40]} of another size than was said", "that size", _ADVICE)
        found[key], rest = rest[8 : 8 + size], rest[8 + size :]
    return found
