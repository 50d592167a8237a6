"""Make torchvision importable beside a CPU-only torch. The one place that knows of this trouble.

torchvision from the package index carries operators compiled against CUDA torch. Beside a CPU torch their library
cannot load; ``import torchvision`` then still imports ``torchvision._meta_registrations``, which describes those
operators to torch and fails with "operator torchvision::nms does not exist". piq and lpips import torchvision and
fail with it. They use only its Python parts, so an empty module in the place of the descriptions is enough.

Where the operators do load nothing is changed: an empty module there would take away real descriptions.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_DESCRIPTIONS = "torchvision._meta_registrations"


def ensure_importable() -> None:
    """Call before the first import of torchvision, piq or lpips. Safe to call again, and cheap."""
    if "torchvision" in sys.modules or _DESCRIPTIONS in sys.modules:
        return
    if not _operators_load():
        sys.modules[_DESCRIPTIONS] = ModuleType(_DESCRIPTIONS)


def _operators_load() -> bool:
    """Whether the compiled library loads, found out as torchvision itself does it: by loading it."""
    import torch  # Here, so that asking whether a bridge is needed costs nothing where torchvision is loaded already.

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # No torchvision: let its import say so.
    libraries = [path for path in Path(spec.origin).parent.glob("_C.*") if path.suffix in (".so", ".pyd")]
    for library in libraries:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        except OSError:
            return False
    return _has_operator()


def _has_operator() -> bool:
    import torch

    try:
        torch.ops.torchvision.nms  # noqa: B018 - the attribute's lookup is the question
    except (AttributeError, RuntimeError):
        return False
    return True
