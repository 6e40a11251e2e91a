//! `/v1/admin/integrity`: whether the books agree, as the last check found.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, integrity};
use crate::domain::check::{Disagreement, Figure, KeptCheck, RuleResult, Total};
use crate::http::edge::auth::AsOperator;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{CurrencyCode, CustomerIdText};

/// What the last check of the books found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Integrity {
    /// Null before the first check.
    last_check: Option<IntegrityCheck>,
}

/// A check of the books: all of it describes one moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrityCheck {
    /// The moment that the check describes.
    as_of: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    /// Who ran it: `topup check`, or `system` for the service itself.
    #[schema(max_length = 64, example = "system")]
    checked_by: String,
    /// Whether every rule holds.
    agrees: bool,
    #[schema(minimum = 0, example = 64)]
    rule_count: usize,
    #[schema(minimum = 0, example = 0)]
    disagreement_count: i64,
    /// What the books contain, counted and summed.
    #[schema(max_items = 10000)]
    totals: Vec<IntegrityTotal>,
    /// Totals that are computed in two ways, which must be equal.
    #[schema(max_items = 10000)]
    figures: Vec<IntegrityFigure>,
    /// The broken rules.
    #[schema(max_items = 1000)]
    broken_rules: Vec<BrokenBookRule>,
    /// The disagreements, by id: up to 100 of each rule.
    #[schema(max_items = 100000)]
    disagreements: Vec<IntegrityDisagreement>,
}

/// A count of objects, and their sum.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrityTotal {
    #[schema(max_length = 64, example = "paid")]
    name: String,
    currency: Option<CurrencyCode>,
    /// The other side of entries.
    #[schema(max_length = 200, example = "provider:stripe")]
    counterpart: Option<String>,
    #[schema(minimum = 0, example = 12)]
    count: i64,
    #[schema(max_length = 40, example = "1250.00")]
    sum: Option<String>,
}

/// A total that is computed in two ways.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrityFigure {
    #[schema(max_length = 64, example = "credits")]
    name: String,
    currency: Option<CurrencyCode>,
    #[schema(max_length = 200, example = "provider:stripe")]
    counterpart: Option<String>,
    /// The total from the entries and holds.
    #[schema(max_length = 40, example = "1250")]
    expected: String,
    /// The total from the other records.
    #[schema(max_length = 40, example = "1250")]
    found: String,
    agrees: bool,
}

/// A broken rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenBookRule {
    #[schema(max_length = 64, example = "wallet_paid")]
    name: String,
    /// The equation in words.
    #[schema(max_length = 500, example = "a wallet's paid money is the sum of its entries")]
    says: String,
    #[schema(minimum = 1, example = 1)]
    disagreement_count: i64,
}

/// Something that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrityDisagreement {
    /// The name of the rule.
    #[schema(max_length = 64, example = "wallet_paid")]
    rule: String,
    /// The id of the object that disagrees; `wal_…:7` is the seventh entry of a wallet.
    #[schema(max_length = 200, example = "wal_0193a5a27c0e7f6f9a2f4c1d9e3b0001")]
    subject: String,
    customer_id: Option<CustomerIdText>,
    #[schema(max_length = 2000, example = "100")]
    expected: String,
    #[schema(max_length = 2000, example = "90")]
    found: String,
}

fn shown(amount: Decimal) -> String {
    amount.normalize().to_string()
}

impl From<Total> for IntegrityTotal {
    fn from(total: Total) -> Self {
        Self {
            name: total.name,
            currency: total.currency.map(CurrencyCode::new),
            counterpart: total.counterpart,
            count: total.count,
            sum: total.sum.map(shown),
        }
    }
}

impl From<Figure> for IntegrityFigure {
    fn from(figure: Figure) -> Self {
        Self {
            name: figure.name,
            currency: figure.currency.map(CurrencyCode::new),
            counterpart: figure.counterpart,
            expected: shown(figure.expected),
            found: shown(figure.found),
            agrees: figure.expected == figure.found,
        }
    }
}

impl From<RuleResult> for BrokenBookRule {
    fn from(rule: RuleResult) -> Self {
        Self { name: rule.name, says: rule.says, disagreement_count: rule.disagreements }
    }
}

impl From<Disagreement> for IntegrityDisagreement {
    fn from(one: Disagreement) -> Self {
        Self {
            rule: one.rule,
            subject: one.subject,
            customer_id: one.customer.map(CustomerIdText::new),
            expected: one.expected,
            found: one.found,
        }
    }
}

impl From<KeptCheck> for IntegrityCheck {
    fn from(check: KeptCheck) -> Self {
        let rule_count = check.rules.len();
        let broken: Vec<RuleResult> = check.rules.into_iter().filter(|rule| rule.disagreements > 0).collect();
        Self {
            as_of: check.as_of,
            finished_at: check.finished_at,
            checked_by: check.checked_by,
            agrees: broken.is_empty(),
            rule_count,
            disagreement_count: broken.iter().map(|rule| rule.disagreements).sum(),
            totals: check.totals.into_iter().map(Into::into).collect(),
            figures: check.figures.into_iter().map(Into::into).collect(),
            broken_rules: broken.into_iter().map(Into::into).collect(),
            disagreements: check.disagreements.into_iter().map(Into::into).collect(),
        }
    }
}

/// Show whether the books agree
///
/// The result of the last check, which recomputes every balance, hold, grant, order and payment. The service checks the
/// books every `TOPUP_CHECK_HOURS` hours, and `topup check` checks them at once; this call only shows the last result.
#[utoipa::path(
    tag = "admin-audit",
    operation_id = "adminGetIntegrity",
    responses((status = 200, description = "The last check", body = Integrity)),
    security(("bearer" = []))
)]
#[get("/v1/admin/integrity")]
pub async fn get_integrity(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let last_check = integrity::last(&app).await?.map(IntegrityCheck::from);
    Ok(HttpResponse::Ok().json(Integrity { last_check }))
}
