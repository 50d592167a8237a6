"""What a campaign's controls come to, in sentences for the person who is about to run it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from stylecore.data import Recipe, Zone

_LOOKED_FOR = {"face": "faces", "text": "lettering"}
_KEPT = {
    "luminance": "every thing keeps its colour; the style changes light and structure only",
    "histogram": "colours keep their distribution",
    "covariance": "colours keep their balance",
}


def in_words(style: str, recipe: Recipe) -> tuple[str, ...]:
    """One sentence for each control in use; none for a plain recipe."""
    return tuple(_sentences(style, recipe))


def zones_in_words(zones: Iterable[Zone]) -> str:
    """How many zones of each kind: `2 logo, 1 face`."""
    counts = Counter(zone.kind for zone in zones)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))


def used_zones_in_words(recipe: Recipe) -> str:
    """What of one asset is protected or styled otherwise, and what was to be and is nowhere to be found."""
    if not recipe.kinds:
        return ""
    missing = sorted(recipe.kinds - {zone.kind for zone in recipe.zones} - {*recipe.detect})
    parts = [zones_in_words(recipe.zones), *(f"no {kind} zone beside the asset" for kind in missing)]
    parts += [f"looked for {_LOOKED_FOR[kind]}" for kind in recipe.detect]
    return "; ".join(part for part in parts if part)


def _sentences(style: str, recipe: Recipe) -> Iterator[str]:
    if recipe.strength < 1:
        yield f"strength {recipe.strength:.0%}: the rest is the original"
    if recipe.blend:
        own = 1 - sum(weight for _, weight in recipe.blend)
        parts = [f"{own:.0%} {style}", *(f"{weight:.0%} {name}" for name, weight in recipe.blend)]
        yield f"a blend of {', '.join(parts)}"
    for kind, name in recipe.regions:
        yield f"{_zones(kind, recipe)} in {name}"
    for kind in recipe.protect:
        yield f"{_zones(kind, recipe)} stay as they are"
    if recipe.keep_colour != "none":
        yield _KEPT[recipe.keep_colour]
    if recipe.palette:
        yield f"colours within {recipe.palette_delta_e:g} ΔE2000 of {', '.join(f'#{each}' for each in recipe.palette)}"
    if recipe.stroke != 1:
        yield f"strokes {recipe.stroke:g} times the style's own"
    if recipe.seed:
        yield f"seed {recipe.seed}"


def _zones(kind: str, recipe: Recipe) -> str:
    found = f", and {_LOOKED_FOR[kind]} that are found," if kind in recipe.detect else ""
    return f"{kind} zones{found}"
