"""Where assets come from and go to. One module a kind of store, imported only when a store of that kind is opened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from flows.stores.base import Store
    from flows.stores.spec import Secrets, StoreSpec

STORE_KINDS = {
    "folder": "flows.stores.local",
    "s3": "flows.stores.s3",
}
"""A new kind is its spec in ``spec.py``, its module with ``open_from(spec, secrets)``, and its line here."""


def open_store(spec: StoreSpec, secrets: Secrets | None = None) -> Store:
    """The store that the spec speaks of, found to be there."""
    module = import_module(STORE_KINDS[spec.kind])
    return cast("Store", module.open_from(spec, secrets or {}))
