"""The heart: eight steps from an asset to a signed rendition, streamed over one shard.

Each step needs the value that the step before it returned, so their order is guaranteed and not remembered. The steps
overlap: while one picture is stylized, the next is decoded and the one before it is signed, through bounded queues. A
picture that cannot go on leaves the stream as an ``Ended`` of its own, and its neighbours do not notice.

This module knows neither Prefect nor MLflow: what it works with arrives as values.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spdl.pipeline import PipelineBuilder

from flows.attestation import attest
from flows.ended import FAILED, Ended
from flows.mask_pictures import UNUSABLE, MaskProblem, read_masks
from flows.metering import Meter
from flows.publishing import Publisher, Ready
from flows.stores.errors import StoreChanged, StoreConflict, StoreFactsError, StoreNotFound, StoreTooLarge
from governance import items, outcomes, usage
from governance.items import Item, ItemState, RenditionFacts
from governance.outcomes import Decided, Published, Quarantined, Refused
from governance.policy import Permit, Refusal
from governance.policy_records import Asked
from governance.provenance.statement import Statement
from governance.route import Decision, Routing, route
from governance.withholding import Withheld
from stylecore.controls import Styling
from stylecore.data import Asset, Reason, Recipe, Rendition, RestyleError, Scores
from stylecore.engine import Engine
from stylecore.errors import MaskError
from stylecore.image import Picture, Reading, decode, encode, resized
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits
from stylecore.protect import Areas, areas_of
from stylecore.score import Judge, score
from stylecore.stylize import stylize

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the heart works with; ``wiring`` builds it, once for a run."""

    run_id: str
    publisher: Publisher
    styling: Styling
    engine: Engine
    judge: Judge
    recipe: Recipe
    routing: Routing
    workers: int
    limits: Limits = DEFAULT_LIMITS
    decode: Callable[[bytes, Limits, int, Reading], Picture] = decode


@dataclass(frozen=True, slots=True)
class Fetched:
    item: Item
    asset: Asset
    masks: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Admitted:
    item: Item
    asset: Asset
    masks: Mapping[str, bytes]
    permit: Permit
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Decoded:
    admitted: Admitted
    before: Picture
    areas: Areas

    @property
    def item(self) -> Item:
        return self.admitted.item


@dataclass(frozen=True, slots=True)
class Stylized:
    admitted: Admitted
    before: Picture
    after: Picture

    @property
    def item(self) -> Item:
        return self.admitted.item


@dataclass(frozen=True, slots=True)
class Judged:
    admitted: Admitted
    rendition: Rendition
    scores: Scores
    decision: Decision

    @property
    def item(self) -> Item:
        return self.admitted.item


@dataclass(frozen=True, slots=True)
class Attested:
    judged: Judged
    statement: Statement

    @property
    def item(self) -> Item:
        return self.judged.item


def run_shard(shard: Iterable[Item], tools: Tools) -> Iterator[Ended]:
    """Everything that is planned in this shard, done; one ``Ended`` for each item, in the order they end."""
    heart = Heart(tools)
    builder: PipelineBuilder[Any, Any] = PipelineBuilder()
    stylize_all: Callable[[Any], Iterable[Any]] = heart.stylize_all
    stream = (
        builder.add_source(shard)
        .pipe(heart.guarded(heart.fetch), concurrency=4)
        .pipe(heart.guarded(heart.admit))
        .pipe(heart.guarded(heart.decode), concurrency=2)
        .aggregate(tools.engine.batch_size)
        .pipe(stylize_all, concurrency=tools.workers)
        .pipe(heart.guarded(heart.judge), concurrency=tools.workers)
        .pipe(heart.guarded(heart.attest))
        .pipe(heart.guarded(heart.commit))
        .pipe(heart.guarded(heart.publish), concurrency=4)
        .add_sink(buffer_size=8)
        .build(num_threads=13 + 2 * tools.workers)
    )
    with stream.auto_stop():
        yield from stream
    heart.account()
    if heart.breakage is not None:
        raise heart.breakage


