"""The arithmetic of the tables and the page made of them, with figures that are known."""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import page  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import targets  # noqa: E402
import workloads  # noqa: E402
from workloads import OURS, WORKLOADS, Times  # noqa: E402


def rounds(*costs, **more):
    return [None if cost is None else {"work_ns": cost, "process_ns": cost, "short": False} | more
            for cost in costs]


def point(offered, loss, **more):
    return {"offered": offered, "loss": loss, "relayed_pps": 2 * offered, "p50_us": 20.0,
            "p99_us": 80.0, "own_busy": 0.5, "cpu_busy": 0.5} | more


def test_spread():
    assert report.spread([3, 1, 2]) == (2, 1, 3)
    assert report.spread([1, 2, 3, 10]) == (2.5, 1, 10)


def test_ratios_are_taken_within_a_round():
    """The machine was twice as slow in the second round, for both: the ratio is the same."""
    assert report.ratios([10, 20, 10], [20, 40, 20]) == (0.5, 0.5, 0.5)
    assert report.ratios([1, 2, 6], [2, 2, 2]) == (1, 0.5, 3)


def test_ratios_leave_out_what_broke():
    assert report.ratios([1, None, 4], [2, 2, None]) == (0.5, 0.5, 0.5)
    assert report.ratios([None], [1]) is None
    assert report.ratios([1], [0]) is None


def test_scaling():
    """Two workers that share nothing cost what one costs on the mean of both processors."""
    def results(two):
        return {"workers 1": {OURS: rounds(1000)}, "workers 1 beside": {OURS: rounds(1400)},
                "workers 2": {OURS: rounds(two)}}
    assert report.scaling(results(1200)) == (2, 2, 2)
    assert report.scaling(results(2400)) == (1, 1, 1)
    assert report.scaling({"workers 1": {OURS: rounds(1000)}}) is None


def test_targets():
    def lines(ours):
        data = {"results": {"W2 voice 1000": {OURS: rounds(*ours), "coturn": rounds(100, 100)}}}
        return "\n".join(targets.table(data))
    assert "| at most 0.55 | 0.50 (0.40 - 0.60) | holds |" in lines([40, 60])
    assert "Where it is short" not in lines([40, 60])
    short = lines([60, 80])
    assert "| at most 0.55 | 0.70 (0.60 - 0.80) | **short** |" in short
    assert f"- *W2*: {targets.KERNEL}" in short
    assert not list(targets.table({"results": {}}))


def test_each_target_is_of_a_workload_and_a_figure_that_exist():
    for target in targets.TARGETS:
        if target.workload:
            shown = report.SHOWN[workloads.BY_NAME[target.workload].mode]
            assert target.key in [key for key, _, _ in shown]


def test_growth():
    results = {"growth 1": {OURS: rounds(1000, 2000)}, "growth 10000": {OURS: rounds(1100, 2400)}}
    assert report.growth(results) == {10000: (pytest.approx(1.15), 1.1, 1.2)}


def test_churn_per_core():
    results = report.derive({"W6 churn": {OURS: [{"work_us": 80.0}, None, {"work_us": 0}]}})
    assert [r and r["per_core"] for r in results["W6 churn"][OURS]] == [12500, None, None]


def test_figures_have_the_digits_that_mean_something():
    assert [report.number(v) for v in (123456, 812.4, 12.34, 1.234, 0)] == [
        "123,456", "812", "12.3", "1.23", "0.00"]


def test_rows_compare_each_rival():
    kinds = {OURS: rounds(500, 600), "coturn": rounds(1000, 1000), "passer": rounds(250, None)}
    key, _, is_less, spreads, against = next(report.rows_of("W2 voice 1000", kinds))
    assert key == "work_ns" and is_less
    assert spreads[OURS] == (550, 500, 600) and spreads["passer"] == (250, 250, 250)
    assert against == {"coturn": (0.55, 0.5, 0.6), "passer": (2, 2, 2)}


