"""Runs inside a namespace: clients that do little or harm. Idle TLS clients, slow-loris, and one
that asks for media and never reads it."""

import resource
import socket
import ssl
import struct
import sys
import threading
import time

from world import HERE, serve

sys.path.append(str(HERE.parent / "conformance"))

from client import Client, Credentials, Peer  # noqa: E402

BINDING = struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(12)
held = {"idle": [], "slow": []}
stopped = threading.Event()


def connect(port, source):
    sock = socket.socket()
    sock.settimeout(20)
    sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports per connection
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((source, 0))
    sock.connect(("10.77.0.1", port))
    return sock


def idle(count, port, authority, source):
    """Completes this many handshakes, and leaves the connections open."""
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    for _ in range(count):
        held["idle"].append(context.wrap_socket(connect(port, source)))
        held["idle"][-1].sendall(BINDING)  # or the handshake's deadline would end it
        assert len(held["idle"][-1].recv(100)) == 32
    return len(held["idle"])


def slow(count, port, source):
    """Each sends the start of a ClientHello or of a request, a byte per second."""
    starts = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
              b"\x00\x03\x00\x60\x21\x12\xa4\x42" + bytes(100))
    held["slow"] = [[connect(port, source), starts[i % 2], 0] for i in range(count)]

    def drip():
        while not stopped.wait(1):
            for one in held["slow"]:
                try:
                    one[0].send(one[1][one[2]:one[2] + 1])
                    one[2] += 1
                except OSError:
                    pass  # ended by the server, as it should

    threading.Thread(target=drip, daemon=True).start()
    return count


def deaf(port, user, password, source):
    """An allocation over TCP whose own peer floods it; nothing is ever read again."""
    one = Client(None, Credentials(user, password), source, to=("10.77.0.1", port), over="tcp")
    relayed = one.allocate()
    peer = Peer(source)
    assert one.bind(0x4000, peer.addr) == 0
    held["deaf"] = one

    def flood():
        while not stopped.is_set():
            for _ in range(10):
                peer.send(bytes(1000), relayed)
            time.sleep(0.005)

    threading.Thread(target=flood, daemon=True).start()
    return list(relayed)


def alive():
    """How many of the idle connections the server has not closed."""
    count = 0
    for sock in held["idle"]:
        sock.setblocking(False)
        try:
            count += sock.recv(1) != b""
        except (ssl.SSLWantReadError, BlockingIOError):
            count += 1
        except OSError:
            pass
    return count


def stop():
    stopped.set()
    return True


limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
serve({"idle": idle, "slow": slow, "deaf": deaf, "alive": alive, "stop": stop})
