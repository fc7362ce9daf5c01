"""Writes README.md and its charts from the figures of a run."""

from pathlib import Path

import engine
import report
import targets
from plot import Chart, Line
from workloads import BY_NAME, FLOOD_ENDS, OURS

THROUGHPUT, LATENCY = "throughput.svg", "latency.svg"
NO_RATIO = {"loss", "buffer_losses", "before_kb", "after_kb"}  # near nothing, or beside the point
FLOOD = "W1"  # more than is carried: what gets through counts, too
ANCHORED = "W2 voice 1000"
WHAT = {
    OURS: "this relay",
    "other": "another build of it",
    "coturn": "Debian's",
    "COTURN": "a coturn of the tester's choice",
    "passer": "`passer.c`: `recvmmsg`, `sendmmsg` and one socket on each side, no TURN; what user "
              "space costs at least",
    "forward": "the kernel forwards packets between the links, no process",
    "nat": "the same with `nft`, addresses rewritten and connections tracked",
    "straight": "a link from the clients to their peer: the generator alone",
    "s_server": "`openssl s_server`",
}

HEAD = """# The bench

`./tests/bench/run.sh` measures the relay beside Debian's coturn, on one machine, in turns. Absolute
figures are those of the machine; the ratios are what can be compared.

```
./tests/bench/run.sh --quick             3 minutes: few and short rounds
./tests/bench/run.sh                     25 minutes: 6 rounds
./tests/bench/run.sh --only W2 --only W6 --rounds 3
./tests/bench/run.sh --page              this page from build/logs/bench.json
COTURN=/opt/coturn/bin/turnserver COTURN_FLAGS="--udp-recvmmsg" ./tests/bench/run.sh
BENCH_OTHER=build-before/drehkreuz ./tests/bench/run.sh     two builds of ours
```

It needs root, `ip`, `ethtool` and `nft`, two processors of which nobody else wants much, and takes
everything away again, also after an interrupt. A run that broke makes it fail, a figure never does.

## Method

Three network namespaces: clients, the middle, peers ([field.py](field.py) draws them). What is in
the middle has processor 1, with the kernel threads that receive for it; the generator
(`bench_loadgen`) plays all clients and their peers on processor 0, as raw frames without sockets,
paced by the clock, with a number and a time of birth in each packet. Over TCP and TLS its clients
are sockets. All relays run from the beginning and are stopped by a signal when it is not their
turn, so that none starts cold; each workload takes them one after the other, in the opposite order
every second round, and each run has a warm-up that is not counted. Clients log in anew for each.

- *ns per packet* is the time that the process and the threads that receive for it spent on a
  processor, as the scheduler counts it, by the packets that were relayed. A packet that goes to the
  peer and comes back has been relayed twice. Its inverse is packets per core. Counted is what the
  relay has passed on, even if the generator could not take it. Where more is offered than is
  carried (W1), receiving what is then dropped is part of the cost.
- Packets have the checksums and flags of a network card that checks them, so that the kernel may
  merge those of one flow for a socket that asks for it (UDP_GRO); a link's ring holds 256. Once one
  socket has asked, the kernel looks for a socket before it merges, for everybody's packets: 2 to
  3 % of processor 1, which every relay here pays alike.
- *x (from - to)* is the median of the rounds' ratios, ours by theirs, and their range. Ratios are
  taken within a round, so that what disturbs the machine for a while disturbs both.
- *latency* is from client to peer and back, from a histogram with 64 slots per power of two; its
  values are at most 1.6 % too high. The generator reads in batches: what it adds is in the row of
  the straight path.
- *the most at 0.1 % loss*: ten rates and three more between the last good one and the first bad. A
  rate at which less than 2 % are lost is tried twice, for every relay.
- *W1* offers as much as the generator can send, 16 packets of a client after each other as bulk
  senders do; "apart" takes the clients in turns, so that nothing can be merged.
- *W8* offers each relay 40 % of what it carried itself in this run, and ours has the limit on
  answers to strangers that is shipped; everywhere else all limits are open.
- Where all that is offered is to be carried (load, W8), the generator tries a frame that its link
  refuses again for up to 5 ms, as buffers on the way would: a processor that is away for 2 ms
  overflows a ring of 256, whoever is measured.
- *two workers* on a machine whose second processor is busy making load: the cost per packet of two
  workers on both processors is compared with the mean of what one costs on either, at the same
  load. The processor that the generator is on makes a worker dearer, in both alike.
- *growth* spreads one load over more and more allocations; each packet is a little longer than the
  one before, so that no two can travel as one and what is compared is the looking up.
"""


