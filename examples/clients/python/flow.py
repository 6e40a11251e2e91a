"""The main flow with the client of openapi-python-client: top up, see the balance arrive on the stream, move money,
spend it, read the movements, and meet the errors that a program must tell apart.
"""

import os
import time
from datetime import date
from typing import TypeVar
from uuid import uuid4

import httpx
from topup_client import AuthenticatedClient
from topup_client.api.account_flows import list_account_flows
from topup_client.api.admin_top_up_orders import admin_approve_top_up_order
from topup_client.api.balances import list_balances
from topup_client.api.billing_profile import save_billing_profile
from topup_client.api.top_up_options import create_quote, get_top_up_options
from topup_client.api.top_up_orders import create_top_up_order, get_top_up_order
from topup_client.api.transfers import create_transfer
from topup_client.api.usage import create_usage
from topup_client.models import (
    AccountFlowType,
    ApproveTopUpOrder,
    BankTransferOptions,
    BillingProfileRequest,
    CreateTopUpOrder,
    CreateTransfer,
    CreateUsage,
    InsufficientFunds,
    PaymentChannel,
    Problem,
    QuoteRequest,
    TopUpOrderStatus,
)

URL, CUSTOMER_ID = os.environ["TOPUP"], os.environ["CUSTOMER_ID"]
T = TypeVar("T")


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=token, timeout=httpx.Timeout(20))


def need(answer: "T | Problem | None") -> T:
    if answer is None or isinstance(answer, Problem):
        raise RuntimeError(f"refused: {answer}")
    return answer


def key() -> str:
    return str(uuid4())


customer, service, operator = (client(os.environ[role]) for role in ("CUSTOMER", "SERVICE", "OPERATOR"))

options = need(get_top_up_options.sync(client=customer, currency="CNY"))
assert options.presets
profile = BillingProfileRequest(name="Generated Ltd", email="generated@example.com", country="VN")
need(save_billing_profile.sync(client=customer, body=profile))
quote = need(create_quote.sync(client=customer, body=QuoteRequest(
    currency="CNY", amount="80.00", channel=PaymentChannel.BANK_TRANSFER)))
assert any(channel.channel == PaymentChannel.BANK_TRANSFER for channel in quote.channels)

# The stream is read line by line by httpx: a generated call would wait for its end.
with httpx.stream("GET", f"{URL}/v1/balances/stream", timeout=20,
                  headers={"Authorization": f"Bearer {os.environ['CUSTOMER']}"}) as stream:
    assert stream.status_code == 200, stream.status_code
    new = CreateTopUpOrder(
        currency="CNY", amount="80.00", channel=PaymentChannel.BANK_TRANSFER, agreement_accepted=True,
        bank_transfer=BankTransferOptions(remitter_name="Generated Ltd", remitter_bank="Test Bank"))
    idempotency_key = key()
    order = need(create_top_up_order.sync(client=customer, body=new, idempotency_key=idempotency_key))
    again = create_top_up_order.sync_detailed(client=customer, body=new, idempotency_key=idempotency_key)
    assert need(again.parsed).id == order.id and again.headers["Idempotent-Replayed"] == "true"
    approved = need(admin_approve_top_up_order.sync(order.id, client=operator, idempotency_key=key(), body=ApproveTopUpOrder(
        received_amount="80.00", bank_transaction_id=f"PY-{time.time_ns()}", received_on=date.today(),
        confirm_not_duplicate=True)))
    assert approved.status == TopUpOrderStatus.COMPLETED, approved.status
    assert any(line == "event: order.updated" for line in stream.iter_lines()), "the stream tells of the order"

balances = need(list_balances.sync(client=customer, currency="CNY")).balances
assert [balance.available for balance in balances if balance.product is None] == ["80.00"], balances
need(create_transfer.sync(client=customer, idempotency_key=key(), body=CreateTransfer(
    currency="CNY", amount="30.00", to_product="whatsapp")))


def usage(usage_id: str, amount: str) -> CreateUsage:
    return CreateUsage(id=usage_id, customer_id=CUSTOMER_ID, currency="CNY", amount=amount, product="whatsapp")


need(create_usage.sync(client=service, body=usage(f"py-{CUSTOMER_ID}", "0.0125")))

flows: list[str] = []
types = [AccountFlowType.RECHARGE, AccountFlowType.TRANSFER_OUT, AccountFlowType.TRANSFER_IN, AccountFlowType.CONSUME]
page = need(list_account_flows.sync(client=customer, type_=types, limit=2))
while True:
    flows += [flow.type_.value for flow in page.data]
    if not page.has_more or not isinstance(page.next_cursor, str):
        break
    page = need(list_account_flows.sync(client=customer, type_=types, limit=2, cursor=page.next_cursor))
assert sorted(flows) == ["consume", "recharge", "transfer_in", "transfer_out"], flows

# The errors: by status and code, with what a program needs to go on.
short = create_usage.sync(client=service, body=usage(f"py-{CUSTOMER_ID}-2", "1000"))
assert isinstance(short, Problem) and short.code == "insufficient_funds", short
assert isinstance(short.insufficient_funds, InsufficientFunds), short
assert short.insufficient_funds.shortfall == "970.0125", short
invalid = create_quote.sync(client=customer, body=QuoteRequest(currency="CNY", amount="1.001"))
assert isinstance(invalid, Problem) and invalid.errors and invalid.errors[0].pointer == "/amount", invalid
absent = get_top_up_order.sync("tuo_00000000000000000000000000000000", client=customer)
assert isinstance(absent, Problem) and absent.status == 404 and absent.code == "not_found", absent
refused = list_balances.sync(client=client("no-token"))
assert isinstance(refused, Problem) and refused.code == "unauthorized", refused

print("Python: the whole flow ran")
