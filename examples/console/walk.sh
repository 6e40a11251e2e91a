#!/usr/bin/env bash
# What operators are asked, and the calls that answer it, with curl and jq: 34 stories of support and finance. Each
# makes what it needs, on a service with demo data.
#
#   TOPUP=http://127.0.0.1:8080 OPERATOR=… CUSTOMER=… SERVICE=… walk.sh
#
# OPERATOR, CUSTOMER and SERVICE are tokens or API keys. SECOND is another operator's, for what takes two. SANDBOX is
# the URL of the simulated payment companies.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
: "${SANDBOX:=http://127.0.0.1:8090}" "${SECOND:=$OPERATOR}"

call() { # METHOD PATH [BODY] [TOKEN]
  local answer status
  answer=$(curl -sS -X "$1" "$TOPUP$2" -w '\n%{http_code}' \
    -H "Authorization: Bearer ${4:-$OPERATOR}" -H "Content-Type: ${KIND:-application/json}" \
    -H "Idempotency-Key: walk-$(date +%s%N)" ${MATCH:+-H "If-Match: $MATCH"} ${3:+--data-binary "$3"})
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  if [ "$status" -ge 400 ]; then
    jq -r '"\(.status) \(.code): \(.detail) \([.errors[]? | "\(.pointer) \(.detail)"] | join("; "))"' <<< "$answer" >&2
    return 1
  fi
  printf '%s\n' "$answer"
}
say() { printf '\n# %s\n' "$*"; }
refused() { echo '(as it should be)'; }
unique() { echo "$1-$(date +%s%N)"; }
# Asks until a condition of jq holds: companies answer, and receipts are made, in their own time.
await() { # PATH CONDITION
  local answer
  for _ in $(seq 120); do
    if answer=$(call GET "$1" 2> /dev/null) && jq -e "$2" <<< "$answer" > /dev/null; then
      printf '%s\n' "$answer"
      return
    fi
    sleep 0.5
  done
  echo "never: $2 of $1" >&2
  return 1
}
who() { printf 'customer_id=%s' "$(jq -rn --arg id "$1" '$id | @uri')"; }
customer() { # NAME: a new customer
  local id
  id=$(unique "$1")
  call PUT "/v1/billing-profile?$(who "$id")" "$profile" > /dev/null
  echo "$id"
}
order() { # CUSTOMER AMOUNT CHANNEL: an order's id
  call POST "/v1/top-up-orders?$(who "$1")" "$(jq -n --arg amount "$2" --arg channel "$3" '
    {currency: "CNY", amount: $amount, channel: $channel, agreement_accepted: true}
    + (if $channel == "card" then {} else
      {bank_transfer: {remitter_name: "Walk Ltd", remitter_bank: "Bank of China"}} end)')" | jq -r .id
}
at() { echo "/v1/admin/top-up-orders/$1"; }
reference() { call GET "$(at "$1")" | jq -r .reference; }
# Plays at the sandbox what a payer or his bank does.
play() { # ORDER SCENE
  curl -sSf -o /dev/null -X POST "$SANDBOX/control/stripe/payments/$1/$2" -H 'Content-Type: application/json' -d '{}'
}
paid() { # CUSTOMER AMOUNT [SCENE]: an order's id that was paid by card
  local id
  id=$(order "$1" "$2" card)
  play "$id" "${3:-pay}"
  await "$(at "$id")" '.status == "completed"' > /dev/null
  echo "$id"
}
approve() { # ORDER AMOUNT LINE [MORE]: credits what a line of the bank says
  local more=${4:-}
  [ -n "$more" ] || more='{}'
  call POST "$(at "$1")/approve" "$(jq -n --arg amount "$2" --arg line "$3" --arg day "$today" --argjson more "$more" '
    {received_amount: $amount, bank_transaction_id: $line, received_on: $day, confirm_not_duplicate: true} + $more')"
}
spend() { # CUSTOMER AMOUNT
  call POST /v1/usage "$(jq -n --arg id "$(unique walk)" --arg customer "$1" --arg amount "$2" '
    {id: $id, customer_id: $customer, currency: "CNY", amount: $amount}')" "$SERVICE"
}
# Uploads a statement of the account. Each argument is a line, `remitter|text|amount`. The last line takes all of it to
# another account, so that the balance ends where it began.
statement() {
  local opening
  opening=$(call GET "/v1/admin/bank-statements?bank_account_id=$account&status=applied&limit=1" |
    jq -r '.data[0].closing_balance // "0"')
  KIND=application/octet-stream call POST "/v1/admin/bank-statements?bank_account_id=$account" "$(printf '%s\n' "$@" |
    awk -F'|' -v balance="$opening" -v day="$today" -v id="$(unique WALK)" '
      BEGIN { print "Date,Reference,Counterparty,Details,Amount,Balance" }
      { all += $3; balance += $3; printf "%s,%s-%d,%s,%s,%.2f,%.2f\n", day, id, NR, $1, $2, $3, balance }
      END { printf "%s,%s-0,Example Platform Ltd.,swept,%.2f,%.2f\n", day, id, -all, balance - all }')"
}
line() { # AMOUNT [WORKLIST]: the line of a statement that waits for an operator
  call GET "/v1/admin/bank-lines?worklist=${2:-unapplied}&limit=100" |
    jq --arg amount "$1" '[.data[] | select(.amount == $amount)][0]'
}
put() { # PATH BODY: makes it, or replaces any version
  call PUT "$1" "$2" 2> /dev/null || MATCH='*' call PUT "$1" "$2"
}

