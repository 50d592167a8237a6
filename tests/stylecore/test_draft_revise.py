"""Draft and revise: the pyramid is exact, any tile is the same pixels as the whole, and training learns both parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from stylecore.data import Digest, RestyleError
from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.styles import laplacian
from stylecore.styles.base import SEED, STROKE, Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build, family
from stylecore.styles.conditional import Architecture as DraftArchitecture
from stylecore.styles.conditional import ConditionalNetwork, even_phases
from stylecore.styles.draft_revise import FAMILY, DraftReviseStyle
from stylecore.styles.draft_revise_network import Architecture, DraftReviseNetwork, Painting, Plan, Revision
from stylecore.styles.grain import grain
from stylecore.styles.laplacian import Pyramid, bands, doubled, local_mean, rebuilt, slopes
from stylecore.styles.tileable import Box, boxes, tiles
from stylecore.training.content import ContentSampler
from stylecore.training.errors import TrainingError
from stylecore.training.local_style import NearestPatches, Texture
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import KeptStyle, Start
from stylecore.training.tasks.draft_revise import LOSSES, DraftReviseTask, Settings, make
from stylecore.weights import load_safetensors

REFERENCE = np.zeros((8, 8, 3), dtype=np.uint8)
SMALL = Architecture(
    draft_edge_px=64,
    stem_channels=4,
    trunk_channels=6,
    blocks=1,
    revision_channels=6,
    revision_blocks=1,
    revisions=2,
)
CPU = torch.device("cpu")
ROUNDING = 5e-6
"""A thousandth of a grey level: convolutions of another size may add up in another order."""


def random_network() -> DraftReviseNetwork:
    """One whose revisions say as much as its draft: at its start a revision says next to nothing."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(4)
        network = DraftReviseNetwork(SMALL)
        with torch.no_grad():
            for revision in network.revisions:
                revision.rgb.weight.mul_(6)
    return network


TENSORS: Mapping[str, Tensor] = random_network().state_dict()


def model(tensors: Mapping[str, Tensor] = TENSORS, described: Mapping[str, Any] | None = None) -> DraftReviseStyle:
    source = StyleSource(0, "gouache", REFERENCE)
    built = build(FAMILY.name, described or SMALL.describe(), tensors, [source])[0]
    assert isinstance(built, DraftReviseStyle)
    return built


def pictures(height: int, width: int, seed: int = 1, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def all_of(size: tuple[int, int]) -> Box:
    return Box(0, 0, *size)


# --- the pyramid -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), level=st.integers(0, 3))
def test_a_level_is_rebuilt_from_its_band_and_the_coarser_level(height: int, width: int, level: int) -> None:
    pyramid = Pyramid(pictures(height, width))
    coarse_box = all_of(pyramid.size(level + 1))
    fine = pyramid.read(level, coarse_box.scaled(2))
    coarse = pyramid.read(level + 1, coarse_box.grown(1))

    assert torch.allclose(rebuilt(bands(fine, coarse), coarse), fine, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 33), width=st.integers(1, 33), level=st.integers(0, 4))
def test_a_pixel_of_a_level_is_the_mean_of_the_square_beneath_it(height: int, width: int, level: int) -> None:
    batch, edge = pictures(height, width), 1 << level
    spare = ((0, 0), (0, 0), (0, -height % edge), (0, -width % edge))
    squares = np.pad(batch.numpy().astype(np.float64), spare, mode="edge")
    rows, columns = squares.shape[2] // edge, squares.shape[3] // edge
    means = squares.reshape(1, 3, rows, edge, columns, edge).mean(axis=(3, 5))

    assert Pyramid(batch).size(level) == (rows, columns)
    assert np.allclose(Pyramid(batch).read(level, Box(0, 0, rows, columns)).numpy(), means, atol=1e-6)


def test_doubling_weighs_the_four_nearest_pixels_by_their_distance() -> None:
    coarse = pictures(5, 6)
    known = coarse[0].numpy().astype(np.float64)
    wanted = np.empty((3, 6, 8))
    for row in range(6):
        for column in range(8):
            y, x = (row - 0.5) / 2 + 1, (column - 0.5) / 2 + 1
            top, left = int(y), int(x)
            down, across = y - top, x - left
            upper = known[:, top, left] * (1 - across) + known[:, top, left + 1] * across
            lower = known[:, top + 1, left] * (1 - across) + known[:, top + 1, left + 1] * across
            wanted[:, row, column] = upper * (1 - down) + lower * down

    assert np.allclose(doubled(coarse)[0].numpy(), wanted, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), level=st.integers(0, 3))
