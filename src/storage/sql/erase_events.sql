-- Erases payers and texts from the events of a customer. The rest of each event's state stays.
--
-- $1 text customer
UPDATE events
SET data = data || CASE noun
        WHEN 'order' THEN
            '{"payer_ip": "0.0.0.0", "locale": null, "return_url": null, "remarks": null, "remitter_key": null,
              "client_reference": null, "metadata": null}'::jsonb
            || CASE WHEN data ->> 'remitter_name' IS NULL THEN '{}'
                    ELSE '{"remitter_name": "erased", "remitter_bank": "erased"}' END::jsonb
        WHEN 'refund_request' THEN '{"reason": "erased"}'
        WHEN 'closing' THEN '{"reason": "erased"}'
        WHEN 'hold' THEN '{"description": null, "metadata": null}'
        ELSE '{"client_reference": null, "metadata": null}' END::jsonb
WHERE customer_id = $1 AND noun IN ('order', 'refund_request', 'closing', 'hold', 'transfer', 'grant')
