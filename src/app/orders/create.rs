//! Creating an order.

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::read::{OrderView, view};
use super::second_attempt;
use crate::app::catalogue::{self, FieldLocation};
use crate::app::transfers::{self, NewTransfer};
use crate::app::{App, Caller, Error, IdempotencyKey, Made, Problems, closings, quotes, settlement};
use crate::domain::attempt::Attempt;
use crate::domain::billing_profile::BillingProfile;
use crate::domain::catalogue::Price;
use crate::domain::client_data::ClientData;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::offer::Offer;
use crate::domain::order::{Completion, Order, OrderState, Remitter};
use crate::domain::payment::{CardFlow, Channel, ProviderName};
use crate::domain::product::Product;
use crate::domain::quote::Fixed;
use crate::domain::reference::make_reference;
use crate::storage::transaction::transact;
use crate::storage::{Connection, attempts, clock, orders};

/// How long an order waits for its bank transfer: banks take days, and people read their statements.
const BANK_TRANSFER_WAITS: Duration = Duration::days(14);

/// The order that a customer wants. It never says what the order costs.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub customer: CustomerId,
    /// Greater than zero; fits the currency's minor unit.
    pub amount: Money,
    pub channel: Channel,
    /// The main wallet, or the product to top up.
    pub product: Product,
    /// The agreement that the customer has read; `None` for the active one.
    pub agreement_version: Option<String>,
    /// The quote that fixes the price; `None` for the current price.
    pub quote: Option<String>,
    /// What the wallet gets, as the customer was shown; `None` for the current price.
    pub expected_credited: Option<Money>,
    /// What the payer pays, as the customer was shown; `None` for the current price.
    pub expected_payable: Option<Money>,
    pub return_url: Option<String>,
    pub card_flow: Option<CardFlow>,
    /// Set for bank transfers only.
    pub remitter: Option<Remitter>,
    pub vnpay_bank_code: Option<String>,
    pub payer_ip: IpAddr,
    pub locale: Option<String>,
    pub client: ClientData,
}

/// Creates an order and starts its payment. The order is committed before the provider is called. A repetition with the
/// same key finds the order and continues an interrupted call.
///
/// # Errors
/// 422 with every broken rule, `billing_profile_required` or `agreement_not_published`; 409 `too_many_open_orders`,
/// `agreement_changed` or `price_changed`; 402
/// for channel `balance`. Errors of the provider; then the order is kept.
#[tracing::instrument(name = "orders.create", skip_all, fields(customer = %new.customer, channel = %new.channel))]
pub async fn create(
    app: &App,
    new: &NewOrder,
    key: &IdempotencyKey,
    caller: &Caller,
) -> Result<Made<OrderView>, Error> {
    let actor = &caller.actor();
    let made = transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let order = orders::find(conn, id).await?.ok_or(Error::Internal("the order of an idempotency key"))?;
            return Ok(Made::again(order));
        }
        closings::require_open(conn, &new.customer).await?;
        let (offer, price) = price(conn, app, new, caller).await?;
        require_room(conn, app, &new.customer).await?;
        let now = clock::now(conn).await?;
        let mut order = draft(app, new, &offer, &price, now)?;
        orders::insert(conn, &order).await?;
        orders::add_to_timeline(conn, &order, "created", actor, None).await?;
        if order.channel == Channel::Balance {
            pay_from_wallet(conn, &mut order, price.amount, actor).await?;
        } else {
            let email = offer.profile.as_ref().map(|profile| profile.email.as_str().to_owned());
            attempts::insert(conn, &Attempt::first(&order, email)).await?;
        }
        key.record_resource(conn, order.id, &order.customer).await?;
        Ok::<_, Error>(Made::new(order))
    })
    .await?;

    second_attempt::start(app, &made.value, actor).await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, made.value.id).await?;
    let order = order.ok_or(Error::Internal("the order that was created"))?;
    Ok(Made { value: view(&mut conn, order).await?, replayed: made.replayed })
}

/// Prices the order by the customer's offer. Every field that the offer refuses is named. An operator can
/// order less than customers can, for money that has arrived.
async fn price(conn: &mut Connection, app: &App, new: &NewOrder, caller: &Caller) -> Result<(Offer, Price), Error> {
    let currency = new.amount.currency();
    let offer = catalogue::offer(conn, app, &new.customer, currency, &new.product, FieldLocation::Body).await?;
    let offer = if caller.is_operator { offer.without_customers_minimum() } else { offer };
    if offer.profile.is_none() {
        return Err(Error::Unprocessable {
            code: Code::BillingProfileRequired,
            detail: "fill in the billing profile first: PUT /v1/billing-profile".to_owned(),
        });
    }
    let mut problems = Problems::new();
    if new.return_url.as_deref().is_some_and(|url| !app.settings.return_origins.allow(url)) {
        let detail = "must be a page of a site that this service sends payers back to";
        problems.add("/return_url", Code::ReturnUrlNotAllowed, detail);
    }
    let (offer, kept) = match &new.quote {
        None => (offer, true),
        Some(quote) => match quotes::read(conn, app, quote, &new.customer, new.amount, &new.product).await {
            Ok(fixed) => match fixed.price(&offer, new.channel) {
                Fixed::Price(price) => (offer.fixing(new.channel, price), true),
                Fixed::Changed => (offer.with_quote_for(new.channel), false),
                Fixed::NotQuoted => {
                    let detail = "has no price for this channel; ask for a new quote";
                    problems.add("/quote_id", Code::InvalidQuote, detail);
                    (offer, true)
                }
            },
            Err(Error::Invalid(found)) => {
                for one in found {
                    problems.add(one.pointer, one.code, one.detail);
                }
                (offer, true)
            }
            Err(error) => return Err(error),
        },
    };
    let price = catalogue::check(&offer, new.channel, new.amount, &mut problems);
    let price = problems.into_result(price)?;
    require_what_was_shown(new, &offer, &price)?;
    if !kept {
        let detail = format!("the quote cannot be kept: the payer would pay {} now", price.payable);
        return Err(Error::PriceChanged { detail, price: Box::new(price) });
    }
    Ok((offer, price))
}

