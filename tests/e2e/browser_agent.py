"""Runs inside a namespace: a headless browser on a page from localhost (a secure context, which
getUserMedia wants) or from elsewhere."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from chromium import Chromium
from firefox import Firefox
from names import own
from world import serve

ENGINES = {"chromium": Chromium, "firefox": Firefox}


class Page(http.server.BaseHTTPRequestHandler):
    text = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_):
        pass


def trust(authority, folder):
    """The browser trusts this authority, so that certificates are truly verified."""
    os.makedirs(folder, exist_ok=True)
    for args in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "test", "-i", authority]):
        subprocess.run(["certutil", "-d", f"sql:{folder}", *args], check=True)


def js(driver, name, args):
    """A function of the page; a string that begins with "failed: " if it throws."""
    call = f"{name}(...{json.dumps(args)})"
    promise = f"(async () => JSON.stringify(await {call}))()"
    return json.loads(driver.text(f"{promise}.catch(e => JSON.stringify('failed: ' + e))"))


def main(engine, authority, names, page):
    """names: JSON object of host names and their addresses. page: its file."""
    Page.text = Path(page).read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://localhost:{server.server_address[1]}/"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        os.environ["HOME"] = f"{profile}/home"
        os.mkdir(os.environ["HOME"])
        kind, names = ENGINES[engine], json.loads(names)
        own(names)
        trust(authority, kind.store(profile))
        driver = kind(profile, names)
        try:
            driver.open(home)
            serve({"js": lambda name, args: js(driver, name, args),
                   "open": lambda page: driver.open(page or home)})
        finally:
            driver.close()


main(*sys.argv[1:])
