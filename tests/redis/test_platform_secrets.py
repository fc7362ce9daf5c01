"""Prosody and a PHP script as Nextcloud Talk's, each with a secret that was made by the `secret`
command and lives in Redis."""

import base64
import json
import re
import subprocess

import pytest

from scene import Credentials, admin_conf, command, outcome, wait_until_good
from stores import die_with_parent
from support.prosody import Prosody
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

HOSTS = """
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
    hosts = HOSTS.format(secret=relay.shared, turn=relay.port)
    made = Prosody(tmp_path, free_ports(1), hosts, preexec_fn=die_with_parent)
    yield made
    made.close()


@pytest.mark.parametrize("host", ["services.example", "turn.example"])
def test_prosody(relay, prosody, host):
    issued = [Credentials(one["username"], one["password"]) for one in prosody.services(host)
              if one["type"] == "turn"]
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
