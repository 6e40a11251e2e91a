//! Creating an order.

use std::net::IpAddr;

use crate::storage::Connection;
use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::pay;
use super::read::{OrderView, view};
use crate::app::catalogue::{self, FieldLocation};
use crate::app::transfers::{self, NewTransfer};
use crate::app::{App, Error, IdempotencyKey, Made, Problems, settlement};
use crate::domain::catalogue::Price;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::offer::Offer;
use crate::domain::order::{Order, OrderStatus, Remitter};
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::domain::reference::make_reference;
use crate::providers::{CardFlow, is_bank_code};
use crate::storage::attempts::{self, Attempt};
use crate::storage::orders;
use crate::storage::transaction::transact;

/// How long a bank transfer is waited for: banks take days over it, and their statement is read by people.
const BANK_TRANSFER_WAITS: Duration = Duration::days(14);

/// An order as it is asked for: what is wanted, never what it costs.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub customer: CustomerId,
    pub currency: String,
    pub amount: String,
    pub channel: Channel,
    pub product: Option<String>,
    pub agreement_accepted: bool,
    pub return_url: Option<String>,
    pub card_flow: Option<CardFlow>,
    pub remitter: Option<Remitter>,
    pub vnpay: Option<VnpayChoice>,
    pub payer_ip: IpAddr,
    pub locale: Option<String>,
}

/// What only VNPay asks for.
#[derive(Debug, Clone)]
pub struct VnpayChoice {
    /// Preselects a bank or method: 3 to 20 letters and digits.
    pub bank_code: Option<String>,
}

/// Creates an order and starts its payment. The order is committed before the provider is called; a repeat
/// with the same key finds it and resumes a call that was cut off.
///
/// # Errors
/// 422 with every broken rule, `billing_profile_required`, `agreement_not_published`; 409
/// `too_many_open_orders`; 402 for `balance`; of the provider, when the order is kept.
pub async fn create(app: &App, new: &NewOrder, key: &IdempotencyKey, actor: &str) -> Result<Made<OrderView>, Error> {
    let made = transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            return Ok(Made::again(orders::find(conn, id).await?.ok_or(Error::NotFound("order"))?));
        }
        let (offer, price) = validate(conn, app, new).await?;
        if orders::count_open(conn, &new.customer).await? >= app.settings.open_orders_per_customer {
            return Err(Error::conflict(
                "too_many_open_orders",
                format!(
                    "at most {} orders may wait for money; pay or cancel one first",
                    app.settings.open_orders_per_customer
                ),
            ));
        }
        let now = orders::clock(conn).await?;
        let mut order = draft(app, new, &offer, &price, now);
        orders::insert(conn, &order).await?;
        orders::note(conn, &order, "created", actor, None).await?;
        if order.channel == Channel::Balance {
            pay_from_wallet(conn, &mut order, price.amount, actor).await?;
        } else {
            attempts::insert_attempt(conn, &first_attempt(&order, &offer)).await?;
        }
        key.record(conn, order.id).await?;
        Ok::<_, Error>(Made::new(order))
    })
    .await?;

    pay::start(app, &made.value, actor).await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, made.value.id).await?.ok_or(Error::NotFound("order"))?;
    Ok(Made { value: view(&mut conn, order).await?, replayed: made.replayed })
}

/// Checks everything that can be wrong, and names all of it at once.
async fn validate(conn: &mut Connection, app: &App, new: &NewOrder) -> Result<(Offer, Price), Error> {
    let mut problems = Problems::new();
    let currency = problems.money("/currency", new.currency.parse::<Currency>());
    let product = match new.product.as_deref() {
        None => Some(Product::main()),
        Some(code) => Product::new(code).or_else(|| {
            problems.add("/product", "unknown_product", "there is no such product");
            None
        }),
    };
    if !new.agreement_accepted {
        problems.add("/agreement_accepted", "agreement_not_accepted", "must be true: the agreement has to be accepted");
    }
    if new.channel == Channel::BankTransfer && new.remitter.is_none() {
        problems.add("/bank_transfer", "required", "remitter_name and remitter_bank are required for this channel");
    }
    for (channel, pointer, given) in [
        (Channel::BankTransfer, "/bank_transfer", new.remitter.is_some()),
        (Channel::Card, "/card", new.card_flow.is_some()),
        (Channel::Vnpay, "/vnpay", new.vnpay.is_some()),
    ] {
        if given && new.channel != channel {
            problems.add(pointer, "not_for_this_channel", format!("belongs to channel {} only", channel.as_str()));
        }
    }
    if let Some(bank_code) = new.vnpay.as_ref().and_then(|vnpay| vnpay.bank_code.as_deref())
        && !is_bank_code(bank_code)
    {
        problems.add("/vnpay/bank_code", "malformed", "must be 3 to 20 letters and digits");
    }
    if new.locale.as_deref().is_some_and(|locale| !is_language_tag(locale)) {
        problems.add("/locale", "malformed", "must be a language tag such as en or zh-CN, of at most 16 characters");
    }
    if let Some(remitter) = &new.remitter {
        problems.text("/bank_transfer/remitter_name", &remitter.name, 1, 140);
        problems.text("/bank_transfer/remitter_bank", &remitter.bank, 1, 140);
        problems.optional_text("/bank_transfer/remarks", remitter.remarks.as_deref(), 500);
    }
    check_return_url(new.return_url.as_deref(), &mut problems);
    let amount = currency.and_then(|currency| {
        let amount = parse_plain_decimal(&new.amount)
            .and_then(|amount| Money::positive(amount, currency))
            .and_then(Money::require_minor_unit);
        problems.money("/amount", amount)
    });
    let (Some(currency), Some(product)) = (currency, product) else {
        problems.finish()?;
        return Err(Error::NotFound("currency"));
    };
    let offered = catalogue::offered_channels(app);
    let offer = match catalogue::offer(conn, offered, &new.customer, currency, &product, FieldLocation::Body).await {
        Err(Error::Invalid(fields)) => {
            for field in fields {
                problems.add(field.pointer, field.code, field.detail);
            }
            problems.finish()?;
            return Err(Error::NotFound("product"));
        }
        offer => offer?,
    };
    if offer.profile.is_none() {
        return Err(Error::Unprocessable {
            code: "billing_profile_required",
            detail: "fill in the billing profile first: PUT /v1/billing-profile".to_owned(),
        });
    }
    let price = amount.and_then(|amount| catalogue::check(&offer, new.channel, amount, &mut problems));
    problems.finish()?;
    if offer.agreement.is_none() {
        return Err(Error::Unprocessable {
            code: "agreement_not_published",
            detail: "the operator has not published the agreement yet".to_owned(),
        });
    }
    price.map(|price| (offer, price)).ok_or(Error::NotFound("price"))
}

