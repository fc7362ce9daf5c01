"""T10. A trace tells of the one person who agreed to it, to the one terminal that asked, for so
long as was said; of fifty others who call meanwhile it tells nothing."""

import re
import socket

import canary
import pytest
from client import UDP, Client, Credentials
from load import size
from outputs import Stand, outside_grammar
from stun import ALLOCATE, timed_password
from support.server import SECRET

OTHERS = size(50, 10)
CONSENTING, CONSENTING_PORT = "127.88.41.7", 41907
PEER = ("127.99.66.33", 58379)
MINUTES = 5


class Terminal:
    """One connection to the control socket that stays."""

    def __init__(self, server, line):
        self.server, self.text = server, ""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(server.options["control_socket"])
        self.sock.sendall(line.encode() + b"\n")

    def read(self, until):
        """All that came, at least up to there."""
        while not re.search(until, self.text):
            part = self.sock.recv(65536)
            assert part, f"the trace ended:\n{self.text}"
            self.text += part.decode()
        return self.text

    def rest(self):
        """To the end."""
        try:
            while part := self.sock.recv(65536):
                self.text += part.decode()
        except TimeoutError:
            pytest.fail("the terminal is still told")
        return self.text

    def credentials(self):
        text = self.read(r"(?s)user +\S+\n.*password +\S+\n")
        return Credentials(*(re.search(rf"{word} +(\S+)\n", text)[1]
                             for word in ("user", "password")))


@pytest.fixture
def server():
    with Stand({"metrics_profile": "standard", "threads": 2}) as one:
        yield one
        one.stop()


def ordinary(server, number):
    """Somebody who calls like the others; the host and port tell them apart."""
    user = f"{int(server.now()) + 86400}:CANARY-{number}"
    return Client(server, Credentials(user, timed_password(SECRET, user)),
                  f"127.77.13.{number + 1}", port=47000 + number)


def call(one, code=0):
    """An allocation and what belongs to it."""
    if code:
        assert one.code(ALLOCATE, [UDP]) == code
        return
    one.allocate()
    assert one.permit(PEER) == 0 and one.bind(0x4001, PEER) == 0
    one.indicate(PEER, b"CANARY-payload")
    assert one.permit(("10.9.8.7", 1)) == 403
    assert one.refresh(600).code == 0


def needles(made):
    for one in made:
        yield from canary.of_text(one.creds.user)
        yield from canary.of_text(one.host)
        yield str(one.addr[1]).encode()
        yield from (str(port).encode() for _, port in one.relayed)
    yield b"CANARY"


def test_only_who_agreed(server):
    terminal = Terminal(server, f"trace {MINUTES}")
    who = terminal.credentials()
    others = [ordinary(server, number) for number in range(OTHERS)]
    for one in others[:OTHERS // 2]:
        call(one)
    consenting = Client(server, who, CONSENTING, port=CONSENTING_PORT)
    call(consenting)
    for one in others[OTHERS // 2:]:
        call(one)
    # Close to it, and not it: a made-up name, and the right one with a wrong password.
    for number, user in enumerate((who.user[:-1], who.user + "0", who.user.upper())):
        made = Client(server, Credentials(user, timed_password(SECRET, user)),
                      "127.77.14.1", port=46000 + number)
        call(made)
        others.append(made)
    assert consenting.refresh(0).code == 0
    server.stage.settle()
    text = terminal.read("allocation over")
    log = server.log()
    assert "trace-started" in log and who.user not in log and who.password not in log
    assert CONSENTING in text and "403" in text and "Refresh" in text, text
    assert len(re.findall(r"CreatePermission", text)) == 2, text
    told = text.split(who.password)[1]
    lines = [line for line in told.splitlines() if line.strip() and " s  " in line]
    assert lines and all(f"client {CONSENTING}:{CONSENTING_PORT}" in line for line in lines), text
    own = {str(consenting.relayed[0][1]).encode(), str(CONSENTING_PORT).encode()}
    found = [n for n in needles(others) if n not in own and n in told.encode()]
    assert not found, (found, text)
    # The end comes by the clock, and is the terminal's, too.
    server.advance(MINUTES * 60 + 2)
    terminal.rest()
    server.stage.settle()
    assert "trace-ended" in server.log()
    assert not outside_grammar(server.log())


def test_it_ends_with_its_minutes(server):
    terminal = Terminal(server, "trace 1")
    who = terminal.credentials()
    one = Client(server, who, CONSENTING, port=CONSENTING_PORT)
    one.allocate()
    terminal.read("Allocate")
    server.advance(59)
    assert one.refresh(600).code == 0
    terminal.read("Refresh")
    server.advance(2)
    server.advance(1)
    text = terminal.rest()
    assert one.code(ALLOCATE, [UDP]) == 437  # what goes on is told to nobody
    assert Client(server, who).code(ALLOCATE, [UDP]) == 401, "the name outlives the trace"
    assert terminal.rest() == text and "trace-ended" in server.log()


def test_it_ends_with_its_terminal(server):
    terminal = Terminal(server, "trace 30")
    who = terminal.credentials()
    terminal.sock.close()
    server.stage.settle()
    assert server.log().count("trace-ended") == 1
    server.advance(3)
    server.advance(3)
    next_one = Terminal(server, "trace 30")
    other = next_one.credentials()
    assert other.user != who.user
    one = Client(server, who, CONSENTING, port=CONSENTING_PORT)
    call(one)
    server.stage.settle()
    next_one.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        next_one.sock.recv(1)
    assert CONSENTING not in next_one.text


@pytest.mark.parametrize("line", ["trace 31", "trace 0", "trace", "trace -1", "trace 99999999999",
                                  "trace 1 everybody"])
def test_longer_or_wider_there_is_not(server, line):
    assert server.order(line).startswith(b"refused")
    assert "trace-started" not in server.log()


def test_one_at_a_time(server):
    first = Terminal(server, "trace 5")
    first.credentials()
    assert server.order("trace 5").startswith(b"refused")
