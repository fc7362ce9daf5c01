"""Headless Chromium, driven by selenium."""

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


class Chromium:
    def __init__(self, profile, names):
        # It resolves a name with a dot at its end for UDP, which no hosts file would match.
        rules = ", ".join(f"MAP {name}* {address}" for name, address in names.items())
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--host-resolver-rules={rules}", f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(service=service, options=options)
        self.driver.set_script_timeout(45)

    @staticmethod
    def store(profile):
        """Where it keeps the authorities it trusts: HOME is this folder's `home`."""
        return Path(profile, "home", ".pki", "nssdb")

    def open(self, page):
        self.driver.get(page)

    def text(self, promise):
        """What a promise of a string comes to."""
        return self.driver.execute_async_script(f"({promise}).then(arguments[0])")

    def close(self):
        self.driver.quit()
