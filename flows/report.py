"""The contact sheet of a run: before, after, scores, decision, reasons and provenance of what it touched."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image

from flows.controls_in_words import in_words, used_zones_in_words
from flows.run_records import campaign_of
from flows.stores.base import Store
from flows.stores.errors import StoreError
from flows.wiring import Services
from flows.zone_outlines import outlined
from governance import items, usage
from governance.items import Item, ItemState
from governance.runs import Run
from governance.usage import Usage
from stylecore.data import Reason, Scores
from stylecore.image import FIRST_FRAME, Picture, decode, resized
from stylecore.image_problems import ImageProblem
from stylecore.score import ssim_map

CARDS_A_GROUP = 60
_THUMBNAIL_EDGE_PX = 640

_GROUPS = (
    (ItemState.PUBLISHED, "Published", "good", "approved", "Within every bound: signed and delivered."),
    (ItemState.APPROVED, "Approved, to publish", "good", "approved", "Not delivered yet: restyle publish."),
    (ItemState.IN_REVIEW, "To review", "wait", "to review", "A person decides: restyle review list."),
    (ItemState.REJECTED, "Rejected", "stop", "rejected", "Too far from what the campaign allows."),
    (
        ItemState.REFUSED,
        "Refused by policy",
        "stop",
        "refused",
        "Not restyled: rights, consent or licence say no, or the asset is no longer what was planned.",
    ),
    (ItemState.QUARANTINED, "Quarantined", "odd", "quarantined", "Could not be read as a picture."),
    (ItemState.PLANNED, "Still to do", "odd", "planned", "The next run takes these up again."),
)

_SCORES = (
    ("ssim_full", "structure kept, full size", "SSIM"),
    ("ssim_quarter", "structure kept, at 1/4", "SSIM"),
    ("ssim_eighth", "structure kept, at 1/8", "SSIM"),
    ("psnr_db", "signal to noise", "dB"),
    ("lpips", "perceptual distance", "LPIPS"),
    ("lpips_lite", "perceptual distance, by a small student", "lpips-lite, not LPIPS"),
    ("style_gap_closed", "style reached", "0: a copy, 1: the reference"),
)


@dataclass(frozen=True, slots=True)
class ScoreLine:
    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Card:
    item_id: str
    key: str
    verdict: str
    reasons: tuple[Reason, ...]
    zones: str
    scores: tuple[ScoreLine, ...]
    before: str | None
    after: str | None
    heat: str | None
    is_transparent: bool
    output: str | None
    statement: str | None


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    tone: str
    meaning: str
    count: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Report:
    campaign: str
    description: str
    facts: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    footer: str


def write_report(services: Services, run: Run) -> Path:
    """``report.html`` with its pictures beside it. A run that touched nothing shows its campaign's items."""
    folder = services.settings.workspace / "reports" / run.run_id
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "provenance").mkdir(exist_ok=True)
    report = _report(services, run, folder)
    page = _environment().get_template("report.html").render(report=report)
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("flows"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
    )


def _report(services: Services, run: Run, folder: Path) -> Report:
    campaign = campaign_of(services.records, run.run_id)
    touched = sum(items.counts(services.records, run_id=run.run_id).values())
    only_run, only_campaign = (run.run_id, None) if touched else (None, run.campaign)
    counts = items.counts(services.records, run_id=only_run, campaign=only_campaign)
    source = services.store(campaign.source.store)
    groups = []
    for state, title, tone, verdict, meaning in _GROUPS:
        if not counts[state]:
            continue
        shown = items.page(
            services.records, states=(state,), run_id=only_run, campaign=only_campaign, limit=CARDS_A_GROUP
        )
        cards = tuple(_Sheet(services, source, folder).card(item, verdict) for item in shown)
        groups.append(Group(title, tone, meaning, counts[state], cards))
    facts = (
        ("run", run.run_id),
        ("style", campaign.style.name),
        *(("control", sentence) for sentence in in_words(campaign.style.name, campaign.full_recipe)),
        ("asked by", campaign.asked_by),
        ("for", f"{campaign.purpose.channel}, {campaign.purpose.territory}"),
        ("started", f"{run.started_at:%Y-%m-%d %H:%M} UTC"),
        *(("cost", _cost_in_words(used)) for used in usage.of_run(services.records, run.run_id)),
    )
    nothing = "" if touched else "This run found nothing new to do; these are the campaign's items as they stand. "
    footer = f"{nothing}restyle audit verify checks the ledger; restyle audit verify-file FILE checks any file."
    return Report(campaign.campaign, campaign.description, facts, tuple(groups), footer)


