"""Free photographs to show styles on: they ship with scikit-image, and nothing of ours was ever trained on them."""

from __future__ import annotations

from skimage import data

from stylecore.image import Picture
from stylecore.training.package_content import Right, Sample

_PAGE = "https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data."


def samples() -> tuple[Sample, ...]:
    """A thing, a portrait of a cat and a landscape with light. The first is the one that stands for a style: a preview
    shows a style and should show nobody's face."""
    return (
        _sample("coffee", "a coffee cup", "CC0-1.0", "Rachel Michetti, courtesy of Pikolo Espresso Bar"),
        _sample("chelsea", "a cat", "CC0-1.0", "Stefan van der Walt"),
        _sample("rocket", "the launch of a rocket", "public domain", "SpaceX"),
    )


def _sample(name: str, what: str, licence: str, holder: str) -> Sample:
    right = Right(f"photograph in the previews: {what}, from scikit-image", _PAGE + name, licence, holder)
    return Sample(name, Picture(getattr(data, name)()), right)
