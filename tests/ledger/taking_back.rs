//! Orders, disputes and wins in random histories: what the use cases do, with their rows.

use diesel_async::SimpleAsyncConnection;
use rand::Rng;
use rand::rngs::StdRng;
use rust_decimal::Decimal;
use topup::domain::movement::OfOrder;
use topup::domain::movement::bonus::Bonus;
use topup::domain::movement::dispute::of_dispute;
use topup::domain::movement::give_back::give_back;
use topup::domain::movement::take_back::{Asked, take_back};
use topup::domain::movement::top_up::{AppliedPayment, top_up};
use topup::domain::payment::ProviderName;
use topup::domain::posting::{Posting, PostingOutcome};
use topup::domain::take_back::Reach;
use topup::domain::wallet_key::WalletKey;
use topup::storage::StorageError;
use topup::storage::ledger::post;
use topup::storage::pool::Pool;
use topup::storage::transaction::transact;
use uuid::Uuid;

use crate::support::money;

/// An order of 50 with a bonus of 10. `left` is the part that is not disputed.
pub struct Order {
    id: Uuid,
    grant: Uuid,
    payment: Uuid,
    at: WalletKey,
    left: i64,
}

pub struct Dispute {
    id: Uuid,
    order: Order,
    amount: i64,
}

impl Order {
    fn of(&self) -> OfOrder<'_> {
        OfOrder { id: self.id, customer: &self.at.customer, product: &self.at.product }
    }

    fn money(&self, amount: i64) -> topup::domain::money::Money {
        money(&self.at, Decimal::from(amount))
    }
}

/// Posts, and writes rows, in one transaction.
async fn write(pool: &Pool, before: &str, postings: &[Posting], after: &str) -> Vec<PostingOutcome> {
    let outcomes = transact::<_, StorageError, _>(pool, async |conn| {
        conn.batch_execute(before).await?;
        let outcomes = post(conn, postings).await?;
        conn.batch_execute(after).await?;
        Ok(outcomes)
    })
    .await
    .unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{outcomes:#?}");
    outcomes
}

/// An order that is paid by card. Returns what was asked of the ledger and answered.
pub async fn order(pool: &Pool, at: WalletKey) -> (Order, Vec<Posting>, Vec<PostingOutcome>) {
    let order = Order { id: Uuid::now_v7(), grant: Uuid::now_v7(), payment: Uuid::now_v7(), at, left: 50 };
    let payment =
        AppliedPayment { id: order.payment, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
    let bonus = Bonus { grant_id: order.grant, amount: order.money(10), expires_at: None };
    let postings = top_up(order.of(), payment, order.money(50), Some(bonus));
    let rows = format!(
        "INSERT INTO top_up_orders (id, customer_id, currency, product, channel, provider, merchant_account, status,
             amount, payable_amount, bonus, credited_amount, received_amount, reference, agreement_version, payer_ip,
             created_at, expires_at, updated_at, completed_at)
         VALUES ('{id}', '{customer}', '{currency}', '{product}', 'card', 'stripe', 'm', 'completed', 50, 50, 10, 50,
             50, '{id}', '1', '::1', now(), now(), now(), now());
         INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, order_id, live,
             received_at)
         VALUES ('{payment}', 'stripe', 'm', '{payment}', '{currency}', 50, 50, '{id}', false, now());
         INSERT INTO payment_applications (payment_id, n, order_id, customer_id, wallet_id, amount, applied_by,
             applied_at)
         SELECT '{payment}', 1, '{id}', customer_id, id, 50, 'test', now() FROM wallets
         WHERE customer_id = '{customer}' AND currency = '{currency}' AND product = '{product}'",
        id = order.id,
        payment = order.payment,
        customer = order.at.customer,
        currency = order.at.currency,
        product = order.at.product.as_column(),
    );
    let outcomes = write(pool, "", &postings, &rows).await;
    (order, postings, outcomes)
}

/// Disputes a part of the order, in steps of 5.
pub async fn dispute(pool: &Pool, mut order: Order, rng: &mut StdRng) -> Dispute {
    let amount = 5 * rng.random_range(1..=order.left / 5);
    order.left -= amount;
    let dispute = Dispute { id: Uuid::now_v7(), order, amount };
    let order = &dispute.order;
    let origin = of_dispute(order.of(), dispute.id, ProviderName::Stripe);
    let bonus = Some((order.grant, order.money(amount / 5)));
    let asked = Asked { money: order.money(amount), bonus, reach: Reach::AllWallets };
    let rows = format!(
        "SELECT FROM top_up_orders WHERE id = '{}' FOR UPDATE;
         INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount, status,
             taken_back, bonus_taken, created_at, updated_at)
         VALUES ('{id}', '{}', '{}', '{}', 'stripe', '{id}', '{}', {amount}, 'open', {amount}, {}, now(), now())",
        order.id,
        order.payment,
        order.id,
        order.at.customer,
        order.at.currency,
        amount / 5,
        id = dispute.id,
    );
    write(pool, &rows, &[take_back(order.of(), origin, asked)], "").await;
    dispute
}

/// Ends a dispute in the customer's favour. Returns the order.
pub async fn win(pool: &Pool, dispute: Dispute) -> Order {
    let Dispute { id, mut order, amount } = dispute;
    let origin = of_dispute(order.of(), id, ProviderName::Stripe);
    let bonus = Some((order.grant, order.money(amount / 5)));
    let posting = give_back(order.of(), &origin, order.money(amount), bonus);
    let rows = format!(
        "SELECT FROM top_up_orders WHERE id = '{}' FOR UPDATE;
         UPDATE disputes SET status = 'won', taken_back = 0, bonus_taken = 0, restored = true WHERE id = '{id}'",
        order.id,
    );
    write(pool, &rows, &[posting], "").await;
    order.left += amount;
    order
}
