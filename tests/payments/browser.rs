//! A person with a browser: from the order to the payment page and its buttons, and back with a credited balance.

use serde_json::{Value, json};
use topup::identity::Scope;

use crate::chromium::Browser;
use crate::stage::{PAYER, Placed, Stage, Way, events, until};
use crate::support::token;

/// The platform's page to which payers return.
fn wallet_page(stage: &Stage) -> String {
    format!("{}/healthz", stage.app.url())
}

async fn place(stage: &Stage, way: Way) -> (Placed, String) {
    let mut order = way.order();
    order["return_url"] = json!(wallet_page(stage));
    let order = stage.app.customer(PAYER).post("/v1/top-up-orders", &order).await.expect(201);
    let url = order["next_action"]["redirect"]["url"].as_str().unwrap().to_owned();
    let id = order["id"].as_str().unwrap().to_owned();
    let at = url.rsplit(['/', '=']).next().unwrap().to_owned();
    (Placed { way, id, customer: PAYER.to_owned(), at }, url)
}

/// Requires that the browser is back on the platform's page, whose query names the order.
async fn is_back(stage: &Stage, browser: &Browser, placed: &Placed) {
    let wallet = wallet_page(stage);
    let address = until("the payer is back", async || {
        let address = browser.address().await;
        address.starts_with(&wallet).then_some(address)
    })
    .await;
    assert!(address.contains(&format!("order={}", placed.id)), "{address}");
}

async fn is_paid(stage: &Stage, placed: &Placed) {
    until("the balance is credited", async || {
        let available = stage.app.available(PAYER, placed.way.currency(), "").await;
        (available == placed.way.amount()).then_some(())
    })
    .await;
    stage.is_credited(placed).await;
}

#[tokio::test]
async fn a_card_is_paid_on_stripes_page() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    let (placed, url) = place(&stage, Way::Checkout).await;
    browser.goto(&url).await;
    assert_eq!(browser.text("#amount").await, "20.00 USD");
    browser.photograph("stripe-checkout").await;
    browser.click("#pay-3ds").await;
    browser.write("#otp", "123456").await;
    browser.photograph("stripe-3ds").await;
    browser.click("#otp-submit").await;
    is_back(&stage, &browser, &placed).await;
    is_paid(&stage, &placed).await;
    browser.goto(&url).await;
    assert_eq!(browser.text("#notice").await, "Paid.");
    browser.close().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_payment_is_approved_on_paypals_page() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    let (placed, url) = place(&stage, Way::Paypal).await;
    browser.goto(&url).await;
    assert_eq!(browser.text("#amount").await, "20.00 USD");
    browser.photograph("paypal").await;
    browser.click("#approve").await;
    is_back(&stage, &browser, &placed).await;
    is_paid(&stage, &placed).await;
    browser.close().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_card_is_paid_on_vnpays_page() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    let (placed, url) = place(&stage, Way::Vnpay).await;
    browser.goto(&url).await;
    browser.photograph("vnpay").await;
    browser.click("#pay").await;
    browser.write("#otp", "123456").await;
    browser.photograph("vnpay-otp").await;
    browser.click("#otp-submit").await;
    is_back(&stage, &browser, &placed).await;
    is_paid(&stage, &placed).await;
    browser.close().await;
    stage.finish().await;
}

#[tokio::test]
async fn the_card_pop_up_is_played_too() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    let order = stage.app.customer(PAYER).post("/v1/top-up-orders", &Way::Elements.order()).await.expect(201);
    let secret = order["next_action"]["client_secret"]["value"].as_str().unwrap().to_owned();
    let placed = stage.placed(Way::Elements, &order).await;
    let sandbox = stage.app.server.sandbox_url().unwrap();
    browser.goto(&format!("{sandbox}/stripe/elements/{}?client_secret={secret}", placed.at)).await;
    browser.photograph("stripe-elements").await;
    browser.click("#pay").await;
    is_paid(&stage, &placed).await;
    browser.close().await;
    stage.finish().await;
}

/// After a refusal at the company the payer can try again, if the company allows it. No money moves.
#[tokio::test]
async fn a_payer_who_declines_pays_nothing() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;

    let (card, url) = place(&stage, Way::Checkout).await;
    browser.goto(&url).await;
    browser.click("#decline").await;
    assert_eq!(browser.text("#notice").await, "Your card was declined.");
    browser.photograph("stripe-declined").await;
    let order = until("the refusal is on the timeline", async || {
        let order = stage.order(&card).await;
        events(&order).contains(&"checked").then_some(order)
    })
    .await;
    assert_eq!(order["timeline"][2]["detail"], "card_declined (generic_decline)");
    browser.click("#cancel").await;
    is_back(&stage, &browser, &card).await;
    stage.is_not_credited(&card, "pending").await;

    let (paypal, url) = place(&stage, Way::Paypal).await;
    browser.goto(&url).await;
    browser.click("#cancel").await;
    is_back(&stage, &browser, &paypal).await;
    stage.is_not_credited(&paypal, "pending").await;

    let (vnpay, url) = place(&stage, Way::Vnpay).await;
    browser.goto(&url).await;
    browser.click("#cancel").await;
    is_back(&stage, &browser, &vnpay).await;
    stage.until(&vnpay, "failed").await;
    let order = stage.is_not_credited(&vnpay, "failed").await;
    assert_eq!(order["reason"], "the customer cancelled (response 24, status 02)");

    for currency in ["USD", "VND"] {
        let balance = stage.app.available(PAYER, currency, "").await;
        assert!(balance.trim_matches(['0', '.']).is_empty(), "{balance}");
    }
    browser.close().await;
    stage.finish().await;
}

