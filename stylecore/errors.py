"""What can break in stylecore's styles and weights. A breakage is an exception; each says what to do next."""

from __future__ import annotations

from typing import ClassVar

from stylecore.data import RestyleError


class StyleError(RestyleError):
    """A style's structure and its tensors do not fit together, or are not ones we can run."""

    kind: ClassVar[str] = "integrity"


class WeightsError(RestyleError):
    """A weights file is absent, altered, damaged, or not a weights file."""

    kind: ClassVar[str] = "integrity"


class WeightsUnavailable(WeightsError):
    """Nothing is wrong with the weights that was found: they could not be fetched at all."""

    kind: ClassVar[str] = "store"


class MaskError(RestyleError):
    """A mask picture that says nothing about its picture: unreadable, or of another shape."""

    kind: ClassVar[str] = "usage"


class ControlError(StyleError):
    """A recipe asks for what this style's family, or this picture, cannot give."""

    kind: ClassVar[str] = "usage"
