"""The signed text of an approval: what is opened is what was signed, and nothing else opens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import approval_notes
from governance.errors import IntegrityError, UsageError
from tests.governance.world import SIGNER

WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
SAID = st.dictionaries(WORDS, WORDS | st.integers() | st.none() | st.lists(WORDS, max_size=3), max_size=6)


@given(said=SAID)
def test_what_was_signed_is_what_is_read(said: dict[str, Any]) -> None:
    assert approval_notes.opened(approval_notes.signed(SIGNER, said), SIGNER.verifier) == said


@given(said=SAID, data=st.data())
def test_a_note_with_any_character_changed_does_not_open(said: dict[str, Any], data: st.DataObject) -> None:
    note = approval_notes.signed(SIGNER, said)
    place = data.draw(st.integers(0, len(note) - 2))
    other = data.draw(st.characters(blacklist_categories=["Cs"]).filter(lambda char: char != note[place]))
    with pytest.raises(IntegrityError):
        approval_notes.opened(note[:place] + other + note[place + 1 :], SIGNER.verifier)


def test_a_note_about_something_else_is_no_approval() -> None:
    with pytest.raises(IntegrityError, match="restyle ledger"):
        approval_notes.opened(SIGNER.note("restyle ledger\n7\nroot\n"), SIGNER.verifier)


def test_terms_without_bounds_are_not_signed() -> None:
    with pytest.raises(UsageError, match="fewer territories"):
        approval_notes.signed(SIGNER, {"territories": ["x" * 100] * 100})
