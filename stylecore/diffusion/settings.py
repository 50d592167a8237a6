"""What a package of the diffusion family says: which pipeline, and how it is to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from stylecore.data import Digest
from stylecore.described import checked_settings
from stylecore.errors import StyleError

MULTIPLE_PX = 64
"""Eight pixels to a latent, and latents are halved three times."""

_CHOICES: Mapping[str, tuple[str, ...]] = {"control": ("edges", "luma")}
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "styles": (1, 256),
    "steps": (1, 200),
    "most_edge_px": (MULTIPLE_PX, 2048),
    "strength": (0.0, 1.0),
    "guidance": (1.0, 30.0),
    "control_scale": (0.0, 2.0),
    "style_scale": (0.0, 2.0),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a package of this family says."""

    pipeline: str
    """The name of a folder in the weights folder."""
    pipeline_digest: str
    styles: int = 1
    prompt: str = "best quality"
    avoided: str = "text, watermark, deformed"
    control: str = "edges"
    """What the ControlNet was trained to be shown."""
    steps: int = 30
    strength: float = 0.5
    """How much of the picture is noise at the start: at 1 only the control holds it."""
    guidance: float = 5.0
    control_scale: float = 0.9
    style_scale: float = 0.8
    most_edge_px: int = 768
    """Larger pictures are rendered at this size and get their detail from the content."""

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Self:
        """Settings read from a package."""
        settings = cls(**checked_settings(cls, described, _BOUNDS, _CHOICES))
        try:
            Digest(settings.pipeline_digest)
        except ValueError as problem:
            raise StyleError(f"a pipeline digest {settings.pipeline_digest[:80]!a}", "64 hex digits") from problem
        if int(settings.steps * settings.strength) < 1:
            raise StyleError(f"{settings.steps} steps at strength {settings.strength}", "at least one step of noise")
        return settings

    def describe(self) -> dict[str, str | int | float]:
        return asdict(self)
