DROP TABLE audit_log, idempotency_keys, provider_events, adjustments, disputes, refunds, transfers,
    payment_applications, payments, approvals, order_events, attempts, top_up_orders;
DROP DOMAIN provider_name;
