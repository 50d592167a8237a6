"""Where published files are now: the store that a campaign published to, found again from the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flows.publishing import output_key
from flows.run_records import campaign_of
from flows.stores.base import Store
from flows.stores.errors import StoreError, StoreNotFound, StoreUnreachable
from flows.stores.spec import StoreSpec
from governance import items
from governance.db import Database
from stylecore.data import Digest


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A key on a shelf, as it was when the file was published."""

    shelf: Store
    key: str


@dataclass
class Shelves:
    """The stores that were published to, each opened once. One that cannot be reached is not tried for every file.

    ``open_shelf`` opens what is there and makes nothing: a folder that is gone is a finding and not to be made anew.
    """

    records: Database
    open_shelf: Callable[[StoreSpec], Store]
    _opened: dict[str, Store | StoreError] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def place(self, item_id: Digest, destination: str, uri: str) -> PublishedFile:
        """Where this item's file is, or a ``StoreError`` that says why that cannot be told."""
        item = items.get(self.records, item_id)
        if item is None or item.rendition is None:
            raise StoreNotFound(f"no published item {item_id.short}", "one that the records know")
        shelf = self._shelf(item.touched_in_run, destination)
        key = output_key(item, item.rendition.media_type)
        if shelf.uri(key) != uri:
            raise StoreError(
                f"the store {destination} now leads to {shelf.uri(key)}",
                uri,
                "Somebody gave its name to another place.",
            )
        return PublishedFile(shelf, key)

    def forget(self, destination: str, problem: StoreUnreachable) -> None:
        """The store answered no more; whoever asks for it next is told so at once."""
        with self._lock:
            self._opened[destination] = problem

    def _shelf(self, run_id: str, destination: str) -> Store:
        with self._lock:
            if destination not in self._opened:
                self._opened[destination] = self._open(run_id, destination)
            found = self._opened[destination]
        if isinstance(found, StoreError):
            raise found
        return found

    def _open(self, run_id: str, destination: str) -> Store | StoreError:
        spec = campaign_of(self.records, run_id).publish.store
        if spec.label != destination:
            return StoreError(f"the campaign of run {run_id} publishes to {spec.label}", destination)
        try:
            return self.open_shelf(spec)
        except StoreError as problem:
            return problem
