CREATE TABLE wallets (
    customer_id text PRIMARY KEY,
    balance numeric(24, 8) NOT NULL CHECK (balance >= 0),
    version bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 60);
CREATE TABLE entries (
    customer_id text NOT NULL,
    version bigint NOT NULL,
    account text NOT NULL,
    amount numeric(24, 8) NOT NULL,
    balance_after numeric(24, 8) NOT NULL,
    key text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, version, account)
);
CREATE TABLE keys (
    customer_id text NOT NULL,
    key text NOT NULL,
    PRIMARY KEY (customer_id, key)
);
INSERT INTO wallets (customer_id, balance)
SELECT CASE n WHEN 0 THEN 'hot' ELSE 'c' || lpad(n::text, 5, '0') END, 1000000 FROM generate_series(0, 10000) AS n;
