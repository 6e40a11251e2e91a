//! `/v1/usage`: deductions for consumption, one or many.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::usage::{self, NewUsage, Usage};
use crate::app::{App, Error, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::posting::OnInsufficient;
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::filters;
use crate::http::edge::problem::{Failure, Problem};
use crate::http::edge::request_id;
use crate::http::edge::respond::created;
use crate::http::v1::transfers::product;

/// Which wallet pays when the product's is short.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageFallback {
    #[default]
    None,
    MainWallet,
}

/// What happens when the balance is short.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageOnInsufficient {
    #[default]
    Refuse,
    Book,
}

/// Consumption to deduct.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "msg-0001", "customer_id": "demo", "currency": "CNY", "amount": "0.35", "product": "whatsapp",
    "fallback": "main_wallet", "description": "1 message"
}))]
pub struct CreateUsage {
    /// Yours, unique per customer: the same id with the same content is booked once. Time-ordered ids (UUIDv7) are the fastest.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]{1,128}$", example = "msg-0001")]
    id: String,
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Greater than zero, up to 8 decimals.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
    /// The product's wallet pays; null: the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    product: Option<String>,
    /// `main_wallet`: the main wallet pays the whole amount when the product's is short.
    #[serde(default)]
    fallback: UsageFallback,
    /// `book`: for consumption that already happened; what is short becomes debt.
    #[serde(default)]
    on_insufficient: UsageOnInsufficient,
    #[schema(max_length = 500, example = "1 message")]
    description: Option<String>,
    /// Yours, up to 2,048 bytes of JSON.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<std::collections::BTreeMap<String, String>>,
    /// When it was consumed, if that is not now.
    #[serde(default, deserialize_with = "filters::moment")]
    occurred_at: Option<DateTime<Utc>>,
}

/// A booked usage.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookedUsage {
    #[schema(max_length = 128, example = "msg-0001")]
    id: String,
    /// `booked`.
    #[schema(max_length = 16, example = "booked")]
    status: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// What was deducted.
    amount: Amount,
    /// The wallet that paid; null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// paid + granted − debt of that wallet, after it.
    balance_after: SignedAmount,
    /// The part that became debt.
    debt: Amount,
    created_at: DateTime<Utc>,
}

/// Up to 1,000 usages, booked in this order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUsageBatch {
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<CreateUsage>,
}

/// What became of each item, in the order sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageBatchResult {
    #[schema(max_items = 1000)]
    results: Vec<UsageResult>,
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageResult {
    #[schema(max_length = 128, example = "msg-0001")]
    id: String,
    status: UsageResultStatus,
    /// With `booked` and `replayed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    balance_after: Option<SignedAmount>,
    /// With `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<Problem>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageResultStatus {
    Booked,
    Replayed,
    Refused,
}

/// The most items of one batch.
const MAX_ITEMS: usize = 1000;
/// So many items with a description and metadata each fit.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Checks one usage.
fn validate(asked: CreateUsage, problems: &mut Problems) -> Option<NewUsage> {
    let id = key(problems, "/id", &asked.id);
    let customer = CustomerId::new(&asked.customer_id);
    if customer.is_none() {
        let rule = "must be 1 to 64 of A-Z a-z 0-9 _ . : @ -";
        problems.add("/customer_id", "malformed", rule);
    }
    let currency = problems.money("/currency", asked.currency.parse::<Currency>());
    let amount = currency.and_then(|currency| {
        let amount = parse_plain_decimal(&asked.amount).and_then(|amount| Money::positive(amount, currency));
        problems.money("/amount", amount)
    });
    let product = product(problems, "/product", asked.product.as_deref());
    let description = problems.optional_text("/description", asked.description.as_deref(), 500);
    let metadata = metadata(problems, "/metadata", asked.metadata);
    Some(NewUsage {
        id: id?,
        customer: customer?,
        amount: amount?,
        product: product?,
        fallback_to_main: matches!(asked.fallback, UsageFallback::MainWallet),
        on_insufficient: match asked.on_insufficient {
            UsageOnInsufficient::Refuse => OnInsufficient::Refuse,
            UsageOnInsufficient::Book => OnInsufficient::Book,
        },
        description,
        metadata,
        occurred_at: asked.occurred_at,
    })
}

/// A caller's dedupe id: 1–128 visible ASCII characters.
pub(super) fn key(problems: &mut Problems, pointer: &str, id: &str) -> Option<String> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(id.to_owned());
    }
    problems.add(pointer, "malformed", "must be 1 to 128 visible ASCII characters");
    None
}

