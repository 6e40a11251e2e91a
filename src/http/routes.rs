//! The route table. The OpenAPI document describes exactly the operations that are registered here.

use utoipa_actix_web::service_config::ServiceConfig;

use super::health;
use super::v1::{
    account_flows, account_statements, admin, balances, billing_profiles, events, explain, grants, holds, ledger_keys,
    ledger_proof, low_balance_alerts, papers, products, providers, quotes, reversals, spend_guards, top_up_options,
    top_up_orders, transfers, usage, webhook_endpoints,
};

/// Registers every operation of the API but the metrics.
pub fn configure(config: &mut ServiceConfig) {
    // actix tries the routes in this order, those with an id by regular expression. The hottest ones come first.
    config
        .service(usage::create_usage)
        .service(usage::create_usage_batch)
        .service(holds::create_hold)
        .service(holds::capture_hold);
    config
        .service(balances::list_balances)
        .service(balances::stream::stream_balances)
        .service(top_up_orders::create_top_up_order)
        .service(top_up_orders::list_top_up_orders)
        .service(top_up_orders::get_top_up_order)
        .service(top_up_orders::cancel_top_up_order)
        .service(top_up_orders::verify_top_up_order)
        .service(top_up_orders::renew_top_up_order_bank_account)
        .service(transfers::create_transfer)
        .service(transfers::list_transfers)
        .service(transfers::get_transfer)
        .service(account_flows::list_account_flows)
        .service(account_flows::export_account_flows)
        .service(account_statements::get_account_statement)
        .service(account_statements::export_account_statement)
        .service(account_statements::list_past_balances)
        .service(reversals::create_usage_reversal)
        .service(holds::get_hold)
        .service(holds::release_hold)
        .service(holds::extend_hold)
        .service(grants::create_grant)
        .service(grants::list_grants)
        .service(grants::get_grant)
        .service(admin::grants::list_expiring_grants)
        .service(admin::grants::revoke_grant)
        .service(admin::grants::change_grant_expiry)
        .service(admin::grants::list_grant_proposals)
        .service(admin::grants::approve_grant)
        .service(admin::grants::withdraw_grant)
        .service(admin::top_up_orders::admin_list_top_up_orders)
        .service(admin::top_up_orders::admin_get_top_up_order)
        .service(admin::top_up_orders::approve_top_up_order)
        .service(admin::top_up_orders::reject_top_up_order)
        .service(admin::top_up_orders::reverse_top_up_order)
        .service(admin::top_up_orders::withdraw_top_up_order_proposal)
        .service(admin::refunds::create_refund)
        .service(admin::refunds::list_refunds)
        .service(admin::refunds::get_refund)
        .service(admin::refunds::approve_refund)
        .service(admin::refunds::mark_refund_sent)
        .service(admin::refunds::reject_refund)
        .service(admin::disputes::list_disputes)
        .service(admin::freezes::freeze_customer)
        .service(admin::freezes::unfreeze_customer)
        .service(admin::freezes::freeze_wallet)
        .service(admin::freezes::unfreeze_wallet)
        .service(admin::adjustments::create_adjustment)
        .service(admin::adjustments::list_adjustments)
        .service(admin::adjustments::get_adjustment)
        .service(admin::adjustments::approve_adjustment)
        .service(admin::adjustments::withdraw_adjustment)
        .service(papers::get_receipt)
        .service(papers::get_paper)
        .service(papers::get_paper_page)
        .service(admin::papers::list_papers)
        .service(admin::papers::note_e_invoice)
        .service(admin::reports::report_activity)
        .service(admin::reports::report_roll_forward)
        .service(admin::reports::list_report_entries)
        .service(admin::reports::report_grant_ageing)
        .service(admin::reports::export_journal)
        .service(admin::search::search)
        .service(admin::customers::list_customers)
        .service(admin::customers::get_customer)
        .service(admin::audit_log::list_audit_log)
        .service(admin::integrity::get_integrity)
        .service(admin::unapplied_payments::list_unapplied_payments)
        .service(admin::unapplied_payments::apply_unapplied_payment)
        .service(admin::unapplied_payments::return_unapplied_payment)
        .service(admin::unapplied_payments::dismiss_unapplied_payment)
        .service(admin::unapplied_payments::list_unapplied_decisions)
        .service(admin::unapplied_payments::approve_unapplied_decision)
        .service(admin::unapplied_payments::withdraw_unapplied_decision)
        .service(admin::bank_transactions::find_bank_transactions)
        .service(admin::bank_transactions::restate_bank_transaction)
        .service(providers::stripe_notification)
        .service(providers::paypal_notification)
        .service(providers::vnpay_ipn)
        .service(providers::paypal_return)
        .service(providers::vnpay_return);
    config
        .service(products::list_products)
        .service(top_up_options::get_top_up_options)
        .service(quotes::create_quote)
        .service(billing_profiles::get_billing_profile)
        .service(billing_profiles::save_billing_profile);
    config
        .service(admin::products::admin_list_products)
        .service(admin::products::admin_save_product)
        .service(admin::top_up_options::admin_list_top_up_options)
        .service(admin::top_up_options::admin_save_top_up_options)
        .service(admin::channel_rules::admin_list_channel_rules)
        .service(admin::channel_rules::admin_save_channel_rule)
        .service(admin::bank_accounts::admin_list_bank_accounts)
        .service(admin::bank_accounts::admin_create_bank_account)
        .service(admin::bank_accounts::admin_update_bank_account)
        .service(admin::bank_accounts::list_bank_account_changes)
        .service(admin::bank_accounts::approve_bank_account_change)
        .service(admin::bank_accounts::withdraw_bank_account_change)
        .service(admin::agreements::admin_list_agreements)
        .service(admin::agreements::admin_publish_agreement)
        .service(admin::agreements::admin_activate_agreement);
    config
        .service(ledger_keys::list_ledger_keys)
        .service(ledger_proof::prove_ledger)
        .service(explain::get_account_flow_paid_by)
        .service(explain::list_account_flow_paid_for)
        .service(explain::list_top_up_order_paid_for)
        .service(spend_guards::list_spend_guards)
        .service(spend_guards::save_spend_guard)
        .service(spend_guards::remove_spend_guard)
        .service(low_balance_alerts::list_low_balance_alerts)
        .service(low_balance_alerts::save_low_balance_alert)
        .service(low_balance_alerts::remove_low_balance_alert);
    config
        .service(events::list_events)
        .service(webhook_endpoints::create_webhook_endpoint)
        .service(webhook_endpoints::list_webhook_endpoints)
        .service(webhook_endpoints::get_webhook_endpoint)
        .service(webhook_endpoints::update_webhook_endpoint)
        .service(webhook_endpoints::delete_webhook_endpoint)
        .service(webhook_endpoints::pause_webhook_endpoint)
        .service(webhook_endpoints::enable_webhook_endpoint)
        .service(webhook_endpoints::rotate_webhook_endpoint_secret)
        .service(webhook_endpoints::deliveries::list_webhook_deliveries)
        .service(webhook_endpoints::deliveries::test_webhook_endpoint)
        .service(webhook_endpoints::deliveries::redeliver_webhook_delivery)
        .service(webhook_endpoints::deliveries::redeliver_webhooks);
    config
        .service(admin::api_keys::create_api_key)
        .service(admin::api_keys::list_api_keys)
        .service(admin::api_keys::revoke_api_key);
    config.service(health::get_health).service(health::get_readiness);
}

/// Registers the metrics, which can have an address of their own.
pub fn metrics(config: &mut ServiceConfig) {
    config.service(health::get_metrics);
}