def merged(rounds):
    """{offered: results} of the levels that at least half of the rounds have reached."""
    levels = {}
    for result in filter(None, rounds):
        for point in result["curve"]:
            levels.setdefault(point["offered"], []).append(point)
    enough = max(1, sum(result is not None for result in rounds) / 2)
    return {level: levels[level] for level in sorted(levels) if len(levels[level]) >= enough}


def line(rounds, key, label, colour, **more):
    """Each packet of a client comes back, so twice as many are offered to the relay."""
    points = []
    for offered, found in merged(rounds).items():
        values = [result[key] for result in found if result[key]]
        if not values:  # nothing came back
            continue
        points.append((2 * offered, *report.spread(values)))
    return Line(label, colour, points, **more)


def charts(load):
    """{file name: SVG}."""
    through = Chart("Packets delivered, 300 clients, 160 bytes", "packets/s offered",
                    "packets/s delivered", has_ideal=True)
    late = Chart("Latency there and back: p50, and p99 dashed", "packets/s offered", "microseconds",
                 is_log=True)
    for colour, (kind, rounds) in enumerate(load.items()):
        if not merged(rounds):
            continue
        through.lines.append(line(rounds, "relayed_pps", kind, colour))
        for key, is_dashed in (("p50_us", False), ("p99_us", True)):
            late.lines.append(line(rounds, key, kind, colour, is_dashed=is_dashed))
    return {THROUGHPUT: through.svg(), LATENCY: late.svg()} if through.lines else {}


# --- Tables ---

