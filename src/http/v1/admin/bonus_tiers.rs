//! `/v1/admin/bonus-tiers`: bonuses for top-ups of a certain amount.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::bonus_tiers::{self, NewTier};
use crate::app::{App, Error, Problems};
use crate::domain::bonus::BonusTier;
use crate::domain::money::Currency;
use crate::http::edge::answers::tagged;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, Amount, BonusTierId, BonusUseName, CurrencyCode, ProductCode};

/// All bonus tiers.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminBonusTierList {
    #[schema(max_items = 1000)]
    data: Vec<AdminBonusTier>,
}

/// A bonus tier, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminBonusTier {
    id: BonusTierId,
    currency: CurrencyCode,
    /// The product; null for the main wallet, and for every product without tiers of its own.
    product: Option<ProductCode>,
    /// An order of this amount or more gets the bonus.
    from_amount: Amount,
    bonus: Amount,
    #[serde(rename = "use")]
    used: BonusUseName,
    /// After how many days what is left of the bonus expires. Null: it never expires.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    expires_after_days: Option<i32>,
    active: bool,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: Actor,
}

impl From<BonusTier> for AdminBonusTier {
    fn from(tier: BonusTier) -> Self {
        Self {
            id: BonusTierId::of(tier.id),
            currency: CurrencyCode::of(tier.currency()),
            product: ProductCode::of_product(&tier.product),
            from_amount: tier.from_amount.into(),
            bonus: tier.bonus.into(),
            used: tier.used.into(),
            expires_after_days: tier.expires_after_days,
            active: tier.active,
            version: tier.version,
            updated_at: tier.updated_at,
            updated_by: Actor::new(tier.updated_by),
        }
    }
}

/// A new bonus tier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "CNY", "from_amount": "500", "bonus": "50", "use": "once", "expires_after_days": 90, "active": true
}))]
pub struct CreateBonusTier {
    currency: CurrencyCode,
    /// The product; null or absent for the main wallet, and for every product without tiers of its own.
    product: Option<ProductCode>,
    /// An order of this amount or more gets the bonus.
    from_amount: Amount,
    /// The bonus, at most `from_amount`.
    bonus: Amount,
    #[serde(rename = "use")]
    used: BonusUseName,
    /// After how many days what is left of the bonus expires. Null or absent: it never expires.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    expires_after_days: Option<i32>,
    active: bool,
}

/// The new values of a tier; they replace all old ones. The currency stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_amount": "500", "bonus": "50", "use": "once", "active": false}))]
pub struct SaveBonusTier {
    /// The product; null or absent for the main wallet, and for every product without tiers of its own.
    product: Option<ProductCode>,
    /// An order of this amount or more gets the bonus.
    from_amount: Amount,
    /// The bonus, at most `from_amount`.
    bonus: Amount,
    #[serde(rename = "use")]
    used: BonusUseName,
    /// After how many days what is left of the bonus expires. Null or absent: it never expires.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    expires_after_days: Option<i32>,
    active: bool,
}

impl SaveBonusTier {
    fn read(&self, currency: Currency, problems: &mut Problems) -> Option<NewTier> {
        let product = ProductCode::read_or_main(self.product.as_ref(), problems, "/product");
        let from_amount = self.from_amount.in_minor_unit(problems, "/from_amount", currency);
        let bonus = self.bonus.in_minor_unit(problems, "/bonus", currency);
        Some(NewTier {
            product: product?,
            from_amount: from_amount?,
            bonus: bonus?,
            used: self.used.into(),
            expires_after_days: self.expires_after_days,
            active: self.active,
        })
    }
}

impl CreateBonusTier {
    fn read(self) -> Result<NewTier, Error> {
        let mut problems = Problems::new();
        let currency = self.currency.read(&mut problems, "/currency");
        let Self { product, from_amount, bonus, used, expires_after_days, active, .. } = self;
        let values = SaveBonusTier { product, from_amount, bonus, used, expires_after_days, active };
        let new = currency.and_then(|currency| values.read(currency, &mut problems));
        problems.into_result(new)
    }
}

/// List bonus tiers
///
/// All tiers, sorted by currency, product and amount.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListBonusTiers",
    responses((status = 200, description = "The tiers", body = AdminBonusTierList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bonus-tiers")]
pub async fn admin_list_bonus_tiers(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = bonus_tiers::list(&app).await?.into_iter().map(AdminBonusTier::from).collect();
    Ok(HttpResponse::Ok().json(AdminBonusTierList { data }))
}

/// Create a bonus tier
///
/// An order gets the bonus of the best active tier that fits it, or the channel's `bonus_percent` if that is more.
/// Orders keep the bonus with which they were created.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminCreateBonusTier",
    request_body = CreateBonusTier,
    responses((status = 201, description = "The new tier", body = AdminBonusTier,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/bonus-tiers")]
pub async fn admin_create_bonus_tier(
    Allowed(caller): AsOperator<ADMIN>,
    body: JsonBody<CreateBonusTier>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let made = bonus_tiers::create(&app, &caller, body.value.read()?).await?;
    Ok(tagged(StatusCode::CREATED, made.version, &AdminBonusTier::from(made)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BonusTierPath {
    /// The tier's id.
    tier_id: BonusTierId,
}

/// Replace a bonus tier
///
/// The call replaces the version that `If-Match` names. It fails with 428 `if_match_required` if `If-Match` is missing,
/// and with 412 if the tier has changed since then.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminReplaceBonusTier",
    params(BonusTierPath, IfMatch),
    request_body = SaveBonusTier,
    responses((status = 200, description = "The tier was replaced", body = AdminBonusTier,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/bonus-tiers/{tier_id}")]
pub async fn admin_replace_bonus_tier(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<BonusTierPath>,
    IfMatch(expected): IfMatch,
    body: JsonBody<SaveBonusTier>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.tier_id.named().ok_or(Error::NotFound("bonus tier"))?;
    let values = body.value;
    let read = |currency| {
        let mut problems = Problems::new();
        let new = values.read(currency, &mut problems);
        problems.into_result(new)
    };
    let saved = bonus_tiers::replace(&app, &caller, id, &expected, read).await?;
    Ok(tagged(StatusCode::OK, saved.version, &AdminBonusTier::from(saved)))
}
