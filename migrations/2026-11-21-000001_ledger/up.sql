-- What this database is for. Sandboxes, development keys and live credentials refuse the wrong stamp.
CREATE TABLE environment (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT environment_one_row CHECK (singleton),
    stamp text NOT NULL CONSTRAINT environment_stamp CHECK (stamp IN ('test', 'live')),
    stamped_at timestamptz NOT NULL DEFAULT now()
);

-- What concerns one value is checked by its type. A CHECK of the table is read anew by every statement, and evaluated for
-- columns that did not change as well; those of a type are kept by the session, and evaluated where a value is assigned.
CREATE DOMAIN customer_key AS text CONSTRAINT customer_key_form CHECK (
    VALUE ~ '^[!-~]{1,128}$' AND VALUE !~ '["%?#\\]' AND VALUE NOT IN ('.', '..', '~')
);
CREATE DOMAIN currency_code AS text CONSTRAINT currency_code_form CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE DOMAIN product_code AS text CONSTRAINT product_code_form CHECK (VALUE ~ '^[a-z0-9_-]{0,32}$');
CREATE DOMAIN dedupe_key AS text CONSTRAINT dedupe_key_length CHECK (length(VALUE) BETWEEN 1 AND 200);
CREATE DOMAIN counterpart_name AS text CONSTRAINT counterpart_named CHECK (VALUE <> '');
CREATE DOMAIN entry_number AS bigint CONSTRAINT entry_number_positive CHECK (VALUE > 0);
CREATE DOMAIN entry_kind AS smallint CONSTRAINT entry_kind_known CHECK (VALUE BETWEEN 1 AND 16);
CREATE DOMAIN wallet_part AS numeric(24, 8) CONSTRAINT wallet_part_not_negative CHECK (VALUE >= 0);

