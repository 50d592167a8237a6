"""A recipe is written and read without loss, and read strictly; a plain one is spelled as it always was."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecore.data import Digest, Recipe, Zone, canonical_json, read_zones

share = st.floats(0, 1)
slug = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
colour = st.from_regex(r"[0-9a-f]{6}", fullmatch=True)
digests = st.binary(max_size=4).map(Digest.of)
sides = st.tuples(share, share).map(sorted).filter(lambda pair: pair[0] < pair[1])
boxes = st.tuples(sides, sides).map(lambda pair: (pair[0][0], pair[1][0], pair[0][1], pair[1][1]))
polygons = st.lists(st.tuples(share, share), min_size=3, max_size=9).map(tuple)
mask_keys = st.from_regex(r"([a-zA-Zäøß0-9_ -]{1,9}/){0,3}[a-zA-Z港0-9]{1,9}\.mask\.png", fullmatch=True)
zones = (
    st.builds(Zone, slug, box=boxes)
    | st.builds(Zone, slug, polygon=polygons)
    | st.builds(Zone, slug, mask=mask_keys, mask_digest=st.none() | digests)
)
recipes = st.builds(
    Recipe,
    strength=share,
    max_edge_px=st.integers(1, 20_000),
    output_format=st.sampled_from(["like-input", "jpeg", "png", "webp", "tiff"]),
    quality=st.integers(1, 100),
    blend=st.lists(st.tuples(slug, share), max_size=3).map(tuple),
    regions=st.lists(st.tuples(slug, slug), max_size=3).map(tuple),
    protect=st.lists(slug, max_size=3).map(tuple),
    detect=st.lists(slug, max_size=2).map(tuple),
    feather=share,
    keep_colour=st.sampled_from(["none", "luminance", "histogram", "covariance"]),
    palette=st.lists(colour, max_size=4).map(tuple),
    palette_delta_e=st.floats(0.5, 100),
    stroke=st.floats(0.25, 8),
    seed=st.integers(0, 2**32 - 1),
    zones=st.lists(zones, max_size=4).map(tuple),
)


@given(recipes)
def test_what_is_written_is_read_as_the_same_recipe(recipe: Recipe) -> None:
    written = canonical_json(recipe.as_dict())

    assert Recipe.read(json.loads(written)) == recipe
    assert canonical_json(Recipe.read(json.loads(written)).as_dict()) == written


def test_a_plain_recipe_is_spelled_as_before_there_were_controls() -> None:
    spelled = b'{"max_edge_px":1600,"output_format":"like-input","quality":90,"strength":1.0}'

    assert canonical_json(Recipe().as_dict()) == spelled


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"colour": "red"}, "colour"),
        ({"strength": 1.5}, "strength"),
        ({"strength": "1"}, "strength"),
        ({"strength": None}, "strength"),
        ({"strength": True}, "strength"),
        ({"quality": 90.5}, "quality"),
        ({"output_format": "bmp"}, "output_format"),
        ({"blend": [["a"]]}, "blend.0"),
        ({"blend": {"a": 0.5}}, "blend"),
        ({"blend": [["A b", 0.5]]}, "blend.0.0"),
        ({"protect": "logo"}, "protect"),
        ({"protect": ["x" * 64]}, "protect.0"),
        ({"protect": ["a"] * 65}, "protect"),
        ({"palette": ["#ff0000"]}, "palette.0"),
        ({"palette_delta_e": 0.1}, "palette_delta_e"),
        ({"stroke": 100.0}, "stroke"),
        ({"seed": -1}, "seed"),
        ({"zones": [{}]}, "zones.0"),
        ({"zones": [{"kind": "a", "box": [0, 0, 1, 1], "x": 1}]}, "zones.0.x"),
        ({"zones": [{"kind": "a", "mask": "a.mask.png", "mask_digest": "0"}]}, "zones.0.mask_digest"),
        ({"zones": [{"kind": "a", "mask": "../../a.mask.png"}]}, "zones.0.mask"),
        ({"zones": [{"kind": "a", "mask": "a" * 1100 + ".mask.png"}]}, "zones.0.mask"),
    ],
)
def test_a_recipe_that_nobody_wrote_is_refused_in_one_line_that_names_the_field(
    changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{told}[0-9a-z_.]*: [^\n]+$"):
        Recipe.read({**Recipe().as_dict(), **changed})


@pytest.mark.parametrize(
    "shape",
    [{}, {"box": (0, 0, 1, 1), "mask": "a.mask.png"}, {"box": (0.5, 0, 0.2, 1)}, {"polygon": ((0, 0), (1, 1))}],
    ids=["none", "two", "turned", "line"],
)
def test_a_zone_has_one_shape_with_an_inside(shape: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Zone("logo", **shape)


@given(st.binary(max_size=200))
def test_no_bytes_beside_an_asset_bring_anything_but_zones_or_a_told_problem(content: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(read_zones(content), tuple)


def test_a_recipe_takes_the_zones_it_uses_and_no_others() -> None:
    logo, face = Zone("logo", box=(0, 0, 0.5, 0.5)), Zone("face", box=(0.5, 0.5, 1, 1))
    recipe = Recipe(protect=("logo",), regions=(("sky", "waves"),), blend=(("waves", 0.2), ("dashes", 0.1)))

    assert recipe.on([logo, face]).zones == (logo,)
    assert recipe.kinds == {"logo", "sky"}
    assert recipe.further_styles == ("waves", "dashes")
    assert Recipe().on([logo, face]) == Recipe()
