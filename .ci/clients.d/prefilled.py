"""Executes every operation as Swagger UI sends it when nobody changes what stands in the fields: with the document's
examples, and with the newest ids in the place of those in the examples, as `src/http/swagger/initializer.js` puts them.
Each one succeeds, or `before.py` says which problem it answers, and why.

    prefilled.py DOCUMENT INITIALIZER
"""

import json
import re
import sys
import uuid
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from before import BEFORE, FILES, NEVER, TOKENS, TOPUP, approved, in_order, scope_of, sent, succeeds

with open(sys.argv[1], encoding="utf-8") as file:
    document: dict[str, Any] = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    initializer = file.read()
LISTS = dict(re.findall(r'^  ([a-z]+_): "([^"]+)",$', initializer, re.MULTILINE))
assert len(LISTS) > 10 and "/grant-proposals/" in initializer, "initializer.js has changed"
EXAMPLE = re.compile(r"\b([a-z]+_)019336f2b0a87c0e8f6f5a2f4c1d9e3b(?:_\d+)?")
ID = re.compile(r'"(?:id|hold_id|wallet_id)":"([a-z]+_)([0-9a-f]{32}(?:_\d+)?)"')
shown: dict[str, str] = {}


def resolved(part: Any) -> Any:
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def example_of(media: dict[str, Any]) -> Any:
    if "example" in media:
        return media["example"]
    for example in media.get("examples", {}).values():
        return resolved(example)["value"]
    schema = resolved(media["schema"])
    if "example" in schema:
        return schema["example"]
    return {name: example_of({"schema": field}) for name, field in schema["properties"].items()}


def own(address: str, scope: str) -> str:
    """The address without a customer, for one who is a customer."""
    if scope != "customer":
        return address
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query, True) if name != "customer_id"]
    return urlunsplit(parts._replace(query=urlencode(query)))


def ids(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, digits in ID.findall(text):
        found.setdefault(kind, kind + digits)
    return found


def newest(kind: str, address: str, scope: str) -> str | None:
    path = "/v1/admin/grant-proposals?limit=1" if "/grant-proposals/" in address else LISTS.get(kind)
    if path is not None:
        status, answer = sent(own(TOPUP + path, scope), "GET", None, {"Authorization": f"Bearer {TOKENS[scope]}"})
        if status == 200:
            return ids(answer.decode()).get(kind) or shown.get(kind)
    return shown.get(kind)


def execute(path: str, method: str, operation: dict[str, Any], scope: str) -> tuple[int, str]:
    address, query, headers = path, [], {"Authorization": f"Bearer {TOKENS[scope]}"}
    for parameter in map(resolved, operation.get("parameters", [])):
        value = parameter.get("example")
        if parameter["name"] == "Idempotency-Key":
            value = str(uuid.uuid4())
        if value is None:
            assert not parameter.get("required"), f"{operation['operationId']}: {parameter['name']} has no example"
        elif parameter["in"] == "path":
            address = address.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
        elif parameter["in"] == "header":
            headers[parameter["name"]] = str(value)
        else:
            query += [(parameter["name"], one) for one in (value if isinstance(value, list) else [value])]
    body = b""
    if "requestBody" in operation:
        kind, media = next(iter(resolved(operation["requestBody"])["content"].items()))
        headers["Content-Type"] = kind
        chosen = FILES.get(operation["operationId"])
        body = chosen() if chosen is not None else json.dumps(example_of(media)).encode()
    address = TOPUP + address + (f"?{urlencode(query)}" if query else "")
    for found in EXAMPLE.finditer(f"{address} {body.decode(errors='replace')}"):
        if known := newest(found[1], address, scope):
            address, body = address.replace(found[0], known), body.replace(found[0].encode(), known.encode())
    status, answer = sent(own(address, scope), method.upper(), body or None, headers)
    text = answer.decode(errors="replace")
    if 200 <= status < 300:
        shown.update(ids(text))
    return status, text


# The first receipt is there when it is asked for.
approved()
tried, failed = 0, 0
for path, method, operation in in_order(document):
    name = operation["operationId"]
    if name in NEVER:
        continue
    if name in BEFORE:
        BEFORE[name]()
    status, text = execute(path, method, operation, scope_of(operation))
    tried += 1
    if not succeeds(name, status, text):
        failed += 1
        print(f"{scope_of(operation)} {name}: {status} {text[:400]}")
assert failed == 0, f"{failed} of {tried} fail"
print(f"prefilled: {tried} operations answer with the examples of the document")
