use topup::app::check::{self, Progress};

use crate::fixture;
use crate::support::{assert_clean, database};

#[tokio::test]
async fn nothing_disagrees_where_nothing_is() {
    let (pool, _) = database(2).await;
    let mut seen: Vec<Progress> = Vec::new();
    let report = check::run(&pool, &mut |progress| seen.push(progress)).await.unwrap();
    assert!(report.is_clean());
    assert!(report.totals.is_empty() && report.figures.is_empty());

    let steps: Vec<usize> = seen.iter().map(|progress| progress.done).collect();
    let of = seen[0].of;
    assert_eq!(steps, (0..=of).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_totals_are_those_of_the_book() {
    let (pool, _) = fixture::filled(2).await;
    let report = assert_clean(&pool).await;

    let total = |name: &str, counterpart: Option<&str>| {
        let found = report.totals.iter().find(|total| {
            total.name == name
                && total.currency.as_deref() == Some("USD")
                && total.counterpart.as_deref() == counterpart
        });
        let found = found.unwrap_or_else(|| panic!("{name} {counterpart:?}"));
        (found.count, found.sum.map(|sum| sum.normalize().to_string()))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(total("wallets", None), (6, None));
    assert_eq!(total("entries", Some("provider:stripe")), (5, some("279")));
    assert_eq!(total("entries", Some("transfer")), (4, some("0")));
    assert_eq!(total("open_holds", None), (1, some("12")));
    assert_eq!(total("held", None), (1, some("12")));
    assert_eq!(total("debt", None), (1, some("4")));
    assert_eq!(total("unapplied_payments", None), (3, some("105")));
    assert_eq!(total("taken_back_debt", None), (1, some("3")));

    let figure = report
        .figures
        .iter()
        .find(|figure| figure.name == "payments_credited" && figure.counterpart.as_deref() == Some("provider:stripe"))
        .unwrap();
    assert_eq!((figure.expected, figure.found), (282.into(), 282.into()));

    let shown = check::render(&report);
    assert!(shown.contains(&format!("All {} rules hold.", report.rules.len())), "{shown}");
}