/// As the document's pattern says: `^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`, at most 16 characters.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    text.len() <= 16
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn check_return_url(url: Option<&str>, problems: &mut Problems) {
    let Some(url) = url else { return };
    let web = url::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.username().is_empty());
    if !web || url.len() > 1000 || url.chars().any(char::is_control) {
        problems.add(
            "/return_url",
            "not_a_web_address",
            "must be an absolute http or https URL of at most 1000 characters",
        );
    }
}

fn draft(app: &App, new: &NewOrder, offer: &Offer, price: &Price, now: DateTime<Utc>) -> Order {
    let provider = app.providers.by_channel(new.channel);
    let is_card = new.channel == Channel::Card;
    let flow = if new.card_flow == Some(CardFlow::Elements) { "elements" } else { "checkout" };
    let waits = match new.channel {
        Channel::BankTransfer => BANK_TRANSFER_WAITS,
        _ => Duration::minutes(i64::from(offer.options.order_ttl_minutes)),
    };
    // The first question is asked when an ordinary payer has had time to pay; bank transfers have nobody to ask.
    let asks = provider.is_some_and(|provider| provider.capabilities().notifies);
    Order {
        id: Uuid::now_v7(),
        customer: new.customer.clone(),
        currency: offer.currency,
        product: offer.product.clone(),
        channel: new.channel,
        provider: provider.map_or("balance", |provider| provider.name()).to_owned(),
        merchant_account: provider.map_or("", |provider| provider.merchant_account()).to_owned(),
        status: OrderStatus::Pending,
        reason: None,
        amount: price.amount.amount(),
        fee: price.fee.amount(),
        tax: price.tax.amount(),
        bonus: price.bonus.amount(),
        credited_amount: price.credited.amount(),
        received_amount: None,
        refunded_amount: rust_decimal::Decimal::ZERO,
        reference: make_reference(rand::random()),
        agreement_version: offer.agreement.as_ref().map(|agreement| agreement.version.clone()).unwrap_or_default(),
        return_url: new.return_url.clone(),
        card_flow: is_card.then(|| flow.to_owned()),
        remitter: new.remitter.clone().map(|remitter| Remitter {
            name: remitter.name.trim().to_owned(),
            bank: remitter.bank.trim().to_owned(),
            remarks: remitter.remarks.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        }),
        bank_account_id: offer
            .bank_account
            .as_ref()
            .filter(|_| new.channel == Channel::BankTransfer)
            .map(|account| account.id),
        vnpay_bank_code: new.vnpay.as_ref().and_then(|vnpay| vnpay.bank_code.clone()),
        payer_ip: new.payer_ip.to_string(),
        locale: new.locale.clone(),
        created_at: now,
        expires_at: now + waits,
        updated_at: now,
        completed_at: None,
        ask_at: asks.then(|| now + Duration::seconds(60)),
        asked: 0,
        version: 1,
    }
}

fn first_attempt(order: &Order, offer: &Offer) -> Attempt {
    Attempt {
        order_id: order.id,
        n: 1,
        provider: order.provider.clone(),
        request_key: format!("{}-1", order.id.as_simple()),
        customer_email: offer.profile.as_ref().map(|profile| profile.email.as_str().to_owned()),
        provider_reference: None,
        next_action: None,
        status: "open".to_owned(),
        created_at: order.created_at,
        sent_at: None,
        leased_until: None,
    }
}

/// A product paid from the wallet: the transfer, and the order completed with it.
async fn pay_from_wallet(conn: &mut Connection, order: &mut Order, amount: Money, actor: &str) -> Result<(), Error> {
    let transfer =
        NewTransfer { customer: order.customer.clone(), amount, from: Product::main(), to: order.product.clone() };
    transfers::book(conn, &transfer, Some(order.id)).await?;
    order.received_amount = Some(order.amount);
    order.credited_amount = order.amount;
    (order.fee, order.tax, order.bonus) = Default::default();
    settlement::move_to(conn, order, OrderStatus::Completed, None, actor).await
}
