"""Uses examples/top-up-page as a person does: language, amount, every channel, return, live balance, cancel, filters.

    page.py FOLDER [PICTURES]    the folder with the compiled page
"""

import functools
import http.server
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from typing import Any

from browser import Browser

TOPUP, CUSTOMER, OPERATOR = (os.environ[name] for name in ("TOPUP", "CUSTOMER", "OPERATOR"))
FOLDER, PICTURES = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
PORT = int(os.environ["PAGE_PORT"])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


pages = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), functools.partial(Quiet, directory=FOLDER))
threading.Thread(target=pages.serve_forever, daemon=True).start()


def call(method: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {OPERATOR}", "Content-Type": "application/json",
               "Idempotency-Key": str(time.time_ns())}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(TOPUP + path, data, headers, method=method)) as answer:
        return json.load(answer)


browser = Browser()
try:
    browser.open(f"http://127.0.0.1:{PORT}/#service={TOPUP}&token={CUSTOMER}")
    browser.until("the page is live", lambda: browser.run("return document.body.dataset.live") == "true")
    assert CUSTOMER not in browser.run("return location.href"), "the token stays in the address"
    browser.run("localStorage.clear()")

    def balance() -> str:
        return browser.run("return document.querySelector('#balances [data-available]')?.dataset.available ?? ''")

    def choose(css: str, value: str) -> None:
        browser.run("""const select = document.querySelector(arguments[0]); select.value = arguments[1];
                       select.dispatchEvent(new Event('change'))""", css, value)

    def pending(amount: str) -> str:
        return browser.until(f"the order of {amount}", lambda: browser.run("""
            return [...document.querySelectorAll('#orders [data-status=pending]')]
                .find((item) => item.innerText.includes(arguments[0]))?.dataset.order""", amount))

    for language, title in [("zh-CN", "充值"), ("vi", "Nạp tiền"), ("en", "Top up")]:
        choose("#language", language)
        browser.until(f"the page speaks {language}", lambda: browser.text("#top-up-title") == title)
        browser.until("the channels are there", lambda: browser.run("return document.querySelectorAll('#channels label').length >= 4"))

    # By card: to the payment company, and back; the balance changes without a reload.
    before = balance()
    choose("#currency", "CNY")
    browser.until("CNY is chosen", lambda: "CN" in browser.text("#presets"))
    assert browser.run("return document.querySelector('#pay').disabled"), "nothing is agreed to"
    browser.until("the presets are of CNY", lambda: browser.run(
        "return document.querySelector('#currency').value === 'CNY' && document.querySelector('#price').innerText !== ''"))
    browser.write("#amount", "123")
    browser.click("#agree")
    browser.click("#channels [value=card]")
    browser.until("the price is there", lambda: "123" in browser.text("#price"))
    browser.click("#pay")
    browser.until("the payment company's page", lambda: TOPUP not in browser.run("return location.href")
                  and str(PORT) not in browser.run("return location.href"))
    browser.click("button[value=pay], button[name=pay], [data-action=pay], form button")
    browser.until("back at the page", lambda: f":{PORT}/" in browser.run("return location.href"))
    browser.until("the order is paid", lambda: "paid" in browser.text("#message"))
    browser.until("the balance has grown", lambda: balance() not in ("", before))

    # By bank transfer: what to write into the transfer stands there; an operator confirms; the page says so by itself.
    before = balance()
    browser.write("#amount", "1.001")
    browser.until("a refusal in words", lambda: browser.text("#message"))
    browser.write("#amount", "60")
    browser.until("a price again", lambda: "60" in browser.text("#price"))
    browser.click("#channels [value=bank_transfer]")
    browser.click("#agree")
    browser.write("#remitter-name", "Demo Ltd")
    browser.write("#remitter-bank", "Bank of China")
    browser.click("#pay")
    order = pending("60.00")
    browser.find(f"#orders [data-order={order}] dl")
    with tempfile.NamedTemporaryFile(suffix=".pdf") as slip:
        slip.write(b"%PDF-1.4\n%%EOF\n")
        slip.flush()
        browser.choose_file(f"#orders [data-order={order}] input[type=file]", slip.name)
        browser.until("the slip has arrived", lambda: "slip" in browser.text("#message"))
    assert call("GET", f"/v1/top-up-orders/{order}/transfer-slips?customer_id=demo")["data"], "no slip of the order"
    call("POST", f"/v1/admin/top-up-orders/{order}/approve", {
        "received_amount": "60.00", "bank_transaction_id": f"PAGE-{time.time_ns()}",
        "received_on": time.strftime("%Y-%m-%d", time.gmtime()), "confirm_not_duplicate": True})
    browser.find(f"#orders [data-order={order}][data-status=completed]")
    browser.until("the balance has grown again", lambda: balance() not in ("", before))

    # An order that is not paid is cancelled.
    browser.write("#amount", "70")
    browser.until("the price of 70", lambda: "70" in browser.text("#price"))
    browser.click("#pay")
    order = pending("70.00")
    browser.click(f"#orders [data-order={order}] button")
    browser.find(f"#orders [data-order={order}][data-status=cancelled]")

    # The filter of the movements.
    choose("#flow-type", "recharge")
    browser.until("only top-ups", lambda: browser.run(
        "return [...document.querySelectorAll('#flows li')].every((item) => item.innerText.includes('Top-up'))"))
    choose("#flow-type", "")

    # By the two other companies, each in its currency: to its page, and back.
    for currency, sign, amount, channel in (("USD", "$", "11", "paypal"), ("VND", "\u20ab", "120000", "vnpay")):
        choose("#currency", currency)
        # The page proposes an amount of this currency before it shows a price.
        browser.until(f"{currency} is chosen", lambda: sign in browser.text("#presets") and sign in browser.text("#price"))
        browser.write("#amount", amount)
        browser.until(f"{channel} is offered", lambda: browser.run(
            "return document.querySelector(`#channels [value=${arguments[0]}]`)?.disabled === false", channel))
        browser.click(f"#channels [value={channel}]")
        if not browser.run("return document.querySelector('#agree').checked"):
            browser.click("#agree")
        browser.click("#pay")
        browser.until(f"the page of {channel}", lambda: f"/{channel}/" in browser.run("return location.href"))
        if channel == "paypal":
            browser.click("#approve")
        else:
            browser.click("#pay")
            browser.write("#otp", "123456")
            browser.click("#otp-submit")
        browser.until(f"back from {channel}", lambda: f":{PORT}/" in browser.run("return location.href"))
        browser.until(f"{channel} is paid", lambda: "paid" in browser.text("#message"))

    # What was topped up stands in the statement of the month.
    browser.run("document.querySelector('#month').dispatchEvent(new Event('change'))")
    browser.until("the statement", lambda: "Top-up" in browser.text("#statement"))

    errors = [entry for entry in browser.call("POST", "/se/log", {"type": "browser"})
              if entry["level"] == "SEVERE" and "422" not in entry["message"] and "favicon" not in entry["message"]]
    assert not errors, errors
    for width in (360, 1200):
        for scheme in ("light", "dark"):
            browser.emulate({"prefers-color-scheme": scheme}, width, 1500 if width > 400 else 2600)
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"{width}: the page is {wide} wide"
            if PICTURES:
                browser.picture(f"{PICTURES}/page-{width}-{scheme}.png")
    print("the top-up page: languages, card, PayPal, VNPay, bank transfer with slip, cancel, filter, live balance, statement, "
          "light and dark, narrow and wide")
finally:
    browser.close()
