"""T4. What Redis is asked, and when, does not depend on whether anybody calls: a thousand logins a
minute leave the same trail there as none."""

from contextlib import closing

from load import Calls, size
from outputs import Stand
from trail import READS, Trail, conf_of, store, wait_for_answers

MINUTES = size(3, 1)
STEP = 5


def log_in(good, other, share):
    good.allocate(share // 2)
    good.free()
    good.wrong(share // 4)
    other.allocate(share - share // 2 - share // 4)
    other.free()


def trail(clients):
    """(trail, statistics, denials) while so many log in every minute, every fourth with a wrong
    password and some with names that no one has."""
    share = clients * STEP // 60
    with closing(store()) as redis:
        seen = Trail(redis)
        with Stand(conf_of(redis), seed=11, secrets=None) as server:
            server.wait_log("redis-ready")
            wait_for_answers(server, redis)
            seen.next_step()
            with Calls(server) as good, Calls(server, "x" * 40) as other:
                for _ in range(MINUTES * 60 // STEP):
                    if clients:
                        log_in(good, other, share)
                    server.advance(STEP)
                    wait_for_answers(server, redis)
                    seen.next_step()
            server.stop()
        return seen, redis.admin.info("commandstats"), redis.admin.acl_log()


def test_the_trail_is_the_same():
    quiet, _, _ = trail(0)
    busy, stats, denied = trail(1000)
    assert any("HGETALL" in one for one in quiet.commands()), "the secrets were never read"
    assert max(step for one in quiet.seen.values() for step, _ in one) > 1, quiet.seen
    assert sorted(quiet.seen.values()) == sorted(busy.seen.values())
    assert denied == []
    words = {one.split()[0].lower() for one in busy.commands()}
    assert words <= READS, words
    assert all(row["rejected_calls"] == 0 for name, row in stats.items()
               if name.removeprefix("cmdstat_") in words), stats
