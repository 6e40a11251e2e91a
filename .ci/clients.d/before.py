"""What must be there before an operation is executed as the document shows it, and which operations cannot succeed so.

A person who reads Swagger UI has made these things before, or sees from the answer what is missing.
"""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from datetime import date, timedelta
from typing import Any

TOPUP = os.environ["TOPUP"]
SANDBOX = f"http://{os.environ['TOPUP_SANDBOX_BIND']}"
TOKENS = {scope: os.environ[scope.upper()] for scope in ("operator", "service", "customer")}
# The other operator: what one proposes the other approves.
TOKENS["other"] = subprocess.run([os.environ["TOPUP_COMMAND"], "token", "--role", "operator", "--sub", "other"],
                                 check=True, capture_output=True, text=True).stdout.strip()
# Above the threshold of one operator.
MUCH = "150000.00"
PDF = b"%PDF-1.4\n%%EOF\n"
ACCOUNT = "bac_01930000000070008000000000000001"


def sent(url: str, method: str, body: object, headers: dict[str, str]) -> tuple[int, bytes]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def call(method: str, path: str, body: object = None, scope: str = "operator", kind: str = "application/json",
         replaces: bool = False) -> dict:
    status, answer = sent(TOPUP + path, method, body, {
        "Authorization": f"Bearer {TOKENS[scope]}", "Content-Type": kind, "Idempotency-Key": str(uuid.uuid4()),
        **({"If-Match": "*"} if replaces else {})})
    assert status < 300, f"{method} {path}: {status} {answer[:500]!r}"
    return json.loads(answer or b"null")