def test_any_part_of_a_level_is_the_same_read_alone(data: st.DataObject, level: int) -> None:
    height, width = data.draw(st.integers(9, 40)), data.draw(st.integers(9, 40))
    pyramid = Pyramid(pictures(height, width))
    rows, columns = pyramid.size(level)
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    box = Box(top, left, data.draw(st.integers(1, rows - top)), data.draw(st.integers(1, columns - left)))
    wide = all_of((rows, columns)).grown(3)

    assert torch.equal(pyramid.read(level, box.grown(3)), box.grown(3).of(pyramid.read(level, wide), wide))


def test_beyond_its_edges_a_picture_repeats_its_outermost_pixels() -> None:
    batch = pictures(6, 7)

    read = Pyramid(batch).read(0, Box(-2, -3, 11, 12))

    assert torch.equal(read, torch.nn.functional.pad(batch, [3, 2, 2, 3], mode="replicate"))


def test_a_local_mean_is_the_mean_of_its_square() -> None:
    part = pictures(7, 9)
    squares = np.lib.stride_tricks.sliding_window_view(part.numpy().astype(np.float64), (5, 5), axis=(2, 3))

    assert np.allclose(local_mean(part, 5).numpy(), squares.mean(axis=(4, 5)), atol=1e-6)


def test_a_slope_is_that_of_a_regression_about_each_pixel() -> None:
    painted, guide = pictures(5, 6, seed=1), pictures(5, 6, seed=2)[:, :1]
    wanted = np.empty((3, 3, 4))
    for channel in range(3):
        for row in range(3):
            for column in range(4):
                square = np.s_[row : row + 3, column : column + 3]
                x, y = guide[0, 0].numpy()[square].ravel(), painted[0, channel].numpy()[square].ravel()
                wanted[channel, row, column] = np.cov(x, y, bias=True)[0, 1] / (np.var(x) + 0.01)

    found = slopes(painted, guide, 3, 0.1)

    averaged = np.lib.stride_tricks.sliding_window_view(wanted, (3, 3), axis=(1, 2)).mean(axis=(3, 4))
    assert np.allclose(found[0].numpy(), averaged, atol=1e-5)


def test_what_follows_its_guide_has_the_slope_it_follows_it_with() -> None:
    guide = pictures(20, 20)[:, :1]
    painted = torch.cat([0.2 + 0.5 * guide, 0.9 - 0.3 * guide, torch.full_like(guide, 0.4)], dim=1)

    found = slopes(painted, guide, 5, 1e-3)

    assert torch.allclose(found.mean((0, 2, 3)), torch.tensor([0.5, -0.3, 0.0]), atol=1e-3)


def test_levels_made_in_strips_are_the_levels_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pyramid = Pyramid(pictures(37, 23))
    at_once = pyramid.read(1, all_of(pyramid.size(1)))

    monkeypatch.setattr(laplacian, "_STRIP_PIXELS", 100)

    assert torch.equal(pyramid.read(1, all_of(pyramid.size(1))), at_once)


def test_a_pyramid_holds_nothing_but_numbers_between_nought_and_one() -> None:
    wild = torch.tensor([float("nan"), float("inf"), -7.0, 0.25]).expand(1, 3, 4, 4)

    assert Pyramid(wild).read(0, Box(0, 0, 1, 4))[0, 0, 0].tolist() == [0.5, 1.0, 0.0, 0.25]


# --- grain -----------------------------------------------------------------------------------------------------------


def test_grain_is_a_function_of_the_place() -> None:
    wide, part = Box(-5, 7, 40, 30), Box(3, 11, 9, 8)

    assert torch.equal(part.of(grain(wide, 1, 9, CPU), wide), grain(part, 1, 9, CPU))


def test_grain_is_the_hash_it_says_it_is() -> None:
    def stirred(word: int) -> int:
        word = ((word ^ word >> 16) * 0x7FEB352D) % 2**32
        word = ((word ^ word >> 15) * 0x46AC78CD) % 2**32
        return word ^ word >> 16

    seed, level, row, column = 2**32 - 1, 3, -2, 100_000
    start = (seed * 0x1B873593 + level * 0x46AC78CD) % 2**32
    word = stirred(stirred((row * 0x2C1B3C6D + start) % 2**32) ^ column * 0x297A2D39 % 2**32)

    found = grain(Box(row, column, 1, 1), level, seed, CPU)

    assert found.item() == pytest.approx(word / (2**32 - 1) * 2 - 1, abs=1e-6)


