#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;

use super::adjustment::NewAdjustment;
use super::bonus::Bonus;
use super::capture::capture;
use super::dispute::of_dispute;
use super::expiry::{expired_grant, sweep};
use super::extend::extend;
use super::give_back::{give_back, returned};
use super::grant::NewGrant;
use super::hold::NewHold;
use super::refund::of_refund;
use super::release::release;
use super::reversal::NewReversal;
use super::reversed_approval::of_reversed_approval;
use super::take_back::{Asked, take_back, taken};
use super::top_up::{AppliedPayment, top_up, top_up_without_order};
use super::transfer::{payment_from_wallet, transfer};
use super::usage::NewUsage;
use super::*;
use crate::domain::client_data::ClientData;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::fingerprint::fingerprint64;
use crate::domain::money::Money;
use crate::domain::payment::ProviderName;
use crate::domain::posting::{Booked, OnInsufficient, Posting, Target};
use crate::domain::take_back::{Reach, Taken, TakenPart};
use crate::domain::wallet::{Effects, Wallet};

fn ann() -> CustomerId {
    CustomerId::new("ann").unwrap()
}

fn gpu() -> Product {
    Product::new("gpu").unwrap()
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn usd(text: &str) -> Money {
    Money::new(dec(text), "USD".parse().unwrap()).unwrap()
}

fn wallet(product: &Product) -> WalletKey {
    WalletKey { customer: ann(), currency: "USD".parse().unwrap(), product: product.clone() }
}

fn now() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

const ID: Uuid = Uuid::from_u128(0xA);
const HEX: &str = "0000000000000000000000000000000a";

/// What a posting's constructor decides besides the arithmetic: kind, counterpart, key and reference.
fn says(posting: &Posting) -> (EntryKind, String, String, Option<&str>) {
    let label = posting.label();
    (label.kind(), label.counterpart().to_string(), label.key().to_owned(), label.reference())
}

/// Applies a posting to a wallet with 100 paid, and returns the entry.
fn booked(posting: &Posting) -> Booked {
    let mut wallet = Wallet::empty(posting.wallet().unwrap().clone(), now());
    let (paid, bonus) = (top_up_without_order(&ann(), &Product::main(), payment(), usd("100")), order_bonus());
    for posting in [&paid, &bonus] {
        wallet.apply(&posting.change, &posting.label, None, now(), &mut Effects::default()).unwrap();
    }
    wallet.apply(&posting.change, &posting.label, None, now(), &mut Effects::default()).unwrap()
}

fn amount(posting: &Posting) -> Money {
    booked(posting).entry.unwrap().amount
}

fn payment() -> AppliedPayment<'static> {
    AppliedPayment { id: ID, application: 2, provider: ProviderName::Stripe, merchant_account: "acct" }
}

/// The bonus of 5 that the order brought, as grant 0xB.
fn order_bonus() -> Posting {
    let (customer, product) = (ann(), gpu());
    let bonus = Bonus { grant_id: Uuid::from_u128(0xB), amount: usd("5"), expires_at: None };
    top_up(order(&customer, &product), payment(), usd("97"), Some(bonus)).remove(1)
}

fn order<'o>(customer: &'o CustomerId, product: &'o Product) -> OfOrder<'o> {
    OfOrder { id: ID, customer, product }
}

fn new_usage() -> NewUsage {
    NewUsage {
        id: "u1".to_owned(),
        customer: ann(),
        amount: usd("0.5"),
        product: gpu(),
        fallback_to_main: true,
        on_insufficient: OnInsufficient::Refuse,
        description: None,
        metadata: None,
        occurred_at: None,
    }
}

fn new_hold() -> NewHold {
    NewHold {
        id: "h1".to_owned(),
        customer: ann(),
        amount: usd("3"),
        product: gpu(),
        lifetime: Duration::seconds(60),
        description: None,
        metadata: None,
    }
}