def until(what: str, holds) -> object:
    deadline = time.monotonic() + 60
    while not (value := holds()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return value


def ordered(channel: str = "bank_transfer", amount: str = "100.00", customer: str = "demo") -> str:
    body = {"currency": "CNY", "amount": amount, "channel": channel, "agreement_accepted": True}
    if channel == "bank_transfer":
        body["bank_transfer"] = {"remitter_name": "Demo Ltd", "remitter_bank": "Bank of China"}
    return call("POST", f"/v1/top-up-orders?customer_id={customer}", body)["id"]


def approve(order: str, amount: str, scope: str = "operator", line: str | None = None) -> None:
    call("POST", f"/v1/admin/top-up-orders/{order}/approve", {
        "received_amount": amount, "bank_transaction_id": line or f"UI-{time.time_ns()}",
        "received_on": time.strftime("%Y-%m-%d", time.gmtime()), "confirm_not_duplicate": True}, scope)


def approved(amount: str = "100.00") -> str:
    order = ordered(amount=amount)
    line = f"UI-{time.time_ns()}"
    if amount == MUCH:
        approve(order, amount, "other", line)
    approve(order, amount, line=line)
    return order


def play(order: str, action: str) -> None:
    status, answer = sent(f"{SANDBOX}/control/stripe/payments/{order}/{action}", "POST", {}, {})
    assert status == 200, (order, action, status, answer)


def paid(action: str = "pay", customer: str = "demo") -> str:
    order = ordered("card", customer=customer)
    play(order, action)
    until("the card's order is paid", lambda: call(
        "GET", f"/v1/top-up-orders/{order}?customer_id={customer}")["status"] == "completed")
    return order


def first(path: str, wanted=lambda item: True) -> dict | None:
    return next((item for item in call("GET", path)["data"] if wanted(item)), None)


def unapplied() -> str:
    """Money that serves no order: a payment that came twice."""
    order = paid("pay-twice")
    return until("the second payment", lambda: first(
        "/v1/admin/unapplied-payments?limit=100", lambda payment: payment.get("order_id") == order))["id"]


def restatable() -> None:
    """A bank transfer that serves no order: the approval that it was stated with is reversed."""
    order = approved()
    call("POST", f"/v1/admin/top-up-orders/{order}/reverse", {
        "reason": "a mistyped amount", "reach": "all_wallets"})


def used(customer: str = "demo") -> None:
    body = {"id": f"ui-{time.time_ns()}", "customer_id": customer, "currency": "CNY", "amount": "0.01"}
    call("POST", "/v1/usage", body, "service")


def disputed() -> None:
    customer = f"disputes-{time.time_ns()}"
    profile = {"name": "Demo Ltd", "email": "demo@example.com", "country": "VN"}
    call("PUT", f"/v1/billing-profile?customer_id={customer}", profile)
    order = paid(customer=customer)
    used(customer)
    play(order, "dispute-open")
    until("the dispute", lambda: first(f"/v1/admin/disputes?order={order}"))


def moved() -> None:
    call("POST", "/v1/transfers?customer_id=demo", {"currency": "CNY", "amount": "5.00", "to_product": "whatsapp"})


def granted(amount: str = "5.00", scope: str = "operator") -> str:
    expires = (date.today() + timedelta(days=60)).isoformat()
    return call("POST", "/v1/grants", {"customer_id": "demo", "currency": "CNY", "amount": amount, "reason": "to try",
                                       "expires_at": f"{expires}T00:00:00Z"}, scope)["id"]


def grant_changed(scope: str) -> None:
    """Two operators have given a grant, and one wants to revoke it."""
    grant = granted(MUCH)
    call("POST", f"/v1/admin/grant-proposals/{grant}/approve", scope="other")
    call("POST", f"/v1/admin/grants/{grant}/revoke?customer_id=demo", {"reason": "to try"}, scope)


def adjusted(scope: str = "operator") -> None:
    call("POST", "/v1/admin/adjustments", {"customer_id": "demo", "currency": "CNY", "direction": "up", "amount": MUCH,
                                           "reason": "to try"}, scope)


def account_changed(scope: str) -> None:
    changes = call("GET", "/v1/admin/bank-account-changes")["data"]
    for change in changes:
        if change["status"] == "awaiting_second_approval":
            call("POST", f"/v1/admin/bank-account-changes/{change['id']}/withdraw")
    told = {"account_name": "Example Platform Ltd.", "account_number": f"62{time.time_ns()}", "active": True,
            "bank_name": "Example Bank", "currency": "CNY"}
    call("PUT", f"/v1/admin/bank-accounts/{ACCOUNT}", told, scope, replaces=True)


statement_balance = 0


def statement(cents: int) -> bytes:
    """A statement with one line, which begins where the last one ended."""
    global statement_balance
    mapping = {"date_column": "Date", "date_format": "%Y-%m-%d", "amount_column": "Amount", "bank_id_column": "Reference",
               "remitter_column": "Counterparty", "text_columns": ["Details"], "balance_column": "Balance"}
    # No mapping is there at first, which `If-Match` would ask for.
    sent(f"{TOPUP}/v1/admin/bank-accounts/{ACCOUNT}/statement-mapping", "PUT", mapping,
         {"Authorization": f"Bearer {TOKENS['operator']}", "Content-Type": "application/json"})
    statement_balance += cents
    return (f"Date,Reference,Counterparty,Details,Amount,Balance\n{date.today().isoformat()},L{time.time_ns()},"
            f"Demo Ltd,a transfer,{cents / 100:.2f},{statement_balance / 100:.2f}\n").encode()


def stated(cents: int, scope: str = "operator") -> None:
    call("POST", f"/v1/admin/bank-statements?bank_account_id={ACCOUNT}", statement(cents), scope,
         "application/octet-stream")


def line_for_an_order() -> None:
    # No payment that was stated by hand is of this amount.
    stated(9973)
    ordered()


def slip() -> None:
    order = ordered()
    call("POST", f"/v1/top-up-orders/{order}/transfer-slips?customer_id=demo", PDF, kind="application/octet-stream")


def decided() -> None:
    payment = unapplied()
    call("POST", f"/v1/admin/unapplied-payments/{payment}/return",
         {"reason": "paid twice", "bank_transaction_id": f"OUT-{time.time_ns()}"}, "other")


def refunded(scope: str = "operator", amount: str = "100.00") -> None:
    order = approved(amount)
    call("POST", "/v1/admin/refunds", {"order_id": order, "amount": amount, "reason": "asked for it"}, scope)


def asked() -> None:
    body = {"order_id": approved(), "amount": "40.00", "reason": "the wrong account"}
    call("POST", "/v1/refund-requests", body, "customer")


def proposed() -> None:
    approve(ordered(amount=MUCH), MUCH)


def taxed() -> None:
    # The rule is made without `If-Match`, and replaced with it.
    sent(f"{TOPUP}/v1/admin/tax-rules/VN/FR/consumer", "PUT", {"at": "top_up", "inclusive": False, "rate_percent": "19"},
         {"Authorization": f"Bearer {TOKENS['operator']}", "Content-Type": "application/json"})


def named_in_tax() -> None:
    body = {"name": "Demo Ltd", "company": "Demo Ltd", "email": "demo@example.com", "country": "VN", "tax_id": "0101234565"}
    call("PUT", "/v1/billing-profile?customer_id=demo", body, replaces=True)


def delivered() -> None:
    endpoint = call("GET", "/v1/webhook-endpoints?limit=1")["data"][0]["id"]
    call("POST", f"/v1/webhook-endpoints/{endpoint}/test")
    until("a delivery", lambda: call("GET", f"/v1/webhook-endpoints/{endpoint}/deliveries")["data"])


def closing() -> None:
    # An order that waits keeps the closing from going on, so that it can be withdrawn.
    ordered()
    call("POST", "/v1/admin/customers/demo/close", {"reason": "to try"})


def receipted() -> None:
    """A receipt is made some seconds after the order is completed."""
    order = call("GET", "/v1/top-up-orders?customer_id=demo&limit=1")["data"][0]["id"]
    until("a receipt", lambda: sent(f"{TOPUP}/v1/top-up-orders/{order}/receipt?customer_id=demo", "GET", None, {
        "Authorization": f"Bearer {TOKENS['operator']}"})[0] == 200)


BEFORE = {
    "cancelTopUpOrder": ordered, "uploadTransferSlip": ordered, "verifyTopUpOrder": ordered, "adminApproveTopUpOrder": ordered,
    "adminRejectTopUpOrder": ordered, "renewTopUpOrderBankAccount": ordered,
    "adminReverseTopUpOrder": approved, "adminCreateRefund": approved, "createRefundRequest": approved,
    "adminWithdrawTopUpOrderProposal": proposed,
    "getPaper": receipted, "getReceipt": receipted, "getTopUpOrderRefundable": approved,
    "listTransferSlips": slip, "listTopUpOrderPaidFor": approved, "listAccountFlowPaidFor": approved,
    "getAccountFlowPaidBy": used, "getTransfer": moved, "getGrant": granted,
    "adminRevokeGrant": granted, "adminChangeGrantExpiry": granted,
    "adminApproveGrant": lambda: granted(MUCH, "other"), "adminWithdrawGrant": lambda: granted(MUCH),
    "adminApproveGrantChange": lambda: grant_changed("other"),
    "adminWithdrawGrantChange": lambda: grant_changed("operator"),
    "adminApproveAdjustment": lambda: adjusted("other"), "adminWithdrawAdjustment": adjusted,
    "adminApproveBankAccountChange": lambda: account_changed("other"),
    "adminWithdrawBankAccountChange": lambda: account_changed("operator"),
    "adminGetBankLine": lambda: stated(100), "adminApplyBankLine": line_for_an_order,
    "adminApproveBankStatement": lambda: stated(20000000, "other"),
    "adminWithdrawBankStatement": lambda: stated(20000000),
    "adminGetDispute": disputed, "adminSendDisputeEvidence": disputed,
    "adminRestateBankTransaction": restatable, "adminApplyUnappliedPayment": unapplied,
    "adminReturnUnappliedPayment": unapplied, "adminDismissUnappliedPayment": unapplied,
    "adminApproveUnappliedDecision": decided, "adminWithdrawUnappliedDecision": decided,
    "adminGetRefund": refunded, "adminMarkRefundSent": refunded,
    "adminApproveRefund": lambda: refunded("other", MUCH), "adminRejectRefund": lambda: refunded("other", MUCH),
    "adminGetRefundRequest": asked, "adminApproveRefundRequest": asked, "adminRefuseRefundRequest": asked,
    "withdrawRefundRequest": asked,
    "adminSaveTaxRule": taxed, "adminVerifyTaxId": named_in_tax, "recordTaxIdCheck": named_in_tax,
    "listWebhookDeliveries": delivered,
    "adminGetClosing": closing, "getAccountClosing": closing,
}
# A person chooses a file.
FILES = {"uploadTransferSlip": lambda: PDF, "adminUploadBankStatement": lambda: statement(123)}
# These cannot succeed as they are shown: the code that they answer, and why.
WHY = {
    "getAgreement": ("not_found", "the demo's agreement is a page elsewhere, and has no text here"),
    "adminChooseBankLinePayment": ("bank_line_chosen", "only a line that may be one of several payments is chosen for"),
    "releaseHold": ("hold_closed", "the hold is captured before"),
    "extendHold": ("hold_closed", "the hold is captured before"),
    **{name: ("too_recent", "the demo has begun today, and reports are of days that are over") for name in (
        "adminReportActivity", "adminListReportEntries", "adminExportJournal", "adminReportRollForward",
        "getUsageSummary")},
    **{name: ("not_found", "it needs an account that has been closed, which the demo's is not") for name in (
        "adminCreatePayout", "adminGetPayout", "adminApprovePayout", "adminMarkPayoutSent", "adminRejectPayout",
        "adminCreateWriteOff", "adminGetWriteOff", "adminApproveWriteOff", "adminWithdrawWriteOff")},
}
# Payment companies call these, with signatures; the stream ends only with the token.
NEVER = {"receiveStripeNotification", "receivePaypalNotification", "receiveVnpayIpn", "returnFromPaypal", "returnFromVnpay",
         "streamBalances", "streamBalancesByTicket"}


# What makes something comes first, what shows it next, and what ends it last.
PLACES = {"post": 0, "put": 1, "get": 2, "delete": 4}
# Receipts are made some seconds after an order is completed, so what makes no order comes before them. The closing of
# the account ends everything.
EARLY = {"balances", "products", "ledger", "operations", "spend-guards", "usage", "top-up-options", "api-keys", "holds",
         "admin-catalogue", "transfers", "webhook-endpoints"}
LATE = {"papers": 2, "admin-closings": 4, "account-closing": 5}
# A customer has no list of papers: the receipt of an order shows one.
FIRST = {"getReceipt": 0}


def place(path: str, method: str) -> int:
    return 3 if method == "post" and "{" in path else PLACES[method]


def in_order(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, in the order in which each finds what it needs."""
    found = [(path, method, operation) for path, item in document["paths"].items()
             for method, operation in item.items() if isinstance(operation, dict) and "operationId" in operation]

    def by(one: tuple[str, str, dict[str, Any]]) -> tuple[int, str, int, str]:
        path, method, operation = one
        tag = operation["tags"][0]
        return (LATE.get(tag, 1 if tag in EARLY else 3), tag, FIRST.get(operation["operationId"], place(path, method)), path)

    return sorted(found, key=by)


def scope_of(operation: dict[str, Any]) -> str:
    """Who calls: customers, or else operators, or else services."""
    scopes = operation.get("x-scopes", ["operator"])
    return next(scope for scope in ("customer", "operator", "service") if scope in scopes)


def succeeds(operation: str, status: int, body: str) -> bool:
    if operation in WHY:
        return re.search(f'"code": ?"{WHY[operation][0]}"', body) is not None
    return 200 <= status < 300
