"""Runs inside a namespace: headless Chromium, driven by selenium, on a page from localhost (a
secure context, which getUserMedia wants) or from elsewhere."""

import argparse
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from world import serve

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

PAGE = (Path(__file__).parent / "page.html").read_bytes()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


def trust(authority, home):
    """The browser's user trusts this authority, so that certificates are truly verified."""
    folder = f"{home}/.pki/nssdb"
    os.makedirs(folder)
    for args in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "test", "-i", authority]):
        subprocess.run(["certutil", "-d", f"sql:{folder}", *args], check=True)
    os.environ["HOME"] = home


def browser(profile, flags):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS, *flags, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", help="instead of the one from localhost")
    parser.add_argument("--authority", help="certificate to trust")
    parser.add_argument("flags", nargs="*", help="for Chromium")
    return parser.parse_args()


def main():
    asked = arguments()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        if asked.authority:
            trust(asked.authority, f"{profile}/home")
        driver = browser(profile, asked.flags)
        try:
            driver.set_script_timeout(45)
            driver.get(asked.page or f"http://localhost:{server.server_address[1]}/")
            serve({"js": lambda name, args: driver.execute_async_script(
                "const done = arguments[arguments.length - 1];"
                f"{name}(...arguments[0]).then(done, e => done('failed: ' + e))", args)})
        finally:
            driver.quit()


main()
