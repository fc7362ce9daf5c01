"""A process beside the tests: calls through a relay whose every packet is counted and timed, and
new allocations at a steady pace. What a packet takes without a relay, to another process and back,
tells the relay's delay from the machine's."""

import os
import random
import select
import selectors
import socket
import struct
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("", "conformance", "e2e")]

from client import Client, Credentials, Peer  # noqa: E402
from stun import (  # noqa: E402
    CHANNEL_BIND, CHANNEL_NUMBER, XOR_PEER_ADDRESS, new_tid, timed_password, u16pad, xor_address)
from world import serve  # noqa: E402

CHANNEL = 0x4000
STAMP = struct.Struct("!IIId")  # ChannelData header as one word, window, call, time of birth
BODY = bytes(80)
SO_RCVBUFFORCE = 33
REBIND = 100  # seconds, well within a permission's and a channel's life
STRAGGLERS = 0.7
SAMPLE = 10  # every so many packets one goes without the relay


def credentials(secret):
    user = f"{int(time.time()) + 86400}:{os.urandom(4).hex()}"
    return Credentials(user, timed_password(secret, user))


def worst(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def echo(sock):
    """Sends back all that has come."""
    try:
        while True:
            data, source = sock.recvfrom(2048)
            sock.sendto(data, source)
    except BlockingIOError:
        pass


class Window:
    def __init__(self, begin):
        self.begin, self.sent, self.returned = begin, 0, 0
        self.delays, self.bare = [], []


class Calls:
    """One thread plays the callers and their peer, which sends everything back."""

    def __init__(self, to, secret, count, pps, echo):
        self.peer = Peer("127.0.0.1")
        self.peer.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.bare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.bare.connect(tuple(echo))
        self.bare.setblocking(False)
        self.calls = [self._call(tuple(to), secret) for _ in range(count)]
        self.interval = 1.0 / (pps * count)
        self.windows = [Window(time.monotonic())]
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _call(self, to, secret):
        one = Client(None, credentials(secret), to=to)
        one.allocate()
        assert one.bind(CHANNEL, self.peer.addr) == 0, "ChannelBind was refused"
        one.sock.setblocking(False)
        return one

    def _send(self, number):
        window = len(self.windows) - 1
        self.windows[window].sent += 1
        head = CHANNEL << 16 | (STAMP.size - 4 + len(BODY))
        self.calls[number].sock.send(STAMP.pack(head, window, number, time.monotonic()) + BODY)
        if number % SAMPLE == 0:
            self.bare.send(STAMP.pack(head, window, number, time.monotonic()) + BODY)

    def _rebind(self, number):
        tid = new_tid()
        self.calls[number].sock.send(self.calls[number].signed(CHANNEL_BIND, [
            (CHANNEL_NUMBER, u16pad(CHANNEL)),
            (XOR_PEER_ADDRESS, xor_address(self.peer.addr, tid))], tid))

    def _bare_returned(self, sock):
        try:
            while True:
                _, window, _, born = STAMP.unpack_from(sock.recv(2048))
                self.windows[window].bare.append(time.monotonic() - born)
        except BlockingIOError:
            pass

    def _returned(self, sock):
        try:
            while True:
                data = sock.recv(2048)
                if 0x40 <= data[0] <= 0x4F:
                    _, window, _, born = STAMP.unpack_from(data)
                    self.windows[window].returned += 1
                    self.windows[window].delays.append(time.monotonic() - born)
        except BlockingIOError:
            pass

    def _run(self):
        chooser = selectors.EpollSelector()
        self.peer.sock.setblocking(False)
        chooser.register(self.peer.sock, selectors.EVENT_READ, echo)
        chooser.register(self.bare, selectors.EVENT_READ, self._bare_returned)
        for one in self.calls:
            chooser.register(one.sock, selectors.EVENT_READ, self._returned)
        data = rebinding = time.monotonic()
        number = bound = 0
        while not self.stopped:
            now = time.monotonic()
            data = max(data, now - 0.05)  # a stall of ours does not become a burst
            while data <= now:
                self._send(number)
                number = (number + 1) % len(self.calls)
                data += self.interval
            if rebinding <= now:
                self._rebind(bound)
                bound = (bound + 1) % len(self.calls)
                rebinding = now + REBIND / len(self.calls)
            for key, _ in chooser.select(max(0.0, data - time.monotonic())):
                key.data(key.fileobj)

    def take(self):
        """What happened since the last time; waits for what is still under way."""
        old = self.windows[-1]
        self.windows.append(Window(time.monotonic()))
        seconds = time.monotonic() - old.begin
        time.sleep(STRAGGLERS)
        return {"seconds": seconds, "sent": old.sent, "lost": old.sent - old.returned,
                "p99": worst(old.delays, 0.99), "worst": worst(old.delays, 1),
                "bare_p99": worst(old.bare, 0.99), "bare_worst": worst(old.bare, 1)}

    def stop(self):
        self.stopped = True
        self.thread.join()
        for one in self.calls:
            one.close()


class Churn:
    """New allocations, each with the next one of the secrets, at so many per second."""

    def __init__(self, to, secrets, rate):
        self.to, self.secrets, self.rate = tuple(to), secrets, rate
        self.tried, self.refused, self.slowest = 0, [], 0.0
        self.lock = threading.Lock()
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _one(self, secret):
        begin = time.monotonic()
        try:
            one = Client(None, credentials(secret), to=self.to)
            one.allocate()
            one.close()
            return None, time.monotonic() - begin
        except (AssertionError, OSError) as error:
            return str(error) or repr(error), time.monotonic() - begin

    def _run(self):
        due = time.monotonic()
        while not self.stopped:
            due = max(due + 1 / self.rate * random.uniform(0.8, 1.2), time.monotonic() - 0.5)
            time.sleep(max(0.0, due - time.monotonic()))
            with self.lock:
                wrong, seconds = self._one(self.secrets[self.tried % len(self.secrets)])
                self.tried += 1
                self.slowest = max(self.slowest, seconds)
                if wrong:
                    self.refused.append(wrong)

    def use(self, secrets):
        with self.lock:  # none is under way with one that is not in the list
            self.secrets = secrets

    def take(self):
        with self.lock:
            result = {"tried": self.tried, "refused": self.refused, "slowest": self.slowest}
            self.tried, self.refused, self.slowest = 0, [], 0.0
        return result

    def stop(self):
        self.stopped = True
        self.thread.join()


work = {}


def begin(kind, **how):
    work["it"] = {"calls": Calls, "churn": Churn}[kind](**how)
    return True


def begin_echo():
    """The address of somebody who sends everything back."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def run():
        while select.select([sock], [], []):
            sock.setblocking(False)
            echo(sock)

    threading.Thread(target=run, daemon=True).start()
    return list(sock.getsockname())


def stop():
    work.pop("it").stop()
    return True


if __name__ == "__main__":
    serve({"begin": begin, "begin_echo": begin_echo, "stop": stop,
           "take": lambda: work["it"].take(), "use": lambda secrets: work["it"].use(secrets)})
