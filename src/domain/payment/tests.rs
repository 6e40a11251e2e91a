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
