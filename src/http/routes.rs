//! The route table. The OpenAPI document describes exactly the operations that are registered here.

use utoipa_actix_web::service_config::ServiceConfig;

use super::health;
use super::v1::{
    account_closings, account_flows, account_statements, admin, agreements, balances, billing_profiles, disputes,
    events, explain, grants, holds, ledger_keys, ledger_proof, low_balance_alerts, papers, products, providers, quotes,
    refund_requests, refunds, reversals, spend_guards, top_up_options, top_up_orders, transfer_slips, transfers, usage,
    webhook_endpoints,
};

/// Registers every operation of the API except the metrics.
pub fn configure(config: &mut ServiceConfig) {
    // actix tries the routes in this order, those with an id by regular expression. The hottest ones come first.
    metering(config);
    wallets(config);
    usage_and_holds(config);
    promotional_credit(config);
    order_decisions(config);
    closings(config);
    money_back(config);
    corrections(config);
    books(config);
    bank_money(config);
    companies(config);
    offers(config);
    catalogue(config);
    proofs_and_limits(config);
    events_and_webhooks(config);
    api_keys(config);
    health_checks(config);
}

/// Books usage and holds.
fn metering(config: &mut ServiceConfig) {
    config
        .service(usage::create_usage)
        .service(usage::create_usage_batch)
        .service(holds::create_hold)
        .service(holds::capture_hold);
}

/// What a customer has, and how it moves: balances, orders, transfers, flows and statements.
fn wallets(config: &mut ServiceConfig) {
    config
        .service(balances::list_balances)
        .service(balances::stream::stream_balances)
        .service(balances::stream::create_stream_ticket)
        .service(balances::stream::stream_balances_by_ticket)
        .service(top_up_orders::create_top_up_order)
        .service(top_up_orders::list_top_up_orders)
        .service(top_up_orders::get_top_up_order)
        .service(top_up_orders::cancel_top_up_order)
        .service(top_up_orders::verify_top_up_order)
        .service(top_up_orders::renew_top_up_order_bank_account)
        .service(transfer_slips::upload_transfer_slip)
        .service(transfer_slips::list_transfer_slips)
        .service(transfer_slips::download_transfer_slip)
        .service(transfers::create_transfer)
        .service(transfers::list_transfers)
        .service(transfers::get_transfer)
        .service(account_flows::list_account_flows)
        .service(account_flows::export_account_flows)
        .service(account_statements::get_account_statement)
        .service(account_statements::export_account_statement)
        .service(account_statements::list_past_balances);
}

/// Reads what was metered, gives it back, and ends holds.
fn usage_and_holds(config: &mut ServiceConfig) {
    config
        .service(reversals::create_usage_reversal)
        .service(usage::list::list_usage)
        .service(usage::summary::get_usage_summary)
        .service(usage::read::get_usage)
        .service(holds::get_hold)
        .service(holds::release_hold)
        .service(holds::extend_hold);
}

/// Grants and their proposals.
fn promotional_credit(config: &mut ServiceConfig) {
    config
        .service(grants::create_grant)
        .service(grants::list_grants)
        .service(grants::get_grant)
        .service(admin::grants::list_expiring_grants)
        .service(admin::grant_changes::revoke_grant)
        .service(admin::grant_changes::change_grant_expiry)
        .service(admin::grant_changes::list_grant_changes)
        .service(admin::grant_changes::approve_grant_change)
        .service(admin::grant_changes::withdraw_grant_change)
        .service(admin::grants::list_grant_proposals)
        .service(admin::grants::approve_grant)
        .service(admin::grants::withdraw_grant);
}

/// Operators' decisions about orders.
fn order_decisions(config: &mut ServiceConfig) {
    config
        .service(admin::top_up_orders::admin_list_top_up_orders)
        .service(admin::top_up_orders::admin_get_top_up_order)
        .service(admin::top_up_orders::approve_top_up_order)
        .service(admin::top_up_orders::reject_top_up_order)
        .service(admin::top_up_orders::reverse_top_up_order)
        .service(admin::top_up_orders::withdraw_top_up_order_proposal);
}

/// Accounts that close, what is paid out of them, and what they owed.
fn closings(config: &mut ServiceConfig) {
    config
        .service(account_closings::get_account_closing)
        .service(admin::closings::close_customer)
        .service(admin::closings::advance_closing)
        .service(admin::closings::withdraw_closing)
        .service(admin::closings::get_closing)
        .service(admin::closings::list_closings)
        .service(admin::payouts::create_payout)
        .service(admin::payouts::list_payouts)
        .service(admin::payouts::get_payout)
        .service(admin::payouts::approve_payout)
        .service(admin::payouts::mark_payout_sent)
        .service(admin::payouts::reject_payout)
        .service(admin::write_offs::create_write_off)
        .service(admin::write_offs::list_write_offs)
        .service(admin::write_offs::get_write_off)
        .service(admin::write_offs::approve_write_off)
        .service(admin::write_offs::withdraw_write_off);
}

/// Refunds, disputes and requests for refunds.
fn money_back(config: &mut ServiceConfig) {
    config
        .service(admin::refunds::create_refund)
        .service(admin::refunds::list_refunds)
        .service(admin::refunds::get_refund)
        .service(admin::refunds::approve_refund)
        .service(admin::refunds::mark_refund_sent)
        .service(admin::refunds::reject_refund)
        .service(admin::disputes::list_disputes)
        .service(admin::disputes::work::list_dispute_outcomes)
        .service(admin::disputes::work::get_dispute)
        .service(admin::disputes::work::get_dispute_evidence)
        .service(admin::disputes::work::send_dispute_evidence)
        .service(admin::refund_requests::admin_list_refund_requests)
        .service(admin::refund_requests::admin_get_refund_request)
        .service(admin::refund_requests::approve_refund_request)
        .service(admin::refund_requests::refuse_refund_request);
}

