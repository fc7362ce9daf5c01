"""What the project wants of its relay, held against the figures of a run; and where a figure is
short of it, what the profiles say and what it would take."""

from dataclasses import dataclass

import report
from workloads import OURS

AT_MOST, AT_LEAST = "at most", "at least"


@dataclass
class Target:
    wanted: str
    workload: str
    key: str
    bound: str
    limit: float
    by: str = ""   # the rival whose figure ours is divided by
    why: str = ""  # shown where it is missed

    def measured(self, data):
        """(median, least, most), or None."""
        kinds = data["results"].get(self.workload, {})
        ours = report.values_of(kinds.get(OURS, []), self.key)
        if self.by:
            return report.ratios(ours, report.values_of(kinds.get(self.by, []), self.key))
        known = [value for value in ours if value is not None]
        return report.spread(known) if known else None

    def holds(self, figure):
        return figure <= self.limit if self.bound == AT_MOST else figure >= self.limit


@dataclass
class Derived(Target):
    """A figure of several workloads."""

    def measured(self, data):
        if self.key == "growth":
            return report.growth(data["results"]).get(10000)
        return report.scaling(data["results"])


KERNEL = (
    "Of processor 1 in W2 31 % is receiving (a tenth of it UDP_GRO), 32 % sending, 11 % waking the "
    "threads of the other end of a link by an interrupt between virtual processors, 9 % "
    "`recvmmsg`, 2 % `recvfrom`, 3 % `epoll_wait`, and 6 % all of ours. Lists of the peers' "
    "sockets in one (BPF `sk_lookup`) could save `recvfrom` and part of `epoll_wait`, at most 4 %, "
    "so it was left out. What is left is two walks through the kernel's stack per packet: less "
    "takes a path that has none (tc or XDP programs that pass channel data on).")
SEGMENTS = (
    "A third of it is sending trains, of which half is cutting them up and putting each part on "
    "the link: the links have no segmentation, so that nobody gets trains for free. A card that "
    "cuts them (`tx-udp-segmentation`) spares that; a quarter is receiving one by one before "
    "UDP_GRO merges, which a card with hardware GRO spares.")
STREAM = (
    "Each packet is a record in a segment of its own that has to leave at once, so nothing can "
    "travel together: 72 % is the kernel's TCP and UDP, 12 % OpenSSL's cipher and 5 % its wiping of "
    "plaintext, which privacy wants. kTLS does not help records of 160 bytes. Where records come "
    "in bursts (video) they share calls.")
WAITS = (
    "`passer`, which does nothing but `recvmmsg` and `sendmmsg`, has a tail of milliseconds here "
    "as well: processors are away for so long (see the machine), and the generator shares its own "
    "with the threads that receive for it. It takes processors that nobody else has, and one more "
    "for the generator.")
CACHES = (
    "The generator has one of the two processors for itself and its threads, so the second worker "
    "works beside it. It takes a machine with four.")

TARGETS = [
    Target("W2: processor time per packet, of coturn's", "W2 voice 1000", "work_ns", AT_MOST, 0.55,
           "coturn", KERNEL),
    Target("W3: the same", "W3 video 200", "work_ns", AT_MOST, 0.3, "coturn", SEGMENTS),
    Target("W1: the same, a quarter of which is four times the packets per core", "W1 8 x 120 B",
           "work_ns", AT_MOST, 0.25, "coturn", SEGMENTS),
    Target("W1 in large packets: the same", "W1 8 x 1200 B", "work_ns", AT_MOST, 0.25, "coturn",
           SEGMENTS),
    Target("W6: sequences per second, of coturn's", "W6 churn", "sequences_per_s", AT_LEAST, 2,
           "coturn"),
    Target("W6: sequences per second and core", "W6 churn", "per_core", AT_LEAST, 10000, "",
           "A fifth is answering, a tenth waking the other end, a sixth making and closing the "
           "socket, a tenth HMAC; the rest is spread thin. A pool of open sockets would save half "
           "of the sixth; a faster processor saves all alike."),
    Target("W7, voice over TLS: processor time per packet, of coturn's", "W7 TLS voice 200",
           "work_ns", AT_MOST, 0.67, "coturn", STREAM),
    Target("W7, video over TLS: the same", "W7 TLS video 40", "work_ns", AT_MOST, 0.67, "coturn",
           STREAM),
    Target("latency at half of capacity, p99, us", "load", "p99_us", AT_MOST, 100, "", WAITS),
    Target("the same, of coturn's", "load", "p99_us", AT_MOST, 1, "coturn", WAITS),
    Target("W8, garbage: loss of media, %", "W8 garbage", "loss", AT_MOST, 0.1, "", WAITS),
    Target("W8, Allocates: loss of media, %", "W8 allocates", "loss", AT_MOST, 0.1, "", WAITS),
    Target("bytes per allocation", "idle 10000", "bytes_per_allocation", AT_MOST, 1024),
    Target("10,000 idle allocations, ms of processor per s", "idle 10000", "process_ms_per_s",
           AT_MOST, 1),
    Derived("1 to 2 workers, packets for the same processor time", "", "scaling", AT_LEAST, 1.9,
            "", CACHES),
    Derived("1 to 10,000 allocations, cost per packet", "", "growth", AT_MOST, 1.15, "",
            "Tables that do not fit into the caches of a processor that is shared."),
]


def table(data):
    """Lines of Markdown: what is wanted, what was measured, and why it is short of that."""
    found = [(target, figure) for target in TARGETS if (figure := target.measured(data))]
    if not found:
        return
    yield "\n### What is wanted\n"
    yield "| | wanted | measured | |\n|---|--:|--:|---|"
    for target, figure in found:
        verdict = "holds" if target.holds(figure[0]) else "**short**"
        yield (f"| {target.wanted} | {target.bound} {report.number(target.limit)} | "
               f"{report.cell(figure)} | {verdict} |")
    missed = {}
    for target, figure in found:
        if target.why and not target.holds(figure[0]):
            missed.setdefault(target.why, []).append(target.wanted.split(":")[0])
    if missed:
        yield "\nWhere it is short, what profiles say and what it would take:\n"
        yield from (f"- *{'; '.join(dict.fromkeys(names))}*: {why}" for why, names in missed.items())
