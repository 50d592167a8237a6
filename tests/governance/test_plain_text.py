from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.plain_text import is_plain, made_plain, require_plain, require_storable

ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING)
def test_whatever_is_made_plain_is_plain_and_bounded(text: str) -> None:
    made = made_plain(text, 50)
    assert is_plain(made)
    assert len(made) <= 50
    made.encode()  # which a broken character would not survive


@given(ANYTHING)
def test_plain_text_is_left_as_it_is(text: str) -> None:
    if is_plain(text) and len(text) <= 50:
        assert made_plain(text, 50) == text


@pytest.mark.parametrize("text", ["a\tb", "a\x7fb", "a\u0085b", "a\u2028b", "a\u2066b", "a\ud800b"])
def test_characters_that_hide_or_forge_are_not_plain(text: str) -> None:
    assert not is_plain(text)
    with pytest.raises(UsageError, match="the name holds control characters"):
        require_plain(text, "the name")


def test_text_is_required_within_bounds_and_without_outer_spaces() -> None:
    assert require_plain("  Zürich 日本 ", "the name") == "Zürich 日本"
    with pytest.raises(UsageError, match="the name is empty"):
        require_plain("  ", "the name")
    with pytest.raises(UsageError, match="201 characters; expected at most 200"):
        require_plain("x" * 201, "the name")


def test_names_from_stores_may_hold_anything_that_can_be_kept() -> None:
    assert require_storable(" line\nbreak\x1b ", "the key") == " line\nbreak\x1b "
    for bad in ("a\0", "a\udfff", "x" * 8_193):
        with pytest.raises(UsageError, match="the key"):
            require_storable(bad, "the key")
