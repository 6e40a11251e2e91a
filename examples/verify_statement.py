#!/usr/bin/env python3
"""Proves an account statement: verify_statement.py PROOF KEYS STATEMENT, each a file with the answer of
GET /v1/ledger/proof, GET /v1/ledger/keys and GET /v1/statements/{month}. It shares nothing with the service; it follows
src/docs/seals.md and RFC 8032. It ends with an error at the first thing that is not proven."""
import base64, datetime, hashlib, json, sys, uuid
from decimal import Decimal

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
TYPES = dict(enumerate("recharge consume consume refund refund refund transfer_in transfer_out grant expire adjust grant "
                       "expire grant refund refund refund refund".split(), 1))

def point(text):
    y, sign = int.from_bytes(text, "little") % 2**255, text[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0, "no point of the curve"
    x = x if x % 2 == sign else P - x
    return x, y, 1, x * y % P

def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, p):
    sum_ = (0, 1, 1, 0)
    while n:
        sum_, p, n = add(sum_, p) if n & 1 else sum_, add(p, p), n >> 1
    return sum_

def is_signed(key, signature, text):
    s, h = int.from_bytes(signature[32:], "little"), hashlib.sha512(signature[:32] + key + text).digest()
    p, q = times(s, point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))), times(int.from_bytes(h, "little") % L, point(key))
    q = add(q, point(signature[:32]))
    return s < L and all((p[n] * q[2] - q[n] * p[2]) % P == 0 for n in (0, 1))

def records(text):
    at = 0
    while at < len(text):
        letter, fields, at = text[at:at + 1].decode(), [], at + 1
        while text[at:at + 1] != b"\n":
            colon = at if text[at:at + 1] == b"-" else text.index(b":", at)
            end = colon + 1 + (0 if colon == at else int(text[at:colon]))
            fields.append(None if colon == at else text[colon + 1:end].decode())
            at = end + 1
        yield letter, fields
        at += 1

def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

proof, keys, statement = [open(name, encoding="utf-8").read() for name in sys.argv[1:4]]
keys, statement = {key["id"]: base64.b64decode(key["public_key"]) for key in json.loads(keys)["data"]}, json.loads(statement)
heads, entries = {}, {}
for seal in map(json.loads, proof.splitlines()):
    text, key, wallet = seal["content"].encode(), keys[seal["key_id"]], seal["wallet_id"]
    (_, head), *lines = records(text)
    before = heads.get(wallet, ("0", "0" * 64))
    assert head[1:3] == [statement["customer_id"], wallet] and head[5:8] == [str(int(before[0]) + 1), seal["to_seq"], before[1]]
    assert hashlib.sha256(text).hexdigest() == seal["hash"] and hashlib.sha256(key).hexdigest()[:16] == seal["key_id"]
    signed = [head[0], wallet, head[5], head[6], seal["hash"], seal["sealed_at"]]
    signed = "T" + "".join(f"{len(field)}:{field}," for field in signed) + "\n"
    assert is_signed(key, base64.b64decode(seal["signature"]), signed.encode()), "not signed by its key"
    heads[wallet] = head[6], seal["hash"]
    entries.setdefault(wallet, []).extend(fields for letter, fields in lines if letter == "E")
    assert [int(entry[0]) for entry in entries[wallet]] == list(range(1, int(head[6]) + 1)), "entries are missing"
for wallet in (wallet for currency in statement["currencies"] for wallet in currency["wallets"]):
    own = [entry + [moment(entry[13])] for entry in entries.get(str(uuid.UUID(wallet["wallet_id"][4:])), [])]
    balance, moved = {}, {}
    for name in ("opening", "closing"):
        until = [entry for entry in own if entry[-1] < moment(statement["from" if name == "opening" else "to"])]
        balance[name] = Decimal(until[-1][7]) if until else Decimal(0)
        assert balance[name] == Decimal(wallet[name]["balance"]), f"the {name} balance is not proven"
    for entry in own:
        if moment(statement["from"]) <= entry[-1] < moment(statement["to"]):
            count, amount = moved.get(TYPES[int(entry[1])], (0, Decimal(0)))
            moved[TYPES[int(entry[1])]] = count + 1, amount + Decimal(entry[4])
    told = {line["type"]: (line["count"], Decimal(line["amount"])) for line in wallet["movements"]}
    assert told == moved, f"movements are not proven: {told} by {moved}"
print(f"proven by {sum(map(len, entries.values()))} sealed entries of {len(entries)} wallets")