def test_grain_is_evenly_spread_and_neighbours_know_nothing_of_each_other() -> None:
    field = grain(Box(0, 0, 256, 256), 0, 0, CPU)[0, 0].numpy()

    assert abs(field.mean()) < 0.01
    assert field.var() == pytest.approx(1 / 3, rel=0.02)
    for other in (field[1:, :], field[:, 1:], field[1:, 1:], field[8:, :]):
        mine = field[: other.shape[0], : other.shape[1]]
        assert abs(np.corrcoef(mine.ravel(), other.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("level", "seed"), [(1, 0), (0, 1)])
def test_other_levels_and_seeds_have_other_grain(level: int, seed: int) -> None:
    box = Box(0, 0, 64, 64)
    both = np.stack([grain(box, *each, CPU).numpy().ravel() for each in ((0, 0), (level, seed))])

    assert abs(np.corrcoef(both)[0, 1]) < 0.05


# --- painting --------------------------------------------------------------------------------------------------------


def test_the_family_says_that_it_is_exact_in_tiles() -> None:
    assert family("draft-and-revise") is FAMILY
    assert FAMILY.exact_when_tiled
    assert FAMILY.deterministic
    assert {STROKE, SEED} <= FAMILY.controls


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(16, 150),
    width=st.integers(16, 150),
    tile_px=st.integers(5, 90),
    order=st.randoms(use_true_random=False),
)
def test_tiles_of_any_size_in_any_order_are_the_whole_picture(
    height: int, width: int, tile_px: int, order: Any
) -> None:
    batch = pictures(height, width)
    whole = model().render(batch, Brush(stroke=3, seed=3))
    painting = model().prepare(batch, Brush(stroke=3, seed=3))
    tiled = torch.full_like(whole, float("nan"))
    todo = list(boxes(height, width, tile_px))
    order.shuffle(todo)

    for box in todo:
        box.of(tiled, Box.all_of(tiled)).copy_(painting.tile(box))

    assert torch.allclose(tiled, whole, atol=ROUNDING, rtol=0)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(40, 120), width=st.integers(40, 120), level=st.integers(0, 2))