later='(a day is reported some minutes after its end)'
account=bac_01930000000070008000000000000001
today=$(date -u +%F) yesterday=$(date -u -d yesterday +%F) month=$(date -u +%Y-%m-01)
last_month="from=$(date -u -d "$month -1 month" +%F)&to=$(date -u -d "$month -1 day" +%F)"
profile='{"name":"Walk Ltd","email":"walk@example.com","country":"CN"}'
call PUT /v1/billing-profile "$profile" "$CUSTOMER" > /dev/null
walker=$(call GET /v1/billing-profile '' "$CUSTOMER" | jq -r .customer_id)
call PUT "/v1/admin/bank-accounts/$account/statement-mapping" '{"date_column":"Date","date_format":"%Y-%m-%d",
  "amount_column":"Amount","bank_id_column":"Reference","remitter_column":"Counterparty","text_columns":["Details"],
  "balance_column":"Balance"}' > /dev/null

say '1. "I have paid by card, and nothing came": ask the company'
card=$(order "$walker" 100.00 card)
play "$card" pay
call POST "/v1/top-up-orders/$card/verify" > /dev/null
await "$(at "$card")" '.status == "completed"' | jq '{status, credited_amount}'

say '2. "I have sent a bank transfer, and nothing came": by its reference, with the slip and the promised day'
transfer=$(order "$walker" 80.00 bank_transfer)
slip=$'%PDF-1.4\n%%EOF\n'
KIND=application/octet-stream call POST "/v1/top-up-orders/$transfer/transfer-slips" "$slip" "$CUSTOMER" > /dev/null
call GET "/v1/admin/top-up-orders?reference=$(reference "$transfer")" |
  jq -c '.data[] | {id, status, due_at, verification}'
call GET "$(at "$transfer")" | jq -c '{remitter, transfer_slips}'

say '3. The wrong amount arrived: credit what the bank says'
short=$(order "$walker" 100.00 bank_transfer)
approve "$short" 95.10 "$(unique LINE)" | jq '{amount, received_amount, credited_amount}'

say '4. Two transfers for one order: an operator says that the line is another transfer, and gives it to the wallet'
statement "Walk Ltd|the rest of $(reference "$short")|4.90" > /dev/null
tied=$(line 4.90 tied | jq -r .id)
rest=$(call POST "/v1/admin/bank-lines/$tied/choose" '{"payment_id":null,"reason":"a second transfer"}' |
  jq -r .payment_id)
call POST "/v1/admin/unapplied-payments/$rest/apply" \
  "$(jq -n --arg id "$walker" '{customer_id: $id, reason: "the second part"}')" |
  jq -c '{status, destination, amount}'

say '5. One transfer for two orders: state all that arrived'
first=$(order "$walker" 60.00 bank_transfer) second=$(order "$walker" 70.00 bank_transfer) both=$(unique BOTH)
approve "$first" 60.00 "$both" '{"transaction_amount":"130.00"}' > /dev/null
approve "$second" 70.00 "$both" > /dev/null
call GET "/v1/admin/bank-transactions?bank_transaction_id=$both" | jq -c '.data[] | {amount, unapplied_amount, orders}'

