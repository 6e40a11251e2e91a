//! `GET /v1/usage/summary`: what a customer used, by day, product and labels.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Error, usage_sums};
use crate::domain::code::Code;
use crate::domain::page::{Page, Sort};
use crate::domain::product::Product;
use crate::domain::report::entries::Days;
use crate::domain::usage_sum::{UsageSum, UsageSumPlace};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::times;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CursorText, CustomerIdText, Limit, Metadata, ProductCode, ProductFilter,
};

/// What a customer used on a day, of one product, under the same labels.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageSummaryRow {
    day: NaiveDate,
    currency: CurrencyCode,
    /// The product that was used, whichever wallet paid; null for usage of no product.
    product: Option<ProductCode>,
    /// The usage's values under the keys of metadata by which the installation sums usage. Values are cut to 100
    /// characters. Empty for usage that has none of them, and for what was given back.
    #[schema(value_type = Metadata)]
    metadata: BTreeMap<String, String>,
    /// How many usages and captured holds there are.
    #[schema(minimum = 0, example = 12)]
    count: i64,
    /// What they took.
    amount: Amount,
    /// How many reversals there are.
    #[schema(minimum = 0, example = 0)]
    reversal_count: i64,
    /// What the reversals gave back, whenever the usage was booked.
    reversed_amount: Amount,
}

/// A page of the summary, the oldest day first.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageSummary {
    #[schema(max_items = 100)]
    data: Vec<UsageSummaryRow>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<&UsageSum> for UsageSummaryRow {
    fn from(sum: &UsageSum) -> Self {
        Self {
            day: sum.day,
            currency: CurrencyCode::of(sum.amount.currency()),
            product: ProductCode::of_product(&sum.product),
            metadata: sum.labels.clone(),
            count: sum.uses,
            amount: sum.amount.into(),
            reversal_count: sum.reversals,
            reversed_amount: sum.reversed.into(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageSummaryQuery {
    customer_id: Option<CustomerIdText>,
    /// The first day.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-01")]
    from: NaiveDate,
    /// The last day. It must be over.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-21")]
    to: NaiveDate,
    currency: Option<CurrencyCode>,
    /// Only usage of this product; empty for usage of no product.
    product: Option<ProductFilter>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// Sum usage by day
///
/// What the customer used and what was given back, for each day, product and value of at most three keys of metadata,
/// which the installation names. A day begins in the time zone of the installation, contains what was booked on it, and
/// is summed some minutes after its end.
#[utoipa::path(
    tag = "usage",
    operation_id = "getUsageSummary",
    params(UsageSummaryQuery),
    responses(
        (status = 200, description = "A page of the summary", body = UsageSummary),
        (status = 409, description = "The last day is not summed yet (`too_recent`)"),
    ),
    security(("bearer" = []))
)]
#[get("/v1/usage/summary")]
pub async fn get_usage_summary(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<UsageSummaryQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let days = Days {
        from: query.from,
        to: query.to,
        currency: CurrencyCode::filter(query.currency.as_ref(), "?currency")?,
        product: ProductFilter::filter(query.product.as_ref(), "?product")?,
    };
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with("from", days.from)
        .with("to", days.to)
        .with_optional("currency", days.currency)
        .with_optional("product", days.product.as_ref().map(Product::as_column));
    let asked: Page<UsageSumPlace> = page::read(query.cursor.as_ref(), Sort::Oldest, limit, &filters)?;
    if asked.bound().is_some_and(|(day, ..)| day < days.from || day > days.to) {
        return Err(Error::field("?cursor", Code::InvalidCursor, "is not a cursor of this API").into());
    }
    let found = usage_sums::list(&app, &customer, &days, &asked).await?;
    let cursors = page::cursors(&found, &filters, UsageSum::place)?;
    Ok(HttpResponse::Ok().json(UsageSummary {
        data: found.rows.iter().map(UsageSummaryRow::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
