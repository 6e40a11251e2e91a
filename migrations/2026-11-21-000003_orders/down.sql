DROP TABLE integrity_checks, audit_log, api_keys, stream_tickets, idempotency_keys, foreign_payments,
    provider_events, service_grant_sums,
    own_word_moves,
    grant_changes, grant_proposals, adjustments, unapplied_decisions, disputes, refund_requests, refunds, transfers,
    approvals, bank_transactions, payment_applications, payments, transfer_slips, order_events, attempts, top_up_orders;
DROP FUNCTION payments_come_back();
DROP FUNCTION api_keys_only_end();
DROP FUNCTION tell_of_order();
DROP FUNCTION tell_of_unapplied_payment();
DROP FUNCTION tell_of_transfer();
DROP FUNCTION tell_of_state();
DROP DOMAIN provider_name;