class Heart:
    """The eight steps. Each takes what the step before it returned, or ends the item with its reasons."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._publisher = tools.publisher
        self._meter = Meter(tools.engine)
        self.breakage: BaseException | None = None
        """What stopped the whole shard: a full disk, a store that is gone, a database that does not answer."""

    def fetch(self, item: Item) -> Fetched | Ended:
        try:
            asset = self._publisher.source.fetch(item.ref, self._tools.limits.max_bytes)
        except StoreNotFound as problem:
            return self._refuse(item, "asset_gone", str(problem))
        except StoreChanged as problem:
            return self._refuse(item, "asset_changed", str(problem))
        if asset.digest != item.asset_digest:
            return self._refuse(item, "asset_changed", "the asset is not what was planned; the next plan sees it anew")
        return Fetched(item, asset, read_masks(self._publisher.source, item.recipe))

    def admit(self, work: Fetched) -> Admitted | Ended:
        ruling = self._publisher.asking.about(work.item, "restyle")
        answer = ruling.answer
        if isinstance(answer, Refusal):
            self._moved(work.item, Refused(work.item.item_id, answer.reasons, ruling.asked))
            return self._standing(work.item, answer.reasons)
        return Admitted(work.item, work.asset, work.masks, answer, ruling.asked)

    def decode(self, work: Admitted) -> Decoded:
        edge = self._tools.recipe.max_edge_px
        reading = Reading.of(work.item.recipe)
        before = resized(self._tools.decode(work.asset.content, self._tools.limits, edge, reading), edge)
        for note in before.notes:
            _log.info("item %s: %s", work.item.item_id, note)
        return Decoded(work, before, areas_of(before, work.item.recipe, work.masks))

    def stylize(self, works: list[Decoded]) -> list[Stylized]:
        tools = self._tools
        before, areas = [work.before for work in works], [work.areas for work in works]
        with self._meter.busy(works[0].item.style.name, len(works)):
            pictures = stylize(tools.styling, before, tools.recipe, tools.engine, areas)
        return [Stylized(work.admitted, work.before, after) for work, after in zip(works, pictures, strict=True)]

    def judge(self, work: Stylized) -> Judged:
        tools, item = self._tools, work.item
        tools.engine.claim_thread()
        scores = score(work.before, work.after, tools.styling.model, tools.judge)
        decision = route(item.item_id, item.asset_class, scores, tools.routing)
        asked = item.recipe
        rendition = encode(work.after, asked.output_format, asked.quality, like=work.before.format, chroma=asked.chroma)
        return Judged(work.admitted, rendition, scores, decision)

    def attest(self, work: Judged) -> Attested:
        done = work.admitted
        statement = attest(
            done.item, done.asset, done.permit, work.rendition, work.scores, work.decision, self._tools.engine
        )
        return Attested(work, statement)

    def commit(self, work: Attested) -> Attested | Ended:
        """Bytes before the row that points at them. What waits for a person keeps its original beside it."""
        judged, staging = work.judged, self._publisher.staging
        item = work.item
        staging.put(judged.rendition.content)
        staging.put(work.statement.content)
        if judged.decision.verdict == "review":
            staging.put(judged.admitted.asset.content)
        facts = RenditionFacts.of(judged.rendition)
        asked = judged.admitted.asked
        decided = Decided(item.item_id, judged.decision, judged.scores, facts, work.statement.digest, asked)
        is_ours = self._moved(item, decided)
        if is_ours and judged.decision.verdict == "approve":
            return work
        return self._standing(item, judged.decision.reasons)

    def publish(self, work: Attested) -> Ended:
        done = work.judged.admitted
        current = items.get(self._publisher.records, done.item.item_id) or done.item
        rendition = work.judged.rendition
        ready = Ready(current, done.asset.content, rendition.content, rendition.media_type, work.statement)
        published = self._publisher.publish(ready)
        if isinstance(published, Published):
            return _ended(done.item, ItemState.PUBLISHED, *work.judged.decision.reasons)
        if isinstance(published, Withheld):
            return _ended(done.item, FAILED, published.reason)
        return _ended(done.item, ItemState.REFUSED, *published.reasons)

    def account(self) -> None:
        """What the shard has cost is kept, whether or not it came to its end; what broke it counts for more."""
        used = self._meter.used()
        try:
            if used is not None:
                usage.add(self._publisher.records, self._tools.run_id, used)
        except RestyleError as problem:
            self.breakage = self.breakage or problem

    def stylize_all(self, works: list[Decoded | Ended]) -> Iterator[Stylized | Ended]:
        """A batch in which some may have ended already. If the whole batch breaks, each is tried by itself."""
        decoded = [work for work in works if isinstance(work, Decoded)]
        yield from (work for work in works if isinstance(work, Ended))
        try:
            yield from self.stylize(decoded) if decoded and self.breakage is None else ()
        except Exception:
            alone = self.guarded(lambda work: self.stylize([work])[0])
            yield from (ended for work in decoded if (ended := alone(work)) is not None)

    def guarded(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The step with its failures sorted: the item's own end it, everybody's stop the shard."""

        def guarded_step(work: Any) -> Any:
            if isinstance(work, Ended):
                return work
            if self.breakage is not None:
                return None  # the stream drops it; the item stays planned
            try:
                return step(work)
            except Exception as error:
                return self._failed(work if isinstance(work, Item) else work.item, error)

        return guarded_step

    def _failed(self, item: Item, error: Exception) -> Ended | None:
        try:
            if isinstance(error, ImageProblem):
                return self._quarantine(item, error.code, str(error))
            if isinstance(error, MaskProblem | MaskError):
                code = error.code if isinstance(error, MaskProblem) else UNUSABLE
                return self._refuse(item, code, str(error))
            if isinstance(error, StoreTooLarge):
                return self._quarantine(item, "too_large", str(error))
            if isinstance(error, StoreNotFound | StoreConflict | StoreFactsError):
                return _ended(item, FAILED, Reason(type(error).__name__, str(error)))
            if isinstance(error, RestyleError | OSError):
                raise error
            _log.error("item %s failed", item.item_id, exc_info=error)
            return _ended(item, FAILED, Reason("unexpected", f"{type(error).__name__}: {error}"))
        except Exception as breakage:
            self.breakage = self.breakage or breakage
            return None

    def _refuse(self, item: Item, code: str, text: str) -> Ended:
        reason = Reason(code, text)
        self._moved(item, Refused(item.item_id, (reason,)))
        return self._standing(item, (reason,))

    def _quarantine(self, item: Item, code: str, text: str) -> Ended:
        reason = Reason(code, text)
        self._moved(item, Quarantined(item.item_id, reason))
        return self._standing(item, (reason,))

    def _moved(self, item: Item, outcome: outcomes.Outcome) -> bool:
        """False when somebody else moved it first: then theirs counts, and ours was work for nothing."""
        publisher = self._publisher
        return item.item_id in outcomes.record(publisher.records, self._tools.run_id, publisher.actor, [outcome])

    def _standing(self, item: Item, reasons: tuple[Reason, ...]) -> Ended:
        """Where the item stands now, whoever moved it there."""
        current = items.get(self._publisher.records, item.item_id)
        return _ended(item, current.state if current else FAILED, *reasons)


def _ended(item: Item, state: str, *reasons: Reason) -> Ended:
    return Ended(item.item_id, item.ref.key, state, reasons)
