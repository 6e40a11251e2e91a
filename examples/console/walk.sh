#!/usr/bin/env bash
# An operator's day at the console, with curl and jq: find what waits, confirm a bank transfer, answer a customer, refund
# with two pairs of eyes, and prove the books.
#
#   TOPUP=http://127.0.0.1:8080 OPERATOR=… CUSTOMER=… walk.sh
#
# OPERATOR is a token or an API key. CUSTOMER is a token of a customer, who only makes something to work on here.
set -euo pipefail

call() { # METHOD PATH [BODY] [TOKEN]
  local answer status
  answer=$(curl -sS -X "$1" "$TOPUP$2" -w '\n%{http_code}' \
    -H "Authorization: Bearer ${4:-$OPERATOR}" -H 'Content-Type: application/json' \
    -H "Idempotency-Key: walk-$(date +%s%N)" ${3:+--data "$3"})
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  if [ "$status" -ge 400 ]; then
    jq -r '"\(.status) \(.code): \(.detail) \([.errors[]? | "\(.pointer) \(.detail)"] | join("; "))"' <<< "$answer" >&2
    return 1
  fi
  printf '%s\n' "$answer"
}
say() { printf '\n# %s\n' "$*"; }

say 'A customer orders 80 CNY by bank transfer'
call PUT /v1/billing-profile '{"name":"Walk Ltd","email":"walk@example.com","country":"CN"}' "$CUSTOMER" > /dev/null
order=$(call POST /v1/top-up-orders '{"currency":"CNY","amount":"80.00","channel":"bank_transfer",
  "agreement_accepted":true,"bank_transfer":{"remitter_name":"Walk Ltd","remitter_bank":"Bank of China"}}' "$CUSTOMER")
id=$(jq -r .id <<< "$order") reference=$(jq -r .reference <<< "$order") customer=$(jq -r .customer_id <<< "$order")
jq '{id, status, reference, amount}' <<< "$order"

say 'What waits for us, the oldest first'
call GET '/v1/admin/top-up-orders?worklist=awaiting_verification&sort=oldest&limit=5' |
  jq -r '.data[] | [.reference, .customer_id, .amount, .currency, .verification.age_business_days // ""] | @tsv'

say 'The bank shows a line with this reference: whose is it?'
call GET "/v1/admin/search?q=$reference" | jq -r '.data[] | [.type, .id] | @tsv'

say 'It arrived: credit what the bank says'
call POST "/v1/admin/top-up-orders/$id/approve" "$(jq -n --arg line "WALK-$(date +%s%N)" --arg day "$(date -u +%F)" '{
  received_amount: "80.00", bank_transaction_id: $line, received_on: $day, confirm_not_duplicate: true}')" |
  jq '{status, credited_amount}'

say 'The customer asks where the money is: everything of him, on one page'
call GET "/v1/admin/customers/~?customer_id=$(jq -rn --arg id "$customer" '$id | @uri')" |
  jq '{customer_id, balances: [.balances[]? | {currency, product, available}]}'

say 'He wants 30 back: a refund by hand'
refund=$(call POST /v1/admin/refunds "$(jq -n --arg id "$id" '{order_id: $id, amount: "30.00", reason: "asked for it"}')")
jq '{id, status, amount}' <<< "$refund"

say 'Money that serves no order'
call GET '/v1/admin/unapplied-payments?limit=5' | jq -r '.data[] | [.id, .amount, .currency, .reason] | @tsv'

say 'He wants his account closed: what does it wait for? He stays after all'
account=/v1/admin/customers/~ who="customer_id=$(jq -rn --arg id "$customer" '$id | @uri')"
call POST "$account/close?$who" '{"reason":"asked for it"}' | jq '{status, waits_for}'
call POST "$account/close/withdraw?$who" '{"reason":"stays"}' | jq '{status}'

say 'Who did what to this order'
call GET "/v1/admin/audit-log?target=top_up_order:$id" | jq -r '.data[] | [.created_at, .actor, .action] | @tsv'

say 'Do the books agree'
call GET /v1/admin/integrity | jq -c '.last_check // {agrees: "not checked yet: run topup check"} | {agrees, as_of}'

say 'A refusal says what to do'
call POST "/v1/admin/top-up-orders/$id/approve" '{"received_amount":"80.00","bank_transaction_id":"X","received_on":"2026-01-01"}' ||
  echo '(as it should be)'