/// Metadata of the caller's: texts by name, bounded.
pub(super) fn metadata(
    problems: &mut Problems,
    pointer: &str,
    metadata: Option<std::collections::BTreeMap<String, String>>,
) -> Option<serde_json::Value> {
    let metadata = metadata.filter(|map| !map.is_empty())?;
    let json = serde_json::to_value(metadata).ok()?;
    let text = json.to_string();
    // PostgreSQL's jsonb has no NUL character.
    if text.len() > 2048 || text.contains("\\u0000") {
        problems.add(pointer, "too_large", "must be at most 2048 bytes of JSON without NUL characters");
        return None;
    }
    Some(json)
}

fn render(usage: &Usage) -> BookedUsage {
    BookedUsage {
        id: usage.id.clone(),
        status: "booked".to_owned(),
        currency: usage.currency.code().to_owned(),
        amount: Amount::of(usage.amount, usage.currency),
        product: usage.product.code().map(str::to_owned),
        balance_after: SignedAmount::of(usage.balance_after, usage.currency),
        debt: Amount::of(usage.debt, usage.currency),
        created_at: usage.created_at,
    }
}

/// Book usage
///
/// Deducts consumption from the product's wallet or the main wallet. The same `id` with the same content is booked once; a refused one does not burn its id.
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsage",
    request_body = CreateUsage,
    responses(
        (status = 201, description = "Booked", body = BookedUsage),
        (status = 200, description = "Booked before (`Idempotent-Replayed: true`)", body = BookedUsage),
        (status = 402, description = "`insufficient_funds` or `spend_cap_reached`"),
        (status = 409, description = "The wallet is frozen"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/usage")]
pub async fn create_usage(
    _: AsService,
    body: JsonBody<CreateUsage>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let new = validate(body.value, &mut problems);
    problems.finish()?;
    let usage = usage::book(&app, new.ok_or(Error::NotFound("usage"))?).await?;
    Ok(created(&render(&usage), usage.replayed, StatusCode::OK))
}

/// Book a batch of usage
///
/// Up to 1,000 items and 4 MiB, in order; each is booked, replayed or refused on its own, and a refused item refuses nobody else. A malformed item refuses the whole batch and names it. Many large batches at once wait for each other, at most 10 seconds (503 `too_much_under_way`).
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsageBatch",
    request_body(content = CreateUsageBatch, example = json!({"items": [
        {"id": "msg-0002", "customer_id": "demo", "currency": "CNY", "amount": "0.35", "product": "whatsapp", "fallback": "main_wallet"},
        {"id": "msg-0003", "customer_id": "demo", "currency": "CNY", "amount": "0.12345678"}
    ]})),
    responses(
        (status = 200, description = "What became of each item", body = UsageBatchResult),
        (status = 408, description = "`body_too_slow`: the body did not arrive within 8 seconds"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/usage/batch")]
pub async fn create_usage_batch(
    _: AsService,
    body: JsonBody<CreateUsageBatch, MAX_BATCH_BYTES>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let items = body.value.items;
    if items.is_empty() || items.len() > MAX_ITEMS {
        return Err(Error::field("/items", "count", "must have 1 to 1000 items").into());
    }
    let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
    let mut problems = Problems::new();
    let new: Vec<NewUsage> = items
        .into_iter()
        .enumerate()
        .filter_map(|(n, item)| {
            let mut of_item = Problems::new();
            let new = validate(item, &mut of_item);
            problems.append_below(|| format!("/items/{n}"), of_item);
            new
        })
        .collect();
    problems.finish()?;
    let request_id = request_id::of(&request);
    let results = usage::book_all(&app, new)
        .await?
        .into_iter()
        .zip(ids)
        .map(|(result, id)| match result {
            Ok(usage) => UsageResult {
                id,
                status: if usage.replayed { UsageResultStatus::Replayed } else { UsageResultStatus::Booked },
                balance_after: Some(SignedAmount::of(usage.balance_after, usage.currency)),
                problem: None,
            },
            Err(error) => UsageResult {
                id,
                status: UsageResultStatus::Refused,
                balance_after: None,
                problem: Some(Failure::from(error).problem(request.path(), &request_id)),
            },
        })
        .collect();
    Ok(HttpResponse::Ok().json(UsageBatchResult { results }))
}