def test_it_makes_no_difference_how_much_was_prepared_whole(height: int, width: int, level: int) -> None:
    pyramid = Pyramid(pictures(height, width))
    plan = Plan(3, (16, 16))
    network = random_network().requires_grad_(False)
    bare = Painting.begun(network, pyramid, plan, seed=1)
    advanced = bare.advanced(int(np.prod(pyramid.size(level))))
    box = Box(height // 3, width // 4, height // 2, width // 2)

    assert (bare.level, advanced.level) == (3, level)
    assert torch.allclose(bare.tile(box), advanced.tile(box), atol=ROUNDING, rtol=0)


def test_what_lies_beyond_the_margin_changes_nothing_and_what_lies_within_does() -> None:
    batch = pictures(40, 400)
    network = random_network().requires_grad_(False)
    painting = Painting.begun(network, Pyramid(batch), Plan(2, (16, 64)), seed=0)
    box = Box(8, 8, 24, 16)

    def changed_from(column: int) -> Tensor:
        other = batch.clone()
        other[..., column:] = 1 - other[..., column:]
        return replace(painting, pyramid=Pyramid(other)).tile(box)

    assert torch.equal(changed_from(box.right + painting.margin_px), painting.tile(box))
    assert not torch.equal(changed_from(box.right + 1), painting.tile(box))


@settings(max_examples=25, deadline=None)
@given(height=st.integers(16, 90), width=st.integers(16, 90), count=st.integers(1, 2))
def test_any_size_comes_back_in_the_same_size_and_range(height: int, width: int, count: int) -> None:
    rendered = model().render(pictures(height, width, count=count))

    assert rendered.shape == (count, 3, height, width)
    assert rendered.dtype == torch.float32
    assert rendered.min() >= 0
    assert rendered.max() <= 1


@pytest.mark.parametrize("size", [(16, 16), (16, 900), (1100, 17), (33, 2049)])
def test_tiny_and_very_long_pictures_are_painted_too(size: tuple[int, int]) -> None:
    assert torch.isfinite(model().render(pictures(*size))).all()


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_gives_numbers(level: float) -> None:
    assert torch.isfinite(model().render(torch.full((1, 3, 70, 50), level))).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_numbers_out_of_range_never_reach_the_output(value: float) -> None:
    batch = pictures(40, 40)
    batch[0, :, 10:20, 10:20] = value

    rendered = model().render(batch)

    assert torch.isfinite(rendered).all()
    assert 0 <= rendered.min() <= rendered.max() <= 1


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    first, second = pictures(50, 60, 1), pictures(50, 60, 2)

    together = model().render(torch.cat([first, second]))

    assert torch.allclose(together[1:], model().render(second), atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_grain() -> None:
    batch = pictures(60, 60)

    once, again, other = (model().render(batch, Brush(seed=seed)) for seed in (5, 5, 6))

    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_the_batch_is_left_as_it_was() -> None:
    batch = pictures(60, 60)
    before = batch.clone()

    model().render(batch)

    assert torch.equal(batch, before)


def test_larger_strokes_come_from_a_smaller_draft() -> None:
    batch = pictures(256, 192)
    drafts = [model().prepare(batch, Brush(stroke=stroke)).plan.draft_size for stroke in (0.5, 1.0, 1.5, 2.0)]

    assert drafts == [(128, 96), (64, 48), (43, 32), (32, 24)]
    assert not torch.equal(model().render(batch, Brush(stroke=1.5)), model().render(batch))


@given(height=st.integers(16, 20_000), width=st.integers(16, 20_000), edge=st.floats(16, 1024))
def test_a_plan_drafts_small_and_ends_at_the_size_of_the_picture(height: int, width: int, edge: float) -> None:
    plan = Plan.of((height, width), edge)
    longer = max(height, width)

    assert plan.levels >= 1
    assert min(plan.draft_size) >= 16
    if edge <= longer:
        assert edge - 1 <= max(plan.draft_size) <= edge * (1 + 2**plan.levels / longer) + 1
    if edge * 2**0.5 <= longer:
        # As many doublings as bring the coarsest level nearest to the draft's own size.
        assert 2**-0.51 <= edge * 2**plan.levels / longer <= 2**0.51


def test_a_picture_smaller_than_a_draft_is_drafted_as_it_is_and_revised_once() -> None:
    assert Plan.of((300, 200), 384) == Plan(1, (300, 200))


def test_a_large_picture_is_painted_with_strokes_as_large_as_in_a_small_one() -> None:
    """The draft, which places the strokes, is the same for any size of the same picture."""
    small = torch.nn.functional.interpolate(pictures(8, 8), size=(256, 256), mode="bicubic").clamp(0, 1)
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")

    drafts = []
    for batch in (small, large):
        painting = Painting.begun(random_network().requires_grad_(False), Pyramid(batch), Plan.of((256, 256), 32), 0)
        drafts.append(painting.known)

    assert drafts[0].shape[2] * 2 == drafts[1].shape[2]


def test_it_does_not_blend() -> None:
    with pytest.raises(StyleError, match="blend"):
        blend(model(), [(model(), 0.5)])


# --- what packages say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"revisions": 0},
        {"revisions": 10**9},
        {"draft_edge_px": True},
        {"draft_edge_px": 256.0},
        {"revision_channels": 10**9},
        {"trunk_channels": -4},
        {"__class__": 3},
    ],
)
def test_an_architecture_that_is_not_one_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        model(described={**SMALL.describe(), **change})


def test_an_architecture_that_leaves_something_out_is_refused() -> None:
    described = SMALL.describe()
    del described["blocks"]

    with pytest.raises(StyleError, match="exactly"):
        model(described=described)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("revisions.0.first.weight", torch.zeros(1)),
        ("revisions.0.first.weight", torch.full((6, 22, 3, 3), float("nan"))),
        ("revisions.1.rgb.bias", torch.zeros(3, dtype=torch.int64)),
        ("revisions.9.rgb.bias", torch.zeros(3)),
        ("../../weights", torch.zeros(3)),
    ],
)
def test_weights_that_do_not_fit_are_refused(name: str, tensor: Tensor) -> None:
    with pytest.raises(RestyleError):
        model({**TENSORS, name: tensor})


def test_weights_with_a_tensor_too_few_are_refused() -> None:
    with pytest.raises(StyleError, match="missing"):
        model({name: value for name, value in TENSORS.items() if name != "revisions.0.rgb.bias"})


