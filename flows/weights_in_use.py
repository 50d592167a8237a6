"""Which weights this workspace has, where each comes from, and which LPIPS scores with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

from stylecore.data import Digest
from stylecore.errors import WeightsError
from stylecore.metrics.lpips import Lpips
from stylecore.metrics.lpips_lite import LABEL, PINNED
from stylecore.weights import ADOPTED_WEIGHTS, KNOWN_WEIGHTS, PIN_SUFFIX, WeightsFolder, read_pin

State = Literal["bundled", "present", "adopted", "absent", "refused"]

_SERVES: Mapping[str, str] = MappingProxyType(
    {
        "squeezenet1_1_features": "training, LPIPS, optimisation",
        "alexnet_features": "LPIPS",
        "lpips_lin_alex": "LPIPS",
        "lpips_lin_squeeze": "LPIPS",
        "vgg19_features": "optimisation",
    }
)


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights, or a folder of them. ``problem`` says why what lies there is refused."""

    name: str
    state: State
    serves: str
    digest: Digest | None
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def listed_weights(folder: WeightsFolder) -> list[Weights]:
    """What comes along, what everybody knows, and what somebody adopted here; each file is read and its digest held
    against what it should be. A pipeline of many gigabytes is only checked when it is used."""
    bundled = Weights("lpips-lite", "bundled", f"every score: {LABEL}", PINNED)
    files = [_file(folder, name) for name in [*KNOWN_WEIGHTS, *sorted(ADOPTED_WEIGHTS)]]
    return [bundled, *files, *_pipelines(folder)]


def lpips_in_use(folder: WeightsFolder) -> str | None:
    """The backbone of the LPIPS that scores here; None where only its bundled student does."""
    found = Lpips.load(folder)
    return None if found is None else found.backbone


def lpips_in_words(backbone: str | None) -> str:
    if backbone is None:
        return "LPIPS is not measured; lpips-lite, the bundled student, stands in under its own name"
    return f"LPIPS in use: {backbone} backbone; beside it lpips-lite, the bundled student, under its own name"


def _file(folder: WeightsFolder, name: str) -> Weights:
    serves = _SERVES.get(name, "")
    try:
        place = folder.find(name)
        digest = folder.digest(name) if place is not None or name in KNOWN_WEIGHTS else None
    except WeightsError as problem:
        return Weights(name, "refused", serves, None, str(problem))
    if place is None:
        return Weights(name, "absent", serves, digest)
    return Weights(name, "adopted" if name in ADOPTED_WEIGHTS else "present", serves, digest)


def _pipelines(folder: WeightsFolder) -> Iterator[Weights]:
    """Folders beside which somebody's pin lies."""
    for pin in sorted(folder.path.glob(f"*{PIN_SUFFIX}")):
        if not pin.with_suffix("").is_dir():
            continue
        try:
            yield Weights(pin.stem, "adopted", "diffusion", read_pin(pin))
        except WeightsError as problem:
            yield Weights(pin.stem, "refused", "diffusion", None, str(problem))
