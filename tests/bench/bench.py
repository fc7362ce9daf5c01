"""Relaying measured beside coturn, in turns, in one run on one machine: only ratios mean anything.

field.py draws the links, servers.py says what stands in the middle, workloads.py what is measured,
report.py how it is compared; page.py and plot.py make README.md of it.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

import engine
import field as links
import page
import report
from machine import describe
from servers import Broken, Middle
from support.server import ROOT
from workloads import BY_NAME, WORKLOADS, Runner, Times, estimate

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # all are taken away then, too
RESULTS = ROOT / "build" / "logs" / "bench.json"


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Progress:
    """A line for each run: how far, and its first figure."""

    def __init__(self, whole):
        self.begin, self.whole = time.monotonic(), whole

    def say(self, number, workload, kind, result):
        key, heading, _ = report.SHOWN[workload.mode][0]
        figure = f"{report.number(result[key])} {heading}" if result else "broken"
        mark = ", generator short" if result and result["short"] else ""
        print(f"{clock(time.monotonic() - self.begin)} of {clock(self.whole)}  round {number + 1}  "
              f"{workload.name:20} {kind:12} {figure}{mark}", flush=True)


def measure_all(runner, chosen, rounds, progress):
    """{workload: {kind: [result of each round or None]}}, and what broke."""
    results = {w.name: {kind: [] for kind in runner.kinds(w)} for w in chosen}
    broken = []
    for number in range(rounds):
        for workload in filter(lambda w: w.runs_in(number), chosen):
            for kind in runner.kinds(workload)[::1 if number % 2 == 0 else -1]:
                try:
                    result = runner.run(workload, kind)
                except Broken as error:
                    result = None
                    broken.append(f"{workload.name}, {kind}: {error}")
                    print(f"broken: {broken[-1]}", flush=True)
                results[workload.name][kind].append(result)
                progress.say(number, workload, kind, result)
    return results, broken


def arguments():
    parser = argparse.ArgumentParser(description="Relaying measured beside coturn.")
    parser.add_argument("--quick", action="store_true", help="few and short rounds, 3 minutes")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each window")
    parser.add_argument("--slower", type=int, default=1,
                        help="divides all rates, for a machine that cannot carry them")
    parser.add_argument("--only", action="append", metavar="WORKLOAD",
                        help="all with this in their name, e.g. W1")
    parser.add_argument("--json", default=str(RESULTS), help="where the figures are")
    parser.add_argument("--page", action="store_true",
                        help="measure nothing, write README.md of the figures")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 6)
    seconds = options.seconds or (0.5 if options.quick else 3)
    options.times = Times(seconds, min(0.7, seconds / 2), options.quick,
                          options.slower)
    options.chosen = [w for w in WORKLOADS if chosen(w, options)]
    if not options.chosen:
        parser.error("no such workload; --list shows them")
    return options


def chosen(workload, options):
    if options.only:
        return any(part in workload.name for part in options.only)
    return workload.quick or not options.quick


def run(options):
    whole = estimate(options.chosen, options.rounds, options.times)
    print(f"{options.rounds} rounds of {options.times.window:g} s windows after "
          f"{options.times.warmup:g} s of warm-up, about {clock(whole)}", flush=True)
    progress = Progress(whole)
    machine = describe()
    alone = {} if options.quick or options.only else engine.measure()
    field = middle = None
    try:
        field = links.Field()
        middle = Middle(field)
        runner = Runner(field, middle, options.times)
        runner.check_nat()
        threaded = runner.check_threads()
        reached = runner.check_generator()
        print(f"receiving by {'threads of the devices' if threaded else 'RPS'}; the "
              f"generator alone carries {reached:,.0f} round trips/s", flush=True)
        results, broken = measure_all(runner, options.chosen, options.rounds, progress)
        scaled = {w.name: runner.scale(w) for w in options.chosen if runner.scale(w)}
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        if middle:
            middle.close()
        if field:
            field.close()
    return {"machine": machine, "generator": reached, "threaded": threaded,
            "rounds": options.rounds, "window": options.times.window,
            "warmup": options.times.warmup, "slower": options.slower,
            "took": time.monotonic() - progress.begin,
            "engine": alone, "scaled": scaled, "broken": broken, "results": report.derive(results)}


def main():
    options = arguments()
    for number in ENDS:
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    if options.list:
        for workload in WORKLOADS:
            print(f"{workload.name:22}{workload.says}")
        return 0
    if options.page:
        page.write(json.loads(Path(options.json).read_text()), links.HERE)
        return 0
    data = run(options)
    os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
    Path(options.json).write_text(json.dumps(data, indent=1))
    for name, kinds in data["results"].items():
        print("\n".join(report.table(name, kinds)))
    print("\n".join(report.summary(data["results"])))
    if reach := report.reach(data):
        print(f"the generator reaches {reach:.1f} times our capacity")
    print(f"\n{len(data['broken'])} broken runs; figures in {os.path.relpath(options.json)}, "
          f"{clock(data['took'])}")
    return 1 if data["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
