-- Idempotency keys against the objects that their requests made, with which a repetition is answered.
SELECT 'idempotency_resource' AS rule, k.operation || ' ' || k.key AS subject, k.customer_id AS customer,
       'what the request made for the customer' AS expected, k.resource_id::text AS found
FROM idempotency_keys k
WHERE NOT CASE k.operation
    WHEN 'create_top_up_order' THEN EXISTS (
        SELECT FROM top_up_orders o WHERE o.id = k.resource_id AND o.customer_id = k.customer_id)
    WHEN 'create_transfer' THEN EXISTS (
        SELECT FROM transfers t WHERE t.customer_id = k.customer_id AND t.id = k.resource_id)
    WHEN 'create_grant' THEN EXISTS (
        SELECT FROM grants g WHERE g.customer_id = k.customer_id AND g.id = k.resource_id)
        OR EXISTS (SELECT FROM grant_proposals p WHERE p.customer_id = k.customer_id AND p.id = k.resource_id)
    WHEN 'create_refund' THEN EXISTS (
        SELECT FROM refunds r WHERE r.id = k.resource_id AND r.customer_id = k.customer_id)
    WHEN 'create_adjustment' THEN EXISTS (
        SELECT FROM adjustments j WHERE j.id = k.resource_id AND j.customer_id = k.customer_id)
    WHEN 'create_refund_request' THEN EXISTS (
        SELECT FROM refund_requests q WHERE q.id = k.resource_id AND q.customer_id = k.customer_id)
    ELSE true
END