/// If the request names agreement and price, requires that they are still those that the customer was shown: an order
/// is evidence of a consent.
fn require_what_was_shown(new: &NewOrder, offer: &Offer, price: &Price) -> Result<(), Error> {
    let Some(agreement) = &offer.agreement else {
        return Err(Error::Unprocessable {
            code: Code::AgreementNotPublished,
            detail: "the operator has not published the agreement yet".to_owned(),
        });
    };
    if new.agreement_version.as_ref().is_some_and(|read| *read != agreement.version) {
        let detail = format!("the active agreement is {}; the customer has to accept that one", agreement.version);
        return Err(Error::conflict(Code::AgreementChanged, detail));
    }
    if new.expected_credited.is_some_and(|expected| expected != price.credited) {
        let detail = format!("the wallet would get {}", price.credited);
        return Err(Error::PriceChanged { detail, price: Box::new(*price) });
    }
    if new.expected_payable.is_some_and(|expected| expected != price.payable) {
        let detail = format!("the payer would pay {}", price.payable);
        return Err(Error::PriceChanged { detail, price: Box::new(*price) });
    }
    Ok(())
}

async fn require_room(conn: &mut Connection, app: &App, customer: &CustomerId) -> Result<(), Error> {
    let most = app.settings.open_orders_per_customer;
    if orders::count_open(conn, customer).await? < most {
        return Ok(());
    }
    let detail = format!("at most {most} orders may wait for money; pay or cancel one first");
    Err(Error::conflict(Code::TooManyOpenOrders, detail))
}

fn draft(app: &App, new: &NewOrder, offer: &Offer, price: &Price, now: DateTime<Utc>) -> Result<Order, Error> {
    let provider = app.providers.by_channel(new.channel);
    let (name, merchant_account) = match (new.channel, provider) {
        (Channel::Balance, _) => (ProviderName::Balance, ""),
        (_, Some(provider)) => (provider.name(), provider.merchant_account()),
        (_, None) => return Err(Error::Internal("a provider for every eligible channel")),
    };
    let agreement = offer.agreement.as_ref().ok_or(Error::Internal("a published agreement"))?;
    let account = offer.bank_account.as_ref().filter(|_| new.channel == Channel::BankTransfer);
    let waits = match new.channel {
        Channel::BankTransfer => BANK_TRANSFER_WAITS,
        _ => Duration::minutes(i64::from(offer.options.order_ttl_minutes)),
    };
    let days = offer.rule(new.channel).and_then(|rule| rule.processing_days);
    // A worker first asks once an ordinary payer has had time to pay. About a bank transfer there is no company to ask.
    let asks = provider.is_some_and(|provider| provider.capabilities().notifies);
    Ok(Order {
        id: Uuid::now_v7(),
        customer: new.customer.clone(),
        product: offer.product.clone(),
        channel: new.channel,
        provider: name,
        merchant_account: merchant_account.to_owned(),
        state: OrderState::Pending,
        reason: None,
        declines: 0,
        held_for_review: false,
        amount: price.amount,
        payable: price.payable,
        fee: price.fee,
        fee_on_top: price.fee_on_top,
        fee_refundable: price.fee_refundable,
        tax: price.tax,
        tax_included: price.tax_included,
        tax_rule: price.tax_rule,
        bonus: price.bonus,
        bonus_terms: price.bonus_terms,
        credited_amount: price.credited,
        refunded_amount: Money::zero(offer.currency),
        reference: make_reference(rand::random()),
        agreement_version: agreement.version.clone(),
        return_url: new.return_url.clone(),
        card_flow: (new.channel == Channel::Card).then(|| new.card_flow.unwrap_or_default()),
        remitter: new.remitter.clone(),
        bank_account_id: account.map(|account| account.id),
        bank_account_version: account.map(|account| account.version),
        vnpay_bank_code: new.vnpay_bank_code.clone(),
        payer_ip: new.payer_ip,
        locale: new.locale.clone(),
        buyer: offer.profile.as_ref().map(BillingProfile::party),
        client: new.client.clone(),
        transfer_id: None,
        created_at: now,
        due_at: days.map(|days| days.due_at(now, &app.settings.verification.calendar)),
        expires_at: now + waits,
        updated_at: now,
        ask_at: asks.then(|| now + Duration::seconds(60)),
        asked: 0,
        version: 1,
    })
}

/// Pays a product from the wallet: the transfer is booked and the order completes in the same transaction.
async fn pay_from_wallet(conn: &mut Connection, order: &mut Order, amount: Money, actor: &str) -> Result<(), Error> {
    let transfer = NewTransfer {
        customer: order.customer.clone(),
        amount,
        from: Product::main(),
        to: order.product.clone(),
        client: order.client.clone(),
    };
    order.transfer_id = Some(transfers::book_transfer(conn, &transfer, Some(order.id)).await?.id);
    order.credited_amount = order.amount;
    let nothing = Money::zero(amount.currency());
    (order.payable, order.fee, order.tax, order.bonus) = (order.amount, nothing, nothing, nothing);
    let completion = Completion { at: clock::now(conn).await?, received: order.amount };
    settlement::move_to(conn, order, OrderState::Completed(completion), None, actor).await
}
