"""A small world for the flows: a workspace with a registered style, a library, and a campaign that asks for it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from flows.campaign import Campaign
from flows.campaign_file import anchored, parse_campaign
from flows.evaluate_style import evaluate_styles
from flows.promote_style import approve_style, register_package
from flows.run_records import begin
from flows.settings import Settings
from flows.shard import Tools
from flows.wiring import Services, open_services, planner, tools
from governance import items
from governance.approvals import ANY, Terms
from governance.items import Item, ItemState
from governance.planning import plan_page
from registry.manifest import StyleEntry
from registry.packing import write_package
from stylecore.data import StyleRef

STYLE = "dots"
_COLUMNS = ("file", "class", "licence", "derivatives", "rights-until", "person", "consent", "zones")
_DRAWN = {"source": "drawn by a program", "licence": "CC0-1.0", "holder": "nobody"}
_RIGHTS = [
    {"what": "style image of dots", "role": "style image", **_DRAWN},
    {"what": "what the network was trained on: nothing", "role": "training data", **_DRAWN},
]
_ANY = frozenset({ANY})
TERMS = Terms("house", "the brand", None, _ANY, frozenset({"web"}), _ANY)

GATES = """\
gates: 1
edge_px: 128
bounds: [{metric: psnr_db, at_least: 0}]
ms_per_megapixel: 10000000
"""

CAMPAIGN = """\
campaign: world
asked_by: maria@brand.example
purpose: {{channel: web, territory: DE}}
source: {{store: {{kind: folder, path: library}}}}
style: {{name: {style}}}
recipe: {{max_edge_px: 256}}
quality: {{bounds: [{{metric: ssim_quarter, at_least: {least}}}]}}
routing: {{four_eyes_classes: [person]}}
publish: {{store: {{kind: folder, path: restyled}}}}
engine: {{shard_size: {shard_size}}}
"""


@dataclass(frozen=True)
class World:
    """One workspace, as its people use it."""

    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    @property
    def services(self) -> Services:
        return open_services(self.settings)

    def campaign(self, least: float = -1.0, shard_size: int = 500) -> Campaign:
        """``least`` decides the routing: -1 lets everything through, 2 sends everything to review."""
        text = CAMPAIGN.format(style=STYLE, least=least, shard_size=shard_size)
        return anchored(parse_campaign(text.encode()), self.home)

    def add(self, key: str, content: bytes, **fields: str) -> None:
        """An asset with its row in the sidecar; without fields it may be restyled and shows nobody."""
        path = self.home / "library" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        told = {"class": "product", "licence": "studio", "derivatives": "allowed", "person": "no", **fields}
        sidecar = path.parent / "_restyle.csv"
        rows = [] if sidecar.exists() else [_COLUMNS]
        rows.append((path.name, *(told.get(name, "") for name in _COLUMNS[1:])))
        with sidecar.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)

    def published(self) -> dict[str, bytes]:
        """Every published picture by its key."""
        shelf = self.home / "restyled"
        found = (path for path in sorted(shelf.rglob("*")) if path.is_file() and path.suffix != ".json")
        return {str(path.relative_to(shelf)): path.read_bytes() for path in found}


def planned(world: World, campaign: Campaign, style_name: str = STYLE) -> Tools:
    """Plan everything the campaign asks for, without Prefect; what comes back is ready to run the shard."""
    services = world.services
    style = services.approved_style(style_name, None)
    run_id = begin(services.records, campaign, "tester", None, services.policy).run_id
    for page in planner(services, campaign, style).pages():
        plan_page(services.records, run_id, "tester", page.items)
    return tools(services, campaign, style, run_id, "tester")


def waiting(world: World) -> list[Item]:
    """What is planned and not yet done."""
    return list(items.every(world.services.records, states=(ItemState.PLANNED,)))


def photo(seed: int = 0, width: int = 96, height: int = 72, kind: str = "jpeg") -> bytes:
    """Something with structure and colour, never the same for two seeds."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 92} if kind == "jpeg" else {}))
    return out.getvalue()


def twin(home: Path, of: Path) -> World:
    """Another workspace with the same registry and a copy of the records: making a registry takes MLflow seconds."""
    (home / "library").mkdir(parents=True)
    for name in ("mlflow", "cache"):
        (home / name).symlink_to(of / name)
    for records in of.glob("ledger.db*"):
        (home / records.name).write_bytes(records.read_bytes())
    _lay_out_gates(home)
    key = World(of).settings.note_key_file
    if key.exists():  # what one signed, the other has to trust
        (home / "identity").mkdir()
        (home / "identity" / key.name).write_bytes(key.read_bytes())
    return World(home)


def _lay_out_gates(home: Path) -> None:
    """Gates that an untrained network passes, on one small picture."""
    (home / "gates.yaml").write_text(GATES)
    (home / "golden" / "product").mkdir(parents=True)
    (home / "golden" / "product" / "cup.png").write_bytes(photo(5, 160, 128, "png"))


def make_world(home: Path, styles: tuple[str, ...] = (STYLE,)) -> World:
    """A workspace in which the styles of one package are registered by one person and approved by another."""
    world = World(home)
    (home / "library").mkdir(parents=True)
    _lay_out_gates(home)
    write_style_package(home / "package", styles)
    let_in(world.services, home / "package")
    return world


def let_in(services: Services, package: Path, terms: Terms = TERMS) -> tuple[StyleRef, ...]:
    """As it should be: registered by one person, measured against the gates, approved by another."""
    refs = register_package(services, package, "owner")
    evaluate_styles(services, refs, "owner")
    for ref in refs:
        approve_style(services, ref.name, ref.version, terms, "approver")
    return refs


def write_style_package(folder: Path, styles: tuple[str, ...] = (STYLE,)) -> None:
    folder.mkdir()
    architecture = {"stem_channels": 4, "trunk_channels": 4, "blocks": 1, "styles": len(styles)}
    (folder / "weights.safetensors").write_bytes(_weights(architecture))
    (folder / "CARD.md").write_text("# Dots\n\nA style for tests.\n", encoding="utf-8")
    (folder / "rights.json").write_text(json.dumps(_RIGHTS))
    for place in ("references", "previews"):
        (folder / place).mkdir()
        for name in styles:
            (folder / place / f"{name}.jpg").write_bytes(_reference())
    entries = [
        StyleEntry(
            name, index, name.title(), f"{name} in two colours", f"references/{name}.jpg", f"previews/{name}.jpg"
        )
        for index, name in enumerate(styles)
    ]
    write_package(
        folder,
        package="tiny",
        family="conditional-instance-norm",
        architecture=architecture,
        styles=entries,
        controls=["strength"],
        licence="Apache-2.0",
    )


def _weights(architecture: dict[str, int]) -> bytes:
    """Untrained; where there are several styles, they differ as trained ones do."""
    import torch
    from safetensors.torch import save

    from stylecore.styles.conditional import Architecture, ConditionalNetwork

    torch.manual_seed(11)
    network = ConditionalNetwork(Architecture(**architecture))
    for name, parameter in network.named_parameters():
        if architecture["styles"] > 1 and ("norm" in name or name == "colour"):
            torch.nn.init.normal_(parameter, std=0.5)
    return save(network.state_dict())


def _reference() -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (160, 160, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2)).save(out, "JPEG", quality=90)
    return out.getvalue()
