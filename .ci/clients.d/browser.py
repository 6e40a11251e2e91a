"""Chromium without a window, driven over the WebDriver protocol (w3.org/TR/webdriver2): the few calls that are needed."""

import base64
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    def __init__(self, width: int = 1200, height: int = 1600) -> None:
        # A group of its own, so that the browser ends with its driver.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True,
                                       start_new_session=True)
        assert self.driver.stdout is not None
        port = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
                break
        assert port, "chromedriver does not start"
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--window-size={width},{height}", f"--user-data-dir={self.home.name}"]
        options = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
        self.base = f"http://127.0.0.1:{port}"
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """Runs JavaScript in the page; `arguments` are its arguments."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css: str) -> str:
        return self.until(css, lambda: self.call("POST", "/element", {"using": "css selector", "value": css}))[ELEMENT]

    def click(self, css: str) -> None:
        """Clicks like a person: what lies outside of the window is brought into it first."""
        self.until(f"a click on {css}", lambda: self.call("POST", f"/element/{self.find(css)}/click") is None)

    def write(self, css: str, text: str) -> None:
        element = self.find(css)
        self.call("POST", f"/element/{element}/clear")
        self.call("POST", f"/element/{element}/value", {"text": text})

    def choose_file(self, css: str, file: str) -> None:
        self.call("POST", f"/element/{self.find(css)}/value", {"text": file})

    def text(self, css: str) -> str:
        return self.call("GET", f"/element/{self.find(css)}/text")

    def emulate(self, media: dict[str, str], width: int, height: int) -> None:
        def chrome(command: str, parameters: dict[str, Any]) -> None:
            self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})
        chrome("Emulation.setEmulatedMedia", {"features": [{"name": n, "value": v} for n, v in media.items()]})
        chrome("Emulation.setDeviceMetricsOverride",
               {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def picture(self, file: str) -> None:
        with open(file, "wb") as to:
            to.write(base64.b64decode(self.call("GET", "/screenshot")))

    def until(self, what: str, holds: Callable[[], Any], seconds: float = 20) -> Any:
        deadline = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < deadline:
            try:
                if value := holds():
                    return value
            except RuntimeError as error:
                last = error
            time.sleep(0.05)
        self.picture(os.environ.get("PICTURE", "/tmp/topup-browser.png"))
        raise AssertionError(f"in {seconds} seconds never: {what} ({last}); the page says: "
                             f"{self.run('return document.body.innerText')[:1500]}")

    def close(self) -> None:
        os.killpg(self.driver.pid, 9)
        self.driver.wait()
        self.home.cleanup()