def test_a_grid_that_the_weights_of_a_revision_leave_is_not_painted() -> None:
    """Flat features at four uneven subpixels are a pattern of two pixels, whatever the last layer makes of it."""
    uneven = {
        name: torch.randn(value.shape, generator=torch.Generator().manual_seed(3))
        if name.endswith("bias")
        else value * 0
        for name, value in TENSORS.items()
        if "subpixels" in name and name.startswith("revisions")
    }
    flat = {name: value * 0 for name, value in uneven.items()}
    batch = pictures(90, 70)

    with_grid, without = (model({**TENSORS, **each}).render(batch) for each in (uneven, flat))

    assert torch.allclose(with_grid, without, atol=ROUNDING)


def test_a_second_style_in_a_package_is_refused() -> None:
    with pytest.raises(StyleError, match="one style a package"):
        build(FAMILY.name, SMALL.describe(), TENSORS, [StyleSource(1, "other", REFERENCE)])


# --- training --------------------------------------------------------------------------------------------------------

TINY = Settings(**SMALL.describe(), depth=3, tile_px=64, draft_batch=1, learning_rate=1e-2, revision_learning_rate=5e-3)


def photo() -> Image.Image:
    levels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((320, 240), Image.Resampling.BICUBIC)


def style() -> StyleImage:
    levels = np.random.default_rng(2).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return StyleImage("blocks", np.asarray(Image.fromarray(levels).resize((256, 256), Image.Resampling.NEAREST)))


def task(tiny: Settings = TINY, painted: StyleImage | None = None) -> DraftReviseTask:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(11)
        features = SqueezeFeatures()
    content = ContentSampler([photo()], 256, 0.3, seed=3)
    return make(tiny, Material((painted or style(),), content, features, seed=20))


def trainer(tiny: Settings = TINY) -> Trainer:
    return Trainer(task(tiny), Schedule(40, warm_up=1))


def weights_of(trained: Trainer) -> dict[str, Tensor]:
    assert isinstance(trained.task, DraftReviseTask)
    return {name: value.detach().clone() for name, value in trained.task.network.state_dict().items()}


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_picture_is_learnt_by_heart(which: int) -> None:
    training = task()
    player = training.players[which]
    optimizer = torch.optim.Adam(player.network.parameters(), lr=player.learning_rate)
    totals = []

    for _ in range(25):
        total = torch.stack(list(training.losses(player.name, 0).values())).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        totals.append(total.item())

    assert totals[-1] < 0.8 * totals[0]


def test_the_same_seed_trains_the_same_weights() -> None:
    first, second = trainer(), trainer()
    for each in (first, second):
        each.run(3)

    assert all(torch.equal(value, weights_of(second)[name]) for name, value in weights_of(first).items())


def test_stopped_and_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = trainer(), trainer(), trainer()
    whole.run(5)
    stopped.run(2)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(5)

    assert all(torch.equal(value, weights_of(resumed)[name]) for name, value in weights_of(whole).items())


@pytest.mark.parametrize("player", ["draft", "revision-1", "revision-2"])
@pytest.mark.parametrize("iteration", [0, 1])
def test_each_player_is_pulled_by_its_own_losses_alone(player: str, iteration: int) -> None:
    """And every parameter of it, at every iteration: a checkpoint counts a player's steps, not a parameter's."""
    training = task()

    sum(training.losses(player, iteration).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]

    pulled = {each.name: [p.grad is not None for p in each.network.parameters()] for each in training.players}
    assert all(pulled.pop(player))
    assert not any(any(others) for others in pulled.values())


def test_the_last_revision_takes_turns_at_the_depths_that_are_left() -> None:
    training = task(replace(TINY, depth=4))

    assert [training._step(1, iteration) for iteration in range(3)] == [1, 1, 1]
    assert [training._step(2, iteration) for iteration in range(4)] == [2, 3, 4, 2]


def test_training_that_never_reaches_a_revision_is_refused() -> None:
    with pytest.raises(StyleError, match="depth of 1"):
        task(replace(TINY, depth=1))


def test_every_loss_of_every_player_has_a_name_of_its_own() -> None:
    progress = trainer().step()

    assert {name.split(".")[0] for name in progress.losses} == {"draft", "revision-1", "revision-2"}
    assert {name.split(".")[1] for name in progress.losses} >= {"style", "patches", "texture", "content"}


