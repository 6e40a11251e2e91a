#![allow(clippy::unwrap_used)]
use super::*;

fn usd(amount: i64) -> Money {
    Money::from_ledger(amount.into(), "USD".parse().unwrap())
}

fn fact() -> PaymentFact {
    PaymentFact { payment_id: "pi_1".to_owned(), amount: usd(100), merchant_account: "default".to_owned(), live: false }
}

#[test]
fn every_word_of_a_column_is_read_back_as_what_was_written() {
    assert!(ProviderName::ALL.into_iter().all(|name| name.as_str().parse() == Ok(name)));
    assert!(Channel::ALL.into_iter().all(|channel| channel.as_str().parse() == Ok(channel)));
    assert!(CardFlow::ALL.into_iter().all(|flow| CardFlow::parse(flow.as_str()) == Some(flow)));
    assert!(DisputeStatus::ALL.into_iter().all(|status| DisputeStatus::parse(status.as_str()) == Some(status)));
    let outcomes = NotificationOutcome::ALL;
    assert!(outcomes.into_iter().all(|outcome| NotificationOutcome::parse(outcome.as_str()) == Some(outcome)));
    assert_eq!(("Stripe".parse::<ProviderName>(), DisputeStatus::parse("")), (Err(()), None));
}

#[test]
fn a_payment_says_why_a_part_of_it_is_not_applied() {
    let at = "2026-11-21T00:00:00Z".parse().unwrap();
    let whole = Payment::applied(ProviderName::Stripe, &fact(), Uuid::nil(), at);
    assert_eq!((whole.rest(), whole.unapplied_reason), (usd(0), None));
    let mut kept = Payment::unapplied(ProviderName::Stripe, &fact(), None, "no order".to_owned(), at);
    assert_eq!((kept.rest(), kept.unapplied_reason.as_deref()), (usd(100), Some("no order")));
    kept.apply(usd(60));
    assert_eq!(kept.rest(), usd(40));
    assert_eq!(kept.unapplied_reason.as_deref(), Some("a rest of the transfer serves no order yet"));
    kept.apply(usd(40));
    assert_eq!((kept.rest(), kept.unapplied_reason.clone()), (usd(0), None));
    kept.unapply(usd(60), "reversed".to_owned());
    assert_eq!((kept.applied, kept.unapplied_reason.as_deref()), (usd(40), Some("reversed")));
}

#[test]
fn what_is_taken_back_is_divided_among_the_rest_the_wallet_and_the_order() {
    let at = "2026-11-21T00:00:00Z".parse().unwrap();
    let mut payment = Payment::unapplied(ProviderName::Stripe, &fact(), None, "no order".to_owned(), at);
    payment.apply(usd(90));
    let credit = |asked: i64, taken: i64| WalletCredit {
        customer: CustomerId::new("alice").unwrap(),
        product: Product::main(),
        amount: usd(30),
        asked: usd(asked),
        taken: usd(taken),
    };
    let divide = |amount: i64, serves_order: bool, credit: Option<&WalletCredit>| {
        let parts = payment.divide(usd(amount), serves_order, credit);
        (parts.from_unapplied, parts.from_wallet)
    };
    // 10 serve nothing, 30 were applied to a wallet, 60 to an order.
    assert_eq!(divide(8, true, Some(&credit(0, 0))), (usd(8), usd(0)));
    assert_eq!(divide(25, true, Some(&credit(0, 0))), (usd(10), usd(15)));
    assert_eq!(divide(100, true, Some(&credit(0, 0))), (usd(10), usd(30)));
    assert_eq!(divide(100, true, Some(&credit(25, 25))), (usd(10), usd(5)), "25 were asked before");
    assert_eq!(divide(100, true, None), (usd(10), usd(0)));
    // Without an order nothing else can give.
    assert_eq!(divide(100, false, None), (usd(100), usd(0)));
    assert_eq!(divide(35, false, Some(&credit(30, 30))), (usd(10), usd(25)), "about the same money");
    assert_eq!((credit(20, 5).due(), credit(55, 30).due(), credit(0, 30).due()), (usd(15), usd(0), usd(-30)));
}
