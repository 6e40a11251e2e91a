//! `/v1/usage`: deductions for consumption, one at a time or in batches.

pub mod body;
pub mod list;
pub mod read;
pub mod summary;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::usage::{self, NewUsage, Usage};
use crate::app::{App, Error, Problems};
use crate::domain::code::Code;
use crate::domain::posting::OnInsufficient;
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::{Failure, Problem, ProblemPages};
use crate::http::edge::request_id;
use crate::http::edge::times;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CustomerIdText, DedupeId, Description, Metadata, ProductCode, SignedAmount,
};

/// The wallet that pays when the product's own wallet has too little money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageFallback {
    #[default]
    None,
    MainWallet,
}

/// What happens when the balance is too low.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageOnInsufficient {
    #[default]
    Refuse,
    Book,
}

impl From<UsageOnInsufficient> for OnInsufficient {
    fn from(wish: UsageOnInsufficient) -> Self {
        match wish {
            UsageOnInsufficient::Refuse => Self::Refuse,
            UsageOnInsufficient::Book => Self::Book,
        }
    }
}

/// Consumption to deduct from a balance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "msg-0001", "customer_id": "demo", "currency": "CNY", "amount": "0.35", "product": "whatsapp",
    "fallback": "main_wallet", "description": "1 message"
}))]
pub struct CreateUsage {
    /// Your own id of the usage, unique for each customer. The same id with the same content is booked once. Ids that
    /// grow with time, such as UUIDv7, are booked fastest.
    id: DedupeId,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    /// The amount, with up to 8 decimals. Nothing is stored for an amount of zero: the answer is `booked`, and the id
    /// stays free.
    amount: Amount,
    /// The product whose wallet pays; null for the main wallet.
    product: Option<ProductCode>,
    /// `main_wallet`: the main wallet pays the whole amount when the product's wallet has too little money.
    #[serde(default)]
    fallback: UsageFallback,
    /// `book`: for consumption that has already happened. The missing part becomes debt.
    #[serde(default)]
    on_insufficient: UsageOnInsufficient,
    /// A text for the customer's account flows.
    description: Option<Description>,
    metadata: Option<Metadata>,
    /// When the consumption happened. Absent: only the time of the booking is recorded.
    #[serde(default, deserialize_with = "times::moment")]
    occurred_at: Option<DateTime<Utc>>,
}

/// The result of a usage. A refused usage is answered with a problem.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageStatus {
    Booked,
}

/// A booked usage.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookedUsage {
    id: DedupeId,
    status: UsageStatus,
    currency: CurrencyCode,
    /// The amount that was deducted.
    amount: Amount,
    /// The product whose wallet paid; null for the main wallet.
    product: Option<ProductCode>,
    /// The balance of that wallet afterwards: paid + granted − debt.
    balance_after: SignedAmount,
    /// The part of the amount that became debt.
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

/// The result of each item, in the order in which the items were sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageBatchResult {
    #[schema(max_items = 1000)]
    results: Vec<UsageResult>,
}

/// The result of one item.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageResult {
    id: DedupeId,
    status: UsageResultStatus,
    /// The balance of the wallet that paid, after the item; only with `booked` and `replayed`.
    balance_after: Option<SignedAmount>,
    /// Why the item was refused; null unless it is `refused`.
    problem: Option<Problem>,
}

/// Whether an item was booked now, had been booked before, or was refused.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageResultStatus {
    Booked,
    Replayed,
    Refused,
}

/// The most items of one batch.
const MAX_ITEMS: usize = 1000;
/// The most bytes of one batch: enough for that many items with a description and metadata each.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Reads one usage.
fn read(asked: CreateUsage, problems: &mut Problems) -> Option<NewUsage> {
    let id = asked.id.read(problems, "/id");
    let customer = asked.customer_id.read(problems, "/customer_id");
    let currency = asked.currency.read(problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.money(problems, "/amount", currency));
    let product = ProductCode::read_or_main(asked.product.as_ref(), problems, "/product");
    let description = Description::read_optional(asked.description.as_ref(), problems, "/description");
    let metadata = Metadata::read_optional(asked.metadata, problems, "/metadata");
    Some(NewUsage {
        id: id?,
        customer: customer?,
        amount: amount?,
        product: product?,
        fallback_to_main: asked.fallback == UsageFallback::MainWallet,
        on_insufficient: asked.on_insufficient.into(),
        description,
        metadata,
        occurred_at: asked.occurred_at,
    })
}

