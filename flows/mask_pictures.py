"""The mask pictures that zones name: which bytes they were when a plan was made, and the same bytes when work is done.

A mask that is missing, has changed or cannot be read refuses its asset, which would otherwise lose its protection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flows.stores.base import Store
from flows.stores.errors import StoreDenied, StoreNotFound, StoreTooLarge
from stylecore.data import AssetFacts, Digest, Reason, Recipe, RestyleError, Zone

MAX_MASK_BYTES = 20_000_000
CHANGED, UNUSABLE = "mask_changed", "mask_unusable"


class MaskProblem(RestyleError):
    """One asset's mask is not what it has to be. It refuses this asset, and no other."""

    def __init__(self, code: str, got: str, expected: str = "", next_step: str = "") -> None:
        super().__init__(got, expected, next_step)
        self.code = code

    @property
    def reason(self) -> Reason:
        return Reason(self.code, str(self))


def masks_named(zones: Iterable[Zone]) -> set[str]:
    return {zone.mask for zone in zones if zone.mask is not None}


def with_digests(zones: Iterable[Zone], digests: dict[str, Digest]) -> tuple[Zone, ...]:
    """The zones with the digests of their masks; KeyError names a mask that has none."""
    return tuple(zone if zone.mask is None else replace(zone, mask_digest=digests[zone.mask]) for zone in zones)


def read_masks(source: Store, recipe: Recipe) -> dict[str, bytes]:
    """The mask pictures of a planned recipe by their keys, each the very bytes that were planned."""
    return {zone.mask: _read(source, zone.mask, zone.mask_digest) for zone in recipe.zones if zone.mask is not None}


def _read(source: Store, key: str, planned: Digest | None) -> bytes:
    try:
        content = source.read(key, MAX_MASK_BYTES)
    except (StoreNotFound, StoreDenied, StoreTooLarge) as problem:
        raise MaskProblem(
            UNUSABLE, f"the mask {key!a} cannot be read ({problem.got})", "the mask that was planned"
        ) from problem
    if Digest.of(content) != planned:
        raise MaskProblem(CHANGED, f"the mask {key!a} is not what was planned", "", "The next plan sees it anew")
    return content


def refuse_other_zones(source: Store, planned: Recipe, facts: AssetFacts) -> None:
    """What stands beside the asset now says the same as when it was planned, down to the bytes of its masks."""
    now = [zone for zone in facts.zones if zone.kind in planned.kinds]
    if now != [replace(zone, mask_digest=None) for zone in planned.zones]:
        raise MaskProblem(
            "zones_changed", "the asset's zones are not what was planned", "", "The next plan sees them anew"
        )
    read_masks(source, planned)
