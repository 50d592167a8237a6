"""Learning grades: a known one is found again, a look comes nearer, and the loop's promises hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import wasserstein_distance
from skimage.data import coffee
from torch import Tensor

from stylecore.colour_spaces import delta_e, to_lab
from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.lattice import neutral
from stylecore.oklab import from_oklab, to_oklab, within_srgb
from stylecore.styles.base import StyleSource
from stylecore.styles.build import build
from stylecore.training.content import ContentSampler
from stylecore.training.graders import GRADERS, grader
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.painters.graded_chart import graded, graded_chart
from stylecore.training.tasks.colour_grade import (
    GradeTask,
    Lesson,
    Settings,
    cloud_distance,
    make,
    reversals,
    roughness,
)
from stylecore.training.tasks.colour_grade import graded as through

SMALL = Settings(size=9, learning_rate=0.02, colours=512)
CHART = graded_chart(96, 7)


def lattice(size: int = 9) -> Tensor:
    return neutral(size).T.reshape(3, size, size, size)


def task(lessons: Sequence[Lesson], settings: Settings = SMALL) -> GradeTask:
    return GradeTask(settings, lessons, ContentSampler([], 48, 1.0, 3), 3)


def learnt(lesson: Lesson, iterations: int, settings: Settings = SMALL) -> Tensor:
    trained = task([lesson], settings)
    Trainer(trained, Schedule(iterations, 10)).run(iterations)
    return trained.trained().tensors["lut"][0].float()


def error(grade: Tensor, wanted: Tensor, colours: Tensor) -> float:
    found, expected = (to_lab(each.numpy()) for each in (through(grade, colours), wanted))
    return float(delta_e(found, expected).mean())


def photo() -> npt.NDArray[np.uint8]:
    taken: npt.NDArray[np.uint8] = coffee()[::4, ::4].copy()  # type: ignore[no-untyped-call]
    return taken


def colours_of(picture: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(picture.reshape(-1, 3).copy()).float() / 255


def test_oklab_is_the_one_that_was_published_and_goes_there_and_back() -> None:
    """Values of the reference implementation: white, red, green and blue."""
    found = to_oklab(torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    published = [[1.0, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153]]

    assert found.numpy() == pytest.approx(np.array(published), abs=2e-4)
    colours = torch.rand(200, 3)
    assert from_oklab(to_oklab(colours)).numpy() == pytest.approx(colours.numpy(), abs=1e-4)


def test_a_colour_that_srgb_does_not_have_keeps_its_lightness_and_hue() -> None:
    beyond = torch.tensor([[0.6, 0.4, 0.1], [0.5, -0.1, -0.5], [0.9, 0.0, 0.4]])

    found = to_oklab(within_srgb(beyond))

    assert found[:, 0].numpy() == pytest.approx(beyond[:, 0].numpy(), abs=5e-3)
    turned = torch.atan2(found[:, 2], found[:, 1]) - torch.atan2(beyond[:, 2], beyond[:, 1])
    assert turned.numpy() == pytest.approx(0, abs=2e-2)


@pytest.mark.parametrize("name", sorted(GRADERS))
def test_every_look_leaves_white_white_and_keeps_the_order_of_greys(name: str) -> None:
    ramp = torch.linspace(0, 1, 256)[:, None].expand(-1, 3)

    shown = grader(name)(ramp)

    assert shown[-1].numpy() == pytest.approx(1, abs=2 / 255)
    assert float(shown.diff(dim=0).min()) > -1e-3
    steps = delta_e(to_lab(shown[1:].numpy()), to_lab(shown[:-1].numpy()))
    assert steps.max() < 1.5  # no band: neighbouring greys stay neighbours


@pytest.mark.parametrize("name", sorted(GRADERS))
def test_every_look_keeps_skin_the_colour_of_skin(name: str) -> None:
    skins = torch.tensor([list(bytes.fromhex(c)) for c in ("ffe0c4", "ecbc96", "d0946c", "a56846", "70422a")]) / 255

    before, after = (to_oklab(each) for each in (skins, grader(name)(skins)))

    turned = torch.atan2(after[:, 2], after[:, 1]) - torch.atan2(before[:, 2], before[:, 1])
    assert float(turned.abs().max()) < 0.35  # radians; a quarter of the way to yellow
    assert bool((after[:, 0].diff() < 0).all())


def test_a_look_that_there_is_not_is_refused() -> None:
    with pytest.raises(StyleError, match="golden-hour"):
        grader("sepia")


@pytest.mark.parametrize("name", sorted(GRADERS))
def test_a_grade_that_is_given_as_a_function_is_found(name: str) -> None:
    grade = learnt(Lesson(name, CHART, grader(name)), 5, replace(SMALL, size=17, learning_rate=3e-4))
    colours = torch.rand(3000, 3, generator=torch.Generator().manual_seed(0))

    assert error(grade, grader(name)(colours), colours) < 0.6


def test_a_grade_that_is_shown_on_one_picture_is_found_on_another() -> None:
    look = grader("matte-film")
    pair = (CHART, graded(CHART, look))

    grade = learnt(Lesson("shown", CHART, pairs=[pair]), 150)

    assert error(grade, look(colours_of(photo())), colours_of(photo())) < 2.5
    assert error(grade, look(colours_of(CHART)), colours_of(CHART)) < 1.0


def test_a_look_without_pairs_brings_colours_nearer_and_reverses_nothing() -> None:
    look = graded(photo(), grader("golden-hour"))
    sampler = ContentSampler([], 48, 1.0, 3)
    content = torch.from_numpy(sampler.batch(9999, 8)).permute(0, 2, 3, 1).reshape(-1, 3)
    wanted = to_oklab(colours_of(look))

    grade = learnt(Lesson("look", look), 60)

    def apart(colours: Tensor) -> float:
        return sum(wasserstein_distance(to_oklab(colours)[:, c].numpy(), wanted[:, c].numpy()) for c in range(3))

    assert apart(through(grade, content)) < 0.5 * apart(content)
    assert float(reversals(grade)) < 1e-6


def test_what_is_trained_is_monotone_finite_and_builds() -> None:
    noisy = replace(SMALL, learning_rate=0.2)
    trained = task([Lesson("a", CHART), Lesson("b", CHART, grader("matte-film"))], noisy)
    Trainer(trained, Schedule(15, 1)).run(15)

    packed = trained.trained()

    lut = packed.tensors["lut"].float()
    assert lut.shape == (2, 3, 9, 9, 9)
    for channel in range(3):
        assert float(lut[:, channel].diff(dim=3 - channel).min()) >= 0
    sources = [StyleSource(index, name, picture) for index, (name, picture) in enumerate(packed.references.items())]
    models = build(packed.family, packed.architecture, packed.tensors, sources)
    assert [model.name for model in models] == ["a", "b"]


def test_the_distance_of_clouds_along_one_axis_is_scipys() -> None:
    """On a line, every direction sees the line's own distance, shortened by its cosine."""
    one, other = torch.zeros(400, 3), torch.zeros(400, 3)
    one[:, 0] = torch.rand(400, generator=torch.Generator().manual_seed(1))
    other[:, 0] = torch.rand(400, generator=torch.Generator().manual_seed(2)) + 0.7
    directions = torch.nn.functional.normalize(torch.randn(3, 5, generator=torch.Generator().manual_seed(3)), dim=0)

    found = float(cloud_distance(one, other, 5, torch.Generator().manual_seed(3)))

    squared = np.square(np.sort(one[:, 0].numpy()) - np.sort(other[:, 0].numpy())).mean() * 100**2
    assert found == pytest.approx(squared * float(directions[0].square().mean()), rel=1e-4)
    plain = wasserstein_distance(one[:, 0].numpy(), other[:, 0].numpy())
    assert plain == pytest.approx(np.abs(np.sort(one[:, 0]) - np.sort(other[:, 0])).mean(), rel=1e-5)


