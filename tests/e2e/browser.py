"""A browser in a namespace, and a call between two of them over the relay."""

import json
import time

from front import NAMES
from support import certificates
from world import HERE, Agent


class Browser(Agent):
    """engine: chromium or firefox. It knows the names of the relay and of the web server. page: a
    file of one's own to begin with."""

    def __init__(self, world, name, engine, page=HERE / "page.html"):
        super().__init__(world, name, "browser_agent.py", timeout=90,
                         args=[engine, certificates.authority(), json.dumps(NAMES), str(page)])

    def open(self, page=None):
        """A page, or the one from localhost that it begins with."""
        self.call("open", page=page)

    def js(self, function, *args):
        answer = self.call("js", name=function, args=list(args))
        assert not str(answer).startswith("failed: "), answer
        return answer

    def start(self, function, *args):
        self.send("js", name=function, args=list(args))


def rates(before, after):
    """How long it was, and how often per second what is counted went up."""
    seconds = (after["at"] - before["at"]) / 1000
    counted = ("frames", "got", "sent", "audioPackets")
    return seconds, {key: (after[key] - before[key]) / seconds for key in counted}


def call(a, b, ice, other=None, pace=1):
    """Audio, video and data between two browsers, both relayed, for five seconds without a loss.

    other: what b is to use instead of ice. pace: the share of a quiet machine's frames that will
    do, where something else is tested. Returns the transports to the relay that were chosen.
    """
    assert a.js("setup", ice, True) and b.js("setup", other or ice, False)
    assert a.js("accept", b.js("answer", a.js("offer")))
    assert a.js("connected", 15000) and b.js("connected", 15000)

    time.sleep(2)  # the encoders' own start
    before = [a.js("stats"), b.js("stats")]
    assert a.js("say", "hello from a") and b.js("say", "hello from b")
    assert b.js("hear", 5000) == ["hello from a"]
    assert a.js("hear", 5000) == ["hello from b"]
    time.sleep(5.2)
    after = [a.js("stats"), b.js("stats")]
    seen = [rates(one, two) for one, two in zip(before, after)]
    for two, (elapsed, here), (_, there) in zip(after, seen, seen[::-1]):
        assert elapsed >= 5
        assert two["state"] == "connected"
        assert (two["local"], two["remote"]) == ("relay", "relay")
        assert two["videoLost"] == 0 and two["audioLost"] == 0, two
        assert here["got"] >= 0.9 * there["sent"] > 0, seen
        assert here["frames"] >= 12 * pace and here["audioPackets"] >= 40 * pace, seen
    assert a.js("hangUp") and b.js("hangUp")
    return [one["over"] for one in after]
