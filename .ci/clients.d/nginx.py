"""Names customers as identity providers do, through nginx: with a path that is passed on as it came, and with one that
nginx decodes and rewrites, where only `~` with `?customer_id=` keeps the id whole.
"""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

TOPUP, OPERATOR = os.environ["TOPUP"], os.environ["OPERATOR"]
UPSTREAM = TOPUP.removeprefix("http://")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def call(base: str, method: str, path: str, body: object = None) -> tuple[int, dict]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {OPERATOR}", "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, data, headers, method=method)) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


home = tempfile.TemporaryDirectory()
as_it_came, rewritten = free_port(), free_port()
folders = "".join(f"{kind}_temp_path {home.name}/{kind};\n" for kind in (
    "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
pathlib.Path(home.name, "nginx.conf").write_text(f"""
daemon off; pid {home.name}/pid; error_log stderr crit;
{"user root;" if os.geteuid() == 0 else ""}
events {{}}
http {{
    access_log off; {folders}
    server {{ listen 127.0.0.1:{as_it_came}; location / {{ proxy_pass http://{UPSTREAM}; }} }}
    server {{ listen 127.0.0.1:{rewritten}; location /pay/ {{ proxy_pass http://{UPSTREAM}/; }} }}
}}
""")
nginx = subprocess.Popen(["nginx", "-p", home.name, "-c", f"{home.name}/nginx.conf"])
try:
    bases = (f"http://127.0.0.1:{as_it_came}", f"http://127.0.0.1:{rewritten}/pay")
    for base in bases:
        deadline = time.monotonic() + 20
        while True:
            try:
                assert call(base, "GET", "/healthz")[0] == 200
                break
            except OSError:
                assert time.monotonic() < deadline and nginx.poll() is None, "nginx does not start"
                time.sleep(0.1)
    for customer in ("auth0|a/b+c", "urn:x:y", "a&b=c;d'{e}", "...", "google-oauth2|1", "//", "a;b", "$1"):
        name = urllib.parse.quote(customer, safe="")
        grant = {"customer_id": customer, "currency": "USD", "amount": "1.00", "reason": "to be found"}
        assert call(TOPUP, "POST", "/v1/grants", grant)[0] in (200, 201)
        for base in bases:
            for action, frozen in (("freeze", True), ("unfreeze", False)):
                path = f"/v1/admin/customers/~/{action}?customer_id={name}"
                status, body = call(base, "POST", path, {"reason": "a test"})
                assert status in (200, 204), (base, customer, status, body)
                status, page = call(base, "GET", f"/v1/admin/customers/~?customer_id={name}")
                assert status == 200 and page["customer_id"] == customer, (base, customer, status, page)
                assert bool(page.get("freezes") or page.get("frozen")) == frozen, (base, customer, page)
            status, list_ = call(base, "GET", f"/v1/balances?customer_id={name}")
            assert status == 200 and list_["customer_id"] == customer
        # As it came, the id may also stand in the path.
        status, page = call(bases[0], "GET", f"/v1/admin/customers/{name}")
        assert status == 200 and page["customer_id"] == customer, (customer, status, page)
        # Both or neither are refused.
        for path in (f"/v1/admin/customers/{name}?customer_id={name}", "/v1/admin/customers/~"):
            status, problem = call(bases[0], "GET", path)
            assert status == 422 and problem["errors"][0]["pointer"] == "?customer_id", (path, status, problem)
    print("nginx: customers are named by ~ and ?customer_id=, whatever becomes of the path")
finally:
    nginx.terminate()
    nginx.wait()
