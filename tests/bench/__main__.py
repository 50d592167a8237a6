"""Run every benchmark, or those named: ``python -m tests.bench [plan] [ledger] [policy] [shard]``."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.settings import usable_cores
from tests.bench import ledger, plan, policy, shard

BENCHES: dict[str, Callable[[Path], Iterator[str]]] = {
    "plan": plan.measured,
    "ledger": ledger.measured,
    "policy": policy.measured,
    "shard": shard.measured,
}


def machine() -> str:
    facts = Path("/proc/cpuinfo")
    told = facts.read_text().splitlines() if facts.exists() else []
    name = next((line.split(":")[1].strip() for line in told if "model name" in line), platform.processor())
    return f"{name}, {usable_cores()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def main(names: list[str]) -> None:
    if len(names) == 1:
        _run(names[0])
        return
    print(f"machine: {machine()}", flush=True)
    for name in names or BENCHES:
        # A process each: peak memory is a process's own, and no bench pays for what another has imported.
        subprocess.run([sys.executable, "-m", "tests.bench", name], check=True)


def _run(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="restyle-bench-") as folder:
        for line in BENCHES[name](Path(folder)):
            print(f"{name:<7} {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