#[test]
fn a_top_up_credits_the_payment_and_grants_the_bonus() {
    let (customer, product) = (ann(), gpu());
    let bonus = Bonus { grant_id: ID, amount: usd("5"), expires_at: None };
    let postings = top_up(order(&customer, &product), payment(), usd("97.00"), Some(bonus));
    let (key, order_id) = (format!("pay_{HEX}:2"), format!("tuo_{HEX}"));
    assert_eq!(postings.len(), 2);
    let reference = Some(order_id.as_str());
    assert_eq!(says(&postings[0]), (EntryKind::Recharge, "provider:stripe".to_owned(), key.clone(), reference));
    assert_eq!(says(&postings[1]), (EntryKind::Bonus, "promotion".to_owned(), key, reference));
    for posting in &postings {
        assert_eq!(posting.target(), &Target::Wallet { key: wallet(&gpu()), fallback: None });
        assert_eq!(posting.label().fingerprint(), fingerprint64(&[&order_id, "97"]));
    }
    assert_eq!((amount(&postings[0]), amount(&postings[1])), (usd("97"), usd("5")));
    assert_eq!(top_up(order(&customer, &product), payment(), usd("97"), None).len(), 1);
}

#[test]
fn a_bank_transfer_comes_from_our_bank_account() {
    let by_bank = AppliedPayment { provider: ProviderName::BankTransfer, merchant_account: "0193", ..payment() };
    let posting = top_up_without_order(&ann(), &gpu(), by_bank, usd("1"));
    let reference = format!("pay_{HEX}");
    let expected = (EntryKind::Recharge, "bank:0193".to_owned(), format!("pay_{HEX}:2"), Some(reference.as_str()));
    assert_eq!(says(&posting), expected);
    assert_eq!(posting.label().fingerprint(), fingerprint64(&[&reference, "1"]));
}

