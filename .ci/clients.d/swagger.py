"""Executes operations in Swagger UI by clicking, as prefilled, with tokens of a demo server: some that need a fresh
Idempotency-Key, an id that exists, a customer who is not the example, or no customer at all. With ALL=1 it tries every
operation, and says which ones do not succeed; that takes some minutes.

    swagger.py [PICTURES]
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

from browser import Browser

TOPUP = os.environ["TOPUP"]
TOKENS = {scope: os.environ[scope.upper()] for scope in ("operator", "service", "customer")}
PICTURES = sys.argv[1] if len(sys.argv) > 1 else None

SOME = {
    "operator": ["createTopUpOrder", "getTopUpOrder", "createGrant", "getGrant"],
    "service": ["createUsage"],
    # The same order twice: two keys, two orders. The newest one is shown, and cancelled.
    "customer": ["listBalances", "createTopUpOrder", "createTopUpOrder", "getTopUpOrder", "cancelTopUpOrder"],
}
# Payment companies call these, with signatures; the stream ends only with the token.
NEVER = {"receiveStripeNotification", "receivePaypalNotification", "receiveVnpayIpn", "returnFromPaypal", "returnFromVnpay",
         "streamBalances", "streamBalancesByTicket"}


def call(method: str, path: str, body: object = None, scope: str = "operator") -> dict:
    headers = {"Authorization": f"Bearer {TOKENS[scope]}", "Content-Type": "application/json",
               "Idempotency-Key": str(uuid.uuid4())}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(TOPUP + path, data, headers, method=method)) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{method} {path}: {refused.code} {refused.read()[:500]}") from None


def ordered(channel: str = "bank_transfer") -> str:
    body = {"currency": "CNY", "amount": "100.00", "channel": channel, "agreement_accepted": True}
    if channel == "bank_transfer":
        body["bank_transfer"] = {"remitter_name": "Demo Ltd", "remitter_bank": "Bank of China"}
    return call("POST", "/v1/top-up-orders?customer_id=demo", body)["id"]


def approved() -> str:
    order = ordered()
    call("POST", f"/v1/admin/top-up-orders/{order}/approve", {
        "received_amount": "100.00", "bank_transaction_id": f"UI-{time.time_ns()}",
        "received_on": time.strftime("%Y-%m-%d", time.gmtime()), "confirm_not_duplicate": True})
    return order


def used() -> None:
    body = {"id": f"ui-{time.time_ns()}", "customer_id": "demo", "currency": "CNY", "amount": "0.01"}
    call("POST", "/v1/usage", body, "service")


def moved() -> None:
    call("POST", "/v1/transfers?customer_id=demo", {"currency": "CNY", "amount": "5.00", "to_product": "whatsapp"})


def granted() -> None:
    body = {"customer_id": "demo", "currency": "CNY", "amount": "5.00", "reason": "to try", "expires_at": "2027-06-01T00:00:00Z"}
    call("POST", "/v1/grants", body)


# What must be there for an operation, and what a person would have made before.
BEFORE = {
    "cancelTopUpOrder": ordered, "verifyTopUpOrder": ordered, "approveTopUpOrder": ordered, "adminApproveTopUpOrder": ordered,
    "rejectTopUpOrder": ordered, "adminRejectTopUpOrder": ordered,
    "reverseTopUpOrder": approved, "adminReverseTopUpOrder": approved, "createRefund": approved, "adminCreateRefund": approved,
    "listTopUpOrderPaidFor": approved, "listAccountFlowPaidFor": approved, "getAccountFlowPaidBy": used,
    "getTransfer": moved, "getGrant": granted, "revokeGrant": granted, "adminRevokeGrant": granted,
    "changeGrantExpiry": granted, "adminChangeGrantExpiry": granted,
}
# What makes something comes first, what shows it next, and what ends it last.
PLACES = {"post": 0, "put": 1, "get": 2, "delete": 4}


def place(path: str, method: str) -> int:
    return 3 if method == "post" and "{" in path else PLACES[method]


document = call("GET", "/openapi.json")
operations = [(place(path, method), path, method, operation)
              for path, item in document["paths"].items() for method, operation in item.items() if "operationId" in operation]
# By tag, because only the operations of one tag are shown at a time: a page with all of them is slow.
operations.sort(key=lambda one: (one[3]["tags"][0], one[0], one[1]))

browser = Browser(1400, 1400)
answers: list[tuple[str, str, str, str]] = []


def first_scope(operation: dict) -> str | None:
    scopes = operation.get("x-scopes", ["operator"])
    known = next((scope for scope in SOME if scope in scopes), None)
    return None if operation["operationId"] in NEVER else known


def authorize(token: str) -> None:
    browser.click(".auth-wrapper .authorize")
    if browser.run("return !!document.querySelector('.modal-ux .auth-btn-wrapper .btn.modal-btn.auth.button')"):
        browser.click(".modal-ux .auth-btn-wrapper .btn.modal-btn.auth.button")
    browser.write(".modal-ux input", token)
    browser.click(".modal-ux .auth-btn-wrapper .btn.modal-btn.auth.authorize")
    browser.click(".modal-ux .btn-done")


shown_tag = None


def execute(tag: str, operation: str) -> tuple[str, str]:
    global shown_tag
    if tag != shown_tag:
        browser.write(".operation-filter-input", tag)
        shown_tag = tag
    block = f"[id='operations-{tag}-{operation}']"

    def click(part: str) -> None:
        browser.until(f"{part} of {operation}", lambda: browser.run(
            "const found = document.querySelector(arguments[0]); found?.click(); return !!found", f"{block} {part}"))

    click(".opblock-summary-control")
    click(".execute")
    status, body = browser.until(f"an answer of {operation}", lambda: browser.run("""
        const answer = document.querySelector(arguments[0]);
        const of = (column) => answer.querySelector(`.response-col_${column}`)?.textContent ?? "";
        return answer && of("status") ? [of("status"), of("description")] : null""",
        f"{block} .live-responses-table tbody"))
    click(".opblock-summary-control")
    return status.split()[0], body


try:
    browser.open(f"{TOPUP}/docs/")
    browser.until("the operations are there", lambda: browser.run("return document.querySelectorAll('.opblock').length") > 50)
    for scope, chosen in SOME.items():
        authorize(TOKENS[scope])
        # Each operation is tried once, with the first scope that opens it.
        everything = [operation["operationId"] for *_, operation in operations if first_scope(operation) == scope]
        for name in everything if os.environ.get("ALL") else chosen:
            if name in BEFORE and os.environ.get("ALL"):
                BEFORE[name]()
            tag = next(operation["tags"][0] for *_, operation in operations if operation["operationId"] == name)
            answers.append((scope, name, *execute(tag, name)))
            if os.environ.get("ALL"):
                print(*answers[-1][:3], flush=True)
    if PICTURES:
        browser.picture(f"{PICTURES}/swagger.png")
finally:
    browser.close()

failed = [answer for answer in answers if not answer[2].startswith("2")]
for scope, name, status, body in failed:
    print(f"{scope} {name}: {status} {body[:400]!r}")
assert not failed, f"{len(failed)} of {len(answers)} fail"
orders = {json.loads(body[body.index("{"):body.rindex("}") + 1])["id"] for scope, name, _, body in answers
          if (scope, name) == ("customer", "createTopUpOrder")} if not os.environ.get("ALL") else set()
assert os.environ.get("ALL") or len(orders) == 2, f"one key for two calls: {orders}"
print(f"Swagger UI: {len(answers)} operations succeed as prefilled")
