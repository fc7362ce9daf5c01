"""Debian's Prosody, and as much of an XMPP client as it takes to ask it for TURN servers."""

import re
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as tree
from contextlib import nullcontext

EXTDISCO = "urn:xmpp:extdisco:2"
GENERAL = """
run_as_root = true
pidfile = "{folder}/pid"
data_path = "{folder}"
log = {{ info = "{folder}/log" }}
plugin_paths = {{}}
modules_enabled = {{ "saslauth", "disco" }}
modules_disabled = {{ "s2s", "posix", "offline", "register" }}
c2s_interfaces = {{ "127.0.0.1" }}
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
c2s_require_encryption = false
authentication = "anonymous"
"""


class Prosody:
    """hosts: the lines of its configuration about what it serves. how: further arguments of
    subprocess.Popen."""

    def __init__(self, folder, port, hosts, netns=None, **how):
        self.folder, self.port, self.netns = folder, port, netns
        folder.chmod(0o755)
        conf = folder / "prosody.cfg.lua"
        conf.write_text(GENERAL.format(folder=folder, port=port) + hosts)
        with self._inside(), open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [shutil.which("prosody"), "--config", str(conf), "-F"], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, **how)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError("Prosody did not start: " + self.log())
            time.sleep(0.05)

    def _inside(self):
        return self.netns.inside() if self.netns else nullcontext()

    def _listens(self):
        with self._inside():
            probe = socket.socket()
        with probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return "".join((self.folder / name).read_text() for name in ("output", "log")
                       if (self.folder / name).exists())

    def services(self, host):
        """What somebody who logs in to that host is offered: dictionaries of attributes."""
        with self._inside():
            sock = socket.socket()
        with sock:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", self.port))
            return _Session(sock, host).services()

    def close(self):
        self.process.kill()
        self.process.wait()


class _Session:
    """Anonymous, in the clear."""

    def __init__(self, sock, host):
        self.sock, self.host = sock, host
        self._open()
        self._say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
                  "<success")
        self._open()
        self._say("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
                  "</iq>")

    def _open(self):
        self._say(f"<stream:stream xmlns='jabber:client' to='{self.host}' version='1.0' "
                  "xmlns:stream='http://etherx.jabber.org/streams'>", "</stream:features>")

    def _say(self, what, until):
        text = ""
        self.sock.sendall(what.encode())
        while until not in text:
            data = self.sock.recv(65536)
            assert data, text
            text += data.decode()
        return text

    def services(self):
        """XEP-0215."""
        text = self._say(f"<iq type='get' id='2' to='{self.host}'>"
                         f"<services xmlns='{EXTDISCO}'/></iq>", "</iq>")
        iq = tree.fromstring(re.search(r"<iq.*</iq>", text, re.S).group(0))
        return [one.attrib for one in iq.iter(f"{{{EXTDISCO}}}service")]
