"""Looking at what is published, where it is published: is it there, is it what was signed, does it still prove it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from flows.published_files import Shelves
from flows.stores.errors import StoreError, StoreNotFound, StoreUnreachable
from flows.wiring import Services
from governance import output_checks, outputs
from governance.output_checks import Credentials, Look
from governance.outputs import Output
from governance.provenance.verify import FileProof, verify_file
from stylecore.data import Digest

_EYES = 4
_AT_ONCE = 64

_CREDENTIALS: dict[str, Credentials] = {"intact": "valid", "no-credentials": "missing"}


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A published file and what a look at it found; ``None`` where its store did not answer, which is no finding."""

    output: Output
    look: Look | None
    why: str

    @property
    def state(self) -> str:
        if self.look is None:
            return "not reached"
        if self.look.found != "same":
            return self.look.found
        return "well" if self.look.is_well else f"credentials {self.look.credentials}"


def verify_outputs(
    services: Services, actor: str, *, campaign: str | None = None, sample: int | None = None
) -> Iterator[LookedAt]:
    """Every live file, or as many as asked for: first those that nobody looked at, or not for the longest time."""
    shelves = Shelves(services.records, services.store)
    look = partial(_looked_at, shelves, services.anchors)
    ordinals = output_checks.due(services.records, campaign=campaign, limit=sample)
    with ThreadPoolExecutor(_EYES, thread_name_prefix="verify") as eyes:
        for start in range(0, len(ordinals), _AT_ONCE):
            page = [outputs.get(services.records, ordinal) for ordinal in ordinals[start : start + _AT_ONCE]]
            found = list(eyes.map(look, [output for output in page if output is not None and output.is_live]))
            output_checks.record(services.records, [each.look for each in found if each.look is not None], actor)
            yield from found


def _looked_at(shelves: Shelves, anchors: Sequence[str], output: Output) -> LookedAt:
    try:
        place = shelves.place(output.item_id, output.destination, output.uri)
        content = place.shelf.read(place.key)
    except StoreNotFound as problem:
        look = Look(output.ordinal, output.item_id, "missing", why=str(problem))
    except StoreUnreachable as problem:
        shelves.forget(output.destination, problem)
        return LookedAt(output, None, str(problem))
    except StoreError as problem:
        look = Look(output.ordinal, output.item_id, "unreadable", why=str(problem))
    else:
        look = _compared(output, content, verify_file(content, anchors))
    return LookedAt(output, look, look.why)


def _compared(output: Output, content: bytes, proof: FileProof) -> Look:
    digest = Digest.of(content)
    well = proof.is_intact and proof.is_trusted
    return Look(
        output.ordinal,
        output.item_id,
        "same" if digest == output.output_digest else "changed",
        digest,
        _CREDENTIALS.get(proof.state, "invalid"),
        "" if well else proof.explanation,
    )
