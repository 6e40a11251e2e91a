"""A metering proxy for an OpenAI-compatible API: customers pay for tokens from their prepaid balance.

    UPSTREAM=https://api.example.com UPSTREAM_KEY=sk-… TOPUP=http://127.0.0.1:8080 TOPUP_TOKEN=tk_… \
    PROXY_KEYS='{"key-of-alice": "alice"}' PORT=9100 python proxy.py

For each call it holds the most that the call can cost, lets the model answer (also as a stream), captures what the tokens
cost that were really used, and releases the hold when the call fails. So nobody spends more than he has, however many
calls run at once. A proxy that dies in between charges nothing: the hold expires by itself.

It needs the standard library only. `TOPUP_TOKEN` is a token or an API key with the scope `service`.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CURRENCY = os.environ.get("CURRENCY", "USD")
# What one token costs, by the model: of the prompt, and of the answer.
PRICES = {model: (Decimal(prompt), Decimal(answer)) for model, (prompt, answer) in json.loads(
    os.environ.get("PRICES", '{"demo-model": ["0.0000025", "0.00001"]}')).items()}
MOST_TOKENS = int(os.environ.get("MOST_TOKENS", "4096"))
# Longer than any call takes. What a proxy that died had reserved is available again after this time.
HOLD_SECONDS = int(os.environ.get("HOLD_SECONDS", "600"))
KEYS: dict[str, str] = json.loads(os.environ["PROXY_KEYS"])
UPSTREAM = urllib.parse.urlsplit(os.environ["UPSTREAM"])


class Refused(Exception):
    """The service refused: `problem` says why (RFC 9457)."""

    def __init__(self, problem: dict) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


def topup(path: str, body: dict) -> dict:
    """Calls the service. The same call again does nothing twice, so it is repeated while the service cannot answer."""
    headers = {"Authorization": f"Bearer {os.environ['TOPUP_TOKEN']}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["TOPUP"] + path, json.dumps(body).encode(), headers, method="POST")
    for patience in (0.2, 0.5, 1, 2, 4, None):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or patience is None:
                raise Refused(json.load(error)) from None
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            if patience is None:
                raise
        time.sleep(patience)
    raise AssertionError("the last round returns or raises")


def text_of(amount: Decimal) -> str:
    """An amount as the service takes it: plain digits, at most 8 decimals, rounded up."""
    return format(amount.quantize(Decimal("0.00000001"), rounding="ROUND_UP"), "f")


def cost(model: str, prompt_tokens: int, answer_tokens: int) -> Decimal:
    prompt, answer = PRICES[model]
    return prompt * prompt_tokens + answer * answer_tokens


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        customer = KEYS.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if customer is None:
            return self.fail(401, "invalid_api_key", "this key is not known")
        if self.path != "/v1/chat/completions":
            return self.fail(404, "not_found", "only /v1/chat/completions is sold here")
        try:
            call = json.loads(body)
            model = call["model"]
            limit = min(int(call.get("max_tokens") or MOST_TOKENS), MOST_TOKENS)
        except (ValueError, KeyError, TypeError):
            return self.fail(400, "invalid_request_error", "the body is no chat completion")
        if model not in PRICES:
            return self.fail(404, "model_not_found", f"the model {model} is not sold here")
        call["max_tokens"] = limit
        if call.get("stream"):
            # Without this, a stream does not tell what it used.
            call["stream_options"] = {"include_usage": True}
        # A token is at least one byte, so no prompt has more tokens than bytes.
        most = cost(model, len(body), limit)
        call_id = str(uuid.uuid4())
        try:
            hold = topup("/v1/holds", {"id": call_id, "customer_id": customer, "currency": CURRENCY,
                                       "amount": text_of(most), "expires_in": HOLD_SECONDS, "description": model})
        except Refused as refused:
            if refused.problem["status"] == 402:
                return self.fail(402, "insufficient_quota", refused.problem["detail"])
            return self.fail(503, "service_unavailable", "the balance cannot be read now")
        self.carry_out(call, model, limit, f"/v1/holds/{hold['hold_id']}")

    def carry_out(self, call: dict, model: str, limit: int, hold: str) -> None:
        """Lets the model answer, and settles the hold by what was used, whatever happens to the caller meanwhile."""
        usage: dict | None = None
        began = False
        try:
            kind = http.client.HTTPSConnection if UPSTREAM.scheme == "https" else http.client.HTTPConnection
            upstream = kind(UPSTREAM.netloc, timeout=300)
            upstream.request("POST", UPSTREAM.path + "/v1/chat/completions", json.dumps(call), {
                "Content-Type": "application/json", "Authorization": f"Bearer {os.environ['UPSTREAM_KEY']}"})
            answer = upstream.getresponse()
            if answer.status != 200:
                failed = answer.read()
                topup(f"{hold}/release", {})
                return self.send(answer.status, failed)
            began = True
            usage = self.stream(answer) if call.get("stream") else self.whole(answer)
        except (OSError, http.client.HTTPException):
            if not began:
                topup(f"{hold}/release", {})
                return self.fail(502, "upstream_error", "the model does not answer")
        if usage is None:
            # It answered in part and did not say how much: the hold is charged, because the upstream charges, too.
            topup(f"{hold}/capture", {"amount": text_of(cost(model, len(json.dumps(call)), limit))})
        else:
            used = cost(model, usage["prompt_tokens"], usage["completion_tokens"])
            topup(f"{hold}/capture", {"amount": text_of(used)})

    def whole(self, answer: http.client.HTTPResponse) -> dict | None:
        body = answer.read()
        self.send(200, body)
        return json.loads(body).get("usage")

    def stream(self, answer: http.client.HTTPResponse) -> dict | None:
        """Passes a stream on, and returns what it says that it used. A caller who went away does not end it, because
        the upstream charges for it all the same."""
        usage = None
        gone = not self.try_to(self.start_stream)
        for line in answer:
            if line.startswith(b"data: {"):
                usage = json.loads(line[6:]).get("usage") or usage
            gone = gone or not self.try_to(lambda: self.chunk(line))
        if not gone:
            self.try_to(lambda: self.chunk(b""))
        return usage

    def start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def try_to(self, write) -> bool:
        try:
            write()
            return True
        except OSError:
            self.close_connection = True
            return False

    def send(self, status: int, body: bytes) -> None:
        def write() -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        self.try_to(write)

    def fail(self, status: int, code: str, message: str) -> None:
        self.send(status, json.dumps({"error": {"code": code, "type": code, "message": message}}).encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Proxy)
    server.daemon_threads = False
    print("ready", flush=True)
    server.serve_forever()