say '6. A transfer without a reference: the service suggests an order'
nameless=$(order "$walker" 60.20 bank_transfer)
statement 'WALK LTD|thank you|60.20' > /dev/null
found=$(line 60.20)
jq -c '{suggested_order_id, suggestion_score}' <<< "$found"
call POST "/v1/admin/bank-lines/$(jq -r .id <<< "$found")/apply" "{\"order_id\":\"$nameless\"}" |
  jq -c '{unapplied_amount}'

say '7. "Was it credited twice?": its flows and payments; a second time is refused'
call GET "/v1/account-flows?$(who "$walker")&order=$short" | jq -r '.data[] | [.created_at, .type, .amount] | @tsv'
call GET "$(at "$short")" | jq -c '.payments[] | {provider, provider_payment_id, amount, applied_amount}'
approve "$short" 95.10 "$(unique LINE)" || refused

say '8. Refund half of an order'
call POST /v1/admin/refunds "{\"order_id\":\"$card\",\"amount\":\"50.00\",\"reason\":\"asked for it\"}" |
  jq '{status, amount, debited_amount}'

say '9. Refund credit that has been spent: only by saying so, and it becomes debt'
spender=$(customer spender)
spent=$(paid "$spender" 100.00)
spend "$spender" 90.00 > /dev/null
call POST /v1/admin/refunds "{\"order_id\":\"$spent\",\"amount\":\"50.00\",\"reason\":\"goodwill\"}" || refused
call POST /v1/admin/refunds "{\"order_id\":\"$spent\",\"amount\":\"50.00\",\"reason\":\"goodwill\",
  \"override_balance\":true}" | jq '{status, amount}'
call GET "/v1/balances?$(who "$spender")" | jq -c '.balances[] | {available, debt}'

say '10. A chargeback: until when, what it costs, and the evidence'
disputer=$(customer disputer)
disputed=$(paid "$disputer" 100.00)
spend "$disputer" 30.00 > /dev/null
play "$disputed" dispute-open
dispute=$(await "/v1/admin/disputes?order=$disputed" '.data | length > 0' | jq -r '.data[0].id')
call GET "/v1/admin/disputes/$dispute" | jq -c '{status: .dispute.status, taken_back: .dispute.taken_back,
  evidence_due_at, fee_amount}'
call GET "/v1/admin/disputes/$dispute/evidence" | jq -c '{product, customer_name, usage}'

say '11. Approved for the wrong customer: reverse it, and approve it where it belongs'
wrong=$(order "$walker" 90.00 bank_transfer) right=$(order "$spender" 90.00 bank_transfer) taken=$(unique LINE)
approve "$wrong" 90.00 "$taken" > /dev/null
call POST "$(at "$wrong")/reverse" '{"reason":"the wrong customer","reach":"all_wallets"}' | jq '{status, reason_code}'
approve "$right" 90.00 "$taken" | jq '{customer_id, status, credited_amount}'

say '12. The receipt of an order, and its credit notes'
await "/v1/top-up-orders/$card/receipt?$(who "$walker")" '.receipt.number' |
  jq -c '{receipt: .receipt.number, amount: .receipt.amount, credit_notes: [.credit_notes[].number]}'

