"""Lets a live server deliver events to the receivers in examples/webhook-receivers, which verify them with the published
Standard Webhooks libraries; then sends them forged ones, which they must refuse.

    webhooks.py RECEIVER…        each receiver a command line
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

TOPUP, OPERATOR = os.environ["TOPUP"], os.environ["OPERATOR"]


def call(method: str, path: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {OPERATOR}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(TOPUP + path, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def until(what: str, holds) -> object:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if value := holds():
            return value
        time.sleep(0.1)
    sys.exit(f"in 20 seconds never: {what}")


def check(command: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = call("POST", "/v1/webhook-endpoints", {"url": f"http://127.0.0.1:{port}/"})
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    # While a secret is replaced, messages carry two signatures; the receiver knows the new one.
    secret = call("POST", f"{path}/rotate-secret")["secret"]
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    receiver = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert receiver.stdout is not None
        ready = receiver.stdout.readline().strip()
        assert ready == "ready", f"{command} said {ready!r}"
        event = call("POST", f"{path}/test")["event_id"]
        # Events of what happened a moment ago can be delivered first.
        line = next(said for said in map(str.strip, receiver.stdout) if said.startswith("webhook_endpoint."))
        assert line == f"webhook_endpoint.test {event}", f"{command} said {line!r}"
        delivered = until("delivered", lambda: [d for d in call("GET", f"{path}/deliveries")["data"]
                                                if d["event_id"] == event and d["status"] == "delivered"])
        assert delivered[0]["attempts"][-1]["status"] == 204, delivered
        forged = {"webhook-id": event, "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        assert post(port, b'{"type":"order.completed"}', forged) == 400, f"{command} takes a forged event"
        assert post(port, b'{"type":"order.completed"}', {}) == 400, f"{command} takes an event without headers"
        print(f"{command}: a delivery is verified, forged ones are refused")
    finally:
        receiver.kill()
        receiver.wait()
        call("DELETE", path)


for receiver_command in sys.argv[1:]:
    check(receiver_command)
