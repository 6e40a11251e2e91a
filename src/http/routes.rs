//! The route table: what is registered here is what the OpenAPI document says.

use utoipa_actix_web::service_config::ServiceConfig;

use super::{account_flows, admin, balances, providers, top_up_orders, transfers, usage};
use super::{docs, health};

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
        .service(providers::stripe_notification)
        .service(providers::paypal_notification)
        .service(providers::vnpay_ipn)
        .service(providers::paypal_return)
        .service(providers::vnpay_return);
    config.service(health::get_health).service(health::get_readiness).service(health::get_metrics);
    docs::configure(config);
}
