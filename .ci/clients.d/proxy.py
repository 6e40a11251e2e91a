"""Tries examples/metering-proxy with a model of our own: over 200 calls, whole and streamed, failing ones among them, what
is charged is what the tokens cost; a proxy that is killed in a call charges nothing, and its hold expires.

    proxy.py PROXY
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOPUP, SERVICE, OPERATOR = (os.environ[name] for name in ("TOPUP", "SERVICE", "OPERATOR"))
CUSTOMER = f"proxy-{int(time.time())}"
PRICE = (Decimal("0.0000025"), Decimal("0.00001"))
used: list[tuple[int, int]] = []
lock = threading.Lock()
stuck = threading.Event()


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible model: it answers as many tokens as the prompt says."""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wish = json.loads(call["messages"][0]["content"])
        if wish.get("stick"):
            stuck.set()
            time.sleep(60)
        if wish.get("fail"):
            return self.send(500, {"error": {"message": "overloaded"}})
        usage = {"prompt_tokens": wish["prompt"], "completion_tokens": min(wish["answer"], call["max_tokens"])}
        with lock:
            used.append((usage["prompt_tokens"], usage["completion_tokens"]))
        if not call.get("stream"):
            return self.send(200, {"choices": [], "usage": usage})
        assert call["stream_options"]["include_usage"]
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = [{"choices": [{"delta": {"content": "word"}}]}] * 5 + [{"choices": [], "usage": usage}]
        for line in [*(f"data: {json.dumps(piece)}\n\n" for piece in pieces), "data: [DONE]\n\n", ""]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line.encode()))

    def send(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def request(method: str, url: str, token: str, body: object = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json",
               "Idempotency-Key": str(random.random())}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def balance() -> dict[str, Decimal]:
    status, body = request("GET", f"{TOPUP}/v1/balances?customer_id={CUSTOMER}&currency=USD", SERVICE)
    assert status == 200, body
    return {part: Decimal(json.loads(body)["balances"][0][part]) for part in ("total", "held", "available")}


def until(holds, what: str) -> dict[str, Decimal]:
    deadline = time.monotonic() + 30
    while not holds(now := balance()):
        assert time.monotonic() < deadline, f"never: {what}: {now}"
        time.sleep(0.1)
    return now


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=model.serve_forever, daemon=True).start()


def start(hold_seconds: int) -> tuple[subprocess.Popen, str]:
    port = free_port()
    environment = {**os.environ, "UPSTREAM": f"http://127.0.0.1:{model.server_port}", "UPSTREAM_KEY": "k", "CURRENCY": "USD",
                   "TOPUP_TOKEN": SERVICE, "PROXY_KEYS": json.dumps({"key-1": CUSTOMER, "key-2": "nobody-at-all"}),
                   "PORT": str(port), "HOLD_SECONDS": str(hold_seconds)}
    proxy = subprocess.Popen([sys.executable, sys.argv[1]], env=environment, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout is not None and proxy.stdout.readline() == "ready\n"
    return proxy, f"http://127.0.0.1:{port}/v1/chat/completions"


def chat(url: str, key: str = "key-1", stream: bool = False, **wish: object) -> int:
    body = {"model": "demo-model", "max_tokens": 500, "stream": stream,
            "messages": [{"role": "user", "content": json.dumps(wish)}]}
    status, answer = request("POST", url, key, body)
    if status == 200 and stream:
        assert answer.count(b"data: ") == 7, answer
    return status


grant = {"customer_id": CUSTOMER, "currency": "USD", "amount": "5.00", "reason": "to try the proxy"}
assert request("POST", f"{TOPUP}/v1/grants", OPERATOR, grant)[0] == 201

proxy, url = start(600)
try:
    random.seed(7)
    wishes = [{"prompt": random.randint(1, 90), "answer": random.randint(0, 700), "stream": n % 2 == 0,
               "fail": n % 10 == 9} for n in range(220)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda wish: chat(url, **wish), wishes))
    assert statuses == [500 if wish["fail"] else 200 for wish in wishes], statuses
    expected = sum((PRICE[0] * prompt + PRICE[1] * answer for prompt, answer in used), Decimal(0))
    # An answer leaves before its capture is booked.
    after = until(lambda now: now["held"] == 0, "the holds are captured or released")
    assert len(used) == 198, len(used)
    assert Decimal("5.00") - after["total"] == expected, (after, expected)
    # Without money, with an unknown key, and for an unknown model nothing reaches the model.
    assert chat(url, "key-2", prompt=1, answer=1) == 402 and chat(url, "key-3", prompt=1, answer=1) == 401
    assert len(used) == 198
finally:
    proxy.send_signal(signal.SIGKILL)
    proxy.wait()

proxy, url = start(2)
before = balance()
call = threading.Thread(target=lambda: chat_and_lose(), daemon=True)


def chat_and_lose() -> None:
    try:
        chat(url, prompt=1, answer=1, stick=True)
    except OSError:
        pass


call.start()
assert stuck.wait(20)
held = balance()
assert held["held"] > 0 and held["available"] < before["available"], held
proxy.send_signal(signal.SIGKILL)
proxy.wait()
until(lambda now: now == before, "the hold of a killed proxy expires")
print(f"the metering proxy: {len(used)} calls cost {expected} USD, as charged; a killed proxy charges nothing")
