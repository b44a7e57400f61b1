"""A headless Chromium from Debian's packages, driven by chromedriver's own protocol (W3C WebDriver)."""

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = "no Chromium here: apt-get install chromium chromium-driver"
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)
SECONDS = 60.0


class Browser:
    """One session."""

    def __init__(self, address: str) -> None:
        self._address = address

    def open(self, page: Path) -> None:
        self.ask("url", {"url": page.as_uri()})

    def run(self, script: str) -> Any:
        """Give what a script returns."""
        return self.ask("execute/sync", {"script": script, "args": []})

    def width(self, pixels: int) -> None:
        """Look at the page as a device of this width does."""
        metrics = {"width": pixels, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.ask("goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def requested(self) -> list[str]:
        """Give every address that the page has asked for since the last call, whether it was blocked or not."""
        messages = [json.loads(entry["message"])["message"] for entry in self.ask("se/log", {"type": "performance"})]
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    def ask(self, command: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310  chromedriver on loopback
            f"{self._address}/{command}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)["value"]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile; skips the test where there is none."""
    driver = shutil.which("chromedriver")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or program is None:
        pytest.skip(MISSING)
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            found = (re.search(rb"successfully on port (\d+)", line) for line in process.stdout)
            port = next(match.group(1).decode() for match in found if match)
            switches = [*SWITCHES, f"--user-data-dir={folder / 'profile'}"]
            wanted = {
                "goog:chromeOptions": {"binary": program, "args": switches},
                "goog:loggingPrefs": {"performance": "ALL"},
            }
            driver_root = Browser(f"http://127.0.0.1:{port}")
            session = driver_root.ask("session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            yield Browser(f"http://127.0.0.1:{port}/session/{session}")
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/session/{session}", method="DELETE"), timeout=SECONDS
            ).close()
        finally:
            process.terminate()
