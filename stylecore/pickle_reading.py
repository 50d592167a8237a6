"""What a pickle of named tensors says, read without unpickling it.

A pickle is a program, and unpickling runs it. Here its instructions are only looked at, by a small stack machine that
knows what a file of tensors needs: containers, texts, numbers, storages, and four functions by their names. Nothing is
imported or called because a pickle names it; what is not on the list is refused by name.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any

import torch

from stylecore.errors import WeightsError
from stylecore.stored_tensors import Storage, StoredTensor, refused, storage, stored_tensor

MAX_PICKLE_BYTES = 16_000_000
MAX_OPCODES = 400_000
"""A tensor takes about forty. The stack, the memo and every container are bounded by it too."""
MAX_TEXT = 1_000
MAX_INTEGER = 1 << 80
"""The oldest format begins with a number of eighty bits."""
MAX_OPEN_CONTAINERS = 50


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that a pickle may name: what we make of its arguments instead of calling it, and how many it takes."""

    make: Callable[..., object]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Described:
    """What a pickle describes, where it ends, and the storages it speaks of by their keys."""

    value: Any
    end: int
    storages: Mapping[str, Storage]


def read_pickle(content: bytes, start: int = 0) -> Described:
    """What the pickle at ``start`` describes. Raises WeightsError alone."""
    machine = _Machine()
    for place, name, argument in _instructions(content[start : start + MAX_PICKLE_BYTES]):
        if name == "STOP":
            return Described(machine.result(), start + place + 1, machine.storages)
        machine.do(name, argument)
    raise _damaged("it has no end")


def _instructions(content: bytes) -> Iterator[tuple[int, str, Any]]:
    try:
        for count, (opcode, argument, place) in enumerate(pickletools.genops(BytesIO(content))):
            if count >= MAX_OPCODES:
                raise WeightsError(f"a pickle of more than {MAX_OPCODES} instructions", "the tensors of one network")
            yield place or 0, opcode.name, argument
    except ValueError as problem:  # pickletools has no other way to say that bytes are no pickle
        raise _damaged(ascii(str(problem))[:100]) from problem


def _damaged(how: str) -> WeightsError:
    return WeightsError(f"a damaged pickle ({how})", "a whole file as torch.save wrote it", "Fetch it again.")


def _parameter(tensor: object, *_: object) -> StoredTensor:
    """What ``torch._utils._rebuild_parameter`` would make: the tensor itself."""
    if not isinstance(tensor, StoredTensor):
        raise refused("a parameter of something that is no tensor")
    return tensor


def _mapping(pairs: object = ()) -> dict[object, object]:
    """What ``collections.OrderedDict`` would make. Pickles of Python 2 hand it its pairs, all others nothing."""
    made: dict[object, object] = {}
    for pair in pairs if isinstance(pairs, (list, tuple)) else (None,):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise refused("an OrderedDict of something that is no pair")
        made[_key(pair[0])] = pair[1]
    return made


def _key(value: object) -> object:
    """Only texts and numbers name anything in a file of tensors."""
    if not isinstance(value, (str, int)):
        raise refused(f"a {type(value).__name__} as a key")
    return value


_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
}
_KNOWN: Mapping[str, torch.dtype | _Function] = MappingProxyType(
    {
        **{f"torch {name}": dtype for name, dtype in _DTYPES.items()},
        "torch._utils _rebuild_tensor": _Function(stored_tensor, 4, 4),
        "torch._utils _rebuild_tensor_v2": _Function(stored_tensor, 4, 7),
        "torch._utils _rebuild_parameter": _Function(_parameter, 1, 3),
        "collections OrderedDict": _Function(_mapping, 0, 1),
    }
)

