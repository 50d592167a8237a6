"""What can break in training. Each says what was got, what was expected, and what to do next."""

from __future__ import annotations

from typing import ClassVar

from stylecore.data import RestyleError


class TrainingError(RestyleError):
    """A recipe, its pictures or their rights do not allow a training."""

    kind: ClassVar[str] = "usage"
