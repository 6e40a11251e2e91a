//! `topup check` recomputes every balance, hold, grant, order and payment, and reports exactly what disagrees.

use std::fmt::Write;

use chrono::SecondsFormat;
use rust_decimal::Decimal;

use super::Error;
use super::seals::verify::verify;
use crate::domain::check::{CheckedRule, Disagreement, Figure, Report};
use crate::domain::seal::heads::Head;
use crate::storage::connection::Purpose;
use crate::storage::pool::Pool;
use crate::storage::{Connection, check};

/// The progress of a check. It is reported before each step, and once at the end with `done == of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub of: usize,
    /// The step that runs now.
    pub step: &'static str,
}

/// Checks everything in one read-only snapshot, which neither waits for writers nor delays them.
///
/// # Errors
/// Database errors.
pub async fn run(pool: &Pool, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Report, Error> {
    run_against(pool, &[], progress).await
}

/// As [`run`], and also checks that the chains of seals still have these heads.
///
/// # Errors
/// Database errors.
pub async fn run_against(
    pool: &Pool,
    heads: &[Head],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, Error> {
    let mut conn = pool.open(Purpose::Maintenance).await?;
    conn.build_transaction().repeatable_read().read_only().run(async |conn| examine(conn, heads, progress).await).await
}

/// As [`run`], but within the caller's transaction, whose changes it sees.
///
/// # Errors
/// Database errors.
pub async fn examine(
    conn: &mut Connection,
    heads: &[Head],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, Error> {
    let of = check::STEPS.len() + 3;
    let as_of = check::prepare(conn).await?;
    let mut report =
        Report { as_of, totals: Vec::new(), figures: Vec::new(), rules: Vec::new(), disagreements: Vec::new() };

    for (done, step) in check::STEPS.iter().enumerate() {
        progress(Progress { done, of, step: step.name });
        let found = check::disagreements(conn, step).await?;
        report.rules.extend(step.rules.iter().map(|rule| CheckedRule {
            rule,
            disagreements: found.iter().find(|(one, _)| one.rule == rule.name).map_or(0, |(_, total)| *total),
        }));
        report.disagreements.extend(found.into_iter().map(|(disagreement, _)| disagreement));
    }

    progress(Progress { done: of - 3, of, step: "seals" });
    verify(conn, heads, &mut report).await?;

    progress(Progress { done: of - 2, of, step: "sums" });
    report.figures = check::figures(conn).await?;
    for rule in check::FIGURES {
        let broken = report.figures.iter().filter(|figure| figure.name == rule.name && figure.expected != figure.found);
        let broken: Vec<Disagreement> = broken.map(disagreement).collect();
        report.rules.push(CheckedRule { rule, disagreements: i64::try_from(broken.len()).unwrap_or(i64::MAX) });
        report.disagreements.extend(broken);
    }

    progress(Progress { done: of - 1, of, step: "totals" });
    report.totals = check::totals(conn).await?;
    progress(Progress { done: of, of, step: "done" });
    Ok(report)
}

fn disagreement(figure: &Figure) -> Disagreement {
    Disagreement {
        rule: figure.name.clone(),
        subject: subject(figure.currency.as_deref(), figure.counterpart.as_deref()),
        customer: None,
        expected: shown(figure.expected),
        found: shown(figure.found),
    }
}

fn subject(currency: Option<&str>, counterpart: Option<&str>) -> String {
    let currency = currency.unwrap_or("no currency");
    counterpart.map_or_else(|| currency.to_owned(), |counterpart| format!("{currency} {counterpart}"))
}

fn shown(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// Writes the report for a terminal.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = format!("As of {}\n\n", report.as_of.to_rfc3339_opts(SecondsFormat::Secs, true));
    for total in &report.totals {
        let name = total.name.replace('_', " ");
        let of = subject(total.currency.as_deref(), total.counterpart.as_deref());
        let sum = total.sum.map(shown).unwrap_or_default();
        line(&mut out, format_args!("{name:<20} {of:<48} {:>12} {sum:>24}", total.count));
    }
    out.push('\n');
    for figure in &report.figures {
        let name = figure.name.replace('_', " ");
        let of = subject(figure.currency.as_deref(), figure.counterpart.as_deref());
        let verdict = if figure.expected == figure.found { "agrees" } else { "DISAGREES" };
        line(
            &mut out,
            format_args!("{name:<20} {of:<48} {:>24} {:>24} {verdict}", shown(figure.expected), shown(figure.found)),
        );
    }
    out.push('\n');
    if report.is_clean() {
        line(&mut out, format_args!("All {} rules hold.", report.rules.len()));
        return out;
    }
    for checked in report.rules.iter().filter(|checked| checked.disagreements > 0) {
        line(&mut out, format_args!("{}: {} ({})", checked.rule.name, checked.rule.says, checked.disagreements));
        let listed: Vec<&Disagreement> =
            report.disagreements.iter().filter(|one| one.rule == checked.rule.name).collect();
        for one in &listed {
            let customer = one.customer.as_deref().map(|id| format!(" of {id}")).unwrap_or_default();
            line(&mut out, format_args!("  {}{customer}: expected {}, found {}", one.subject, one.expected, one.found));
        }
        let rest = checked.disagreements - i64::try_from(listed.len()).unwrap_or(i64::MAX);
        if rest > 0 {
            line(&mut out, format_args!("  and {rest} more"));
        }
    }
    let broken = report.rules.iter().filter(|checked| checked.disagreements > 0).count();
    line(
        &mut out,
        format_args!("\n{} disagreements with {broken} of {} rules.", report.disagreement_count(), report.rules.len()),
    );
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
