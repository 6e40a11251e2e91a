#![allow(clippy::unwrap_used)]

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::client_data::ClientData;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::label::Label;
use crate::domain::posting::{Booked, Change, GrantTerms, OnInsufficient};
use crate::domain::product::Product;
use crate::domain::wallet::{Effects, Wallet};
use crate::domain::wallet_key::WalletKey;

fn usd(amount: u32) -> Money {
    Money::from_ledger(amount.into(), "USD".parse().unwrap())
}

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn post(wallet: &mut Wallet, hold: Option<&Hold>, change: &Change) -> Booked {
    let label = Label::new(EntryKind::Usage, "k".to_owned(), 0, Counterpart::Usage(None));
    wallet.apply(change, &label, hold, now(), &mut Effects::default()).unwrap()
}

/// With this much paid money, and grants of these amounts and priorities.
fn wallet(paid: u32, grants: &[(u32, i16)]) -> Wallet {
    let key = WalletKey {
        customer: CustomerId::new("ann").unwrap(),
        currency: "USD".parse().unwrap(),
        product: Product::main(),
    };
    let mut wallet = Wallet::empty(key, now());
    if paid > 0 {
        post(&mut wallet, None, &Change::Credit { amount: usd(paid) });
    }
    for (n, grant) in (1..).zip(grants) {
        give(&mut wallet, n, *grant);
    }
    wallet
}

fn give(wallet: &mut Wallet, n: u128, (amount, priority): (u32, i16)) {
    let terms = GrantTerms {
        id: Uuid::from_u128(n),
        amount: usd(amount),
        priority,
        expires_at: None,
        reason: String::new(),
        order_id: None,
        created_by: String::new(),
        client: ClientData::none(),
    };
    post(wallet, None, &Change::Grant { terms });
}

/// What is left of each part.
fn left(wallet: &Wallet) -> (Money, Money, Vec<(Uuid, Money)>) {
    (wallet.paid, wallet.debt, wallet.grants.iter().map(|grant| (grant.id, grant.remaining)).collect())
}

/// Gives back piece by piece; after each, the wallet is as if only the rest had been taken.
fn unwinds(
    wallet: &Wallet,
    hold: Option<&Hold>,
    spend: impl Fn(Money) -> Change,
    amount: u32,
    pieces: &[u32],
) -> Result<(), TestCaseError> {
    let mut spent = wallet.clone();
    let mut original = post(&mut spent, hold, &spend(usd(amount))).entry.unwrap();
    // The table has one row for all uses of a grant, and they are read in burn order.
    original.grant_uses.sort_by_key(|(id, _)| wallet.grants.iter().position(|grant| grant.id == *id));
    let (mut rest, mut reversed) = (amount, Vec::new());
    for piece in pieces.iter().copied().chain([u32::MAX]) {
        let piece = piece.min(rest);
        if piece == 0 {
            break;
        }
        rest -= piece;
        let parts = parts_to_give_back(&original, hold, &reversed, Some(usd(piece))).unwrap();
        reversed.extend(post(&mut spent, None, &Change::Reverse { parts }).entry);
        let mut less = wallet.clone();
        post(&mut less, hold, &spend(usd(rest)));
        prop_assert_eq!(left(&spent), left(&less), "{} of {} is left", rest, amount);
    }
    prop_assert!(parts_to_give_back(&original, hold, &reversed, None).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn what_remains_is_what_a_smaller_usage_would_have_left(
        paid in 0_u32..20,
        grants in prop::collection::vec((1_u32..10, 0_i16..3), 0..5),
        amount in 1_u32..60,
        pieces in prop::collection::vec(1_u32..20, 0..4),
    ) {
        let spend = |amount: Money| Change::Deduct { amount, on_insufficient: OnInsufficient::Book };
        unwinds(&wallet(paid, &grants), None, spend, amount, &pieces)?;
    }

    /// Beyond what the hold reserved, the capture uses grants that came later and burn before the hold's own.
    #[test]
    fn and_what_a_smaller_capture_would_have(
        paid in 0_u32..20,
        grants in prop::collection::vec((1_u32..10, 0_i16..3), 0..4),
        later in prop::collection::vec((1_u32..10, 0_i16..3), 0..4),
        held in 1_u32..30,
        beyond in 0_u32..20,
        pieces in prop::collection::vec(1_u32..20, 0..4),
    ) {
        let mut wallet = wallet(paid, &grants);
        prop_assume!(wallet.available() >= usd(held));
        let open = Change::OpenHold { id: Uuid::nil(), amount: usd(held), lifetime: Duration::hours(1) };
        let hold = post(&mut wallet, None, &open).hold.unwrap();
        for (n, grant) in (100..).zip(later) {
            give(&mut wallet, n, grant);
        }
        prop_assume!(wallet.available() >= usd(beyond));
        let spend = |amount: Money| Change::Capture { amount: amount.amount() };
        unwinds(&wallet, Some(&hold), spend, held + beyond, &pieces)?;
    }
}