def test_gradients_of_the_losses_are_those_of_their_differences() -> None:
    bent = (lattice(3).double() ** 1.3 + 0.1 * torch.rand(3, 3, 3, 3, dtype=torch.float64)).requires_grad_()

    assert torch.autograd.gradcheck(roughness, (bent,))
    assert torch.autograd.gradcheck(reversals, (bent,))
    assert torch.autograd.gradcheck(to_oklab, (torch.rand(4, 3, dtype=torch.float64) + 0.1).requires_grad_())


def test_a_straight_lattice_is_smooth_and_reverses_nothing() -> None:
    assert float(roughness(lattice() * 0.5 + 0.2)) == pytest.approx(0, abs=1e-6)
    assert float(reversals(lattice())) == 0
    assert float(reversals(1 - lattice())) == pytest.approx(3 * 255 / 8, rel=1e-4)


def test_the_same_seed_learns_the_same_and_resuming_changes_nothing(tmp_path: Path) -> None:
    lessons = [Lesson("look", CHART), Lesson("taught", CHART, grader("nordic-light"))]
    whole, stopped, resumed = (Trainer(task(lessons), Schedule(8, 2)) for _ in range(3))
    whole.run(8)
    stopped.run(5)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(8)

    assert torch.equal(whole.task.trained().tensors["lut"], resumed.task.trained().tensors["lut"])


def test_styles_of_a_recipe_are_learnt_from_their_picture_or_from_whom_they_name() -> None:
    styles = (StyleImage("look", CHART), StyleImage("taught", CHART, taught_by="matte-film"))
    material = Material(styles, ContentSampler([], 48, 1.0, 3), SqueezeFeatures(), 3)

    found = make(SMALL, material).losses("network", 0)

    assert {"look.look", "look.restraint", "taught.match", "taught.smoothness"} <= set(found)
    with pytest.raises(StyleError, match="taught by 'nobody'"):
        make(SMALL, replace(material, styles=(StyleImage("odd", CHART, taught_by="nobody"),)))


def test_a_pair_of_two_shapes_and_a_lattice_out_of_bounds_are_refused() -> None:
    with pytest.raises(StyleError, match="before and after"):
        task([Lesson("odd", CHART, pairs=[(CHART, CHART[:9])])])
    with pytest.raises(StyleError, match="2 to 65"):
        task([Lesson("odd", CHART)], replace(SMALL, size=99))
