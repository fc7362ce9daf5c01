"""Prosody and a PHP script as Nextcloud Talk's, each with a secret that was made by the `secret`
command and lives in Redis."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import xml.etree.ElementTree as tree

import pytest

from scene import Credentials, admin_conf, command, outcome, wait_until_good
from stores import die_with_parent, wait_for
from support.server import free_ports

# Talk: the time of the end, a colon, 16 random characters; base64 of HMAC-SHA1 (platforms' facts).
TALK = r"""
$secret = trim(fgets(STDIN));
$letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
$name = '';
for ($i = 0; $i < 16; $i++) $name .= $letters[random_int(0, strlen($letters) - 1)];
$user = (time() + 86400) . ':' . $name;
echo json_encode(['username' => $user,
                  'credential' => base64_encode(hash_hmac('sha1', $user, $secret, true))]);
"""

PROSODY = """
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
VirtualHost "services.example"
  modules_enabled = {{ "external_services" }}
  external_service_secret = "{secret}"
  external_services = {{
    {{ type = "turn", host = "127.0.0.1", port = {turn}, transport = "udp", secret = true,
      ttl = 86400, algorithm = "turn" }},
  }}
VirtualHost "turn.example"
  modules_enabled = {{ "turn_external" }}
  turn_external_host = "127.0.0.1"
  turn_external_port = {turn}
  turn_external_secret = "{secret}"
"""


@pytest.fixture
def relay(redis, serve):
    """A relay and the secret that a platform is given."""
    server = serve(redis, wait=None)
    done = command(admin_conf(server, redis), "secret", "new", "--id", "platform")
    assert done.returncode == 0, done.stderr
    wait_until_good(server, done.stdout.strip(), 2)
    server.shared = done.stdout.strip()
    return server


@pytest.fixture
def prosody(relay, tmp_path):
    port = free_ports(1)
    os.chmod(tmp_path, 0o755)
    conf = tmp_path / "prosody.cfg.lua"
    conf.write_text(PROSODY.format(folder=tmp_path, port=port, secret=relay.shared,
                                   turn=relay.port))
    with open(tmp_path / "output", "wb") as output:
        process = subprocess.Popen(
            [shutil.which("prosody"), "--config", str(conf), "-F"], stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, preexec_fn=die_with_parent)

    def log():
        return "".join((tmp_path / name).read_text() for name in ("output", "log")
                       if (tmp_path / name).exists())

    try:
        wait_for(lambda: socket.create_connection(("127.0.0.1", port)).close() or True, 20, log)
        yield port
    finally:
        process.kill()
        process.wait()


class Xmpp:
    """As much of XMPP as it takes to ask for external services (XEP-0215)."""

    def __init__(self, port, host):
        self.host, self.text = host, ""
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
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
        self.text = ""
        self.sock.sendall(what.encode())
        while until not in self.text:
            data = self.sock.recv(65536)
            assert data, self.text
            self.text += data.decode()
        return self.text

    def services(self):
        """The credentials of every TURN server."""
        text = self._say(f"<iq type='get' id='2' to='{self.host}'>"
                         "<services xmlns='urn:xmpp:extdisco:2'/></iq>", "</iq>")
        iq = tree.fromstring(re.search(r"<iq.*</iq>", text, re.S).group(0))
        found = [one.attrib for one in iq.iter("{urn:xmpp:extdisco:2}service")]
        self.sock.close()
        return [Credentials(one["username"], one["password"]) for one in found
                if one["type"] == "turn"]


@pytest.mark.parametrize("host", ["services.example", "turn.example"])
def test_prosody(relay, prosody, host):
    issued = Xmpp(prosody, host).services()
    assert issued
    for who in issued:
        assert outcome(relay, who) == 0
        assert outcome(relay, Credentials(who.user, base64.b64encode(b"x" * 20).decode())) == 401


def test_talk(relay):
    done = subprocess.run(["php", "-r", TALK], input=relay.shared + "\n", text=True,
                          capture_output=True, timeout=30)
    issued = json.loads(done.stdout)
    assert re.fullmatch(r"\d{10}:\w{16}", issued["username"])
    assert outcome(relay, Credentials(issued["username"], issued["credential"])) == 0
    assert outcome(relay, Credentials(issued["username"] + "x", issued["credential"])) == 401
