"""What a shard costs while it runs: pictures, the time its workers spend stylizing, and the device's joules."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from governance.usage import Usage
from stylecore.energy import drawn_mj
from stylecore.engine import Engine


class Meter:
    """Counts from its making on. Shared by the workers of one shard, which has one style."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._style_name: str | None = None
        self._pictures, self._busy_s = 0, 0.0
        self._drawn_before_mj = drawn_mj(engine.device)

    @contextmanager
    def busy(self, style_name: str, pictures: int) -> Iterator[None]:
        """While a worker stylizes these. What breaks off is time all the same, but no picture."""
        done, started = 0, time.perf_counter()
        try:
            yield
            done = pictures
        finally:
            took_s = time.perf_counter() - started
            with self._lock:
                self._style_name = style_name
                self._pictures += done
                self._busy_s += took_s

    def used(self) -> Usage | None:
        """``None`` where nothing was stylized."""
        if self._style_name is None:
            return None
        device, busy_ms = self._engine.describe()["device"], round(self._busy_s * 1000)
        return Usage(self._style_name, device, self._pictures, busy_ms, self._energy_j())

    def _energy_j(self) -> int | None:
        before, now = self._drawn_before_mj, drawn_mj(self._engine.device)
        return None if before is None or now is None else round((now - before) / 1000)
