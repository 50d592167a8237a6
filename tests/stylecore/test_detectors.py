"""Detectors find what people would have drawn, the same every time; and on plain photographs they find little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from PIL import Image, ImageDraw, ImageFont

from stylecore.data import Recipe, Zone
from stylecore.detectors import detected
from stylecore.errors import ControlError
from stylecore.image import Picture
from stylecore.protect import areas_of, drawn
from tests.stylecore.sample_images import noise

_DATA = Path(skimage.__file__).parent / "data"
WORDS = ("Autumn Sale", "Fresh coffee", "Brand House", "Since 1987", "limited edition")


def shown(name: str) -> Image.Image:
    return Image.open(_DATA / name).convert("RGB")


def as_picture(image: Image.Image) -> Picture:
    return Picture(np.array(image))


def covered(zones: tuple[Zone, ...], picture: Picture) -> npt.NDArray[np.bool_]:
    return drawn(zones, picture.width_px, picture.height_px)


# --- faces -----------------------------------------------------------------------------------------------------------


def test_the_face_of_the_astronaut_is_found_with_its_hair_and_chin() -> None:
    picture = as_picture(shown("astronaut.png"))

    (face,) = detected("face", picture)

    assert face.box is not None
    left, top, right, bottom = (edge * 512 for edge in face.box)
    assert 140 < left < 180 < 270 < right < 320
    assert top < 60
    assert 170 < bottom < 240


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "gravel.png"])
def test_no_face_is_found_where_there_is_none(name: str) -> None:
    assert detected("face", as_picture(shown(name))) == ()


@pytest.mark.parametrize("size", [(1, 1), (23, 200), (24, 24), (30, 25)])
def test_a_picture_too_small_for_a_face_has_none(size: tuple[int, int]) -> None:
    assert detected("face", Picture(noise(*size))) == ()


def test_most_of_a_crowd_of_strangers_is_found() -> None:
    faces = np.load(_DATA / "lfw_subset.npy")[:12]
    found = 0
    for face in faces:
        picture = shown("chelsea.png").resize((400, 266)).convert("L")
        picture.paste(Image.fromarray((face * 255).astype(np.uint8)).resize((75, 75)), (250, 100))
        zones = detected("face", as_picture(picture.convert("RGB")))
        found += bool(zones) and bool(covered(zones, as_picture(picture.convert("RGB")))[110:165, 260:315].all())
    assert found >= 10


# --- lettering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_px", [20, 36, 64])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_words_set_on_a_picture_are_found_whole(size_px: int, colour: str) -> None:
    font = ImageFont.load_default(size_px)
    for number, words in enumerate(WORDS):
        image = shown("coffee.png").resize((600, 400))
        canvas = ImageDraw.Draw(image)
        left, top, right, bottom = canvas.textbbox((30, 40 + 50 * number), words, font=font)
        plate = "black" if colour == "white" else "white"
        canvas.rectangle((left - 12, top - 12, right + 12, bottom + 12), fill=plate)
        canvas.text((30, 40 + 50 * number), words, font=font, fill=colour)
        picture = as_picture(image)

        found = covered(detected("text", picture), picture)

        assert found[int(top) : int(bottom), int(left) : int(right)].mean() > 0.9, words


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png"])
def test_hardly_any_lettering_is_found_where_there_is_none(name: str) -> None:
    picture = as_picture(shown(name))

    assert covered(detected("text", picture), picture).mean() < 0.02


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((300, 400, 3), dtype=np.uint8),
        noise(400, 300),
        np.kron(np.indices((60, 80)).sum(axis=0) % 2, np.ones((5, 5))).astype(np.uint8)[..., None].repeat(3, 2) * 255,
        noise(3, 3),
    ],
    ids=["black", "noise", "checks", "tiny"],
)
def test_pictures_made_to_confuse_it_are_looked_at_all_the_same(pixels: npt.NDArray[np.uint8]) -> None:
    for kind in ("text", "face"):
        assert len(detected(kind, Picture(pixels))) < 200


# --- both ------------------------------------------------------------------------------------------------------------


def test_the_same_picture_gives_the_same_zones() -> None:
    picture = as_picture(shown("astronaut.png"))

    for kind in ("face", "text"):
        assert detected(kind, picture) == detected(kind, picture)


def test_an_unknown_detector_is_refused_with_those_there_are() -> None:
    with pytest.raises(ControlError, match="face or text"):
        detected("logo", Picture(noise(40, 40)))


def test_what_is_detected_is_protected_only_where_the_recipe_says_so() -> None:
    picture = as_picture(shown("astronaut.png"))

    assert areas_of(picture, Recipe(protect=("face",))).protected is None
    found = areas_of(picture, Recipe(protect=("face",), detect=("face",))).protected
    assert found is not None
    assert (found == 255)[60:160, 180:270].all()
