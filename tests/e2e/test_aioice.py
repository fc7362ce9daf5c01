"""Two agents of aioice, an ICE stack with nothing in common with ours, meet on the relay."""

import pytest

from relay import OTHER_SECRET, PORT, credential
from world import Agent


@pytest.fixture
def agents(world, relay):
    pair = [Agent(world, "a", "ice_agent.py"), Agent(world, "b", "ice_agent.py")]
    yield pair
    for agent in pair:
        agent.close()


def gather(agent, controlling, who):
    return agent.call("gather", controlling=controlling, server="10.77.0.1", port=PORT,
                      user=who[0], password=who[1])


def test_two_agents_connect_over_relay_candidates(agents):
    a, b = agents
    offer, answer = gather(a, True, credential()), gather(b, False, credential())
    for description in (offer, answer):
        assert description["candidates"], "no candidate at all"
        assert all(" typ relay" in text for text in description["candidates"])
    a.send("connect", remote=answer)
    b.send("connect", remote=offer)
    assert a.result() and b.result()
    a.send("exchange", name="a", other="b", count=100)
    b.send("exchange", name="b", other="a", count=100)
    assert a.result() and b.result(), "data was lost, reordered or changed"
    assert a.call("close") and b.call("close")


def test_wrong_secret_gives_no_candidate(agents):
    with pytest.raises(AssertionError, match="401"):
        gather(agents[0], True, credential(OTHER_SECRET))