#[test]
fn a_usage_is_known_by_its_id_and_all_that_it_says() {
    let posting = new_usage().posting();
    assert_eq!(says(&posting), (EntryKind::Usage, "usage".to_owned(), "u1".to_owned(), None));
    assert_eq!(posting.target(), &Target::Wallet { key: wallet(&gpu()), fallback: Some(wallet(&Product::main())) });
    let parts = ["USD", "0.5", "gpu", "main_wallet", "refuse", "", "", ""];
    assert_eq!(posting.label().fingerprint(), fingerprint64(&parts));
    assert_eq!(amount(&posting), usd("-0.5"));

    let full = NewUsage {
        fallback_to_main: false,
        on_insufficient: OnInsufficient::Book,
        description: Some("tokens".to_owned()),
        metadata: Some(serde_json::json!({"model": "m"})),
        occurred_at: Some(now()),
        ..new_usage()
    };
    let micros = now().timestamp_micros().to_string();
    let parts = ["USD", "0.5", "gpu", "none", "book", "tokens", r#"{"model":"m"}"#, &micros];
    assert_eq!(full.posting().label().fingerprint(), fingerprint64(&parts));
}

#[test]
fn the_main_wallets_usage_has_no_fallback() {
    let posting = NewUsage { product: Product::main(), ..new_usage() }.posting();
    assert_eq!(posting.target(), &Target::Wallet { key: wallet(&Product::main()), fallback: None });
    assert_eq!(posting.label().fingerprint(), fingerprint64(&["USD", "0.5", "", "none", "refuse", "", "", ""]));
}

#[test]
fn a_hold_reserves_and_makes_no_entry() {
    let posting = new_hold().posting(ID);
    assert_eq!(posting.label().key(), "h1");
    assert_eq!(posting.label().fingerprint(), fingerprint64(&["USD", "3", "gpu", "60", "", ""]));
    let booked = booked(&posting);
    assert_eq!((booked.entry, booked.hold.unwrap().amount), (None, usd("3")));
}

#[test]
fn a_hold_is_captured_released_and_extended_by_its_id() {
    let shown = format!("hold_{HEX}");
    let of_hold =
        [(capture(ID, dec("2.50")), "2.5"), (release(ID), "release"), (extend(ID, Duration::seconds(5)), "extend")];
    for (posting, content) in of_hold {
        assert_eq!(says(&posting), (EntryKind::Capture, "usage".to_owned(), shown.clone(), Some(shown.as_str())));
        assert_eq!(posting.target(), &Target::Hold(ID));
        assert_eq!(posting.label().fingerprint(), fingerprint64(&[content]));
        assert_eq!(posting.dedupe_key(), None);
    }
}

#[test]
fn a_capture_takes_the_actual_amount() {
    let mut wallet = Wallet::empty(wallet(&gpu()), now());
    let mut apply = |posting: &Posting, hold: Option<&crate::domain::hold::Hold>| {
        wallet.apply(&posting.change, &posting.label, hold, now(), &mut Effects::default()).unwrap()
    };
    apply(&top_up_without_order(&ann(), &gpu(), payment(), usd("10")), None);
    let hold = apply(&new_hold().posting(ID), None).hold.unwrap();
    let entry = apply(&capture(ID, dec("2")), Some(&hold)).entry.unwrap();
    assert_eq!((entry.amount, entry.label.kind()), (usd("-2"), EntryKind::Capture));
}

#[test]
fn the_two_sides_of_a_transfer_add_up_to_zero() {
    let [out, into] = transfer(ID, &ann(), usd("4"), &Product::main(), &gpu());
    let shown = format!("trf_{HEX}");
    let side = |kind| (kind, "transfer".to_owned(), shown.clone(), Some(shown.as_str()));
    assert_eq!(says(&out), side(EntryKind::TransferOut));
    assert_eq!(says(&into), side(EntryKind::TransferIn));
    assert_eq!((out.wallet().unwrap(), into.wallet().unwrap()), (&wallet(&Product::main()), &wallet(&gpu())));
    assert_eq!((amount(&out), amount(&into)), (usd("-4"), usd("4")));
    assert_eq!(out.label().fingerprint(), fingerprint64(&[&shown]));
}

#[test]
fn a_payment_from_the_wallet_is_a_transfer_whose_arrival_refers_to_the_order() {
    let order = Uuid::from_u128(7);
    let [out, into] = payment_from_wallet(ID, order, &ann(), usd("4"), &gpu());
    let [plain_out, plain_into] = transfer(ID, &ann(), usd("4"), &Product::main(), &gpu());
    assert_eq!((&out, into.change.clone()), (&plain_out, plain_into.change));
    let shown = IdKind::TopUpOrder.show(order);
    assert_eq!(says(&into), (EntryKind::TransferIn, "transfer".to_owned(), format!("trf_{HEX}"), Some(shown.as_str())));
}

#[test]
fn a_grant_is_promotion() {
    let new = NewGrant {
        customer: ann(),
        amount: usd("7"),
        product: gpu(),
        expires_at: None,
        priority: 3,
        reason: "welcome".to_owned(),
        created_by: "op".to_owned(),
        client: ClientData { reference: Some("cart-7".to_owned()), metadata: None },
    };
    let posting = new.posting(ID);
    let shown = format!("grt_{HEX}");
    assert_eq!(says(&posting), (EntryKind::Grant, "promotion".to_owned(), shown.clone(), Some(shown.as_str())));
    assert_eq!(posting.label().description(), Some("welcome"));
    assert_eq!(posting.label().fingerprint(), fingerprint64(&[&shown]));
    let mut effects = Effects::default();
    let mut wallet = Wallet::empty(wallet(&gpu()), now());
    wallet.apply(&posting.change, &posting.label, None, now(), &mut effects).unwrap();
    assert_eq!(effects.attached, [(ID, new.client)]);
    let entry = effects.entries.pop().unwrap();
    assert_eq!((entry.amount, entry.granted), (usd("7"), usd("7")));
}

#[test]
fn a_sweep_writes_nothing_of_its_own_and_an_expiry_is_keyed_by_grant_and_number() {
    let posting = sweep(wallet(&gpu()));
    assert_eq!((posting.dedupe_key(), booked(&posting)), (None, Booked::default()));
    let label = expired_grant(ID, 9);
    assert_eq!((label.kind(), label.key()), (EntryKind::Expire, format!("{HEX}:9").as_str()));
    assert_eq!(
        (label.counterpart().to_string(), label.reference()),
        ("promotion".to_owned(), Some(format!("grt_{HEX}").as_str()))
    );
}

#[test]
fn a_movement_of_taken_back_money_is_keyed_by_its_source_and_number() {
    let (customer, product) = (ann(), gpu());
    let order = order(&customer, &product);
    let (stripe, paypal) = (ProviderName::Stripe, ProviderName::PayPal);
    let (refund, dispute) = (of_refund(order, ID, stripe), of_dispute(order, ID, paypal));
    let approval = of_reversed_approval(order, ID, "0193", "not ours");
    let (part, tuo) = (TakenPart::Money, format!("tuo_{HEX}"));
    let cases = [
        (&refund, part, EntryKind::Refund, EntryKind::RefundReturned, "refund:stripe", "rfd"),
        (&dispute, part, EntryKind::Dispute, EntryKind::DisputeReturned, "dispute:paypal", "dsp"),
        (&approval, part, EntryKind::Adjust, EntryKind::Adjust, "bank:0193", "adj"),
        (&dispute, TakenPart::BonusMoney, EntryKind::BonusTaken, EntryKind::BonusTakenReturned, "promotion", "dsp"),
        (&dispute, TakenPart::Bonus, EntryKind::BonusRevoked, EntryKind::BonusRestored, "promotion", "dsp"),
    ];
    for (origin, part, takes, returns, counterpart, prefix) in cases {
        let label = taken(origin, part, 3);
        let key = format!("{prefix}_{HEX}:3");
        assert_eq!((label.kind(), label.key(), label.reference()), (takes, key.as_str(), Some(tuo.as_str())));
        assert_eq!(label.counterpart().to_string(), counterpart);
        assert_eq!(label.fingerprint(), fingerprint64(&[&key, &tuo]));
        assert_eq!(label.description(), origin.description.as_deref());
        let movement = Taken {
            origin: origin.clone(),
            n: 3,
            part,
            grant_id: None,
            wallet: wallet(&gpu()),
            wallet_id: ID,
            taken: usd("5"),
            given_back: usd("1"),
            returns: 1,
            taken_at: now(),
        };
        let label = returned(&movement);
        assert_eq!((label.kind(), label.key()), (returns, format!("{key}:2").as_str()));
        assert_eq!((label.counterpart().to_string(), label.reference()), (counterpart.to_owned(), Some(tuo.as_str())));
    }
    let asked = Asked { money: usd("1"), bonus: None, reach: Reach::AllWallets };
    let posting = take_back(order, refund.clone(), asked);
    assert_eq!((posting.dedupe_key(), posting.reaches_all_wallets()), (None, true));
    let posting = give_back(order, &refund, usd("1"), Some((ID, usd("2"))));
    assert_eq!((posting.dedupe_key(), posting.restored_grants()), (None, vec![ID]));
}

#[test]
fn an_adjustment_goes_either_way() {
    for (text, fingerprint) in [("8", "8"), ("-8", "-8")] {
        let adjustment = NewAdjustment {
            key: "a".to_owned(),
            customer: ann(),
            product: gpu(),
            amount: usd(text),
            reason: "correction".to_owned(),
        };
        let posting = adjustment.posting();
        assert_eq!(says(&posting), (EntryKind::Adjust, "adjustment".to_owned(), "a".to_owned(), None));
        assert_eq!(amount(&posting), usd(text));
        assert_eq!(posting.label().fingerprint(), fingerprint64(&["USD", fingerprint, "gpu"]));
    }
}

#[test]
fn a_reversal_comes_from_where_the_usage_went() {
    let mut paid = Wallet::empty(wallet(&Product::main()), now());
    let credit = top_up_without_order(&ann(), &Product::main(), payment(), usd("10"));
    paid.apply(&credit.change, &credit.label, None, now(), &mut Effects::default()).unwrap();
    let used = new_usage().posting();
    // The main wallet paid for the product.
    let label = used.label.paid_for(&gpu());
    let original: Entry =
        paid.apply(&used.change, &label, None, now(), &mut Effects::default()).unwrap().entry.unwrap();

    let new =
        NewReversal { id: "r1".to_owned(), customer: ann(), usage_id: "u1".to_owned(), amount: Some(dec("0.20")) };
    let posting = new.posting(wallet(&Product::main()), &original, None, &[]).unwrap();
    assert_eq!(says(&posting), (EntryKind::Reversal, "usage:gpu".to_owned(), "r1".to_owned(), Some("u1")));
    assert_eq!(posting.label().fingerprint(), fingerprint64(&["u1", "0.2"]));
    assert_eq!(posting.guarded_as_well(), Some(wallet(&gpu())));
    let entry =
        paid.apply(&posting.change, &posting.label, None, now(), &mut Effects::default()).unwrap().entry.unwrap();
    assert_eq!(entry.amount, usd("0.2"));
    assert!(new.is_repeated_by(&entry));
    assert!(!NewReversal { amount: None, ..new.clone() }.is_repeated_by(&entry));
    let too_much = NewReversal { amount: Some(dec("0.31")), ..new };
    assert!(too_much.posting(wallet(&Product::main()), &original, None, &[entry]).is_err());
}
