"""How many joules a GPU has drawn, as it counts them itself; where none counts, nobody knows, and nothing is estimated.

NVIDIA's management library is asked directly: it comes with the driver, and its counter runs since the driver was
loaded. It is the whole device's, so on a shared one it holds what others drew meanwhile.
"""

from __future__ import annotations

import ctypes
from functools import cache

_SUCCESS = 0
_LIBRARIES = ("libnvidia-ml.so.1", "nvml.dll")


def drawn_mj(device: str) -> int | None:
    """Millijoules since the driver was loaded, by the device that torch calls so now."""
    if not device.startswith("cuda"):
        return None
    import torch

    return _counted(f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}")


def _counted(uuid: str) -> int | None:
    library = _library()
    if library is None:
        return None
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    if library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle)) != _SUCCESS:
        return None
    if library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)) != _SUCCESS:
        return None
    return millijoules.value


@cache
def _library() -> ctypes.CDLL | None:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            return library if library.nvmlInit_v2() == _SUCCESS else None
        except (OSError, AttributeError):
            continue
    return None
