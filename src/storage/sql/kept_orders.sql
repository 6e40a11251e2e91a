-- Reads orders back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `top_up_orders`
--
-- Returns the columns of `OrderRow`.
SELECT o.id, o.customer_id, o.currency, o.product, o.channel, o.provider, o.merchant_account, o.status, o.awaiting,
       o.failed_by, o.reason, o.declines, o.held_for_review, o.amount, o.payable_amount, o.fee, o.fee_on_top,
       o.fee_refundable, o.tax, o.tax_included, o.tax_rule, o.bonus, o.bonus_tier_id, o.bonus_once, o.bonus_first,
       o.bonus_days, o.bonus_reserved, o.credited_amount, o.received_amount, o.refunded_amount, o.reference,
       o.agreement_version, o.return_url, o.card_flow, o.remitter_name, o.remitter_bank, o.remarks, o.remitter_key,
       o.bank_account_id,
       o.bank_account_version, o.vnpay_bank_code, o.payer_ip, o.locale, o.buyer, o.client_reference,
       o.metadata, o.transfer_id, o.created_at, o.due_at, o.expires_at, o.updated_at, o.completed_at, o.ask_at,
       o.asked, o.version
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::top_up_orders, kept.data) o
ORDER BY kept.n
