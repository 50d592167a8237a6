"""Joules are what a device counts, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from stylecore import energy


class _Driver:
    """Answers as NVIDIA's library does: through pointers, with a status."""

    def __init__(self, finds: int = 0, counts: int = 0) -> None:
        self._finds, self._counts = finds, counts

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: Any) -> int:
        assert uuid == b"GPU-1234"
        return self._finds

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, millijoules: Any) -> int:
        millijoules._obj.value = 2**40 + 5
        return self._counts


@pytest.mark.parametrize(
    ("driver", "told"), [(_Driver(), 2**40 + 5), (_Driver(finds=6), None), (_Driver(counts=3), None), (None, None)]
)
def test_a_counter_is_believed_only_when_the_driver_says_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, driver: _Driver | None, told: int | None
) -> None:
    monkeypatch.setattr(energy, "_library", lambda: driver)
    assert energy._counted("GPU-1234") == told


def test_a_cpu_counts_no_joules() -> None:
    assert energy.drawn_mj("cpu") is None
