"""What every test stands on: property tests that do not judge a busy machine, and the shared material where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("restyle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("restyle")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference weights and photographs that lie beside the project and are no part of it."""
    if not SHARED.is_dir():
        pytest.skip("the shared reference material is not beside this checkout")
    return SHARED
