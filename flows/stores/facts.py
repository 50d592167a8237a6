"""From the fields that a store keeps beside an asset to facts, or to an error that says where to correct them."""

import re
from collections.abc import Mapping
from dataclasses import replace

from flows.stores.errors import StoreFactsError
from governance.licences import facts_from_fields
from stylecore.data import AssetFacts, RestyleError, Zone, mask_key

_RENAME = "Rename the mask, or its folder, at its source."


def field_name(text: str) -> str:
    """People write `Rights until` and `rights_until`; S3 makes every metadata name lower case. One spelling for all."""
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def understood(fields: Mapping[str, str], where: str, key: str) -> AssetFacts:
    """``where`` is the place a person has to look at: a file and a line, or an object.

    ``key`` is the asset's. The masks that its zones name lie in its folder or below, and get their keys in the store.
    """
    try:
        facts = facts_from_fields(fields)
        return replace(facts, zones=tuple(_beside(zone, key) for zone in facts.zones)) if facts.zones else facts
    except RestyleError as problem:
        raise StoreFactsError(f"{where}: {problem.got}", problem.expected, problem.next_step) from problem
    except ValueError as problem:
        raise StoreFactsError(f"{where}: a mask that cannot be named ({problem})", "a plain path", _RENAME) from problem


def _beside(zone: Zone, key: str) -> Zone:
    folder, slash, _ = key.rpartition("/")
    return zone if zone.mask is None else replace(zone, mask=mask_key(folder + slash + zone.mask))
