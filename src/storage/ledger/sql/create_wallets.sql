-- Creates the wallets that do not exist yet.
--
-- Per wallet, in key order, so that two writers that create the same wallets cannot wait for each other:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 uuid[] id for a new wallet
--
-- Returns nothing.
INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at)
SELECT c, cu, p, i, ledger_now(), ledger_now()
FROM unnest($1, $2, $3, $4) AS k (c, cu, p, i)
ON CONFLICT (customer_id, currency, product) DO NOTHING
