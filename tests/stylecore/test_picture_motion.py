"""Animations: put aside, cut to their first frame, or restyled frame by frame, as the campaign says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stylecore.data import Recipe
from stylecore.decoder_pool import DecoderPool
from stylecore.engine import Engine
from stylecore.image import ImageProblem, Limits, Picture, ProblemCode, Reading, decode, encode, resized
from stylecore.protect import Areas
from stylecore.stylize import stylize
from tests.stylecore.sample_files import frames, tiff
from tests.stylecore.sample_images import Inverted, saved, scene, with_alpha

ALL = Reading("keep", "frames")


def turned(times: int) -> np.ndarray:
    return np.array(scene().rotate(90 * times))


def shown(content: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(content))
    found = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        found.append(np.array(image.convert("RGB")))
    return found


@pytest.mark.parametrize(
    ("container", "written_as", "near"),
    [("gif", "png", 14), ("png", "png", 0), ("webp", "webp", 6), ("avif", "webp", 6)],
)
def test_every_frame_is_restyled_and_none_changes_its_time(container: str, written_as: str, near: int) -> None:
    before = decode(frames(container, duration=[70, 120, 200], loop=3), reading=ALL)
    assert before.motion is not None
    assert len(before.motion.frames) == 2
    after = stylize(Inverted(), [before], Recipe())[0]
    written = encode(after, "like-input", 95, like=before.format)
    assert written.media_type == f"image/{written_as}"
    for number, frame in enumerate(shown(written.content)):
        assert np.abs(frame.astype(int) - (255 - turned(number).astype(int))).mean() <= near
    again = decode(written.content, reading=ALL)
    assert again.motion is not None
    assert again.motion.durations_ms == before.motion.durations_ms
    if container != "avif":
        assert (before.motion.durations_ms, again.motion.loops) == ((70, 120, 200), 3)
    assert encode(after, "like-input", 95, like=before.format).digest == written.digest


def test_alpha_of_every_frame_stays_bit_for_bit() -> None:
    moving = [with_alpha().rotate(180), with_alpha()]
    before = decode(saved(with_alpha(), "png", save_all=True, append_images=moving), reading=ALL)
    after = stylize(Inverted(), [before], Recipe())[0]
    again = decode(encode(after, "png", 90, like="png").content, reading=ALL)
    assert again.motion is not None
    for frame, source in zip((again, *again.motion.frames), (with_alpha(), *moving), strict=True):
        assert np.array_equal(frame.alpha, np.array(source)[..., 3])  # type: ignore[arg-type]


def test_the_shape_of_a_batch_does_not_show_in_an_animation() -> None:
    before = decode(frames("png"), reading=ALL)
    one, other = (stylize(Inverted(), [before], Recipe(), Engine(batch_size=size))[0] for size in (1, 2))
    assert encode(one, "png", 90, like="png").digest == encode(other, "png", 90, like="png").digest


def test_what_is_protected_is_protected_in_every_frame() -> None:
    before = decode(frames("png"), reading=ALL)
    protected = np.zeros((48, 64), np.uint8)
    protected[:20, :20] = 255
    after = stylize(Inverted(), [before], Recipe(), areas=[Areas(protected)])[0]
    for number, frame in enumerate(shown(encode(after, "png", 90, like="png").content)):
        assert np.array_equal(frame[:20, :20], turned(number)[:20, :20])


def test_at_strength_zero_an_animation_comes_back_as_it_was() -> None:
    before = decode(frames("png"), reading=ALL)
    same = stylize(Inverted(), [before], Recipe(strength=0.0))[0]
    for number, frame in enumerate(shown(encode(same, "png", 90, like="png").content)):
        assert np.array_equal(frame, turned(number))


def test_an_animation_is_made_smaller_in_all_its_frames() -> None:
    for small in (decode(frames("png"), max_edge_px=32, reading=ALL), resized(decode(frames("png"), reading=ALL), 32)):
        assert small.motion is not None
        assert {(each.width_px, each.height_px) for each in (small, *small.motion.frames)} == {(32, 24)}


def test_an_animation_with_an_orientation_turns_in_all_its_frames() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    before = decode(frames("webp", exif=exif.tobytes()), reading=ALL)
    assert before.motion is not None
    assert {(each.width_px, each.height_px) for each in (before, *before.motion.frames)} == {(48, 64)}


@pytest.mark.parametrize("target", ["jpeg", "tiff", "avif"])
def test_a_format_of_single_pictures_takes_no_animation(target: str) -> None:
    with pytest.raises(ImageProblem, match="animation") as refused:
        encode(decode(frames("gif"), reading=ALL), target, 90, like="gif")  # type: ignore[arg-type]
    assert refused.value.code == ProblemCode.UNSUPPORTED_FORMAT


def test_more_frames_or_pixels_than_the_limits_allow_are_refused_before_they_are_decoded() -> None:
    for container in ("gif", "png", "webp", "avif"):
        for limits in (Limits(max_frames=2), Limits(max_pixels=2 * 64 * 48)):
            with pytest.raises(ImageProblem) as refused:
                decode(frames(container), limits, reading=ALL)
            assert refused.value.code in (ProblemCode.TOO_LARGE, ProblemCode.DECOMPRESSION_BOMB)


def test_pages_are_no_frames() -> None:
    for content in (frames("tiff"), tiff(np.zeros((2, 8, 8, 3), np.uint8))):
        with pytest.raises(ImageProblem, match="pages") as refused:
            decode(content, reading=ALL)
        assert refused.value.code == ProblemCode.ANIMATED


def test_a_still_picture_holds_no_motion() -> None:
    for container in ("png", "webp", "gif", "jpeg"):
        assert decode(saved(scene(), container), reading=ALL).motion is None


@pytest.mark.parametrize("container", ["gif", "png"])
def test_an_animation_from_a_process_of_its_own_is_the_same(container: str) -> None:
    content = frames(container, duration=[70, 120, 200])
    here, there = decode(content, reading=ALL), DecoderPool(1).decode(content, reading=ALL)
    digests = {encode(each, "png", 90, like="png").digest for each in (here, there)}
    assert len(digests) == 1
    assert isinstance(there, Picture)


@pytest.mark.parametrize("container", ["gif", "png", "webp"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_an_animation_cut_short_is_put_aside(container: str, share: float) -> None:
    whole = frames(container)
    with pytest.raises(ImageProblem) as refused:
        decode(whole[: int(len(whole) * share)], reading=ALL)
    assert refused.value.code in (ProblemCode.TRUNCATED, ProblemCode.CORRUPT)
