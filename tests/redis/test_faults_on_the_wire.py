"""A Redis that is slow, silent or malicious, played by a cable to a real one, during calls."""

import pytest

from scene import Scene, fresh, server_for
from stores import Cable, Redis

HEAD = b"*2\r\n$6\r\nschema\r\n"


@pytest.fixture(scope="module")
def scene():
    shared = [fresh()]
    with Redis(password="") as store:
        cable = Cable(store.port)
        store.put("turn", "one", shared[0])
        try:
            with server_for({"redis": cable.address}) as server:
                server.wait_log("redis-ready")
                with Scene(server, store, shared) as made:
                    made.cable = cable
                    yield made
        finally:
            cable.close()


def test_five_seconds_per_answer(scene):
    def slow():
        scene.cable.delay = 5.0
        scene.store.publish("turn")

    scene.fault("redis-lost", slow, scene.cable.mend, hold=8, timeout=20)


def test_half_open(scene):
    """Nobody says that the connections are gone."""
    def swallow():
        scene.cable.hole = True

    scene.fault("redis-lost", swallow, scene.cable.mend, timeout=20)


@pytest.mark.parametrize("event, fault", [
    pytest.param("redis-lost", {"hole": True}, id="silent"),
    pytest.param("redis-denied", {"answer": b"-NOAUTH Authentication required.\r\n"}, id="noauth"),
    pytest.param("redis-loading", {"answer": b"-LOADING Redis is loading the dataset\r\n"},
                 id="loading"),
    pytest.param("redis-too-large", {"answer": HEAD + b"$1073741824\r\n", "flood": b"x" * 65536},
                 id="gigabyte"),
    pytest.param("redis-too-large", {"answer": b"*1000000000\r\n", "flood": b"$1\r\nx\r\n" * 999},
                 id="thousand-million-elements"),
    pytest.param("redis-malformed", {"answer": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, id="http"),
    pytest.param("redis-malformed", {"answer": bytes(range(128, 256)) * 8}, id="noise"),
    pytest.param("redis-malformed", {"answer": b"*1\r\n" * 64}, id="nested"),
    pytest.param("redis-malformed", {"answer": b":1\r\n"}, id="numbers"),
    pytest.param("redis-cluster", {"answer": b"-MOVED 1234 192.0.2.1:6379\r\n"}, id="moved"),
])
def test_answers(scene, event, fault):
    scene.fault(event, lambda: scene.cable.break_with(**fault), scene.cable.mend)


def test_an_error_text_stays_inside(scene):
    """Of an error only the known first word is spoken of."""
    scene.known.append("canary-word-of-the-server")
    answer = b"-ERR canary-word-of-the-server\r\n"
    scene.fault("redis-lost", lambda: scene.cable.break_with(answer=answer), scene.cable.mend)
