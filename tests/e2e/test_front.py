"""nginx and haproxy in front of the relay: limits judge the client, not the balancer."""

import socket
import sys
import time

import pytest

from front import haproxy, nginx_stream
from relay import PORT, credential
from world import HERE

sys.path.append(str(HERE.parent / "conformance"))

from client import UDP, Client, Credentials  # noqa: E402
from stun import ALLOCATE, XOR_MAPPED_ADDRESS  # noqa: E402
from support import certificates  # noqa: E402

FRONTS = {
    "nginx-v1": (8001, lambda world: nginx_stream(world, 8001, PORT)),
    "haproxy-v1": (8002, lambda world: haproxy(world, 8002, PORT, 1)),
    "haproxy-v2": (8003, lambda world: haproxy(world, 8003, PORT, 2)),
}
HOSTS = {"a": "10.77.0.2", "b": "10.77.1.2"}


@pytest.fixture(scope="module")
def relay(start):
    server = start(certificates=[certificates.shared()], proxy_from=["127.0.0.0/8"],
                   allocations_per_prefix=1, connections_per_prefix=3, threads=1)
    yield server
    server.stop()


@pytest.fixture(scope="module", params=sorted(FRONTS))
def front(request, world, relay):
    port, start = FRONTS[request.param]
    one = start(world)
    yield port
    one.close()


@pytest.fixture
def client(world, relay):
    """The next test finds none of this one's connections: a balancer hangs up when it gets to it."""
    made = []
    before = relay.descriptors()

    def get(name, port, over="tcp", **more):
        made.append(Client(relay, Credentials(*credential()), HOSTS[name], netns=world[name],
                           to=("10.77.0.1", port), over=over, **more))
        return made[-1]

    yield get
    for one in made:
        one.close()
    deadline = time.monotonic() + 10
    while relay.descriptors() > before:
        assert time.monotonic() < deadline, "a connection that was hung up is still open"
        time.sleep(0.01)


@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_address_and_quota_of_the_client(front, client, over):
    """One allocation per client network: b's is not counted as a's, though both come by front."""
    one, two, three = client("a", front, over), client("a", front, over), client("b", front, over)
    msg = one.request(ALLOCATE, [UDP])
    assert msg.code == 0 and msg.address(XOR_MAPPED_ADDRESS) == one.addr
    assert two.code(ALLOCATE, [UDP]) == 486
    assert three.request(ALLOCATE, [UDP]).address(XOR_MAPPED_ADDRESS) == three.addr


def test_connection_limit_of_the_client(front, client):
    """Four of a are one too many; b is not touched."""
    held = [client("a", front) for _ in range(3)]
    for one in held:
        one.barrier()
    late = client("a", front)
    late.link.recv(0.5)
    try:
        late.challenge()
        refused = False
    except (AssertionError, OSError):
        refused = True
    assert refused or late.link.closed
    other = client("b", front)
    other.barrier()
    for one in held:
        one.barrier()


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 203.0.113.9 10.77.0.1 4711 3478\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 9, 10, 77, 0, 1, 1, 2, 3, 4])],
    ids=["v1", "v2"])
def test_header_from_a_stranger(world, relay, header):
    """a is no balancer: whatever it claims to forward is not served."""
    with world["a"].socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect(("10.77.0.1", PORT))
        sock.sendall(header)
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