def test_bounds_of_the_capacity():
    curve = [point(10, 0), point(20, 0.1), point(40, 3), point(60, 0)]
    assert workloads.bounds(curve) == (curve[1], curve[2])
    assert workloads.bounds(curve[:2]) == (curve[1], None)
    assert workloads.bounds(curve[2:]) == (None, curve[2])


def test_a_little_loss_is_looked_at_twice():
    answers = [point(10, 1), point(10, 0.05)]
    assert workloads.offered(lambda *_: answers.pop(0), 10, 1)["loss"] == 0.05
    answers = [point(10, 5), point(10, 0)]
    assert workloads.offered(lambda *_: answers.pop(0), 10, 1)["loss"] == 5
    answers = [point(10, 0), point(10, 5)]
    assert workloads.offered(lambda *_: answers.pop(0), 10, 1)["loss"] == 0


def test_a_curve_ends_when_two_levels_were_too_much():
    assert not workloads.overloaded([point(10, 50)])
    assert not workloads.overloaded([point(10, 50), point(20, 0)])
    assert workloads.overloaded([point(10, 0), point(20, 11), point(40, 60)])


def test_the_time_is_kept():
    """What run.sh and the page promise: 3 minutes and 25."""
    quick = [w for w in WORKLOADS if w.quick]
    assert workloads.estimate(quick, 2, Times(0.5, 0.25, True)) <= 180
    assert workloads.estimate(WORKLOADS, 6, Times(3, 0.7)) <= 25 * 60


def test_names_are_unique():
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    assert all(w.mode in report.SHOWN for w in WORKLOADS)


def load(capacity):
    curve = [point(10000, 0), point(20000, 0), point(40000, 5)]
    return {"capacity_pps": capacity, "p50_us": 20.0, "p99_us": 80.0, "work_ns": 900.0,
            "curve": curve, "short": False}


@pytest.fixture
def data():
    return {
        "machine": {"date": "2026-01-01", "kernel": "6.18", "processor": "a", "processors": 2,
                    "hypervisor": "kvm", "memory_mb": 4096, "mitigations": {"flaw": "Mitigated"},
                    "coturn": "4.6.1", "openssl": "3.0", "load_average": 0.1},
        "slower": 1,
        "generator": 100000, "threaded": True, "rounds": 2, "window": 3, "warmup": 1,
        "broken": [], "engine": {1: {"channel_to_peer_ns": 90.0, "peer_to_channel_ns": 40.0}},
        "scaled": {"W3 video 200": {"clients": 120, "pps": 35640}},
        "results": {
            "load": {OURS: [load(80000), load(82000)], "coturn": [load(40000), None]},
            "W2 voice 1000": {OURS: rounds(500, 600, loss=0), "coturn": rounds(1000, 1000, loss=0),
                              "passer": rounds(250, None)},
            "W3 video 200": {OURS: rounds(300), "coturn": rounds(1000)},
        },
    }


def test_page(data, tmp_path):
    page.write(data, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "| W2 voice 1000 | ns per packet | 550 (500 - 600) | 1,000 (1,000 - 1,000) | " \
        "**0.55x (0.50 - 0.60)** | less | 2 |" in text
    assert "120 of them" in text and "flaw: Mitigated" in text and "2.5 times our capacity" in text
    for name in (page.THROUGHPUT, page.LATENCY):
        assert f"({name})" in text
        xml.parse(tmp_path / name)


def test_charts_keep_levels_that_most_rounds_have(data):
    """A rate that only one of three rounds has tried is no point of the curve."""
    three = [load(1), load(1), load(1)]
    three[0]["curve"].append(point(33333, 0))
    assert list(page.merged(three)) == [10000, 20000, 40000]
    assert [p[0] for p in page.line(three, "p50_us", "x", 0).points] == [20000, 40000, 80000]


def test_marks_of_an_axis():
    assert plot.steps(500000) == [0, 100000, 200000, 300000, 400000, 500000]
    assert plot.steps(70) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert plot.decades(10, 1000) == [10, 100, 1000]
    assert [plot.short(v) for v in (0, 500, 20000, 1.5e6)] == ["0", "500", "20k", "1.5M"]
