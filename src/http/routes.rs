//! The route table: what is registered here is what the OpenAPI document says.

use utoipa_actix_web::service_config::ServiceConfig;

use super::{account_flows, admin, balances, providers, top_up_orders, transfers, usage};

/// Registers every operation.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(balances::list_balances)
        .service(top_up_orders::create_top_up_order)
        .service(top_up_orders::list_top_up_orders)
        .service(top_up_orders::get_top_up_order)
        .service(top_up_orders::cancel_top_up_order)
        .service(top_up_orders::verify_top_up_order)
        .service(transfers::create_transfer)
        .service(transfers::list_transfers)
        .service(transfers::get_transfer)
        .service(account_flows::list_account_flows)
        .service(usage::create_usage)
        .service(usage::create_usage_batch)
        .service(admin::top_up_orders::admin_list_top_up_orders)
        .service(admin::top_up_orders::approve_top_up_order)
        .service(admin::top_up_orders::reject_top_up_order)
        .service(admin::refunds::create_refund)
        .service(admin::refunds::list_refunds)
        .service(admin::refunds::get_refund)
        .service(admin::refunds::approve_refund)
        .service(admin::refunds::mark_refund_sent)
        .service(admin::refunds::reject_refund)
        .service(admin::disputes::list_disputes)
        .service(providers::stripe_notification)
        .service(providers::paypal_notification)
        .service(providers::vnpay_ipn)
        .service(providers::paypal_return)
        .service(providers::vnpay_return);
}
