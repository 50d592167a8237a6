"""From the fields that a store keeps beside an asset to facts, or to an error that says where to correct them."""

import re
from collections.abc import Mapping

from flows.stores.errors import StoreFactsError
from governance.licences import facts_from_fields
from stylecore.data import AssetFacts, RestyleError


def field_name(text: str) -> str:
    """People write `Rights until` and `rights_until`; S3 makes every metadata name lower case. One spelling for all."""
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def understood(fields: Mapping[str, str], where: str) -> AssetFacts:
    """``where`` is the place a person has to look at: a file and a line, or an object."""
    try:
        return facts_from_fields(fields)
    except RestyleError as problem:
        raise StoreFactsError(f"{where}: {problem.got}", problem.expected, problem.next_step) from problem
