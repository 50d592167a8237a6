"""How far a run is, told to whoever listens. Nobody has to: a scheduled run has no one at the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """So many more things are through ``stage``, of ``total`` in all; ``total`` is None while nobody knows it."""

    stage: str
    more: int
    total: int | None
    note: str = ""


Listener = Callable[[Progress], None]

_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Everything that is told inside this block, in any thread of this process, reaches ``listener``."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(stage: str, more: int, total: int | None = None, note: str = "") -> None:
    for listener in tuple(_listeners):
        listener(Progress(stage, more, total, note))