fn render(usage: &Usage) -> BookedUsage {
    BookedUsage {
        id: DedupeId::new(&usage.id),
        status: UsageStatus::Booked,
        currency: CurrencyCode::of(usage.amount.currency()),
        amount: Amount::from(usage.amount),
        product: ProductCode::of_product(&usage.product),
        balance_after: SignedAmount::from(usage.balance_after),
        debt: Amount::from(usage.debt),
        created_at: usage.created_at,
    }
}

/// Book usage
///
/// Deducts consumption from the product's wallet or the main wallet. The same `id` with the same content is booked
/// once. A refused usage does not use up its id.
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsage",
    request_body = CreateUsage,
    responses(
        (status = 201, description = "The usage was booked", body = BookedUsage),
        (status = 200, description = "The usage had been booked before", body = BookedUsage),
        (status = 402, description = "`insufficient_funds`, `spend_cap_reached` or `taken_back_debt`"),
        (status = 409, description = "`wallet_frozen` or `customer_frozen`"),
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
    let new = read(body.value, &mut problems);
    let usage = usage::book_usage(&app, problems.into_result(new)?).await?;
    let answer = created(&render(&usage), usage.replayed, StatusCode::OK);
    if usage.replayed {
        return Ok(answer);
    }
    let id: String = form_urlencoded::byte_serialize(usage.id.as_bytes()).collect();
    Ok(located(answer, "/v1/usage", &id))
}

/// Book a batch of usage
///
/// Books up to 1,000 items (4 MiB) in order. Each item is booked, replayed or refused on its own; a refused item does
/// not affect the others. A malformed item makes the service refuse the whole batch, and the problem names the item.
/// When many large batches arrive at once, the later ones wait some seconds (then 503 `overloaded`). An item is
/// reported as refused only if that is certain: if the result of one item is not known, the whole request fails. Send
/// it again with the same ids to learn the result of each item.
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsageBatch",
    request_body(content = CreateUsageBatch, example = json!({"items": [
        {
            "id": "msg-0002", "customer_id": "demo", "currency": "CNY", "amount": "0.35", "product": "whatsapp",
            "fallback": "main_wallet"
        },
        {"id": "msg-0003", "customer_id": "demo", "currency": "CNY", "amount": "0.12345678"}
    ]})),
    responses(
        (status = 200, description = "The result of each item", body = UsageBatchResult),
        (status = 408, description = "`body_too_slow`: the body did not arrive in time"),
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
        return Err(Error::field("/items", Code::Count, "must have 1 to 1000 items").into());
    }
    let ids: Vec<DedupeId> = items.iter().map(|item| item.id.clone()).collect();
    let mut problems = Problems::new();
    let mut new = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        let mut of_item = Problems::new();
        new.push(read(item, &mut of_item));
        problems.append_below(|| format!("/items/{n}"), of_item);
    }
    let new = problems.into_result(new.into_iter().collect::<Option<Vec<_>>>())?;
    let (pages, request_id) = (ProblemPages::told(&request), request_id::of(&request));
    let results = usage::book_batch(&app, new)
        .await?
        .into_iter()
        .zip(ids)
        .map(|(result, id)| match result {
            Ok(usage) => UsageResult {
                id,
                status: if usage.replayed { UsageResultStatus::Replayed } else { UsageResultStatus::Booked },
                balance_after: Some(SignedAmount::from(usage.balance_after)),
                problem: None,
            },
            Err(error) => UsageResult {
                id,
                status: UsageResultStatus::Refused,
                balance_after: None,
                problem: Some(Failure::from(error).problem(&pages, request.path(), &request_id)),
            },
        })
        .collect();
    Ok(HttpResponse::Ok().json(UsageBatchResult { results }))
}
