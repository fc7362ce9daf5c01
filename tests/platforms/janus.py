"""Debian's Janus as a client of the relay, and its HTTP interface."""

import json
import sys
import time
import urllib.request
import uuid

from front import NAMES
from world import HERE as E2E

PORTS = "20000-20100"  # of its own candidates
CONF = {
    "janus.jcfg": """
general: {{
    configs_folder = "{folder}"
    debug_level = 4
    debug_colors = false
    session_timeout = 0
}}
media: {{
    rtp_port_range = "{ports}"
}}
nat: {{
{nat}
}}
plugins: {{
    disable = "{plugins}"
}}
transports: {{
    disable = "{transports}"
}}
""",
    "janus.transport.http.jcfg": """
general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    port = 8088
    ip = "127.0.0.1"
}}
""",
    "janus.plugin.echotest.jcfg": "general: {{\n}}\n",
}
PLUGINS = "audiobridge duktape lua nosip recordplay sip streaming textroom videocall videoroom"
PLUGINS += " voicemail"
TRANSPORTS = "mqtt nanomsg pfunix rabbitmq websockets"


def _files(names):
    return ",".join(f"libjanus_{name}.so" for name in names.split())


class Janus:
    """nat: lines of that section. env: of the process, as it shares the relay's clock."""

    def __init__(self, world, name, folder, nat, env=None):
        self.space = world[name]
        lines = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in nat.items())
        for file, text in CONF.items():
            (folder / file).write_text(text.format(
                folder=folder, ports=PORTS, nat=lines, plugins=_files(PLUGINS),
                transports=_files(TRANSPORTS)))
        self.path = folder / "log"
        with open(self.path, "w") as log:
            self.process = world.popen(
                name, [sys.executable, str(E2E / "names.py"), json.dumps(NAMES), "env",
                       *(f"{key}={value}" for key, value in (env or {}).items()), "janus", "-o",
                       "-F", str(folder)],
                stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError("Janus did not start: " + self.log())
            time.sleep(0.05)

    def log(self):
        return self.path.read_text(errors="replace")

    def _answers(self):
        try:
            return self._get("/info")["janus"] == "server_info"
        except OSError:
            return False

    def _get(self, path, timeout=30):
        with self.space.inside():
            with urllib.request.urlopen(f"http://127.0.0.1:8088/janus{path}", timeout=timeout) as got:
                return json.loads(got.read())

    def _say(self, path, **what):
        text = json.dumps(what | {"transaction": uuid.uuid4().hex}).encode()
        with self.space.inside():
            with urllib.request.urlopen(f"http://127.0.0.1:8088/janus{path}", text,
                                        timeout=30) as got:
                answer = json.loads(got.read())
        assert answer["janus"] in ("success", "ack"), answer
        return answer.get("data", {}).get("id")

    def echo(self, offer):
        """The echo test's answer to an SDP offer, with all its candidates in it."""
        session = f"/{self._say('', janus='create')}"
        handle = f"{session}/{self._say(session, janus='attach', plugin='janus.plugin.echotest')}"
        self._say(handle, janus="message", body={"audio": True, "video": True},
                  jsep={"type": "offer", "sdp": offer, "trickle": False})
        while True:
            event = self._get(session)
            assert event["janus"] in ("event", "keepalive"), event
            if "jsep" in event:
                return event["jsep"]["sdp"]

    def close(self):
        self.process.kill()
        self.process.wait()


def relayed(sdp):
    """(address, port) of each relayed candidate in it."""
    words = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return [(one[4], int(one[5])) for one in words if one[7] == "relay"]
