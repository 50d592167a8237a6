"""How long to wait before another try: longer each time, and never in step with everybody else."""

import random
import time

_LONGEST_S = 3.0


def pause(tries: int) -> None:
    time.sleep(random.uniform(0.5, 1.0) * min(0.1 * 2**tries, _LONGEST_S))  # noqa: S311  no secret depends on it
