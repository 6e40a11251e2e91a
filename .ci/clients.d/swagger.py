"""Executes operations in Swagger UI by clicking, as prefilled, with the tokens of a demo server. Each one succeeds, or
`before.py` says which problem it answers, and why.

Swagger UI draws everything anew at each key and click, which takes seconds with all operations on the page. So it gets
the document tag by tag, from a server of our own that passes all other requests on; that it shows the whole document is
looked at once. Even so all operations take five minutes of a processor; `prefilled.py` executes them without a browser.

    swagger.py [PICTURES]      with TAGS="balances holds" the operations of these tags, or else of all
"""

import http.server
import json
import os
import socketserver
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from before import BEFORE, FILES, NEVER, TOKENS, TOPUP, approved, call, in_order, scope_of, succeeds
from browser import Browser

PICTURES = sys.argv[1] if len(sys.argv) > 1 else None
# These are executed once more, as another caller: fresh keys make two orders of one, and operators name the customer.
CHOSEN = os.environ.get("TAGS", "").split()
AGAIN = [("customer", "createTopUpOrder"), ("operator", "createTopUpOrder"), ("operator", "getTopUpOrder"),
         ("operator", "listBalances")]

document: dict[str, Any] = call("GET", "/openapi.json")


def part(tag: str) -> bytes:
    """The document with the operations of one tag, and what they refer to."""
    paths = {path: kept for path, item in document["paths"].items()
             if (kept := {method: operation for method, operation in item.items() if tag in operation.get("tags", [])})}
    components: dict[str, Any] = {"securitySchemes": document["components"]["securitySchemes"]}

    def visit(found: Any) -> None:
        if isinstance(found, list):
            for value in found:
                visit(value)
        elif isinstance(found, dict):
            for name, value in found.items():
                if name == "$ref" and isinstance(value, str) and value.startswith("#/components/"):
                    _, _, kind, of = value.split("/")
                    if of not in components.setdefault(kind, {}):
                        components[kind][of] = document["components"][kind][of]
                        visit(components[kind][of])
                else:
                    visit(value)

    visit(paths)
    kept = {name: value for name, value in document.items() if name not in ("webhooks", "tags")}
    return json.dumps({**kept, "paths": paths, "components": components}).encode()


class Front(http.server.BaseHTTPRequestHandler):
    """Passes everything on to the service, but the document."""
    protocol_version = "HTTP/1.1"
    tag: str | None = None

    def pass_on(self) -> None:
        if self.path == "/openapi.json" and Front.tag is not None:
            return self.answer(200, [("Content-Type", "application/json")], part(Front.tag))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "connection", "accept-encoding", "content-length")}
        try:
            answer = urllib.request.urlopen(urllib.request.Request(TOPUP + self.path, body, headers, method=self.command))
        except urllib.error.HTTPError as refused:
            answer = refused
        dropped = ("content-length", "transfer-encoding", "connection", "date")
        with answer:
            self.answer(answer.status, [one for one in answer.headers.items() if one[0].lower() not in dropped],
                        answer.read())

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_POST = do_PUT = do_DELETE = pass_on


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


front = Threads(("127.0.0.1", 0), Front)
threading.Thread(target=front.serve_forever, daemon=True).start()
operations = in_order(document)
tags = list(dict.fromkeys(operation["tags"][0] for *_, operation in operations))
if CHOSEN:
    tags = [tag for tag in tags if tag in CHOSEN]

browser = Browser(1400, 1400)
folder = tempfile.TemporaryDirectory()
authorized: str | None = None
answers: list[tuple[str, str, str, str]] = []


def shown() -> int:
    return browser.run("return document.querySelectorAll('.opblock').length")


def authorize(scope: str) -> None:
    global authorized
    if scope == authorized:
        return
    browser.click(".auth-wrapper .authorize")
    logout = ".modal-ux .auth-btn-wrapper .btn.modal-btn.auth.button"
    if browser.run(f"return !!document.querySelector('{logout}')"):
        browser.click(logout)
    browser.write(".modal-ux input", TOKENS[scope])
    browser.click(".modal-ux .auth-btn-wrapper .btn.modal-btn.auth.authorize")
    browser.click(".modal-ux .btn-done")
    authorized = scope


def execute(tag: str, operation: str) -> tuple[str, str]:
    block = f"[id='operations-{tag}-{operation}']"

    def click(found: str) -> None:
        browser.until(f"{found} of {operation}", lambda: browser.run(
            "const found = document.querySelector(arguments[0]); found?.click(); return !!found", f"{block} {found}"))

    click(".opblock-summary-control")
    if operation in FILES:
        file = Path(folder.name, operation)
        file.write_bytes(FILES[operation]())
        browser.choose_file(f"{block} input[type=file]", str(file))
    # Before its schemas are resolved, an opened operation cannot be executed.
    browser.until(f"{operation} is resolved", lambda: browser.run("""
        const select = window.ui.getSystem().specSelectors;
        for (const [path, item] of select.specJson().get("paths").entries())
            for (const [method, one] of item.entries())
                if (one?.get?.("operationId") === arguments[0])
                    return select.specResolvedSubtree(["paths", path, method]) != null;
        return false""", operation))
    click(".execute")
    status, body = browser.until(f"an answer of {operation}", lambda: browser.run("""
        const answer = document.querySelector(arguments[0]);
        const of = (column) => answer.querySelector(`.response-col_${column}`)?.textContent ?? "";
        return answer && of("status") ? [of("status"), of("description")] : null""",
        f"{block} .live-responses-table tbody"))
    click(".opblock-summary-control")
    return status.split()[0], body


def run(scope: str, tag: str, name: str) -> None:
    authorize(scope)
    if name in BEFORE:
        BEFORE[name]()
    status, body = execute(tag, name)
    answers.append((scope, name, status, body))


try:
    address = f"http://127.0.0.1:{front.server_port}/docs/"
    browser.open(address)
    browser.until("all operations are there", lambda: shown() >= len(operations), 60)
    if PICTURES:
        browser.picture(f"{PICTURES}/swagger.png")
    approved()
    for tag in tags:
        Front.tag = tag
        browser.open(address)
        of_tag = [one for one in operations if one[2]["tags"][0] == tag]
        browser.until(f"the operations of {tag} are there", lambda: shown() == len(of_tag))
        for *_, operation in of_tag:
            if operation["operationId"] not in NEVER:
                run(scope_of(operation), tag, operation["operationId"])
        for scope, name in AGAIN:
            if any(operation["operationId"] == name for *_, operation in of_tag):
                run(scope, tag, name)
    if PICTURES:
        browser.picture(f"{PICTURES}/swagger-tag.png")
finally:
    browser.close()

orders = [json.loads(body[body.index("{"):body.rindex("}") + 1])["id"] for scope, name, status, body in answers
          if (scope, name, status) == ("customer", "createTopUpOrder", "201")]
assert "top-up-orders" not in tags or len(set(orders)) == 2, f"one key for two calls: {orders}"
failed = [(scope, name, status, body) for scope, name, status, body in answers if not succeeds(name, int(status), body)]
for scope, name, status, body in failed:
    print(f"{scope} {name}: {status} {body[:400]!r}")
assert not failed, f"{len(failed)} of {len(answers)} fail"
print(f"Swagger UI: {len(answers)} operations answer as prefilled")
