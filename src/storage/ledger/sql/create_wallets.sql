-- Creates the wallets that do not exist yet.
--
-- Per wallet, in key order, so that two writers that create the same wallets cannot wait for each other:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 uuid[] id for a new wallet
--
-- Returns nothing.
--
-- A trigger takes the gate of the customer's wallets (`wallet_gate`) for each row, even for a wallet that exists.
-- Therefore existing wallets are left out first.
INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at)
SELECT c, cu, p, i, ledger_now(), ledger_now()
FROM unnest($1, $2, $3, $4) AS k (c, cu, p, i)
WHERE NOT EXISTS (SELECT FROM wallets w WHERE w.customer_id = c AND w.currency = cu AND w.product = p)
ON CONFLICT (customer_id, currency, product) DO NOTHING