def _cost_in_words(used: Usage) -> str:
    energy = "" if used.energy_j is None else f", {used.energy_j:,} J"
    return f"{used.pictures:,} pictures, {used.busy_ms / 1000:,.1f} s of {used.device}{energy}"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Draws cards into the report's folder."""

    services: Services
    source: Store
    folder: Path

    def card(self, item: Item, verdict: str) -> Card:
        before, after = self._before(item), self._after(item)
        name = item.item_id[:16]
        heat = None if before is None or after is None else _heat(before, after)
        return Card(
            item_id=item.item_id,
            key=item.ref.key,
            verdict=verdict,
            reasons=item.reasons,
            zones=used_zones_in_words(item.recipe),
            scores=tuple(_score_lines(item.scores)),
            before=self._drawn(before and outlined(before, item.recipe.zones), f"{name}-before"),
            after=self._drawn(after, f"{name}-after"),
            heat=self._drawn(heat, f"{name}-change"),
            is_transparent=before is not None and before.alpha is not None,
            output=item.output_uri if item.output_uri and item.output_uri.startswith("file:") else None,
            statement=self._statement(item),
        )

    def _before(self, item: Item) -> Picture | None:
        staging = self.services.staging
        try:
            kept = staging.has(item.asset_digest)
            content = staging.get(item.asset_digest) if kept else self.source.fetch(item.ref).content
            return resized(decode(content, max_edge_px=_THUMBNAIL_EDGE_PX, reading=FIRST_FRAME), _THUMBNAIL_EDGE_PX)
        except (StoreError, ImageProblem):
            return None

    def _after(self, item: Item) -> Picture | None:
        if item.rendition is None:
            return None
        content = self.services.staging.get(item.rendition.digest)
        return resized(decode(content, max_edge_px=_THUMBNAIL_EDGE_PX, reading=FIRST_FRAME), _THUMBNAIL_EDGE_PX)

    def _statement(self, item: Item) -> str | None:
        if item.statement_digest is None:
            return None
        name = f"provenance/{item.item_id[:16]}.json"
        said = json.loads(self.services.staging.get(item.statement_digest))
        # Laid out for people; the exact bytes, whose digest was signed, lie beside the published file.
        (self.folder / name).write_text(json.dumps(said, indent=2, ensure_ascii=False), encoding="utf-8")
        return name

    def _drawn(self, picture: Picture | None, name: str) -> str | None:
        if picture is None:
            return None
        image = Image.fromarray(picture.pixels)
        if picture.alpha is not None:
            image.putalpha(Image.fromarray(picture.alpha))
        out = io.BytesIO()
        image.save(out, "WEBP", quality=88, method=2)
        (self.folder / "pictures" / f"{name}.webp").write_bytes(out.getvalue())
        return f"pictures/{name}.webp"


def _heat(before: Picture, after: Picture) -> Picture | None:
    """Where the structure changed: dark where it was kept, bright where it was not."""
    if before.pixels.shape != after.pixels.shape:
        return None
    kept = np.clip(ssim_map(before, after), 0, 1)
    changed = (1 - kept)[..., None]
    ramp = np.concatenate([np.clip(changed * 2, 0, 1), changed**2, np.clip(0.35 - changed, 0, 1)], axis=-1)
    return Picture((ramp * 255).astype(np.uint8))


def _score_lines(scores: Scores | None) -> Iterator[ScoreLine]:
    if scores is None:
        return
    for name, title, unit in _SCORES:
        value = scores.value(name)
        if value is None:
            yield ScoreLine(title, "absent", scores.absent.get(name, ""))
        else:
            yield ScoreLine(title, f"{value:.1f}" if name == "psnr_db" else f"{value:.2f}", unit)