/// Freezes and adjustments.
fn corrections(config: &mut ServiceConfig) {
    config
        .service(admin::freezes::freeze_customer)
        .service(admin::freezes::unfreeze_customer)
        .service(admin::freezes::freeze_wallet)
        .service(admin::freezes::unfreeze_wallet)
        .service(admin::adjustments::create_adjustment)
        .service(admin::adjustments::list_adjustments)
        .service(admin::adjustments::get_adjustment)
        .service(admin::adjustments::approve_adjustment)
        .service(admin::adjustments::withdraw_adjustment);
}

/// Papers, reports, and what operators look up.
fn books(config: &mut ServiceConfig) {
    config
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
        .service(admin::reconciliation::report_reconciliation)
        .service(admin::search::search)
        .service(admin::customers::list_customers)
        .service(admin::customers::get_customer)
        .service(admin::audit_log::list_audit_log)
        .service(admin::integrity::get_integrity);
}

/// Money without an order, and what banks say.
fn bank_money(config: &mut ServiceConfig) {
    config
        .service(admin::unapplied_payments::list_unapplied_payments)
        .service(admin::unapplied_payments::apply_unapplied_payment)
        .service(admin::unapplied_payments::return_unapplied_payment)
        .service(admin::unapplied_payments::dismiss_unapplied_payment)
        .service(admin::unapplied_payments::list_unapplied_decisions)
        .service(admin::unapplied_payments::approve_unapplied_decision)
        .service(admin::unapplied_payments::withdraw_unapplied_decision)
        .service(admin::bank_transactions::find_bank_transactions)
        .service(admin::bank_transactions::restate_bank_transaction)
        .service(admin::bank_statements::upload_bank_statement)
        .service(admin::bank_statements::list_bank_statements)
        .service(admin::bank_statements::get_bank_statement)
        .service(admin::bank_statements::list_bank_statement_lines)
        .service(admin::bank_statements::approve_bank_statement)
        .service(admin::bank_statements::withdraw_bank_statement)
        .service(admin::bank_statements::mapping::get_statement_mapping)
        .service(admin::bank_statements::mapping::save_statement_mapping)
        .service(admin::bank_lines::list_bank_lines)
        .service(admin::bank_lines::get_bank_line)
        .service(admin::bank_lines::choose_bank_line_payment)
        .service(admin::bank_lines::apply_bank_line);
}

/// What payment companies and their payers call.
fn companies(config: &mut ServiceConfig) {
    config
        .service(providers::stripe_notification)
        .service(providers::paypal_notification)
        .service(providers::vnpay_ipn)
        .service(providers::paypal_return)
        .service(providers::vnpay_return);
}

/// What customers choose from, and their requests, refunds and profiles.
fn offers(config: &mut ServiceConfig) {
    config
        .service(products::list_products)
        .service(top_up_options::get_top_up_options)
        .service(quotes::create_quote)
        .service(agreements::get_agreement)
        .service(refund_requests::get_top_up_order_refundable)
        .service(refund_requests::create_refund_request)
        .service(refund_requests::list_refund_requests)
        .service(refund_requests::get_refund_request)
        .service(refund_requests::withdraw_refund_request)
        .service(refunds::list_customer_refunds)
        .service(disputes::list_customer_disputes)
        .service(billing_profiles::get_billing_profile)
        .service(billing_profiles::save_billing_profile)
        .service(billing_profiles::record_tax_id_check);
}

/// What operators offer.
fn catalogue(config: &mut ServiceConfig) {
    config
        .service(admin::products::admin_list_products)
        .service(admin::products::admin_save_product)
        .service(admin::top_up_options::admin_list_top_up_options)
        .service(admin::top_up_options::admin_save_top_up_options)
        .service(admin::currencies::admin_add_currency)
        .service(admin::channel_rules::admin_list_channel_rules)
        .service(admin::channel_rules::admin_save_channel_rule)
        .service(admin::tax_rules::admin_list_tax_rules)
        .service(admin::tax_rules::admin_save_tax_rule)
        .service(billing_profiles::admin_verify_tax_id)
        .service(admin::bonus_tiers::admin_list_bonus_tiers)
        .service(admin::bonus_tiers::admin_create_bonus_tier)
        .service(admin::bonus_tiers::admin_replace_bonus_tier)
        .service(admin::bank_accounts::admin_list_bank_accounts)
        .service(admin::bank_accounts::admin_create_bank_account)
        .service(admin::bank_accounts::admin_update_bank_account)
        .service(admin::bank_accounts::list_bank_account_changes)
        .service(admin::bank_accounts::approve_bank_account_change)
        .service(admin::bank_accounts::withdraw_bank_account_change)
        .service(admin::agreements::admin_list_agreements)
        .service(admin::agreements::admin_publish_agreement)
        .service(admin::agreements::admin_activate_agreement);
}

/// What proves and explains the ledger, and what watches a wallet.
fn proofs_and_limits(config: &mut ServiceConfig) {
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
}

/// The feed of events, and webhooks.
fn events_and_webhooks(config: &mut ServiceConfig) {
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
}

/// API keys.
fn api_keys(config: &mut ServiceConfig) {
    config
        .service(admin::api_keys::create_api_key)
        .service(admin::api_keys::list_api_keys)
        .service(admin::api_keys::revoke_api_key);
}

/// Health and readiness.
fn health_checks(config: &mut ServiceConfig) {
    config.service(health::get_health).service(health::get_readiness);
}

/// Registers the metrics, which can have an address of their own.
pub fn metrics(config: &mut ServiceConfig) {
    config.service(health::get_metrics);
}
