"""Taking published files back: each removed from its store, a tombstone in its place, and the records told.

It may be interrupted anywhere and started again: a file that is gone already is no error, a tombstone always has the
same bytes, and an output moves from live to withdrawn once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

from flows.published_files import PublishedFile, Shelves
from flows.stores.errors import StoreChanged, StoreConflict, StoreError, StoreUnreachable
from flows.stores.keys import STATEMENT_SUFFIX, WITHDRAWN_SUFFIX
from flows.wiring import Services
from governance import legal_holds, recalls
from governance.plain_text import made_plain
from governance.recall_reach import Scope
from governance.recalls import Reached, Recall, TakenBack
from governance.tables.base import instant_text
from stylecore.data import Digest, canonical_json

WITHDRAWN, HELD, CHANGED, FAILED = "withdrawn", "held", "changed", "failed"
LIVE = "live"
_HANDS = 8
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Affected:
    """A published file that a recall reaches, and what became of it. Only ``withdrawn`` is done with."""

    reached: Reached
    state: str
    why: str = ""


def affected(services: Services, scope: Scope, of: str) -> Iterator[Affected]:
    """What is live and would be taken back, and what a legal hold would keep where it is."""
    for reached in recalls.reached(services.records, scope, of):
        hold = _hold(services, reached)
        yield Affected(reached, LIVE) if hold is None else Affected(reached, HELD, hold)


def take_back(services: Services, recall: Recall, actor: str) -> Iterator[Affected]:
    """Everything that the recall reaches, one after the other; it ends when nothing is left that is live."""
    shelves = Shelves(services.records, services.store)
    counts: Counter[str] = Counter()
    rest = recalls.reached(services.records, recall.scope, recall.of)
    with ThreadPoolExecutor(_HANDS, thread_name_prefix="recall") as hands:
        while page := list(islice(rest, _AT_ONCE)):
            for ended in hands.map(partial(_taken_back, services, shelves, recall, actor), page):
                counts[ended.state] += 1
                yield ended
    if set(counts) <= {WITHDRAWN}:
        recalls.end(services.records, recall, actor, counts)


def _taken_back(services: Services, shelves: Shelves, recall: Recall, actor: str, reached: Reached) -> Affected:
    if (hold := _hold(services, reached)) is not None:
        return Affected(reached, HELD, hold)
    try:
        place = shelves.place(reached.item_id, reached.destination, reached.uri)
        done = _removed(place, recall, reached)
    except StoreChanged as problem:
        return Affected(reached, CHANGED, str(problem))
    except StoreUnreachable as problem:
        shelves.forget(reached.destination, problem)
        return Affected(reached, FAILED, str(problem))
    except StoreError as problem:
        return Affected(reached, FAILED, str(problem))
    recalls.withdraw(services.records, recall, reached, done, actor)
    return Affected(reached, WITHDRAWN, "" if done.was_there else "the file was gone already")


def _removed(place: PublishedFile, recall: Recall, reached: Reached) -> TakenBack:
    """The picture first: should what follows fail, it is at least not shown any more."""
    picture = place.shelf.remove(place.key, digest=reached.output_digest)
    sidecar = _removed_sidecar(place, reached.statement_digest)
    return TakenBack(picture.was_there, picture.older_versions, sidecar, _tombstone(place, recall, reached))


def _removed_sidecar(place: PublishedFile, digest: Digest) -> str:
    """Words that are not ours any more stay: the picture is what had to go."""
    try:
        found = place.shelf.remove(place.key + STATEMENT_SUFFIX, digest=digest)
    except StoreChanged:
        return "left: it is not the one that was published"
    return "removed" if found.was_there else "was gone"


def _tombstone(place: PublishedFile, recall: Recall, reached: Reached) -> str:
    """Whoever misses the file finds why. The same recall always leaves the same bytes."""
    told = {
        "withdrawn": place.key.rpartition("/")[2],
        "item": reached.item_id,
        "sha256": reached.output_digest,
        "statement_sha256": reached.statement_digest,
        "recall": recall.recall_id,
        "why": recall.why,
        "ordered_at": instant_text(recall.ordered_at),
    }
    content = canonical_json(told)
    key = place.key + WITHDRAWN_SUFFIX
    about = {"restyle-item": str(reached.item_id), "restyle-recall": recall.recall_id}
    try:
        put = place.shelf.put_new(
            key, content, digest=Digest.of(content), media_type="application/json", metadata=about
        )
    except StoreConflict as problem:
        return made_plain(f"not left: {problem.got}")
    return put.uri


def _hold(services: Services, reached: Reached) -> str | None:
    """Asked for each file at its turn: a hold may be placed while a long recall goes on."""
    with services.records.read() as connection:
        held = legal_holds.holding(connection, reached)
    return None if not held else "; ".join(f"legal hold {each.hold_id}: {each.why}" for each in held)
