"""Servers with every way out open, and everything that comes out of them."""

import os
import re
import socket
from pathlib import Path

from support.server import ROOT, Server, free_ports
from support.stage import Staged

# What is served by HTTP, with the header lines that change it.
PAGES = [
    ("/", ""), ("/?lang=de", ""), ("/", "Accept-Language: de\r\n"), ("/metrics", ""),
    ("/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n"), ("/stats.json", ""),
    ("/livez", ""), ("/readyz", ""),
]
# Whoever may ask for something else is told no more.
OTHER_PAGES = [("/nowhere", ""), ("/metrics/..", ""), ("/?lang=%FF", "")]
ORDERS = ["stats", "stats json", "nonsense"]


class Watched:
    """Mixin for a Server: statistics by HTTP, commands, a file of windows."""

    def _options(self, conf, secrets):
        more = {"metrics_listen": f"127.0.0.1:{free_ports(1)}", "metrics_window": 3600,
                "metrics_file": os.path.join(self.dir, "windows"),
                "control_socket": os.path.join(self.dir, "control")}
        return super()._options(more | conf, secrets)

    def _talk(self, family, to, text):
        with self.netns.socket(family) if self.netns else socket.socket(family) as sock:
            sock.settimeout(10)
            sock.connect(to)
            sock.sendall(text.encode())
            parts = []
            while part := sock.recv(65536):
                parts.append(part)
            return b"".join(parts)

    def get(self, path, headers=""):
        """(status line and headers, body) as bytes."""
        host, port = self.options["metrics_listen"].rsplit(":", 1)
        raw = self._talk(socket.AF_INET, (host, int(port)),
                         f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
        head, _, body = raw.partition(b"\r\n\r\n")
        return head, body

    def order(self, line):
        return self._talk(socket.AF_UNIX, self.options["control_socket"], line + "\n")

    def shown(self):
        """Everything somebody can ask for without changing anything: name -> bytes."""
        result = {f"{path} {headers}": b"\r\n\r\n".join(self.get(path, headers))
                  for path, headers in PAGES + OTHER_PAGES}
        return result | {line: self.order(line) for line in ORDERS}


class WatchedServer(Watched, Server):
    pass


class Stand(Watched, Staged):
    pass


# --- The event log ---

def _rows():
    """(name, sentence) of each row of the catalogue."""
    text = (ROOT / "relay/base/events.h").read_text()
    rows = re.findall(r'X\(\s*EVENT_\w+,\s*\d,\s*"([^"]+)",\s*((?:"[^"]*"\s*)+)\)',
                      text.replace("\\\n", " "))
    return [(name, "".join(re.findall(r'"([^"]*)"', sentence))) for name, sentence in rows]


def grammar():
    """What a line of the log may look like. Arguments are texts of the operator's own and
    numbers."""
    shapes = [rf"drehkreuz: {re.escape(name)}: " +
              re.sub(r"%[1-4]", "[^\\\\x00-\\\\x1f\\\\x7f]{0,400}", re.escape(sentence))
              for name, sentence in _rows()]
    return re.compile("(?:<[0-7]>)?(?:" + "|".join(shapes) + ")")


def outside_grammar(text):
    shape = grammar()
    return [line for line in text.splitlines() if not shape.fullmatch(line)]


def files(folder):
    """name -> bytes of every file below."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*"))
            if p.is_file()}