def test_a_style_pulls_where_it_says() -> None:
    plain, pulled = task(), task(painted=replace(style(), pull={"draft-style": 2 * LOSSES["draft-style"]}))

    before, after = plain.losses("draft", 1), pulled.losses("draft", 1)

    assert after["draft.style"].item() == pytest.approx(2 * before["draft.style"].item(), rel=1e-4)
    assert after["draft.palette"].item() == pytest.approx(before["draft.palette"].item(), rel=1e-4)


def test_a_pull_on_a_loss_that_is_not_there_is_refused() -> None:
    with pytest.raises(StyleError, match="sparkle"):
        task(painted=replace(style(), pull={"draft-sparkle": 1.0}))


def test_two_styles_are_refused() -> None:
    material = task()._material

    with pytest.raises(StyleError, match="one style"):
        make(TINY, replace(material, styles=material.styles * 2))


def test_what_was_trained_is_what_the_family_loads(tmp_path: Path) -> None:
    trained = task().trained()

    built: StyleModel = build(
        trained.family, trained.architecture, trained.tensors, [StyleSource(0, "blocks", trained.references["blocks"])]
    )[0]

    assert built.reference.shape == (256, 256, 3)
    assert built.render(pictures(48, 48)).shape == (1, 3, 48, 48)


def test_the_gradients_of_a_revision_are_those_of_its_function() -> None:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(2)
        revision = Revision(replace(SMALL, revision_channels=4)).double()
    reach = SMALL.reach_px
    draft, content = (pictures(1 + 2 * reach, 1 + 2 * reach, seed).double().requires_grad_() for seed in (1, 2))
    fine = pictures(4 * reach - 2, 4 * reach - 2, 3).double().requires_grad_()
    noise = grain(Box(0, 0, 4 * reach - 2, 4 * reach - 2), 0, 0, CPU).double()

    assert torch.autograd.gradcheck(lambda *given: revision(*given, noise), (draft, content, fine), fast_mode=True)


def test_a_revision_adds_no_tone_of_its_own() -> None:
    """Where content is flat it may add grain, but over a square of its own size that comes to nothing."""
    network = random_network().requires_grad_(False)
    for revision in network.revisions:
        revision.rgb.bias.fill_(3.0)
    flat = Pyramid(torch.full((1, 3, 128, 128), 0.5))
    painting = Painting.begun(network, flat, Plan(2, (32, 32)), seed=0)
    even = replace(painting, known=torch.full_like(painting.known, 0.4))

    painted = even.unclipped(1, Box(8, 8, 48, 48))

    assert painted.std() > 0
    assert abs(painted.mean().item() - 0.4) < 0.01


class Raw(SqueezeFeatures):
    """Features that are the pixels themselves."""

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        return dict.fromkeys(wanted, x)


def test_the_distance_to_the_nearest_patches_is_that_of_a_search_through_all_of_them() -> None:
    style_picture, found = pictures(6, 7, seed=1), pictures(5, 4, seed=2)
    mean = style_picture.mean((2, 3)).numpy().ravel()
    known = [style_picture[0, :, y, x].numpy() - mean for y in range(6) for x in range(7)]
    distances = []
    for y in range(5):
        for x in range(4):
            mine = found[0, :, y, x].numpy() - mean
            cosines = [mine @ each / np.linalg.norm(mine) / np.linalg.norm(each) for each in known]
            distances.append(1 - max(cosines))

    measured = NearestPatches(Raw(), style_picture, (1,)).distance({1: found}, torch.Generator())

    assert measured.item() == pytest.approx(np.mean(distances), abs=1e-6)


def test_a_part_of_the_style_is_at_no_distance_and_noise_at_some() -> None:
    style_picture = pictures(12, 12)
    patches = NearestPatches(Raw(), style_picture, (1,))

    assert patches.distance({1: style_picture[..., 3:9, 2:7]}, torch.Generator()).item() == pytest.approx(0, abs=1e-6)
    assert patches.distance({1: pictures(12, 12, seed=5)}, torch.Generator()).item() > 1e-3


def test_the_gradient_of_the_patch_distance_is_that_of_its_function() -> None:
    patches = NearestPatches(Raw(), pictures(6, 6).double(), (1,))
    found = pictures(4, 4, seed=3).double().requires_grad_()

    assert torch.autograd.gradcheck(lambda x: patches.distance({1: x}, torch.Generator()), (found,))