-- The wallet row carries the running parts. What never changes stands first: an update then logs only the tail.
-- No balance is in any index, so every posting is a heap-only update.
CREATE TABLE wallets (
    customer_id customer_key NOT NULL,
    currency currency_code NOT NULL,
    product product_code NOT NULL DEFAULT '',
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    guarded boolean NOT NULL DEFAULT false,
    frozen boolean NOT NULL DEFAULT false,
    -- Kept by the ledger: the fast path must not touch this wallet, its rules need a look.
    slow boolean NOT NULL DEFAULT false,
    low_balance_threshold numeric(24, 8) CONSTRAINT wallets_low_balance_threshold CHECK (low_balance_threshold > 0),
    -- The fast path may not take what is available below this: the threshold of an armed alert.
    fast_floor numeric(24, 8) NOT NULL DEFAULT 0,
    granted wallet_part NOT NULL DEFAULT 0,
    held wallet_part NOT NULL DEFAULT 0,
    debt wallet_part NOT NULL DEFAULT 0,
    paid wallet_part NOT NULL DEFAULT 0,
    paid_in numeric(24, 8) NOT NULL DEFAULT 0,
    paid_out numeric(24, 8) NOT NULL DEFAULT 0,
    entry_seq bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL,
    CONSTRAINT wallets_pkey PRIMARY KEY (customer_id, currency, product),
    CONSTRAINT wallets_id_once UNIQUE (customer_id, id),
    CONSTRAINT wallets_held_is_there CHECK (held <= paid + granted),
    CONSTRAINT wallets_paid_is_in_less_out CHECK (paid = paid_in - paid_out),
    CONSTRAINT wallets_slow_is_kept CHECK (slow = (granted > 0 OR debt > 0 OR guarded OR frozen))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

-- What the numbers in entries.kind mean, and which flow a customer sees them as.
CREATE TABLE entry_kinds (
    kind smallint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    flow_type text NOT NULL
);
INSERT INTO entry_kinds (kind, name, flow_type) VALUES
    (1, 'recharge', 'recharge'),
    (2, 'usage', 'consume'),
    (3, 'capture', 'consume'),
    (4, 'reversal', 'refund'),
    (5, 'refund', 'refund'),
    (6, 'refund_returned', 'refund'),
    (7, 'transfer_in', 'transfer_in'),
    (8, 'transfer_out', 'transfer_out'),
    (9, 'grant', 'grant'),
    (10, 'expire', 'expire'),
    (11, 'adjust', 'adjust'),
    (12, 'bonus', 'grant'),
    (13, 'bonus_revoked', 'expire'),
    (14, 'bonus_restored', 'grant'),
    (15, 'dispute', 'refund'),
    (16, 'dispute_returned', 'refund');

-- One immutable row per movement; the counterpart in the row is the other side of the book.
-- amount = change of paid + change of granted - change of debt.
CREATE TABLE entries (
    created_at timestamptz NOT NULL,
    seq entry_number NOT NULL,
    fingerprint bigint NOT NULL,
    wallet_id uuid NOT NULL,
    kind entry_kind NOT NULL,
    customer_id text NOT NULL,
    amount numeric(24, 8) NOT NULL,
    balance_after numeric(24, 8) NOT NULL,
    paid_in numeric(24, 8) NOT NULL,
    paid_out numeric(24, 8) NOT NULL,
    counterpart counterpart_name NOT NULL,
    key dedupe_key NOT NULL,
    granted numeric(24, 8),
    debt numeric(24, 8),
    reference text,
    description text,
    metadata jsonb,
    occurred_at timestamptz,
    CONSTRAINT entries_pkey PRIMARY KEY (customer_id, wallet_id, seq),
    CONSTRAINT entries_key_once UNIQUE (customer_id, kind, key),
    -- An adjustment goes either way; of the others, these bring money in.
    CONSTRAINT entries_sign CHECK (amount <> 0 AND (kind = 11 OR (amount > 0) = (kind IN (1, 4, 6, 7, 9, 12, 14, 16))))
);
-- Every index of consumption is written for each usage, so ordinary usage has but the two above: it is listed by walking
-- its wallets. What is rare is found by its kind. Without the wallet: entries of two wallets with the same time and number are few.
CREATE INDEX entries_by_kind_and_time ON entries (customer_id, kind, created_at, seq) WHERE kind NOT IN (2, 3);
-- What the main wallet paid for products, which their spend guards count.
CREATE INDEX entries_paid_for_products ON entries (customer_id, counterpart, created_at) WHERE kind = 2 AND counterpart <> 'usage';
-- What belongs to an order or a transfer, and what was given back of a usage. Usage itself refers to nothing, and a
-- capture to its hold, whose id is its key.
CREATE INDEX entries_by_reference ON entries (customer_id, reference) WHERE reference IS NOT NULL AND kind NOT IN (2, 3);
-- Which money coming in paid for what: consumption lies in a range of paid_in.
CREATE INDEX entries_paid_in ON entries (customer_id, wallet_id, paid_in) WHERE kind IN (1, 4, 6, 7, 11, 16);
-- Who repaid which debt: while there is debt, paid_in stands still. Few entries move debt.
CREATE INDEX entries_debt ON entries (customer_id, wallet_id, paid_in, seq) WHERE debt IS NOT NULL;

-- How many entries of a wallet stand before a position in the order of lists. Time never runs backwards within a wallet
-- and its entries have every number, so it is found by halving, in some 25 steps; a position in it is known.
CREATE FUNCTION entries_before(customer text, wallet uuid, entry_seq bigint, before_at timestamptz, before_seq bigint, before_wallet uuid)
    RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := entry_seq + 1;
    middle bigint;
    is_before boolean;
BEGIN
    IF wallet = before_wallet THEN
        RETURN least(entry_seq, before_seq - 1);
    END IF;
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        SELECT (e.created_at, e.seq, e.wallet_id) < (before_at, before_seq, before_wallet) INTO is_before
        FROM entries e WHERE e.customer_id = customer AND e.wallet_id = wallet AND e.seq = middle;
        IF is_before THEN
            low := middle;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN low;
END $$;

CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON entries FROM PUBLIC;

-- Promotional credit. remaining and held run; wallet.granted is the sum of remaining.
CREATE TABLE grants (
    customer_id text NOT NULL,
    id uuid NOT NULL,
    wallet_id uuid NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT grants_amount_positive CHECK (amount > 0),
    remaining numeric(24, 8) NOT NULL,
    held numeric(24, 8) NOT NULL DEFAULT 0,
    priority smallint NOT NULL DEFAULT 100,
    expires_at timestamptz,
    reason text NOT NULL,
    order_id uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT grants_pkey PRIMARY KEY (customer_id, id),
    CONSTRAINT grants_parts CHECK (held >= 0 AND held <= remaining AND remaining <= amount)
);
CREATE INDEX grants_live ON grants (customer_id, wallet_id) WHERE remaining > 0;
CREATE INDEX grants_expiring ON grants (expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL;

-- Which grants an entry took from (negative) or gave back to (positive).
CREATE TABLE grant_uses (
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    seq bigint NOT NULL,
    grant_id uuid NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT grant_uses_not_zero CHECK (amount <> 0),
    CONSTRAINT grant_uses_pkey PRIMARY KEY (customer_id, wallet_id, seq, grant_id)
);
CREATE INDEX grant_uses_by_grant ON grant_uses (customer_id, grant_id, wallet_id, seq);
CREATE TRIGGER grant_uses_no_change BEFORE UPDATE OR DELETE ON grant_uses
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER grant_uses_no_truncate BEFORE TRUNCATE ON grant_uses
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- Reserved amounts. status is in no index, so closing a hold is a heap-only update.
CREATE TABLE holds (
    customer_id text NOT NULL,
    key dedupe_key NOT NULL,
    id uuid NOT NULL,
    wallet_id uuid NOT NULL,
    currency text NOT NULL,
    product text NOT NULL,
    fingerprint bigint NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT holds_amount_positive CHECK (amount > 0),
    granted numeric(24, 8) NOT NULL DEFAULT 0,
    -- [{"grant_id": …, "amount": "…"}]: the reserved parts of grants; absent when only paid money is held.
    grant_parts jsonb,
    description text,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'open'
        CONSTRAINT holds_status CHECK (status IN ('open', 'captured', 'released', 'expired')),
    captured numeric(24, 8),
    closed_at timestamptz,
    CONSTRAINT holds_pkey PRIMARY KEY (customer_id, key),
    CONSTRAINT holds_granted_is_part CHECK (granted >= 0 AND granted <= amount AND (granted > 0) = (grant_parts IS NOT NULL)),
    CONSTRAINT holds_closed CHECK ((status = 'open') = (closed_at IS NULL) AND (status = 'captured') = (captured IS NOT NULL)),
    CONSTRAINT holds_captured_not_negative CHECK (captured >= 0)
) WITH (fillfactor = 80);
CREATE INDEX holds_by_id ON holds (id);
CREATE INDEX holds_by_expiry ON holds (expires_at);
CREATE INDEX holds_by_customer_and_expiry ON holds (customer_id, expires_at);

-- Called where a statement of the fast path finds that it must not go on: it fails as a whole.
CREATE FUNCTION fast_path_refused() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the fast path does not take this' USING ERRCODE = 'TP001';
END $$;

-- Caps on what a customer may spend in one wallet, per UTC day and month.
CREATE TABLE spend_guards (
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    daily_cap numeric(24, 8) CONSTRAINT spend_guards_daily CHECK (daily_cap > 0),
    monthly_cap numeric(24, 8) CONSTRAINT spend_guards_monthly CHECK (monthly_cap > 0),
    day date NOT NULL,
    spent_today numeric(24, 8) NOT NULL DEFAULT 0,
    month date NOT NULL,
    spent_this_month numeric(24, 8) NOT NULL DEFAULT 0,
    set_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT spend_guards_pkey PRIMARY KEY (customer_id, wallet_id),
    CONSTRAINT spend_guards_something CHECK (daily_cap IS NOT NULL OR monthly_cap IS NOT NULL)
);

-- How far a sweeping worker has come.
CREATE TABLE worker_marks (
    worker text PRIMARY KEY,
    reached timestamptz NOT NULL
);

-- What happened, for outgoing webhooks and the event stream; written with the change itself.
CREATE TABLE events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    customer_id text NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Grows in the order in which a customer's events become visible, which seq does not: whoever reads on after
    -- the last position that it knows misses nothing.
    position bigint
);
CREATE INDEX events_by_customer ON events (customer_id, position);
CREATE SEQUENCE event_positions;

-- At the end of the transaction, when it has all its other locks: nobody who waits here can be waited for.
CREATE FUNCTION place_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('events of ' || NEW.customer_id, 0));
    UPDATE events SET position = nextval('event_positions') WHERE seq = NEW.seq;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER events_placed AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION place_event();
