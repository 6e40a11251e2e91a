//! The text that `cargo run` prints for a newcomer: addresses to open, and lines to paste.

use std::time::Duration;

use super::Failed;
use crate::domain::permission::Permissions;
use crate::identity::Scope;
use crate::server::RunningServer;

const DAY: Duration = Duration::from_secs(86_400);

/// The addresses of the service. If the key is a generated one, also a token for each role, valid for one day, and
/// `curl` lines that work as pasted.
///
/// # Errors
/// When a token cannot be signed.
pub fn text(server: &RunningServer) -> Result<String, Failed> {
    let docs = if server.has_docs { format!("{}/docs/", server.public_url) } else { "off (TOPUP_DOCS)".to_owned() };
    let Some(key) = &server.development_key else { return Ok(format!("\nSwagger UI   {docs}\n")) };
    let customer = key.token("demo", Scope::Customer, Permissions::NONE, DAY)?;
    let service = key.token("meter", Scope::Service, Permissions::NONE, DAY)?;
    let operator = key.token("ops", Scope::Operator, Permissions::ALL, DAY)?;
    let sandbox = match server.sandbox_url() {
        Some(url) => format!("Sandbox      {url}/   (simulated payment companies)\n"),
        None => String::new(),
    };
    let url = &server.base_url;
    Ok(format!(
        r#"
Swagger UI   {docs}   (Authorize with one of the tokens below)
{sandbox}
# Paste this into another terminal. The tokens are valid for one day; `topup token` makes more.
TOPUP={url}
CUSTOMER={customer}
SERVICE={service}
OPERATOR={operator}
{TOUR}"#
    ))
}

const TOUR: &str = r#"
# The balances of the customer `demo`
curl -s $TOPUP/v1/balances -H "Authorization: Bearer $CUSTOMER"

# The billing profile: needed once, before the first order
curl -s -X PUT $TOPUP/v1/billing-profile -H "Authorization: Bearer $CUSTOMER" -H 'Content-Type: application/json' \
  -d '{"name":"Demo Ltd","email":"demo@example.com","country":"VN"}'

# Top up 100 CNY by bank transfer, and confirm as an operator that the money arrived
ORDER=$(curl -s $TOPUP/v1/top-up-orders -H "Authorization: Bearer $CUSTOMER" -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $(date +%s%N)" -d '{"currency":"CNY","amount":"100.00","channel":"bank_transfer",
  "agreement_accepted":true,"bank_transfer":{"remitter_name":"Demo Ltd","remitter_bank":"Bank of China"}}' \
  | sed -n 's/.*"id":"\(tuo_[0-9a-f]*\)".*/\1/p'); echo "$ORDER"
curl -s $TOPUP/v1/admin/top-up-orders/$ORDER/approve -H "Authorization: Bearer $OPERATOR" \
  -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" \
  -d '{"received_amount":"100.00","bank_transaction_id":"BOC-'$(date +%s)'","received_on":"'$(date +%F)'",
  "confirm_not_duplicate":true}'

# Top up 50 CNY by card: open next_action.redirect.url in a browser, and pay on the page of the sandbox
curl -s $TOPUP/v1/top-up-orders -H "Authorization: Bearer $CUSTOMER" -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $(date +%s%N)" \
  -d '{"currency":"CNY","amount":"50.00","channel":"card","agreement_accepted":true}'

# Move 30 CNY to the product whatsapp, and spend some of it
curl -s $TOPUP/v1/transfers -H "Authorization: Bearer $CUSTOMER" -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $(date +%s%N)" -d '{"currency":"CNY","amount":"30.00","to_product":"whatsapp"}'
curl -s $TOPUP/v1/usage -H "Authorization: Bearer $SERVICE" -H 'Content-Type: application/json' \
  -d '{"id":"call-'$(date +%s)'","customer_id":"demo","currency":"CNY","amount":"0.0125","product":"whatsapp"}'

# All movements of the wallet
curl -s "$TOPUP/v1/account-flows?limit=10" -H "Authorization: Bearer $CUSTOMER"
"#;