_MARK = object()


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._open = 0
        self.storages: dict[str, Storage] = {}

    def do(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self._stack.append(_literal(argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise refused(f"the instruction {name}")

    def result(self) -> object:
        if len(self._stack) != 1:
            raise _damaged("it ends with a stack of another size than one")
        return self._pop()

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise _damaged("it takes from an empty stack")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise refused(f"something other than a {kind.__name__} being filled")
        return self._stack[-1]

    def mark(self, _: object) -> None:
        self._open += 1
        if self._open > MAX_OPEN_CONTAINERS:
            raise refused(f"more than {MAX_OPEN_CONTAINERS} containers in each other")
        self._stack.append(_MARK)

    def _since_mark(self) -> list[Any]:
        if not self._open:
            raise _damaged("it closes what was never opened")
        self._open -= 1
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def tuple_since_mark(self, _: object) -> None:
        self._stack.append(tuple(self._since_mark()))

    def tuple_of(self, count: int) -> None:
        self._stack.append(tuple([self._pop() for _ in range(count)][::-1]))

    def append(self, _: object) -> None:
        item = self._pop()
        self._top(list).append(item)

    def append_all(self, _: object) -> None:
        items = self._since_mark()
        self._top(list).extend(items)

    def set_item(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        self._top(dict)[_key(key)] = value

    def set_items(self, _: object) -> None:
        items = self._since_mark()
        if len(items) % 2:
            raise _damaged("a key without a value")
        self._top(dict).update((_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True))

    def put(self, place: int) -> None:
        value = self._pop()
        self._memo[place] = value
        self._stack.append(value)

    def memoize(self, _: object) -> None:
        self.put(len(self._memo))

    def get(self, place: int) -> None:
        if place not in self._memo:
            raise _damaged("it remembers what it never learned")
        self._stack.append(self._memo[place])

    def name(self, named: str) -> None:
        if named not in _KNOWN:
            raise refused(f"the name {ascii(named.replace(' ', '.', 1))[1:-1][:120]}, which could run as code")
        self._stack.append(_KNOWN[named])

    def name_from_stack(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise refused("a name that is no text")
        self.name(f"{module} {name}")

    def call(self, _: object) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Function) or not isinstance(arguments, tuple):
            raise refused("a call of something that is no function")
        if not function.least <= len(arguments) <= function.most:
            raise refused(f"a call with {len(arguments)} arguments")
        self._stack.append(function.make(*arguments))

    def give_attributes(self, _: object) -> None:
        """A state dict carries the versions of its modules as an attribute, which nothing here needs."""
        attributes = self._pop()
        self._top(dict)
        if not isinstance(attributes, dict):
            raise refused("attributes that are no dict")

    def refer(self, _: object) -> None:
        claimed = storage(self._pop())
        if self.storages.setdefault(claimed.key, claimed) != claimed:
            raise refused("two storages of one key")
        self._stack.append(claimed)


def _literal(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise refused(f"a text of {len(value)} characters")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise refused("an absurd number")
    return value


_IGNORED = frozenset({"PROTO", "FRAME"})
_CONSTANTS: Mapping[str, Callable[[], object]] = MappingProxyType(
    {
        "NONE": lambda: None,
        "NEWTRUE": lambda: True,
        "NEWFALSE": lambda: False,
        "EMPTY_TUPLE": tuple,
        "EMPTY_LIST": list,
        "EMPTY_DICT": dict,
    }
)
_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
)
_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = MappingProxyType(
    {
        "MARK": _Machine.mark,
        "TUPLE": _Machine.tuple_since_mark,
        "TUPLE1": lambda machine, _: machine.tuple_of(1),
        "TUPLE2": lambda machine, _: machine.tuple_of(2),
        "TUPLE3": lambda machine, _: machine.tuple_of(3),
        "APPEND": _Machine.append,
        "APPENDS": _Machine.append_all,
        "SETITEM": _Machine.set_item,
        "SETITEMS": _Machine.set_items,
        "BINPUT": _Machine.put,
        "LONG_BINPUT": _Machine.put,
        "MEMOIZE": _Machine.memoize,
        "BINGET": _Machine.get,
        "LONG_BINGET": _Machine.get,
        "GLOBAL": _Machine.name,
        "STACK_GLOBAL": _Machine.name_from_stack,
        "REDUCE": _Machine.call,
        "BUILD": _Machine.give_attributes,
        "BINPERSID": _Machine.refer,
    }
)
