"""From what a package says of its ingredients to the sources that the records keep of each of its styles."""

from __future__ import annotations

from dataclasses import replace

from governance.style_sources import Role, Source
from registry.manifest import RightsEntry
from registry.package import StylePackage
from stylecore.data import Digest

_CONSENT = "; consent: "
_OPTIMISED = "optimisation"
_WORDS = {
    Role.OTHER: ("measured the losses",),
    Role.PREVIEW: ("in the previews",),
    Role.WEIGHTS: ("the network", "the package that", ".cube file", "weights", "an unfinished training"),
    Role.TRAINING: ("trained on", "learnt from", "taught", "style image of", "style picture of", "picture that stands"),
}
"""How packages without roles tell what an ingredient was. The first that fits counts."""


def sources_of(package: StylePackage, style_name: str) -> tuple[Source, ...]:
    """Everything the package names. A style image of another style counts as what the shared network learnt from."""
    own = package.files[package.style(style_name).reference]
    sources = tuple(_source(entry, _role(entry, own)) for entry in package.rights)
    if package.family != _OPTIMISED:
        return sources
    # Nothing was trained: every picture is optimised towards the style image, so that is what is learnt from.
    return (*sources, *(replace(each, role=Role.TRAINING) for each in sources if each.role is Role.STYLE_IMAGE))


def _source(entry: RightsEntry, role: Role) -> Source:
    title, _, consent = entry.what.partition(_CONSENT)
    return Source(
        role, entry.digest, title, entry.source, entry.licence, entry.holder, entry.consent or consent.strip()
    )


def _role(entry: RightsEntry, own: Digest) -> Role:
    said = None if entry.role is None else Role(entry.role)
    if entry.digest == own or (said is Role.STYLE_IMAGE and entry.digest is None):
        return Role.STYLE_IMAGE
    if said is not None:
        return Role.TRAINING if said is Role.STYLE_IMAGE else said
    return next((role for role, words in _WORDS.items() if any(word in entry.what for word in words)), Role.OTHER)