/// Opens an operation in Swagger UI, sends it with its examples, and returns the status of the response.
async fn execute(browser: &Browser, tag: &str, operation: &str) -> String {
    let block = format!("#operations-{tag}-{operation}");
    browser.click(&format!("{block} .opblock-summary-control")).await;
    browser.click(&format!("{block} .execute")).await;
    let status = browser.text(&format!("{block} .live-responses-table tr.response .response-col_status")).await;
    browser.photograph(&format!("swagger-{operation}")).await;
    status.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn swagger_ui_authorizes_and_its_examples_succeed() {
    let stage = Stage::new().await;
    topup::app::seed::first_money(&stage.app.server.app.pool).await.unwrap();
    let browser = Browser::open().await;
    browser.goto(&format!("{}/docs", stage.app.url())).await;
    browser.click(".auth-wrapper .authorize").await;
    browser.write(".modal-ux input", &token(PAYER, Scope::Customer)).await;
    browser.click(".modal-ux .auth-btn-wrapper .authorize").await;
    browser.photograph("swagger-authorized").await;
    browser.click(".modal-ux .btn-done").await;

    assert_eq!(execute(&browser, "balances", "listBalances").await, "200");
    assert_eq!(execute(&browser, "account-flows", "listAccountFlows").await, "200");
    assert_eq!(execute(&browser, "transfers", "createTransfer").await, "201");
    assert_eq!(execute(&browser, "transfers", "listTransfers").await, "200");
    assert_eq!(execute(&browser, "top-up-options", "getTopUpOptions").await, "200");
    assert_eq!(execute(&browser, "top-up-options", "createQuote").await, "200");
    assert_eq!(execute(&browser, "billing-profile", "getBillingProfile").await, "200");
    assert_eq!(execute(&browser, "top-up-orders", "createTopUpOrder").await, "201");
    let orders = stage.app.customer(PAYER).get("/v1/top-up-orders").await.expect(200);
    assert_eq!(orders["data"].as_array().map(Vec::len), Some(1), "{:#}", Value::clone(&orders.body));
    browser.close().await;
    stage.finish().await;
}

/// Its `Content-Security-Policy` lets Swagger UI show the document and call the service.
#[tokio::test]
async fn the_reader_of_the_document_works_under_its_policy() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    browser.goto(&format!("{}/docs/", stage.app.url())).await;
    let operation = "#operations-operations-getHealth";
    assert!(browser.text(&format!("{operation} .opblock-summary-path")).await.contains("healthz"));
    browser.click(&format!("{operation} .opblock-summary-control")).await;
    browser.click(&format!("{operation} .execute")).await;
    let answer = format!("{operation} .live-responses-table tbody .response-col_status");
    until("the service has answered", async || browser.text(&answer).await.contains("200").then_some(())).await;
    browser.photograph("swagger-ui").await;
    browser.close().await;
    stage.finish().await;
}

/// What a company in Vietnam or China has on its invoices.
fn company() -> Value {
    json!({
        "name": "n".repeat(100), "email": "alice@example.com", "country": "VN", "company": "公司".repeat(40),
        "address": "Số 12 Lý Thái Tổ, Hà Nội ".repeat(8), "tax_id": "0101234565", "phone": "+84 24 3825 0000",
        "registered_address": "北京市朝阳区建国路１号", "bank_name": "Ngân hàng Ngoại thương", "bank_account": "0011",
    })
}

/// The longest texts that a profile takes.
fn longest() -> Value {
    let text = |length| "龍".repeat(length);
    json!({
        "name": text(200), "email": "alice@example.com", "country": "VN", "company": text(200), "address": text(500),
        "city": text(100), "region": text(100), "postal_code": text(20), "phone": text(30), "tax_id": "0101234565",
        "registered_address": text(500), "bank_name": text(200), "bank_account": text(64),
    })
}

#[tokio::test]
async fn a_receipt_prints_on_one_sheet_in_each_language_and_every_letter_has_its_glyph() {
    let stage = Stage::new().await;
    let browser = Browser::open().await;
    for (customer, profile, languages) in
        [("alice", company(), &["en", "zh-CN", "vi"][..]), ("bob", longest(), &["vi"][..])]
    {
        let caller = stage.app.customer(customer);
        caller.send(reqwest::Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
        let order = stage.app.fund(customer, "CNY", "1000.00").await;
        let path = format!("/v1/top-up-orders/{order}/receipt");
        let issued = until("the receipt is issued", async || {
            topup::app::papers::issue_due(&stage.app.server.app, chrono::Duration::zero(), 50).await.unwrap();
            let receipt = caller.get(&path).await;
            (receipt.status == 200).then(|| receipt["receipt"]["id"].as_str().unwrap().to_owned())
        })
        .await;
        for language in languages {
            let page = caller.get(&format!("/v1/papers/{issued}/page?lang={language}")).await.expect(200);
            let pdf = browser.print(&page.text).await;
            let sheets = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
            assert_eq!(sheets, 1, "{customer}, {language}");
            assert_eq!(browser.text("#total").await, "1000.00 CNY");
            browser.photograph(&format!("receipt-{customer}-{language}")).await;
            let missing = browser.missing_glyphs().await;
            assert!(
                missing.is_empty(),
                "no font has {missing}; install fonts with: apt-get install fonts-dejavu-core fonts-wqy-microhei"
            );
        }
    }
    browser.close().await;
    stage.app.finish().await;
}
