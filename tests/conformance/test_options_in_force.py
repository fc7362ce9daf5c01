"""Options whose value must reach the part of the server that acts on it."""

import re
import socket
import ssl
import subprocess

import pytest
from accounts import ALICE, USERS
from client import UDP, Client, Peer
from stun import ALLOCATE

from support.netns import Netns
from support.server import Server


@pytest.mark.parametrize("size", [65536, 100000])
def test_receive_buffers(own, size):
    server = own({"socket_bytes": size})
    seen = subprocess.run(["ss", "-uanmH", f"sport = :{server.port}"], capture_output=True,
                          text=True, check=True).stdout
    # The kernel counts its own overhead, by doubling (socket(7)).
    assert re.findall(r"rb(\d+)", seen) == [str(2 * size)] * 2


@pytest.mark.parametrize("only, spoken", [(False, ["TLSv1.2", "TLSv1.3"]), (True, ["TLSv1.3"])])
def test_tls_1_3_alone(serve, only, spoken):
    server = serve({"only_tls13": only})
    got = []
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        try:
            with socket.create_connection(("127.0.0.1", server.port), 5) as plain, \
                    context.wrap_socket(plain) as link:
                got.append(link.version())
        except ssl.SSLError:
            pass
    assert got == spoken


@pytest.mark.parametrize("option", ["bytes_per_allocation", "bytes_per_account",
                                    "bytes_per_prefix"])
def test_bytes_per_second(serve, option):
    """64 KiB at once, and then what the rate gives: of 1 a second nothing."""
    peer = Peer()
    for rate, least, most in (1, 65, 65), (0, 90, 90):
        one = Client(serve({option: rate}), ALICE)
        one.allocate()
        assert one.permit(peer.addr) == 0
        for _ in range(90):
            one.indicate(peer.addr, bytes(1000))
        one.barrier()
        assert least <= len(peer.pending()) <= most
        one.close()
    peer.close()


@pytest.fixture
def space():
    made = Netns()
    made.ip("addr", "add", "fd99::1/128", "dev", "lo", "nodad")
    made.ip("addr", "add", "fd99::ff/128", "dev", "lo", "nodad")
    made.ip("addr", "add", "fd99::1ff/128", "dev", "lo", "nodad")
    yield made
    made.close()


@pytest.mark.parametrize("option, bits, hosts, codes", [
    ("prefix_ipv4", 32, ["127.0.0.1", "127.0.0.2"], [0, 0]),
    ("prefix_ipv4", 31, ["127.0.0.2", "127.0.0.3", "127.0.0.1"], [0, 486, 0]),
    ("prefix_ipv4", 24, ["127.0.0.1", "127.0.0.255", "127.0.1.1"], [0, 486, 0]),
    ("prefix_ipv6", 128, ["fd99::1", "fd99::ff"], [0, 0]),
    ("prefix_ipv6", 120, ["fd99::1", "fd99::ff", "fd99::1ff"], [0, 486, 0]),
    ("prefix_ipv6", 64, ["fd99::1", "fd99::1ff", "::1"], [0, 486, 0]),
])
def test_prefixes(space, option, bits, hosts, codes):
    conf = {"users": USERS, "allocations_per_prefix": 1, option: bits}
    with Server(conf, netns=space) as server:
        clients = [Client(server, ALICE, host=host, netns=space) for host in hosts]
        assert [one.code(ALLOCATE, [UDP]) for one in clients] == codes
        for one in clients:
            one.close()
