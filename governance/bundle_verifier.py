"""Checks a bundle of ledger events. It needs nothing but Python's standard library: run it anywhere.

    python3 BUNDLE.zip [VERIFIER]
    python3 bundle_verifier.py BUNDLE.zip [VERIFIER]

A copy of this file lies in every bundle; whoever does not trust that copy takes one from the product's sources.
VERIFIER is the ledger's public key as its owner told it to you (``restyle audit key`` prints it). Without it, the key
named in the bundle is used, which shows that the bundle hangs together and not whose it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

MAX_BYTES = 2_000_000_000


class Wrong(Exception):
    """Something in the bundle does not hold."""


# --- Ed25519, by RFC 8032. Slow and simple: a handful of signatures is all there is to check. ------------------------

_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


Point = tuple[int, int, int, int]


def _x_of(y: int, sign: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P)
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _point(encoded: bytes) -> Point:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign)
    if x is None:
        raise Wrong("a key or signature that is no point of the curve")
    return (x, y, 1, x * y % _P)


def _sum(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % _P
    f = (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    w, x, y, z = f - e, h - g, h + g, f + e
    return (w * x % _P, y * z % _P, x * y % _P, w * z % _P)


def _times(number: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _sum(result, point)
        point, number = _sum(point, point), number >> 1
    return result


def _same(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _point(_Y.to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64:
        return False
    number = int.from_bytes(signature[32:], "little")
    if number >= _Q:
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(hashed, "little") % _Q
    right = _sum(_point(signature[:32]), _times(challenge, _point(public)))
    return _same(_times(number, _BASE), right)


# --- the Merkle tree, by RFC 6962 ------------------------------------------------------------------------------------


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _includes(root: bytes, size: int, index: int, leaf: bytes, proof: list[bytes]) -> bool:
    if not 0 <= index < size:
        return False
    node, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            reached = _node(sibling, reached)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = _node(reached, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and reached == root


def _is_extension(old_root: bytes, old_size: int, root: bytes, size: int, proof: list[bytes]) -> bool:
    if old_size == size:
        return not proof and old_root == root
    if not 0 < old_size < size:
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_reached = reached = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_reached, reached = _node(sibling, old_reached), _node(sibling, reached)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = _node(reached, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old_reached == old_root and reached == root


# --- the bundle ------------------------------------------------------------------------------------------------------


def _read(bundle: zipfile.ZipFile, name: str) -> bytes:
    if bundle.getinfo(name).file_size > MAX_BYTES:
        raise Wrong(f"{name} is larger than {MAX_BYTES} bytes")
    return bundle.read(name)


def _checkpoint(note: str, verifier: str) -> tuple[int, bytes, str]:
    """(size, root, time) of a signed note."""
    name, _, key = verifier.strip().partition("+")
    public = base64.b64decode(key.partition("+")[2], validate=True)[1:]
    text, found, signatures = note.rpartition("\n\n\u2014 ")
    for line in signatures.splitlines() if found else ():
        signer, _, encoded = line.removeprefix("\u2014 ").partition(" ")
        if signer == name and is_signed(public, (text + "\n").encode(), base64.b64decode(encoded, validate=True)[4:]):
            _, size, root, time = text.split("\n")
            return int(size), base64.b64decode(root, validate=True), time
    raise Wrong(f"a checkpoint that {name} did not sign")


def _in_chain(number: int, event: dict[str, Any], entry: bytes, before: dict[int, str]) -> None:
    """An event whose predecessor is in the bundle names that one's hash."""
    known = before.get(event["seq"] - 1)
    if known is not None and event["prev_hash"] != known:
        raise Wrong(f"event {event['seq']} does not follow the event before it")
    if number and event["seq"] <= max(before):
        raise Wrong(f"event {event['seq']} is out of order")
    before[event["seq"]] = hashlib.sha256(entry).hexdigest()


def check(path: str | Path, verifier: str | None = None) -> list[str]:
    """What the bundle proves, as lines to read. Raises ``Wrong``."""
    with zipfile.ZipFile(path) as bundle:
        own = _read(bundle, "verifier.txt").decode().strip()
        proofs = json.loads(_read(bundle, "proofs.json"))
        entries = _read(bundle, "events.jsonl").decode("utf-8", "surrogatepass").splitlines()
        notes = [_read(bundle, name).decode() for name in sorted(bundle.namelist()) if name.startswith("checkpoints/")]
    trusted = verifier or own
    points = sorted(_checkpoint(note, trusted) for note in notes)
    size, root, time = points[-1]
    for (old_size, old_root, _), proof in zip(points[:-1], proofs["consistency"], strict=True):
        if not _is_extension(old_root, old_size, root, size, [bytes.fromhex(each) for each in proof]):
            raise Wrong(f"the ledger of {size} events does not begin with the one of {old_size}")
    before: dict[int, str] = {}
    for number, line in enumerate(entries):
        entry = line.encode("utf-8", "surrogatepass")
        event = json.loads(line)
        _in_chain(number, event, entry, before)
        proof = [bytes.fromhex(each) for each in proofs["inclusion"][number]]
        leaf = _leaf(hashlib.sha256(entry).digest())
        if not _includes(root, size, event["seq"] - 1, leaf, proof):
            raise Wrong(f"event {event['seq']} is not in the ledger that was checkpointed")
    return [
        f"{len(entries)} events, each in the ledger of {size} events that was checkpointed ({time})",
        f"{len(points)} checkpoints, each the beginning of the last one",
        f"signed by {trusted}",
        "the key was given by you" if verifier else "the key was named by the bundle itself: ask its owner for it",
    ]


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print(__doc__)
        return 2
    try:
        lines = check(*arguments)
    except Wrong as problem:
        print(f"NOT PROVEN: {problem}")
        return 1
    except Exception as problem:  # a bundle comes from anywhere, and whatever is wrong with it is wrong with it
        print(f"NOT PROVEN: the bundle cannot be read ({type(problem).__name__}: {str(problem)[:200]})")
        return 1
    print("PROVEN")
    for line in lines:
        print("  " + line)
    return 0


if __name__ == "__main__":
    holder = Path(__file__).resolve().parent  # the bundle itself, when this runs from inside it
    raise SystemExit(main([str(holder), *sys.argv[1:]] if zipfile.is_zipfile(holder) else sys.argv[1:]))
