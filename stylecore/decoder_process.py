"""A process that decodes one file after another and may die of one: what ``decoder_pool`` starts.

``python -m stylecore.decoder_process FD`` reads requests from its input and their files from the shared file of that
number, writes the pictures there, and ends with its input.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

from stylecore.decoder_wire import MAX_LINE_BYTES, put, read_all
from stylecore.image_problems import ImageProblem, Limits
from stylecore.image_reading import Reading, decode

_BYTES_A_PIXEL = 64
"""What 16 bits and floats need of memory at the worst moment."""
_BYTES_AT_LEAST = 1 << 30


def serve(requests: BinaryIO, answers: BinaryIO, file: int) -> None:
    while line := requests.readline(MAX_LINE_BYTES):
        told = json.loads(line)
        content = bytearray(told["size"])
        read_all(file, memoryview(content), 0)
        answers.write(json.dumps(_answer(told, bytes(content), file)).encode() + b"\n")
        answers.flush()


def _answer(told: dict[str, Any], content: bytes, file: int) -> dict[str, Any]:
    limits = Limits(**told["limits"])
    _limit_resources(limits)
    try:
        return put(decode(content, limits, told["max_edge_px"], Reading(**told["reading"])), file)
    except ImageProblem as problem:
        parts = {"got": problem.got, "expected": problem.expected, "next_step": problem.next_step}
        return {"problem": {"code": problem.code, **parts}}


def _limit_resources(limits: Limits) -> None:
    """Beyond these the kernel ends this process. They count from here, since both count what was used before."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + limits.max_cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():
        held = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most = held + max(_BYTES_AT_LEAST, limits.max_pixels * _BYTES_A_PIXEL)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    serve(sys.stdin.buffer, answers, int(sys.argv[1]))


if __name__ == "__main__":
    main()
