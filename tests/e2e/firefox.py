"""Headless Firefox, driven by WebDriver BiDi over its websocket: Debian has no driver for it."""

import json
import subprocess
import time
from pathlib import Path

import websocket

PREFS = {
    "media.autoplay.default": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "network.manage-offline-status": False,
    "network.trr.mode": 5,
}


def _wait_for(path, process, seconds=60):
    end = time.monotonic() + seconds
    while not (path.exists() and (text := path.read_text())):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("Firefox did not start")
        time.sleep(0.05)
    return text


class Firefox:
    def __init__(self, profile, _):
        self.count = 0
        profile = Path(profile)
        prefs = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFS.items())
        (profile / "user.js").write_text("".join(prefs))
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--no-remote", "--profile", profile,
             "--remote-debugging-port=0"], stdin=subprocess.DEVNULL, stdout=2)
        at = json.loads(_wait_for(profile / "WebDriverBiDiServer.json", self.process))
        self.socket = websocket.create_connection(
            f"ws://{at['ws_host']}:{at['ws_port']}/session", timeout=80, suppress_origin=True)
        self._command("session.new", capabilities={})
        self.context = self._command("browsingContext.getTree")["contexts"][0]["context"]

    @staticmethod
    def store(profile):
        """Where it keeps the authorities it trusts; its WebRTC looks there as well."""
        return profile

    def _command(self, method, **params):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.count:
            pass
        if answer["type"] != "success":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, page):
        self._command("browsingContext.navigate", context=self.context, url=page, wait="complete")

    def text(self, promise):
        """What a promise of a string comes to."""
        answer = self._command("script.evaluate", expression=promise, awaitPromise=True,
                               target={"context": self.context})
        return answer["result"]["value"]

    def close(self):
        self._command("browser.close")
        self.process.wait(10)