say '13. Give 20 USD'
grant=$(call POST /v1/grants "$(jq -n --arg id "$walker" --arg until "$(date -u -d '60 days' +%F)T00:00:00Z" '
  {customer_id: $id, currency: "USD", amount: "20.00", reason: "an apology", expires_at: $until}')")
jq -c '{id, amount, expires_at, created_by}' <<< "$grant"

say '14. Take it back; paid money is corrected by an adjustment'
call POST "/v1/admin/grants/$(jq -r .id <<< "$grant")/revoke?$(who "$walker")" '{"reason":"given twice"}' |
  jq -c '{status, remaining}'
call POST /v1/admin/adjustments "$(jq -n --arg id "$walker" '
  {customer_id: $id, currency: "CNY", direction: "down", amount: "1.00", reason: "counted wrong"}')" |
  jq -c '{status, amount}'

say '15. Freeze a customer: nothing goes out until somebody unfreezes him'
call POST "/v1/admin/customers/~/freeze?$(who "$walker")" '{"reason":"a stolen card?"}' | jq -c '{frozen, reason}'
spend "$walker" 1.00 || refused
call POST "/v1/admin/customers/~/unfreeze?$(who "$walker")" '{"reason":"his own card"}' | jq -c '{frozen}'

say '16. Close an account: payments go back to their sources, and the rest is paid out by two operators'
leaver=$(customer leaver) leaves="/v1/admin/customers/~/close"
call POST /v1/admin/adjustments "$(jq -n --arg id "$leaver" '
  {customer_id: $id, currency: "CNY", direction: "up", amount: "5.00", reason: "a correction"}')" > /dev/null
call POST "$leaves?$(who "$leaver")" '{"reason":"asked for it"}' | jq -c '{status, waits_for}'
call POST "$leaves/advance?$(who "$leaver")" > /dev/null
await "/v1/admin/customers/~/closing?$(who "$leaver")" '.status == "payout"' | jq -c '{status, left, payout_from}'
payout=$(call POST /v1/admin/payouts "$(jq -n --arg id "$leaver" --arg ours "$account" '
  {customer_id: $id, currency: "CNY", bank_account_id: $ours, account: "6222 0000 0000 0009"}')" | jq -r .id)
if call POST "/v1/admin/payouts/$payout/approve" '' "$SECOND" > /dev/null; then
  call POST "/v1/admin/payouts/$payout/mark-sent" "{\"bank_transaction_id\":\"$(unique OUT)\"}" |
    jq -c '{status, amount}'
fi

say '17. What was taken in last month, by channel'
call GET "/v1/admin/reports/activity?$last_month&by=month&split=channel" |
  jq -c '.data[] | {period, currency, channel, gross, refunded}' || echo "$later"

say '18. What we owe to customers: at the end of yesterday, and when the books were last checked'
call GET "/v1/admin/reports/roll-forward?from=$yesterday&to=$yesterday" |
  jq -c '.currencies[] | {currency, owed: .closing}' || echo "$later"
call GET /v1/admin/integrity | jq -c '.last_check.totals[]?'

say '19. What is outstanding of promotional credit, by age'
call GET /v1/admin/reports/grants | jq -c '.data[] | {currency, age, expires, remaining}'

say '20. Which credit expires next'
call GET '/v1/admin/grants?limit=5' | jq -r '.data[] | [.expires_at, .customer_id, .remaining, .currency] | @tsv'

say '21. Who approved this'
call GET "/v1/admin/audit-log?target=top_up_order:$short" | jq -r '.data[] | [.created_at, .actor, .action] | @tsv'

say '22. What is overdue, and what waits for us, the oldest first'
for worklist in overdue awaiting_verification; do
  call GET "/v1/admin/top-up-orders?worklist=$worklist&sort=oldest&limit=5" |
    jq -r '.data[] | [.reference, .customer_id, .amount, .currency, .verification.age_business_days // ""] | @tsv'
done

say '23. The journal for the accounting system'
call GET "/v1/admin/reports/journal?$last_month" | sed -n 1,5p || echo "$later"

say "24. Import the bank's statement: a line that names an order completes it"
named=$(order "$walker" 70.10 bank_transfer)
statement "Walk Ltd|top up $(reference "$named")|70.10" | jq -c '{status, lines, credits, credited_orders}'

say '25. Paid twice, and he wants to keep it: the second payment goes to the wallet'
twice=$(paid "$walker" 40.00 pay-twice)
payment=$(await "/v1/admin/unapplied-payments?order=$twice" '.data | length > 0' | jq -r '.data[0].id')
call POST "/v1/admin/unapplied-payments/$payment/apply" \
  "$(jq -n --arg id "$walker" '{customer_id: $id, reason: "wants to keep it"}')" |
  jq -c '{status, destination, amount}'

say '26. Paid twice, and he wants it back: the company sends it'
again=$(paid "$walker" 41.00 pay-twice)
payment=$(await "/v1/admin/unapplied-payments?order=$again" '.data | length > 0' | jq -r '.data[0].id')
call POST "/v1/admin/unapplied-payments/$payment/return" '{"reason":"paid twice"}' |
  jq -c '{status, destination, refund_id}'

say '27. What Stripe paid out and charged, and what differs from our records'
call GET "/v1/admin/reports/reconciliation?provider=stripe&day=$yesterday" | jq -c '{totals, payouts, differences}'

say '28. Change amounts, fees, taxes and bonuses: each is replaced by the version that you have read'
options=$(call GET /v1/admin/top-up-options | jq -c '[.data[] | select(.currency == "CNY" and .product == null)][0]')
MATCH="\"$(jq -r .version <<< "$options")\"" call PUT /v1/admin/top-up-options/CNY \
  "$(jq '{presets, minimum, maximum, order_ttl_minutes}' <<< "$options")" |
  jq -c '{currency, presets, version, updated_by}'
rule=$(call GET /v1/admin/channel-rules |
  jq -c '[.data[] | select(.channel == "card" and .currency == "CNY" and .product == null)][0]')
MATCH="\"$(jq -r .version <<< "$rule")\"" call PUT /v1/admin/channel-rules/card/CNY "$(jq '
  with_entries(select(.value != null)) | del(.channel, .currency, .product, .version, .updated_at, .updated_by)' \
  <<< "$rule")" | jq -c '{channel, currency, fee_percent, version, updated_by}'
put /v1/admin/tax-rules/VN/DE/consumer '{"at":"top_up","inclusive":true,"rate_percent":"19","enabled":false}' |
  jq -c '{rate_percent, inclusive, enabled}'
call POST /v1/admin/bonus-tiers '{"currency":"CNY","from_amount":"500","bonus":"50","use":"first_top_up",
  "active":false}' | jq -c '{from_amount, bonus, use, active}' || echo '(it is there already)'

say '29. Add a product'
put /v1/admin/products/walk '{"name":"Walks","active":true,"returnable":true}' | jq -c '{code, name, returnable}'

say '30. Add a currency'
call POST /v1/admin/currencies '{"currency":"GBP","channels":[
  {"channel":"card","rule":{"enabled":true,"processing_time":"instant","rank":10}}],
  "options":{"presets":["50","100"],"minimum":"10","maximum":"20000","order_ttl_minutes":1440}}' |
  jq -c '{currency, channels: [.channels[].channel]}' || echo '(it is offered already)'

