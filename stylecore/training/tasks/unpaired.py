"""Image to image without pairs, as CUT trains it (Park et al., 2020, arXiv:2007.15651): a critic wants patches like the
style's, and patches of the result must stay like the ones at their places in the input and unlike all others.

The styles of the material are all pictures of one kind, which is what is learnt, and so are their targets where they
have some; the first style stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from stylecore.errors import StyleError
from stylecore.styles.resnet_generator import FAMILY, Architecture, Generator
from stylecore.training.content import photo_crop
from stylecore.training.material import Material
from stylecore.training.patches import PatchCritic, PatchHeads, critic_loss, deceit_loss, patch_nce, places
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained

_STYLE_CROPS = 1
"""Which stream of random numbers draws the style's crops; content draws its own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The generator, its critic, and how hard each loss pulls. The weights are those of the paper's "CUT"."""

    channels: int = 64
    blocks: int = 9
    down: str = "blurred"
    up: str = "bilinear"
    critic_channels: int = 64
    critic_layers: int = 3
    head_width: int = 256
    patches: int = 256
    temperature: float = 0.07
    batch: int = 1
    learning_rate: float = 2e-4
    deceit: float = 1.0
    patch: float = 0.5
    identity: float = 0.5

    def architecture(self) -> Architecture:
        described = {name: getattr(self, name) for name in ("channels", "blocks", "down", "up")}
        return Architecture.parse(described)


def make(settings: Settings, material: Material) -> UnpairedTask:
    return UnpairedTask(settings, material)


class UnpairedTask:
    """Two players: the critic moves first, then the generator with its heads."""

    def __init__(self, settings: Settings, material: Material) -> None:
        if any(style.pull or style.taught_by for style in material.styles):
            raise StyleError("pulls or a painter for unpaired training", "pictures alone", "Use the settings instead.")
        self._settings, self._material, self._architecture = settings, material, settings.architecture()
        wanted = (style.targets or [Image.fromarray(style.pixels)] for style in material.styles)
        self._wanted = [(pictures, place) for pictures in wanted for place in range(len(pictures))]
        thin, middle = self._architecture.channels, self._architecture.blocks // 2 + 1
        self._stages = ("picture", "down1", "down2", "block1", f"block{middle}")[: 5 if middle > 1 else 4]
        widths = (3, 2 * thin, 4 * thin, 4 * thin, 4 * thin)[: len(self._stages)]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.generator = Generator(self._architecture)
            self.heads = PatchHeads(widths, settings.head_width)
            self.critic = PatchCritic(settings.critic_channels, settings.critic_layers)
        if material.start is not None:
            take_over(self.generator, material.start.tensors)

    @property
    def players(self) -> tuple[Player, ...]:
        both = nn.ModuleDict({"generator": self.generator, "heads": self.heads})
        rate, betas = self._settings.learning_rate, (0.5, 0.999)
        return Player("critic", self.critic, rate, betas), Player("generator", both, rate, betas)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        content = torch.from_numpy(self._material.content.batch(iteration, self._settings.batch)) * 2 - 1
        style = self._style_crops(iteration, content.shape[2])
        if player == "critic":
            with torch.no_grad():
                made = self.generator(content)
            return {"critic": critic_loss(self.critic(style), self.critic(made))}
        made, same = self.generator(torch.cat([content, style])).chunk(2)
        draws = torch.Generator().manual_seed(self._material.seed * 1_000_003 + iteration)
        with _held(self.critic):
            deceit = deceit_loss(self.critic(made))
        found = {
            "deceit": deceit,
            "patch": self._kept_in_place(made, content, draws),
            "identity": self._kept_in_place(same, style, draws),
        }
        return {name: getattr(self._settings, name) * loss for name, loss in found.items()}

    def trained(self) -> Trained:
        tensors = {name: value.detach().half().contiguous() for name, value in self.generator.state_dict().items()}
        shown = self._material.styles[0]
        return Trained(FAMILY.name, self._architecture.describe(), tensors, {shown.name: shown.pixels})

    def _kept_in_place(self, made: Tensor, given: Tensor, draws: torch.Generator) -> Tensor:
        """The mean over the encoder's stages of how well patches know their places."""
        with torch.no_grad():
            before = self.generator.encoded(given, self._stages)
        after = self.generator.encoded(made, self._stages)
        where = places(before, self._settings.patches, draws)
        pairs = zip(self.heads(after, where), self.heads(before, where), strict=True)
        terms = [patch_nce(found, wanted, self._settings.temperature) for found, wanted in pairs]
        return torch.stack(terms).mean()

    def _style_crops(self, iteration: int, crop_px: int) -> Tensor:
        rng = np.random.default_rng([self._material.seed, iteration, _STYLE_CROPS])
        chosen = rng.integers(len(self._wanted), size=self._settings.batch)
        pictures = (pictures[place] for pictures, place in (self._wanted[int(index)] for index in chosen))
        crops = np.stack([np.asarray(photo_crop(picture, crop_px, rng)) for picture in pictures])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1


@contextmanager
def _held(network: nn.Module) -> Iterator[None]:
    """Gradients pass through it and none is kept for it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
