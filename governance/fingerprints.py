"""Finding published pictures by how they look: perceptual hashes kept in parts, so that no search reads them all.

A hash of 64 bits is kept as four bands of 16. Of two hashes that differ in at most eleven bits, one band differs in at
most two: asking for every value within two bits of each band (548 of 262,144) finds all of them. That is multi-index
hashing, of Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing" (2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Connection, and_, or_, select

from governance.db import Database, insert_rows
from governance.errors import UsageError
from governance.tables.outputs import FINGERPRINT_BANDS, FingerprintBandRow, OutputRow
from stylecore.data import Digest

NEAR_BITS = 8
"""How many of the 64 bits may differ. Storing anew and halving change two or three; different photographs differ in 31
on average with a deviation of 4, so two of them come this near about once in fifty million pairs."""

_BANDS, _BAND_BITS, _PROBED_BITS = 4, 16, 2
_MOST_CANDIDATES = 20_000
"""Candidates that are looked at: some hundred thousand even bands of one picture do not hold up the answer."""


@dataclass(frozen=True, slots=True)
class Near:
    """A published picture that looks like the one in question, and in how many of 64 bits it differs."""

    item_id: Digest
    distance: int


def record(connection: Connection, fingerprints: Mapping[int, str | None]) -> None:
    """Keeps the parts of new outputs' hashes, by the outputs' ordinals, in the transaction that adds them."""
    rows = [
        {"band": band, "value": value, "output": ordinal}
        for ordinal, told in fingerprints.items()
        if told is not None
        for band, value in enumerate(_bands(_number(told)))
    ]
    insert_rows(connection, FINGERPRINT_BANDS, rows)


def near(db: Database, fingerprint: str, *, within: int = NEAR_BITS, limit: int = 20) -> tuple[Near, ...]:
    """Published pictures that look like this, the nearest first."""
    wanted = _number(fingerprint)
    probes = or_(
        *(
            and_(FingerprintBandRow.band == band, FingerprintBandRow.value.in_(list(_values_near(value))))
            for band, value in enumerate(_bands(wanted))
        )
    )
    outputs = select(FingerprintBandRow.output).where(probes).distinct().limit(_MOST_CANDIDATES)
    candidates = select(OutputRow.item_id, OutputRow.fingerprint).where(OutputRow.ordinal.in_(outputs))
    with db.read() as connection:
        rows = connection.execute(candidates).tuples().all()
    found = (Near(item_id, distance(fingerprint, told)) for item_id, told in rows if told is not None)
    return tuple(sorted((each for each in found if each.distance <= within), key=_by_distance)[:limit])


def distance(one: str, other: str) -> int:
    """In how many of their 64 bits two hashes differ."""
    return (_number(one) ^ _number(other)).bit_count()


def _by_distance(each: Near) -> tuple[int, str]:
    return each.distance, each.item_id


def _number(fingerprint: str) -> int:
    if len(fingerprint) != 16 or not all(digit in "0123456789abcdef" for digit in fingerprint):
        raise UsageError(f"{fingerprint[:40]!r} as a fingerprint", "16 lower-case hex digits")
    return int(fingerprint, 16)


def _bands(number: int) -> list[int]:
    return [number >> (_BAND_BITS * band) & (1 << _BAND_BITS) - 1 for band in range(_BANDS)]


def _values_near(value: int) -> Iterator[int]:
    for flipped in range(_PROBED_BITS + 1):
        for places in combinations(range(_BAND_BITS), flipped):
            yield value ^ sum(1 << place for place in places)
