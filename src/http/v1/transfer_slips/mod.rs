//! `/v1/top-up-orders/{order_id}/transfer-slips`: the proof of a bank transfer, uploaded and opened.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use self::body::{SlipFile, TransferSlip, TransferSlipList};
use crate::app::{App, Error, transfer_slips};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::transfer_slip::{MAX_SLIP_BYTES, SlipKind};
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::{Allowed, AsCustomer, SUPPORT};
use crate::http::edge::extract::{FileBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, OrderPath};
use crate::http::edge::wire::{TopUpOrderId, TransferSlipId};

/// Upload a transfer slip
///
/// The payer's proof of a bank transfer: a PDF, PNG or JPEG file by its content. The body is the file itself.
/// An order has at most three slips, and takes them until its money has arrived. Uploading the same file again returns
/// the same slip.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "uploadTransferSlip",
    params(OrderPath, CustomerQuery),
    request_body(content = SlipFile, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "The new slip", body = TransferSlip),
        (status = 200, description = "The slip that was uploaded with this content before", body = TransferSlip),
        (status = 409, description = "`not_a_bank_transfer`, `order_already_completed` or `too_many_transfer_slips`"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/top-up-orders/{order_id}/transfer-slips")]
pub async fn upload_transfer_slip(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    file: FileBody<MAX_SLIP_BYTES>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let order = path.order_id.named().ok_or(Error::NotFound("order"))?;
    let Some(kind) = SlipKind::of(&file.bytes) else {
        let detail = "the content of the file is not that of a PDF, PNG or JPEG";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail));
    };
    let customer = query.named()?;
    let made = transfer_slips::upload(&app, &caller, customer.as_ref(), Some(order), kind, &file.bytes).await?;
    let answer = created(&TransferSlip::from(&made.value).told_to(caller.reader()), made.replayed, StatusCode::OK);
    let list = format!("/v1/top-up-orders/{}/transfer-slips", &*TopUpOrderId::of(order));
    Ok(located(answer, &list, &TransferSlipId::of(made.value.id)))
}

/// List transfer slips
///
/// The slips of one order, the oldest first.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "listTransferSlips",
    params(OrderPath, CustomerQuery),
    responses((status = 200, description = "The slips", body = TransferSlipList)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}/transfer-slips")]
pub async fn list_transfer_slips(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = transfer_slips::list(&app, &caller, query.named()?.as_ref(), path.order_id.named()).await?;
    let data = found.iter().map(|slip| TransferSlip::from(slip).told_to(caller.reader())).collect();
    Ok(HttpResponse::Ok().json(TransferSlipList { data }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TransferSlipPath {
    /// The order's id.
    order_id: TopUpOrderId,
    /// The slip's id.
    slip_id: TransferSlipId,
}

/// Download a transfer slip
///
/// The file as it was uploaded. It is sent as an attachment with the media type of its content: a browser saves it and
/// does not show it.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "downloadTransferSlip",
    params(TransferSlipPath, CustomerQuery),
    responses((
        status = 200,
        description = "The file",
        content((SlipFile = "application/pdf"), (SlipFile = "image/jpeg"), (SlipFile = "image/png"))
    )),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}/transfer-slips/{slip_id}")]
pub async fn download_transfer_slip(
    Allowed(caller): AsCustomer,
    path: web::Path<TransferSlipPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (order, id) = (path.order_id.named(), path.slip_id.named());
    let (slip, content) = transfer_slips::open(&app, &caller, query.named()?.as_ref(), order, id).await?;
    let name = format!("attachment; filename=\"{}.{}\"", IdKind::TransferSlip.show(slip.id), slip.kind);
    Ok(HttpResponse::Ok()
        .content_type(slip.kind.media_type())
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(content))
}
