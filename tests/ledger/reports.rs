//! Folded days against the entries, whatever happened.

use chrono::{DateTime, Utc};
use topup::domain::calendar::Span;
use topup::domain::money::Money;
use topup::domain::page::{Page, Place, Sort};
use topup::domain::report::entries::{Days, EntriesWanted};
use topup::domain::report::{ReportLine, RollForward, journal};
use topup::domain::usage_sum::UsageKeys;
use topup::storage::clock;
use topup::storage::pool::Pool;
use topup::storage::reports::{NextDay, entries, fold, kind_sums, next_day, sums};

use crate::account_statements;
use crate::support::{ask, assert_clean};

/// Folds a history in two days, and compares each figure with the entries. So with the customers' statements.
pub async fn tie_out(pool: &Pool, customers: &[&str], seed: u64) {
    account_statements::tie_out(pool, customers, seed).await;
    let mut conn = pool.get().await.unwrap();
    let NextDay { day, .. } = next_day(&mut conn).await.unwrap();
    let middle = "SELECT to_json(created_at)#>>'{}' FROM entries ORDER BY created_at OFFSET (SELECT count(*) / 2 FROM \
                  entries) LIMIT 1";
    let middle: DateTime<Utc> = ask(pool, middle).await.remove(0).parse().unwrap();
    let first = NextDay { day, span: Span { from: DateTime::UNIX_EPOCH, to: middle } };
    let until = clock::now(&mut conn).await.unwrap();
    let second = NextDay { day: day.succ_opt().unwrap(), span: Span { from: middle, to: until } };
    let folded = [
        fold(&mut conn, first, &"model".parse().unwrap()).await.unwrap(),
        fold(&mut conn, second, &UsageKeys::default()).await.unwrap(),
    ];
    assert!(folded[0] > 0 && folded[1] > 0);
    let all: i64 = ask(pool, "SELECT count(*) FROM entries").await.remove(0).parse().unwrap();
    assert_eq!(folded[0] + folded[1], all);
    assert_clean(pool).await;

    let days = Days { from: second.day, to: second.day, currency: None, product: None };
    let rolled = RollForward::of_each(&kind_sums(&mut conn, &days).await.unwrap());
    assert_eq!(rolled.len(), 2);
    for roll in &rolled {
        let closing = roll.lines.iter().fold(roll.opening, |all, (_, parts)| all.plus(*parts));
        assert_eq!(closing, roll.closing);
        let shown = |money: Money| money.amount().normalize().to_string();
        let wallets = format!(
            "SELECT concat_ws(' ', trim_scale(sum(paid)), trim_scale(sum(granted)), trim_scale(sum(debt)))
             FROM wallets WHERE currency = '{}'",
            roll.currency
        );
        let told = [closing.paid(), closing.granted, closing.debt].map(shown).join(" ");
        assert_eq!(ask(pool, &wallets).await, [told]);
        let transferred = roll.lines.iter().find(|(line, _)| *line == ReportLine::Transferred).unwrap().1;
        let opening_too = kind_sums(&mut conn, &Days { from: first.day, ..days.clone() }).await.unwrap();
        let both = RollForward::of_each(&opening_too);
        let both = both.iter().find(|other| other.currency == roll.currency).unwrap();
        let whole = both.lines.iter().find(|(line, _)| *line == ReportLine::Transferred).unwrap().1;
        // A transfer may have an entry on each side of the middle; all of them net to nothing.
        assert!(whole.amount.is_zero() && transferred.entries <= whole.entries);
    }
    let lines = journal::lines(&sums(&mut conn, &Days { from: first.day, ..days }, false).await.unwrap());
    for currency in rolled.iter().map(|roll| roll.currency) {
        for day in [first.day, second.day] {
            let of = |side: fn(&journal::JournalLine) -> Option<Money>| {
                let own = lines.iter().filter(|line| line.day == day).filter_map(side);
                Money::sum(currency, own.filter(|amount| amount.currency() == currency))
            };
            assert_eq!(of(|line| line.debit), of(|line| line.credit));
        }
    }
    // Each line leads to its entries.
    for roll in &rolled {
        for (line, parts) in &roll.lines {
            let wanted = EntriesWanted {
                span: second.span,
                kinds: line.kinds().collect(),
                currency: Some(roll.currency),
                product: None,
                channel: None,
            };
            let (mut place, mut pages) = (Place::Start, Vec::new());
            let page = |place| Page { place, sort: Sort::Oldest, limit: 7 };
            let mut previous = loop {
                let found = entries(&mut conn, &wanted, &page(place)).await.unwrap();
                pages.push(found.entries);
                let Some(next) = found.next else { break found.previous };
                place = Place::After(next);
            };
            let found = pages.concat();
            let amount = Money::sum(roll.currency, found.iter().map(|entry| entry.parts.amount));
            assert_eq!((found.len() as i64, amount), (parts.entries, parts.amount), "{line:?}");
            // Reading backwards shows the same pages.
            while let Some(place) = previous {
                let found = entries(&mut conn, &wanted, &page(Place::Before(place))).await.unwrap();
                pages.pop();
                assert_eq!(Some(&found.entries), pages.last(), "{line:?}");
                previous = found.previous;
            }
            assert_eq!(pages.len(), 1);
        }
    }
}