def markdown(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join("---" if i < 2 else "--:" for i in range(len(head))) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def is_shown(name, key):
    mode = BY_NAME[name].mode
    if name.startswith(FLOOD) and key == "passed_pps":
        return True
    return mode in ("load", "idle") or key in report.HEADLINE.get(mode, [report.SHOWN[mode][0][0]])


def compared(results):
    """The table of ratios."""
    rivals = list(dict.fromkeys(kind for kinds in results.values() for kind in kinds
                                if kind in ("coturn", "COTURN", "other", "s_server")))
    for rival in rivals:
        yield f"\n### Beside {rival}: {WHAT[rival]}\n"
        rows = []
        for name, kinds in results.items():
            for key, heading, is_less, spreads, against in report.rows_of(name, kinds):
                if rival not in kinds or not is_shown(name, key):
                    continue
                cells = [report.cell(spreads[kind]) if kind in spreads else "-"
                         for kind in (OURS, rival)]
                ratio = f"**{report.cell(against[rival], 'x')}**" if rival in against else "-"
                ratio = "-" if key in NO_RATIO else ratio
                count = sum(result is not None for result in kinds[OURS])
                rows.append([name, heading, *cells, ratio, "less" if is_less else "more",
                             str(count)])
        yield from markdown(["workload", "figure", OURS, rival, "ours by theirs", "better is",
                             "rounds"], rows)


def anchors(results):
    """What passing the same packets costs without a relay."""
    kinds = results.get(ANCHORED)
    if not kinds:
        return
    rows = []
    for kind in kinds:
        figures = {key: spreads[kind] for key, _, _, spreads, _ in report.rows_of(ANCHORED, kinds)
                   if kind in spreads}
        has_cost = kind != "straight" and "work_ns" in figures
        rows.append([kind, WHAT[kind], report.cell(figures["work_ns"]) if has_cost else "-",
                     *(report.cell(figures[key]) if key in figures else "-"
                       for key in ("p50_us", "p99_us", "loss"))])
    yield "\n### Beside what is no relay\n"
    yield f"{ANCHORED}, {BY_NAME[ANCHORED].says}.\n"
    yield from markdown(["", "what it is", "ns per packet", "p50, us", "p99, us", "loss, %"], rows)


def scales(data):
    results, rows = data["results"], []
    if factor := report.scaling(results):
        rows.append(["1 to 2 workers, packets for the same processor time",
                     report.cell(factor, "x")])
    for count, ratio in report.growth(results).items():
        rows.append([f"1 to {count:,} allocations, cost per packet", report.cell(ratio, "x")])
    for key, what in engine.SHOWN.items():
        rows += [[f"engine alone, {int(count):,} allocations, ns: {what}",
                  report.number(figures[key])] for count, figures in data["engine"].items()]
    if rows:
        yield "\n### Growing\n"
        yield "| | |\n|---|--:|"
        yield from (f"| {what} | {figure} |" for what, figure in rows)


def workloads(data):
    yield "\n## Workloads\n"
    yield "| name | what it is |\n|---|---|"
    for name in data["results"]:
        workload = BY_NAME[name]
        more = ""
        scaled = data["scaled"].get(name)
        if scaled and "clients" in scaled and scaled["clients"] < workload.options["clients"]:
            more = (f" (here {scaled['clients']} of them: the generator must not be the limit, so "
                    "it gets no more than four fifths of what it carries over the straight path)")
        if scaled and "clients" not in scaled:
            more = f" (at {scaled['pps']:,} packets/s, {FLOOD_ENDS} times the generator's round trips)"
        yield f"| {name} | {workload.says}{more} |"


def machine(data):
    of = data["machine"]
    yield "\n## The machine\n"
    processor = f"{of['processors']} x {of['processor']}"
    where = f", virtual ({of['hypervisor']})" if of["hypervisor"] not in (None, "none") else ""
    yield (f"{of['date']}: {processor}{where}, {of['memory_mb']} MB, Linux {of['kernel']}, "
           f"coturn {of['coturn']}, OpenSSL {of['openssl']}. {data['rounds']} rounds, windows of "
           f"{data['window']:g} s after {data['warmup']:g} s of warm-up. Receiving by "
           f"{'threads of the devices' if data['threaded'] else 'RPS'}. "
           f"{len(data['broken'])} broken runs. Load of the machine before: "
           f"{of['load_average']:.1f}."
           + (f" All rates divided by {data['slower']}." if data["slower"] > 1 else "") + "\n")
    if away := of.get("away"):
        yield (f"- A loop that does nothing is away from its processor for {away['share']:.1f} % of "
               f"the time, in stretches of over 0.1 ms, the longest {away['longest_ms']:.1f} ms")
    yield from (f"- {name}: {text}" for name, text in of["mitigations"].items())


def limits(data):
    """Where the generator may have been what was measured."""
    reach = report.reach(data)
    yield (f"\nThe generator alone carries {data['generator']:,.0f} round trips per second over "
           "the straight path" + (f", {reach:.1f} times our capacity." if reach else "."))
    if reach and reach < 3:
        yield ("That is less than three times: above it the generator is the limit and the curve "
               "ends where it does, so costs per packet are the figures to compare.")
    short = []
    for name, kinds in data["results"].items():
        counts = [f"{kind} {count}" for kind, rounds in kinds.items()
                  if (count := sum(bool(r and r["short"]) for r in rounds))]
        short += [f"{name} ({', '.join(counts)})"] if counts else []
    if short:
        yield ("\nIts processor was full in so many rounds of: " + ", ".join(short) + ". There the "
               "costs per packet count; packets per second and latencies are its own.")


def text(data):
    results = data["results"]
    parts = [HEAD, "## The last results\n"]
    if "load" in results:
        parts += [f"![Packets delivered against packets offered]({THROUGHPUT})\n",
                  f"![Latency against packets offered]({LATENCY})"]
    for part in (targets.table(data), compared(results), anchors(results), scales(data), limits(data),
                 machine(data), workloads(data)):
        parts += part
    return "\n".join(parts) + "\n"


def write(data, folder):
    for name, svg in charts(data["results"].get("load", {})).items():
        Path(folder, name).write_text(svg)
    Path(folder, "README.md").write_text(text(data))