say '31. Two operators: what waits for a second one, which any other approves, and the first may withdraw'
statement 'A Stranger|no customer of ours|7.30' > /dev/null
stranger=$(line 7.30 | jq -r .payment_id)
back() {
  call POST "/v1/admin/unapplied-payments/$stranger/return" \
    "{\"reason\":\"no customer\",\"bank_transaction_id\":\"$(unique OUT)\"}" | jq -r .id
}
mistaken=$(back)
call POST "/v1/admin/unapplied-decisions/$mistaken/withdraw" | jq -c '{status, withdrawn_by}'
waiting=$(back)
call GET '/v1/admin/unapplied-decisions?limit=1' | jq -c '.data[] | {status, amount, proposed_by}'
call GET '/v1/admin/top-up-orders?worklist=awaiting_second_operator&limit=5' | jq -c '.data[] | {reference, approval}'
call POST "/v1/admin/unapplied-decisions/$waiting/approve" '' "$SECOND" | jq -c '{status, approved_by}' ||
  echo '(SECOND is the token of another operator)'

say '32. Find it by whatever somebody wrote down: a reference, an amount, a remitter, a line of the bank, a customer'
for text in "$(reference "$transfer")" 80.00 'Walk Ltd' "$both" "$walker"; do
  printf '%s: ' "$text"
  call GET "/v1/admin/search?q=$(jq -rn --arg text "$text" '$text | @uri')" |
    jq -c '[.data[].type] | group_by(.) | map({(.[0]): length}) | add'
done
call GET "/v1/admin/customers/~?$(who "$walker")" |
  jq '{customer_id, balances: [.balances[]? | {currency, product, available}], open_orders: (.open_orders | length)}'

say '33. Find an order by its id'
call GET "/v1/admin/search?q=$transfer" | jq -r '.data[] | [.type, .id, .status] | @tsv'

say '34. The money came after the customer had cancelled: it is credited when somebody says so'
late=$(order "$walker" 55.00 bank_transfer) came=$(unique LATE)
call POST "/v1/top-up-orders/$late/cancel" '' "$CUSTOMER" | jq -c '{status}'
approve "$late" 55.00 "$came" || refused
approve "$late" 55.00 "$came" '{"accept_late":true}' | jq -c '{status, credited_amount, reason_code}'

say 'Do the books agree'
call GET /v1/admin/integrity | jq -c '.last_check // {agrees: "not checked yet: run topup check"} | {agrees, as_of}'
