"""Where and how a style network runs. What it says of itself goes into the provenance of everything it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch

from stylecore.data import RestyleError

Wanted = Literal["auto", "cpu", "cuda"]


class EngineError(RestyleError):
    """The device that was asked for is not here."""

    kind: ClassVar[str] = "usage"


@dataclass(frozen=True, slots=True)
class Engine:
    """A device, and the batch shape that is kept for a whole job: another shape may give other last bits.

    On a CPU a batch of one is as fast as a larger one and takes the least memory.
    """

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1 or self.batch_size < 1:
            raise EngineError(f"threads {self.threads}, batch size {self.batch_size}", "at least 1 of each")
        if self.precision != "float32":
            raise EngineError(f"precision {self.precision!r}", "float32")

    @classmethod
    def choose(cls, wanted: Wanted = "auto", threads: int = 1) -> Self:
        if wanted not in ("auto", "cpu", "cuda"):
            raise EngineError(f"engine {wanted!r}", "auto, cpu or cuda")
        has_cuda = wanted != "cpu" and torch.cuda.is_available()
        if wanted == "cuda" and not has_cuda:
            raise EngineError(
                "no CUDA device", "one, and a torch that was built for it", "Use the engine 'auto' or 'cpu'"
            )
        return cls("cuda", threads, batch_size=8) if has_cuda else cls("cpu", threads)

    def describe(self) -> dict[str, str]:
        name = torch.cuda.get_device_name() if self.device == "cuda" else torch.backends.cpu.get_cpu_capability()
        return {
            "device": f"{self.device} ({name})",
            "torch": torch.__version__,
            "precision": self.precision,
            "batch_size": str(self.batch_size),
        }

    def claim_thread(self) -> None:
        """Give the calling thread its share of cores.

        Torch keeps the number for each thread that has already computed, and a changed default reaches only threads
        that have not: so each calling thread asks for itself. Two OpenMP threads on a busy machine spin against each
        other, three to four times slower than one.
        """
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)


ON_CPU = Engine()
