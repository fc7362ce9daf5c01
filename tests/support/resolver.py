"""A small DNS server in a network namespace, which is the resolver of whatever `ip netns exec` runs
there."""

import contextlib
import os
import shutil
import socket
import struct
import threading

A, AAAA, SRV = 1, 28, 33
NOERROR, NXDOMAIN = 0, 3


def _labels(name):
    parts = [part.encode() for part in name.rstrip(".").split(".") if part]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _data(kind, value):
    """SRV values are (port, target); bytes go out as they are."""
    if isinstance(value, bytes):
        return value
    if kind == SRV:
        return struct.pack("!HHH", 0, 0, value[0]) + _labels(value[1])
    return socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)


class Resolver:
    """records: {(name, type): [value, ...]}, to be changed at any time. A name without any record
    does not exist."""

    def __init__(self, space, records):
        self.records = records
        self.folder = f"/etc/netns/{space.name}"
        os.makedirs(self.folder)
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"),
                           ("nsswitch.conf", "hosts: files dns\n")):
            with open(os.path.join(self.folder, name), "w") as out:
                out.write(text)
        self.socket = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, asker = self.socket.recvfrom(2048)
                if not question:
                    return
                self.socket.sendto(self._answer(question), asker)

    def _answer(self, question):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        kind, = struct.unpack("!H", question[at + 1:at + 3])
        name = ".".join(labels)
        values = self.records.get((name, kind), [])
        code = NOERROR if any(known == name for known, _ in self.records) else NXDOMAIN
        head = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(values), 0, 0)
        rows = b""
        for value in values:
            data = _data(kind, value)
            rows += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data
        return head + question[12:at + 5] + rows