def test_a_texture_is_at_no_distance_from_itself_whatever_its_tone_and_where_it_is() -> None:
    style_picture = torch.zeros(1, 3, 67, 67)
    style_picture[..., ::5, ::5] = 0.5
    texture = Texture(style_picture)
    brighter, flat = style_picture[..., :31, :31] + 0.4, torch.full((1, 3, 31, 31), 0.3)

    near, far = (texture.distance(each, torch.Generator().manual_seed(1)).item() for each in (brighter, flat))

    assert near < 0.35
    assert far == pytest.approx(1, abs=0.15)


def test_texture_is_measured_by_sorted_projections_of_patches() -> None:
    style_picture, painted = pictures(31, 31, seed=1), pictures(13, 13, seed=2)
    kernels = torch.randn(16, 3, 7, 7, generator=torch.Generator().manual_seed(8)).numpy()
    kernels = kernels - kernels.mean(axis=(2, 3), keepdims=True)

    def projected(picture: Tensor, stride: int) -> Any:
        views = np.lib.stride_tricks.sliding_window_view(picture[0].numpy(), (7, 7), axis=(1, 2))[:, ::stride, ::stride]
        return np.sort(np.einsum("cyxij,kcij->kyx", views, kernels).reshape(16, -1), axis=1)

    found, wanted = projected(painted, 1), projected(style_picture, 4)
    ranks = np.rint(np.linspace(0, wanted.shape[1] - 1, found.shape[1])).astype(int)
    relative = ((found - wanted[:, ranks]) ** 2).mean(axis=1) / wanted.var(axis=1, ddof=1)

    measured = Texture(style_picture).distance(painted, torch.Generator().manual_seed(8))

    assert measured.item() == pytest.approx(relative.mean(), rel=1e-3)


def test_tiles_cover_a_picture_once() -> None:
    seen = torch.zeros(37, 50)
    for box in boxes(37, 50, 16):
        box.of(seen, Box.all_of(seen)).add_(1)

    assert (seen == 1).all()
    assert [box for box, _ in tiles(model().prepare(pictures(37, 50)), 16)] == list(boxes(37, 50, 16))


def test_stored_weights_render_like_those_in_memory(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in TENSORS.items()}, tmp_path / "w.safetensors")
    batch = pictures(64, 48)

    stored = model(load_safetensors(tmp_path / "w.safetensors", None))

    assert torch.equal(stored.render(batch), model().render(batch))


def many_styles() -> Start:
    """A package of two styles whose network has the shape of a small draft."""
    network = ConditionalNetwork(DraftArchitecture(SMALL.stem_channels, SMALL.trunk_channels, SMALL.blocks, styles=2))
    with torch.no_grad():
        network.stem_norm.scale[1] = 7.0
    styles = tuple(KeptStyle(name, name, name, REFERENCE) for name in ("one", "other"))
    described = network.architecture.describe()
    return Start("prints", Digest.of(b"prints"), "conditional-instance-norm", described, network.state_dict(), styles)


def begun_from(start: Start, tiny: Settings) -> Mapping[str, Tensor]:
    content = ContentSampler([photo()], 256, 0.3, seed=3)
    return make(tiny, Material((style(),), content, SqueezeFeatures(), seed=20, start=start)).network.state_dict()


def test_a_draft_can_begin_as_a_style_of_a_package_of_many() -> None:
    start = many_styles()

    begun = begun_from(start, replace(TINY, draft_like="other"))

    assert (begun["draft.stem_norm.scale"] == 7.0).all()
    assert torch.equal(begun["draft.stem.weight"], start.tensors["stem.weight"])


def test_training_goes_on_from_a_package_of_its_own_family() -> None:
    start = Start("gouache", Digest.of(b"gouache"), FAMILY.name, SMALL.describe(), TENSORS)

    begun = begun_from(start, TINY)

    assert all(torch.equal(begun[name], value) for name, value in TENSORS.items())


@pytest.mark.parametrize("draft_like", [None, "nobody"])
def test_a_draft_cannot_begin_as_a_style_that_is_not_there(draft_like: str | None) -> None:
    with pytest.raises(TrainingError, match="draft_like: one of its styles"):
        begun_from(many_styles(), replace(TINY, draft_like=draft_like))


def test_a_packed_draft_leaves_no_grid_on_flat_features() -> None:
    weight = task().trained().tensors["draft.subpixels.weight"].float()

    assert torch.allclose(even_phases(weight), weight, atol=1e-3)
