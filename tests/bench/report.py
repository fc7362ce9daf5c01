"""Medians, their range, and ratios of servers that took turns; as text and as data for the page."""

import statistics

from workloads import BY_NAME, GROWTH, OURS

# mode: (key, heading, is less better)
COST = ("work_ns", "ns per packet", True)
RELAYED = [COST, ("cpu_ns", "ns of processor 1 per packet", True),
           ("passed_pps", "packets/s passed on", False),
           ("relayed_pps", "packets/s arrived", False), ("loss", "loss, %", True),
           ("p50_us", "p50, us", True), ("p99_us", "p99, us", True)]
SHOWN = {
    "relay": RELAYED,
    "streams": RELAYED,
    "stress": [*RELAYED, ("buffer_losses", "found the queue full", True),
               ("flooded_pps", "strangers' packets/s", False),
               ("before_kb", "memory before, KB", True),
               ("after_kb", "memory after, KB", True)],
    "load": [("capacity_pps", "packets/s at 0.1 % loss", False),
             ("p50_us", "p50 at half of it, us", True), ("p99_us", "p99 at half of it, us", True),
             ("work_ns", "ns per packet at half of it", True)],
    "churn": [("sequences_per_s", "sequences/s", False), ("work_us", "us per sequence", True),
              ("per_core", "sequences/s per core", False)],
    "idle": [("bytes_per_allocation", "bytes per allocation", True),
             ("process_ms_per_s", "ms of processor per s", True)],
    "handshakes": [("handshakes_per_s", "handshakes/s", False),
                   ("work_us", "us per handshake", True)],
}
# Which rows are the page's where it is not the first alone.
HEADLINE = {"relay": ["work_ns"], "streams": ["work_ns"],
            "stress": ["loss", "buffer_losses", "before_kb", "after_kb"],
            "churn": ["sequences_per_s", "per_core"]}


def spread(values):
    """Median, least, most."""
    return statistics.median(values), min(values), max(values)


def values_of(rounds, key):
    """One per round, None where the run broke or has no such figure."""
    return [None if result is None else result.get(key) for result in rounds]


def ratios(ours, theirs):
    """Of each round in which both have a figure: ours by theirs. None if there is no such round."""
    pairs = [mine / other for mine, other in zip(ours, theirs)
             if mine is not None and other]
    return spread(pairs) if pairs else None


def derive(results):
    """Figures that follow from others, so that they are compared like any other."""
    for rounds in results.get("W6 churn", {}).values():
        for result in filter(None, rounds):
            result["per_core"] = 1e6 / result["work_us"] if result["work_us"] else None
    return results


def rows_of(name, kinds):
    """(key, heading, is less better, {kind: spread}, {rival: ratio}) for each figure shown."""
    for key, heading, is_less in SHOWN[BY_NAME[name].mode]:
        values = {kind: values_of(rounds, key) for kind, rounds in kinds.items()}
        spreads = {kind: spread([v for v in column if v is not None])
                   for kind, column in values.items() if any(v is not None for v in column)}
        against = {kind: ratio for kind, column in values.items()
                   if kind != OURS and (ratio := ratios(values.get(OURS, []), column))}
        yield key, heading, is_less, spreads, against


def scaling(results):
    """Of two workers beside one. Each of the two is on a processor with other neighbours, so one
    worker is measured on either; the mean of these is what two cost if they share nothing."""
    names = ("workers 1", "workers 1 beside", "workers 2")
    columns = [values_of(results.get(name, {}).get(OURS, []), "process_ns") for name in names]
    factors = [2 * (one + beside) / 2 / two for one, beside, two in zip(*columns)
               if one and beside and two]
    return spread(factors) if factors else None


def growth(results):
    """Cost per packet with many allocations by that with few: {count: ratio}."""
    columns = {count: values_of(results.get(f"growth {count}", {}).get(OURS, []), "work_ns")
               for count in GROWTH}
    found = {count: ratios(columns[count], columns[GROWTH[0]]) for count in GROWTH[1:]}
    return {count: ratio for count, ratio in found.items() if ratio}


def number(value):
    """As many digits as mean something."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"


def cell(three, sign=""):
    middle, low, high = three
    return f"{number(middle)}{sign} ({number(low)} - {number(high)})"


def table(name, kinds):
    """Lines of text for one workload."""
    others = [kind for kind in kinds if kind != OURS]
    yield f"\n{name}: {BY_NAME[name].says}"
    yield f"  {'':30}" + "".join(f"{kind:>28}" for kind in kinds) + "".join(
        f"{'ours by ' + kind:>26}" for kind in others)
    for _, heading, _, spreads, against in rows_of(name, kinds):
        cells = "".join(f"{cell(spreads[kind]) if kind in spreads else '-':>28}" for kind in kinds)
        cells += "".join(f"{cell(against[kind], 'x') if kind in against else '-':>26}"
                         for kind in others)
        yield f"  {heading:30}{cells}"
    short = {kind: count for kind, rounds in kinds.items()
             if (count := sum(bool(r and r["short"]) for r in rounds))}
    if short:
        yield f"  the generator was the limit in rounds: {short}"


def summary(results):
    """What follows from several workloads."""
    if factor := scaling(results):
        yield f"\n1 -> 2 workers: {cell(factor, 'x')}"
    for count, ratio in growth(results).items():
        yield f"1 -> {count} allocations: cost per packet {cell(ratio, 'x')}"


def reach(data):
    """How far the generator reaches beyond us: its own rate by our capacity."""
    rounds = data["results"].get("load", {}).get(OURS, [])
    values = [v for v in values_of(rounds, "capacity_pps") if v]
    return 2 * data["generator"] / statistics.median(values) if values else None
