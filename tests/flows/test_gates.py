"""The gates file: typed, bounded, and never read in two ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import UsageError
from flows.evaluation import Measured, judged
from flows.gates import parse_gates, read_gates, shipped_gates

LEAST = "gates: 1\nbounds: [{metric: ssim_eighth, at_least: 0.4}]\nms_per_megapixel: 100\n"


def measured(speed: float = 50, changed: tuple[str, ...] = (), **classes: dict[str, float]) -> Measured:
    return Measured(classes, speed, changed, ())


def failures(found: Measured, gates: str = LEAST, baseline: dict[str, dict[str, float]] | None = None) -> set[str]:
    findings = judged(found, parse_gates(gates.encode()), "feed-forward", baseline)
    return {each.code for each in findings if not each.holds}


def test_the_shipped_gates_are_gates() -> None:
    gates = read_gates(None)
    assert gates.digest == parse_gates(shipped_gates().encode()).digest
    assert gates.bounds_for("colour-grade", "product") != gates.bounds_for("feed-forward", "product")
    assert len(gates.bounds_for("feed-forward", "person")) == len(gates.bounds) + 1


def test_comments_and_order_make_no_other_gates_and_numbers_do() -> None:
    assert parse_gates(LEAST.encode()).digest == parse_gates(f"# strict\n{LEAST}".encode()).digest
    assert parse_gates(LEAST.encode()).digest != parse_gates(LEAST.replace("0.4", "0.3").encode()).digest


@pytest.mark.parametrize(
    "spoilt",
    [
        LEAST.replace("gates: 1", "gates: 2"), f"{LEAST}surprise: 1\n", LEAST.replace("ssim_eighth", "beauty"),
        LEAST.replace("at_least: 0.4", "at_least: .nan"), LEAST.replace(", at_least: 0.4", ""),
        LEAST.replace("at_least: 0.4", "at_least: 0.4, at_most: 0.1"), LEAST.replace("100", "0"), "gates: 1\n",
        f"{LEAST}ms_per_megapixel: 200\n", "[1, 2]", "", "gates: [", f"{LEAST}edge_px: 100000\n",
        "a: &a [x]\nb: *a\n", "!!python/object/apply:os.system [ls]", "x" * 70_000, "gates: \x00",
    ],
)  # fmt: skip
def test_what_is_no_gates_file_is_refused_with_its_reason(spoilt: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_gates(spoilt.encode())
    assert refused.value.next_step


def test_a_gates_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_gates(tmp_path / "gates.yaml")


def test_a_bound_holds_at_its_end_and_for_every_class() -> None:
    assert failures(measured(product={"ssim_eighth": 0.4})) == set()
    assert failures(measured(product={"ssim_eighth": 0.9}, person={"ssim_eighth": 0.39})) == {"person/ssim_eighth"}


def test_what_could_not_be_measured_does_not_hold_unless_the_gate_says_so() -> None:
    assert failures(measured(product={})) == {"product/ssim_eighth"}
    assert failures(measured(product={}), LEAST.replace("0.4", "0.4, where_measured: true")) == set()


def test_protection_and_speed_are_gates_of_their_own() -> None:
    assert failures(measured(speed=101, changed=("cup",), product={"ssim_eighth": 1.0})) == {"protection", "speed"}


@pytest.mark.parametrize(
    ("metric", "before", "after", "fails"),
    [
        ("ssim_eighth", 0.8, 0.75, False),
        ("ssim_eighth", 0.8, 0.6, True),
        ("ssim_eighth", 0.8, 0.99, False),
        ("lpips_lite", 0.3, 0.5, True),
        ("lpips_lite", 0.3, 0.1, False),
    ],
)
def test_a_version_may_not_be_much_worse_than_the_approved_one(
    metric: str, before: float, after: float, fails: bool
) -> None:
    gates = f"{LEAST}regressions: {{ssim_eighth: 0.1, lpips_lite: 0.1}}\n"
    now = {"product": {"ssim_eighth": 0.7, metric: after}, "only-now": {"ssim_eighth": 0.7}}
    found = failures(measured(**now), gates, {"product": {metric: before}, "only-then": {metric: 1.0}})
    assert found == ({f"regression:product/{metric}"} if fails else set())
