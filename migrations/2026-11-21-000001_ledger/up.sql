-- The one clock of this database: all SQL asks it, column defaults and triggers included. It still moves within a
-- transaction, so a time that is read after a wait for a lock is later than the times that the other transaction wrote;
-- now() would be the time before the wait. PostgreSQL replaces the call by its body when it plans a statement, so it
-- costs nothing. VOLATILE means that a condition on it can use no index: write `<= (SELECT ledger_now())` there, which
-- is evaluated once.
CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT clock_timestamp()
$$;

-- What this database is for. The service refuses live credentials on a test database, and the sandbox and development
-- keys on a live one.
CREATE TABLE environment (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT environment_one_row CHECK (singleton),
    stamp text NOT NULL CONSTRAINT environment_stamp CHECK (stamp IN ('test', 'live')),
    stamped_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- The role that the service takes in every session; null until `topup migrate` has created it.
    service_role text,
    -- Signs the quotes of this database, together with a secret of the settings: a random number of 244 bits.
    quote_secret bytea NOT NULL
        DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    -- Names this database in our marks at the payment companies, whose accounts other deployments may share: 64 random
    -- bits.
    deployment text NOT NULL DEFAULT encode(substring(sha256(uuid_send(gen_random_uuid())) FOR 8), 'hex')
        CONSTRAINT environment_deployment CHECK (deployment ~ '^[0-9a-f]{16}$')
);

-- The time zone in which the days of the reports and the months of the statements begin. `topup migrate` changes it
-- only while nothing was ever booked: the limits of a reported day never change.
CREATE TABLE calendar (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT calendar_one_row CHECK (singleton),
    -- A name of `pg_timezone_names`.
    time_zone text NOT NULL DEFAULT 'UTC',
    stamped_at timestamptz NOT NULL DEFAULT ledger_now()
);
INSERT INTO calendar DEFAULT VALUES;

-- Rules about a single value are checked by its type. PostgreSQL prepares the CHECKs of a table again for every
-- statement, and evaluates them also for columns that do not change. It prepares those of a type once per session, and
-- evaluates them only where a value is assigned.
CREATE DOMAIN customer_key AS text CONSTRAINT customer_key_form CHECK (
    VALUE ~ '^[!-~]{1,128}$' AND VALUE !~ '["%?#\\]' AND VALUE NOT IN ('.', '..', '~')
);
CREATE DOMAIN currency_code AS text CONSTRAINT currency_code_form CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE DOMAIN product_code AS text CONSTRAINT product_code_form CHECK (VALUE ~ '^[a-z0-9_-]{0,32}$');
CREATE DOMAIN dedupe_key AS text CONSTRAINT dedupe_key_length CHECK (length(VALUE) BETWEEN 1 AND 200);
CREATE DOMAIN counterpart_name AS text CONSTRAINT counterpart_named CHECK (VALUE <> '');
CREATE DOMAIN entry_number AS bigint CONSTRAINT entry_number_positive CHECK (VALUE > 0);
-- One of the numbers in `entry_kinds`.
CREATE DOMAIN entry_kind AS smallint CONSTRAINT entry_kind_known CHECK (VALUE BETWEEN 1 AND 22);
CREATE DOMAIN wallet_part AS numeric(24, 8) CONSTRAINT wallet_part_not_negative CHECK (VALUE >= 0);
CREATE DOMAIN spend_cap AS numeric(24, 8) CONSTRAINT spend_cap_positive CHECK (VALUE > 0);

-- One balance: a customer, a currency, and the main wallet ('') or a product. The row carries the running parts, and
-- available = paid + granted - held - debt. Columns that never change come first, because PostgreSQL logs a changed
-- row only from the first byte that differs. No balance is in any index, so every posting is a heap-only update.
CREATE TABLE wallets (
    customer_id customer_key NOT NULL,
    currency currency_code NOT NULL,
    product product_code NOT NULL DEFAULT '',
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    -- Frozen by an operator: this wallet, and all wallets of the customer. Nothing may be spent.
    frozen boolean NOT NULL DEFAULT false,
    customer_frozen boolean NOT NULL DEFAULT false,
    -- `closing`: the account is being closed, or is closed (closings), and only the closing moves money out. `closed`:
    -- the closing gives back what is left, or has, and payments, credit and corrections do not come in either.
    closing boolean NOT NULL DEFAULT false,
    closed boolean NOT NULL DEFAULT false,
    -- Whether the customer owes taken-back money in this currency (taken_back_debts): nothing new may be spent, and
    -- unheld paid money that appears is taken for it. All wallets of the customer and currency have the mark, or none.
    claimed boolean NOT NULL DEFAULT false,
    -- True if the wallet needs a rule that the fast path cannot apply. Then `ledger::post` decides every posting on it.
    -- The ledger writes the column, and the CHECK below verifies it.
    needs_full_path boolean NOT NULL DEFAULT false,
    -- When the available amount falls below this, the customer gets one `balance.low` event.
    low_balance_threshold numeric(24, 8) CONSTRAINT wallets_low_balance_threshold CHECK (low_balance_threshold > 0),
    -- The fast path must leave this much available. It is the threshold of an alert that is armed, and 0 otherwise, so
    -- that the full path decides the posting that crosses the threshold and sends the event.
    fast_floor numeric(24, 8) NOT NULL DEFAULT 0,
    -- Money that was taken, or is claimed, for spent bonus of this wallet: the sum of its grants' owed. Bonus that
    -- returns is exchanged for it.
    bonus_owed wallet_part NOT NULL DEFAULT 0,
    -- The spend guard: what may be spent in a UTC day and month; null: no cap. spend_guards says who set them.
    daily_cap spend_cap,
    monthly_cap spend_cap,
    -- The day that spent_today counts; its month is the one that spent_this_month counts. A count of an earlier day or
    -- month is void. Null: no guard.
    guard_day date,
    -- The active grant: the one that the next usage takes from. What is left of it and what holds reserve of it are in
    -- this row, so that a usage writes no row of `grants`; the columns of the grant's own row are those of its last
    -- change by the full path.
    active_grant uuid,
    -- When the first grant expires of which something remains. From then on the full path decides.
    grants_until timestamptz,
    active_remaining wallet_part,
    active_held wallet_part,
    spent_today wallet_part,
    spent_this_month wallet_part,
    -- Promotional credit: what remains of the wallet's grants.
    granted wallet_part NOT NULL DEFAULT 0,
    -- The sum of the open holds, of paid and granted money.
    held wallet_part NOT NULL DEFAULT 0,
    -- What the customer owes.
    debt wallet_part NOT NULL DEFAULT 0,
    -- Money that was topped up.
    paid wallet_part NOT NULL DEFAULT 0,
    -- All paid money that ever came in, and that ever went out. They only grow; an entry keeps their values after it.
    paid_in numeric(24, 8) NOT NULL DEFAULT 0,
    paid_out numeric(24, 8) NOT NULL DEFAULT 0,
    -- The number of the last entry. Gapless: it grows only with entries.
    entry_seq bigint NOT NULL DEFAULT 0,
    -- Grows with every change of the row, holds included: it is the ETag of the balance, and the stream watches it.
    version bigint NOT NULL DEFAULT 0,
    -- The time of the last change; never runs backwards.
    updated_at timestamptz NOT NULL,
    CONSTRAINT wallets_pkey PRIMARY KEY (customer_id, currency, product),
    CONSTRAINT wallets_id_once UNIQUE (customer_id, id),
    CONSTRAINT wallets_held_is_there CHECK (held <= paid + granted),
    CONSTRAINT wallets_paid_is_in_less_out CHECK (paid = paid_in - paid_out),
    CONSTRAINT wallets_active_grant_is_there CHECK (CASE
        WHEN active_grant IS NULL
            THEN granted = 0 AND num_nonnulls(active_remaining, active_held, grants_until) = 0
        ELSE coalesce(active_remaining > 0 AND active_remaining BETWEEN active_held AND granted, false) END),
    CONSTRAINT wallets_guard_is_whole CHECK (CASE
        WHEN guard_day IS NULL THEN num_nonnulls(daily_cap, monthly_cap, spent_today, spent_this_month) = 0
        ELSE num_nonnulls(daily_cap, monthly_cap) > 0 AND num_nulls(spent_today, spent_this_month) = 0 END),
    CONSTRAINT wallets_needs_full_path_is_kept CHECK (
        needs_full_path = (debt > 0 OR frozen OR customer_frozen OR claimed OR closing) AND closing >= closed)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
-- Operators search for customers by the beginning of an id. Only a new wallet adds a row to this index.
CREATE INDEX wallets_by_customer_prefix ON wallets (customer_id text_pattern_ops);

-- Whether the fast path may take an amount from a wallet, or reserve it: what `domain::wallet` decides for usage and
-- holds in the common case. Either the active grant gives the whole amount and is not used up by it, or there is no
-- grant and paid money gives it. No grant lapses, and no day ends, within the next second, because the statement may
-- still wait for the wallet's lock. The caps leave enough. PostgreSQL replaces the call by its body when it plans a
-- statement.
CREATE FUNCTION fast_path_covers(w wallets, amount numeric) RETURNS boolean LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT NOT w.needs_full_path
       AND w.paid + w.granted - w.held - amount >= w.fast_floor
       AND (w.active_grant IS NULL
            OR w.active_remaining - w.active_held > amount
               AND (w.grants_until <= ledger_now() + interval '1 second') IS NOT TRUE)
       AND (w.guard_day IS NULL
            OR w.guard_day = ((ledger_now() + interval '1 second') AT TIME ZONE 'UTC')::date
               AND (w.spent_today + w.held + amount > w.daily_cap) IS NOT TRUE
               AND (w.spent_this_month + w.held + amount > w.monthly_cap) IS NOT TRUE)
$$;

-- Whether the fast path may capture holds of a wallet. `holding` is the grant that they reserve, null for paid money,
-- and `granted` is how much is taken from it. The rest of a hold becomes available, so a wallet with an alert that
-- waits for the recovery, or with owed bonus, is left to the full path.
CREATE FUNCTION fast_path_captures(w wallets, holding uuid, granted numeric) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT NOT w.needs_full_path
       AND (w.low_balance_threshold IS NULL OR w.fast_floor > 0)
       AND (holding IS NULL OR holding = w.active_grant AND w.active_remaining > granted AND w.bonus_owed = 0)
       AND (w.grants_until <= ledger_now() + interval '1 second') IS NOT TRUE
       AND (w.guard_day <> ((ledger_now() + interval '1 second') AT TIME ZONE 'UTC')::date) IS NOT TRUE
$$;

-- What the numbers in entries.kind mean, and as which type of account flow a customer sees them. The table is for
-- people and reports. The service has the same list in `domain::entry::EntryKind`, and a test compares them.
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
    (16, 'dispute_returned', 'refund'),
    (17, 'bonus_taken', 'refund'),
    (18, 'bonus_taken_returned', 'refund'),
    (19, 'payout', 'refund'),
    (20, 'payout_returned', 'refund'),
    (21, 'write_off', 'adjust'),
    (22, 'write_off_recovered', 'adjust');

-- One immutable row per movement of money. It names both sides: the wallet that it changes, and the counterpart. So the
-- books balance by construction, without a row for each counterpart that all writers would have to lock.
CREATE TABLE entries (
    -- Never runs backwards within a wallet: it is read under the wallet's lock.
    created_at timestamptz NOT NULL,
    -- Gapless within the wallet, from 1.
    seq entry_number NOT NULL,
    -- The fingerprint of the request. The same key with another fingerprint is refused; with the same one it is
    -- replayed.
    fingerprint bigint NOT NULL,
    wallet_id uuid NOT NULL,
    kind entry_kind NOT NULL,
    customer_id text NOT NULL,
    -- Signed: change of paid + change of granted - change of debt.
    amount numeric(24, 8) NOT NULL,
    -- paid + granted - debt of the wallet after this entry.
    balance_after numeric(24, 8) NOT NULL,
    -- The wallet's paid_in and paid_out after this entry. They give the entry a range of the wallet's paid money, so
    -- that "which top-up paid for this?" is a range look-up.
    paid_in numeric(24, 8) NOT NULL,
    paid_out numeric(24, 8) NOT NULL,
    -- The other side: provider:stripe, bank:<account>, usage, promotion, transfer, refund:stripe, adjustment, …
    counterpart counterpart_name NOT NULL,
    -- The caller's id of the movement, or our id: nothing is booked twice under the same id.
    key dedupe_key NOT NULL,
    -- The signed changes of granted credit and of debt; null if there is none, because a null takes no space.
    granted numeric(24, 8),
    debt numeric(24, 8),
    -- For usage and captures: the grant that gave the granted part, if it was exactly one. Several grants, and
    -- those of other kinds of entry, are in grant_uses; `all_grant_uses` has both.
    grant_id uuid,
    -- What the entry belongs to, as the API shows its id: an order, a transfer, a hold, a usage that is given back.
    reference text,
    description text,
    metadata jsonb,
    -- When the caller says that the usage happened.
    occurred_at timestamptz,
    -- What is left of description and metadata after their erasure: their digests, as in the sealed form.
    text_digest text,
    CONSTRAINT entries_pkey PRIMARY KEY (customer_id, wallet_id, seq),
    -- The key leads, so that keys made in order of time are written at one edge of the index.
    CONSTRAINT entries_key_once UNIQUE (key, kind, customer_id),
    -- An adjustment can have either sign; of the other kinds, these bring money in.
    CONSTRAINT entries_grant_of_consumption CHECK (
        grant_id IS NULL OR (granted < 0 AND kind IN (/* CONSUMPTION */ 2, 3))),
    CONSTRAINT entries_sign CHECK (amount <> 0 AND (
        kind = /* ADJUST */ 11 OR (amount > 0) = (kind IN (/* BRINGS_MONEY */ 1, 4, 6, 7, 9, 12, 14, 16, 18, 20, 21))))
);
-- Every usage must be written to each index that contains it, so ordinary usage is only in the two indexes above. Lists
-- read it wallet by wallet. Rare kinds are found by kind. The index does not contain the wallet, because few entries of
-- two wallets have the same time and number.
CREATE INDEX entries_by_kind_and_time ON entries (customer_id, kind, created_at, seq)
    WHERE kind NOT IN (/* CONSUMPTION */ 2, 3);
-- Usage of products that the main wallet paid: the products' spend guards count it.
CREATE INDEX entries_paid_for_products ON entries (customer_id, counterpart, created_at)
    WHERE kind = /* USAGE */ 2 AND counterpart <> 'usage';
-- The entries of an order or a transfer, and the reversals of a usage. Usage itself refers to nothing, and a capture
-- refers to its hold.
CREATE INDEX entries_by_reference ON entries (customer_id, reference)
    WHERE reference IS NOT NULL AND kind NOT IN (/* CONSUMPTION */ 2, 3);
-- Which incoming money paid for what: a deduction took the range of the wallet's paid money that ends at its paid_out,
-- and the entries whose paid_in reaches into that range brought this money.
CREATE INDEX entries_paid_in ON entries (customer_id, wallet_id, paid_in)
    WHERE kind IN (/* BRINGS_PAID_MONEY */ 1, 4, 6, 7, 11, 16, 18, 20, 21);
-- Which payment repaid which debt: while there is debt, paid_in does not change. Few entries move debt.
CREATE INDEX entries_debt ON entries (customer_id, wallet_id, paid_in, seq) WHERE debt IS NOT NULL;

-- How many entries of a wallet come before a position in the order of lists: (created_at, seq, wallet id). Time never
-- runs backwards within a wallet and its numbers have no gaps, so the answer is found by binary search, in some 25
-- steps. If the position is in this wallet, its number is the answer.
CREATE FUNCTION entries_before(
    customer text, wallet uuid, entry_seq bigint, before_at timestamptz, before_seq bigint, before_wallet uuid
)
    RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := entry_seq + 1;
    middle bigint;
    is_before boolean;
BEGIN
    IF wallet = before_wallet THEN
        -- A forged cursor may name any number.
        RETURN least(entry_seq, greatest(before_seq, 1) - 1);
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

-- Refuses every change or removal of a row. It also protects the other append-only tables.
CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();

-- Allows one change of an entry: the owner erases both texts, and their digests take their place. The rest of the entry
-- stays.
CREATE FUNCTION entries_let_texts_be_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased entries := OLD;
    digests text := '^' || CASE WHEN OLD.description IS NULL THEN '-' ELSE '[0-9a-f]{64}' END
                 || ':' || CASE WHEN OLD.metadata IS NULL THEN '-' ELSE '[0-9a-f]{64}' END || '$';
BEGIN
    erased.description := NULL;
    erased.metadata := NULL;
    erased.text_digest := NEW.text_digest;
    IF OLD.text_digest IS NULL AND num_nonnulls(OLD.description, OLD.metadata) > 0 AND NEW.text_digest ~ digests
       AND NEW IS NOT DISTINCT FROM erased
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'entries are append-only: UPDATE refused' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER entries_no_change BEFORE UPDATE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_let_texts_be_erased();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON entries FROM PUBLIC;

-- What a caller attaches to an order, a transfer or a grant: its own name for it, and texts. Both may be personal.
CREATE DOMAIN client_reference AS text
    CONSTRAINT client_reference_length CHECK (length(VALUE) BETWEEN 1 AND 200);
-- PostgreSQL writes more spaces than a caller, whose JSON has at most 2,048 bytes.
CREATE DOMAIN client_metadata AS jsonb
    CONSTRAINT client_metadata_is_small CHECK (jsonb_typeof(VALUE) = 'object' AND octet_length(VALUE::text) <= 4096);

-- Promotional credit. wallets.granted is the sum of remaining in `current_grants`.
CREATE TABLE grants (
    customer_id text NOT NULL,
    id uuid NOT NULL,
    wallet_id uuid NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT grants_amount_positive CHECK (amount > 0),
    -- While the grant is its wallet's active one, the wallet's row has the newer value: read `current_grants`.
    remaining numeric(24, 8) NOT NULL,
    -- What open holds reserve of the grant. That part can still be captured after the grant has expired.
    held numeric(24, 8) NOT NULL DEFAULT 0,
    -- Money that was taken, or is claimed, in place of spent parts. Such a grant is a bonus whose order's money went
    -- back.
    owed numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT grants_owed CHECK (owed BETWEEN 0 AND amount),
    -- Spent in this order: the lowest priority, then the earliest expiry, then the oldest.
    priority smallint NOT NULL DEFAULT 100,
    -- From this moment the grant cannot be spent, although what remains is written off only later. Null: never.
    expires_at timestamptz,
    reason text NOT NULL,
    -- The order whose bonus it is.
    order_id uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    -- The number of the wallet's last entry that can have used it, while it is not the active grant.
    used_to bigint NOT NULL DEFAULT 0,
    -- Whether an event has announced its expiry.
    told_expiring boolean NOT NULL DEFAULT false,
    client_reference client_reference,
    metadata client_metadata,
    -- The Idempotency-Key of the request that made it, once the key's row in idempotency_keys is pruned.
    key_caller text,
    key text,
    key_fingerprint bytea,
    CONSTRAINT grants_key_is_whole CHECK (num_nulls(key_caller, key, key_fingerprint) IN (0, 3)),
    CONSTRAINT grants_pkey PRIMARY KEY (customer_id, id),
    CONSTRAINT grants_parts CHECK (held >= 0 AND held <= remaining AND remaining <= amount)
);
CREATE UNIQUE INDEX grants_by_key ON grants (key_caller, key) WHERE key IS NOT NULL;
CREATE INDEX grants_by_client_reference ON grants (customer_id, client_reference, created_at, id)
    WHERE client_reference IS NOT NULL;
CREATE INDEX grants_live ON grants (customer_id, wallet_id) WHERE remaining > 0;
CREATE INDEX grants_expiring ON grants (expires_at, id) WHERE remaining > 0 AND expires_at IS NOT NULL;

-- The grants with their current figures: what is left of a wallet's active grant is in the wallet's row.
CREATE VIEW current_grants AS
SELECT g.customer_id, g.id, g.wallet_id, g.amount,
       CASE WHEN w.active_grant = g.id THEN w.active_remaining ELSE g.remaining END AS remaining,
       CASE WHEN w.active_grant = g.id THEN w.active_held ELSE g.held END AS held,
       g.owed, g.priority, g.expires_at, g.order_id, g.created_by, g.created_at
FROM grants g
LEFT JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id;

-- Which grants an entry took from (negative) or gave back to (positive), if entries.grant_id does not name the grant.
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

-- All uses of grants. A search by grant cannot use an index for usage: no index of `entries` contains the grant.
CREATE VIEW all_grant_uses AS
SELECT customer_id, wallet_id, seq, grant_id, amount FROM grant_uses
UNION ALL
SELECT customer_id, wallet_id, seq, grant_id, granted FROM entries WHERE grant_id IS NOT NULL;

-- The public keys of seals. A key is written here when it is first used, and stays for as long as its seals.
CREATE TABLE seal_keys (
    -- The first 16 hex digits of the key's SHA-256, so that no other key can take its place.
    id text PRIMARY KEY,
    -- Ed25519.
    public_key bytea NOT NULL CONSTRAINT seal_keys_length CHECK (length(public_key) = 32),
    first_used_at timestamptz NOT NULL DEFAULT ledger_now(),
    CONSTRAINT seal_keys_id_is_of_key CHECK (id = left(encode(sha256(public_key), 'hex'), 16))
);
CREATE TRIGGER seal_keys_no_change BEFORE UPDATE OR DELETE ON seal_keys
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER seal_keys_no_truncate BEFORE TRUNCATE ON seal_keys
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- The chain of a wallet: each row seals a stretch of its entries and their grant uses, and the row before it.
-- `src/docs/seals.md` says what is hashed and signed.
CREATE TABLE seals (
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    -- The version of the form that is hashed.
    form smallint NOT NULL,
    -- The hash of the seal before; zeros for the first.
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    key_id text NOT NULL REFERENCES seal_keys (id),
    signature bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT seals_pkey PRIMARY KEY (customer_id, wallet_id, from_seq),
    CONSTRAINT seals_stretch CHECK (from_seq > 0 AND from_seq <= to_seq),
    CONSTRAINT seals_lengths CHECK (length(previous_hash) = 32 AND length(hash) = 32 AND length(signature) = 64)
);
CREATE TRIGGER seals_no_change BEFORE UPDATE OR DELETE ON seals
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER seals_no_truncate BEFORE TRUNCATE ON seals
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- The secret with which the texts of a customer's entries are digested. It is created when it is first needed and
-- deleted when the texts are erased; after that nobody can guess them from their digests. It is written only under the
-- lock of `seal_walk`.
CREATE TABLE customer_secrets (
    customer_id customer_key PRIMARY KEY,
    secret bytea NOT NULL CONSTRAINT customer_secrets_length CHECK (length(secret) = 32),
    made_at timestamptz NOT NULL DEFAULT ledger_now()
);

-- The progress of the walk that seals all wallets. The process that has this row locked may seal; the others skip their
-- turn.
CREATE TABLE seal_walk (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT seal_walk_one_row CHECK (singleton),
    -- The key of the last wallet that was checked; empty before the first.
    customer_id text NOT NULL DEFAULT '',
    currency text NOT NULL DEFAULT '',
    product text NOT NULL DEFAULT '',
    next_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- When the oldest entry was made that the last complete walk left unsealed, and the same for the present walk so
    -- far.
    oldest timestamptz,
    oldest_so_far timestamptz
);
INSERT INTO seal_walk DEFAULT VALUES;

-- Taken-back money. A refund, a dispute or a reversed approval (the source) takes money that an order, or a payment
-- without an order, brought to the customer's wallets. One row for each movement: the entry `<source>:<n>` took it, and
-- the entries `<source>:<n>:1`, `:2`, … gave it back.
CREATE DOMAIN take_back_source AS text
    CONSTRAINT take_back_source_form CHECK (VALUE ~ '^(rfd|dsp|adj)_[0-9a-f]{32}$');
-- Money for an order's money, money for what a payment brought to a wallet without an order, money for spent bonus, or
-- bonus that was revoked.
CREATE DOMAIN taken_part AS text
    CONSTRAINT taken_part_known CHECK (VALUE IN ('money', 'wallet_money', 'bonus_money', 'bonus'));
CREATE TABLE take_backs (
    source take_back_source NOT NULL,
    n integer NOT NULL CONSTRAINT take_backs_n CHECK (n > 0),
    part taken_part NOT NULL,
    -- What brought the money: an order, or a payment that was applied to the wallet.
    order_id uuid,
    payment_id uuid,
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    -- The counterpart of the source's own money.
    counterpart counterpart_name NOT NULL,
    -- The order's bonus that it concerns.
    grant_id uuid,
    taken numeric(24, 8) NOT NULL CONSTRAINT take_backs_taken CHECK (taken > 0),
    given_back numeric(24, 8) NOT NULL DEFAULT 0
        CONSTRAINT take_backs_given_back CHECK (given_back BETWEEN 0 AND taken),
    -- In how many entries it was given back.
    returns integer NOT NULL DEFAULT 0,
    taken_at timestamptz NOT NULL,
    CONSTRAINT take_backs_once PRIMARY KEY (source, n),
    CONSTRAINT take_backs_brought_by
        CHECK (num_nonnulls(order_id, payment_id) = 1 AND (part = 'wallet_money') = (payment_id IS NOT NULL)),
    CONSTRAINT take_backs_bonus CHECK ((part IN ('money', 'wallet_money')) = (grant_id IS NULL)),
    CONSTRAINT take_backs_returns CHECK (returns >= 0 AND (returns > 0) = (given_back > 0))
);
CREATE INDEX take_backs_by_what_brought ON take_backs (customer_id, (coalesce(order_id, payment_id)));

-- What is still claimed for a source, because the wallets did not have it. A claim concerns the customer in a currency:
-- it is in no wallet's figures, and no entry is made until money is taken for it. Its rows are guarded by the locks of
-- all wallets of that customer and currency.
CREATE TABLE taken_back_debts (
    source take_back_source NOT NULL,
    part taken_part NOT NULL CONSTRAINT taken_back_debts_part CHECK (part <> 'bonus'),
    order_id uuid,
    payment_id uuid,
    customer_id customer_key NOT NULL,
    currency currency_code NOT NULL,
    counterpart counterpart_name NOT NULL,
    grant_id uuid,
    description text,
    amount numeric(24, 8) NOT NULL CONSTRAINT taken_back_debts_amount CHECK (amount > 0),
    created_at timestamptz NOT NULL,
    CONSTRAINT taken_back_debts_once PRIMARY KEY (source, part),
    CONSTRAINT taken_back_debts_brought_by
        CHECK (num_nonnulls(order_id, payment_id) = 1 AND (part = 'wallet_money') = (payment_id IS NOT NULL)),
    CONSTRAINT taken_back_debts_bonus CHECK ((part IN ('money', 'wallet_money')) = (grant_id IS NULL))
);
CREATE INDEX taken_back_debts_by_customer ON taken_back_debts (customer_id, currency, created_at);

-- Who froze a customer, or one wallet, and why. The wallets' columns `customer_frozen` and `frozen` say the same.
CREATE TABLE frozen_customers (
    customer_id customer_key PRIMARY KEY,
    reason text NOT NULL,
    frozen_by text NOT NULL,
    frozen_at timestamptz NOT NULL
);
CREATE TABLE frozen_wallets (
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    reason text NOT NULL,
    frozen_by text NOT NULL,
    frozen_at timestamptz NOT NULL,
    CONSTRAINT frozen_wallets_pkey PRIMARY KEY (customer_id, wallet_id)
);

-- The gate of a customer's wallets: an advisory lock. A transaction that creates a wallet takes it in shared mode until
-- it ends. A transaction that must reach all wallets (for a claim that begins or ends, or a freeze) takes it
-- exclusively; then no unlisted wallet can appear. Row locks cannot do this, because there is no row yet. The gate is
-- taken before a wallet is locked.
CREATE FUNCTION wallet_gate(customer text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended('wallets of ' || customer, 0)
$$;

-- Takes the gate exclusively for a transaction that has locked wallets already. It must not wait, because the holder of
-- the gate may wait for one of those wallets. So it fails, and the transaction runs again.
CREATE FUNCTION close_wallet_gate_at_once(customer text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(wallet_gate(customer)) THEN
        RAISE EXCEPTION 'a wallet of % is being made', customer USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
END $$;

-- A new wallet gets the marks of the customer's other wallets in that currency. The statements of this function see
-- everything that was committed before the gate was taken.
CREATE FUNCTION mark_new_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(wallet_gate(NEW.customer_id));
    NEW.claimed := EXISTS (SELECT FROM taken_back_debts d
                           WHERE d.customer_id = NEW.customer_id AND d.currency = NEW.currency);
    NEW.customer_frozen := EXISTS (SELECT FROM frozen_customers f WHERE f.customer_id = NEW.customer_id);
    SELECT true, c.state <> 'waiting' INTO NEW.closing, NEW.closed
    FROM closings c WHERE c.customer_id = NEW.customer_id AND c.state <> 'withdrawn';
    NEW.closing := coalesce(NEW.closing, false);
    NEW.closed := coalesce(NEW.closed, false);
    NEW.needs_full_path := NEW.needs_full_path OR NEW.claimed OR NEW.customer_frozen OR NEW.closing;
    RETURN NEW;
END $$;
CREATE INDEX wallets_by_id ON wallets (id);
CREATE TRIGGER wallets_marked BEFORE INSERT ON wallets FOR EACH ROW EXECUTE FUNCTION mark_new_wallet();

-- Amounts that are reserved for running calls. status is in no index, so closing a hold is a heap-only update.
CREATE TABLE holds (
    customer_id text NOT NULL,
    -- The caller's id of the hold.
    key dedupe_key NOT NULL,
    -- Our id, as the API shows it.
    id uuid NOT NULL,
    wallet_id uuid NOT NULL,
    -- A copy of the wallet's columns, so that a hold names its wallet's key without a look-up.
    currency text NOT NULL,
    product text NOT NULL,
    fingerprint bigint NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT holds_amount_positive CHECK (amount > 0),
    -- How much of the amount is granted credit.
    granted numeric(24, 8) NOT NULL DEFAULT 0,
    -- The grant that is reserved, if it is exactly one.
    grant_id uuid,
    -- Several grants: [{"grant_id": …, "amount": "…"}].
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
    CONSTRAINT holds_granted_is_part CHECK (
        granted >= 0 AND granted <= amount AND (granted > 0)::integer = num_nonnulls(grant_id, grant_parts)),
    CONSTRAINT holds_closed CHECK (
        (status = 'open') = (closed_at IS NULL) AND (status = 'captured') = (captured IS NOT NULL)),
    CONSTRAINT holds_captured_not_negative CHECK (captured >= 0)
) WITH (fillfactor = 80);
CREATE INDEX holds_by_id ON holds (id);
CREATE INDEX holds_by_expiry ON holds (expires_at);
CREATE INDEX holds_by_customer_and_expiry ON holds (customer_id, expires_at);

-- A statement of the fast path calls it if it must not go on: then the whole statement fails.
CREATE FUNCTION fast_path_refused() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the fast path does not take this' USING ERRCODE = 'TP001';
END $$;

-- The same for a new hold whose key belongs to a captured one, even if that row is deleted. It fails like a violation
-- of the table's primary key.
CREATE FUNCTION hold_key_used() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold with this key was captured' USING ERRCODE = 'unique_violation', CONSTRAINT = 'holds_pkey';
END $$;

-- Who set the caps of a wallet's spend guard. The caps, and what they count, are in the wallet's row.
CREATE TABLE spend_guards (
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    set_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT spend_guards_pkey PRIMARY KEY (customer_id, wallet_id)
);

-- The progress of a worker that searches for expired rows: before `reached` nothing is left to do. So its next scan,
-- and the look-ups of the ledger, need not read everything that was closed long ago.
CREATE TABLE worker_marks (
    worker text PRIMARY KEY,
    reached timestamptz NOT NULL
);

-- Events, for the feed, the webhooks and the balance stream. An event is written in the transaction of the change
-- itself, and contains the changed row in its state at that time.
CREATE TABLE events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- Null: it is about no customer.
    customer_id text,
    type text NOT NULL,
    -- The table that `data` is a row of.
    noun text NOT NULL CONSTRAINT events_noun CHECK (noun IN (
        'order', 'unapplied_payment', 'refund', 'refund_request', 'dispute', 'transfer', 'balance', 'grant', 'hold',
        'customer', 'closing', 'webhook_endpoint')),
    -- The only service that may read it, in addition to operators; null: every service.
    owner text,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Grows in the order in which a customer's events become visible; seq does not, because a transaction can take a
    -- lower seq and commit later. So a reader of one customer's events that goes on after the last position it has seen
    -- misses nothing.
    position bigint,
    -- The number among the customer's events: gapless, from 1, in the order of position.
    sequence bigint,
    -- The number in the feed of all customers: gapless, from 1. It is given once the event is visible, so a reader
    -- that goes on after the last number it has seen misses nothing either.
    number bigint,
    CONSTRAINT events_numbered_after_placed CHECK (number IS NULL OR (position IS NOT NULL AND sequence IS NOT NULL))
);
CREATE INDEX events_by_customer ON events (customer_id, position);
CREATE UNIQUE INDEX events_number_once ON events (number) WHERE number IS NOT NULL;
CREATE INDEX events_to_number ON events (position) WHERE number IS NULL;
-- For a partner who requests all events since a time.
CREATE INDEX events_by_time ON events (created_at) WHERE number IS NOT NULL;

-- The highest position of an event that was deleted for its age. A listener with a lower position may miss events.
CREATE TABLE events_pruned (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT events_pruned_one_row CHECK (singleton),
    up_to bigint NOT NULL
);
CREATE SEQUENCE event_positions;

-- The last sequence of each customer, and of the events without a customer (''). It outlives the events themselves.
CREATE TABLE event_sequences (
    customer_id text PRIMARY KEY,
    last bigint NOT NULL CONSTRAINT event_sequences_positive CHECK (last > 0)
) WITH (fillfactor = 80);

-- The last number in the feed. `origin` takes the place of an event's id for number 0 in cursors: see `storage::feed`.
CREATE TABLE event_feed (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT event_feed_one_row CHECK (singleton),
    last bigint NOT NULL DEFAULT 0,
    origin uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO event_feed DEFAULT VALUES;

-- Where partners take events.
CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    -- The caller who made it: `service:meter`.
    owner text NOT NULL,
    -- The API key that created it, or that changed its URL or secret last; null: a token did.
    api_key uuid,
    url text NOT NULL,
    description text,
    -- The types of events that it gets; empty: all.
    types text[] NOT NULL DEFAULT '{}',
    -- `deleted`: it is no longer shown, but its deliveries refer to it until they are pruned.
    status text NOT NULL CONSTRAINT webhook_endpoints_status
        CHECK (status IN ('enabled', 'paused', 'disabled', 'deleted')),
    disabled_because text CONSTRAINT webhook_endpoints_disabled_because CHECK (disabled_because IN ('gone', 'failing')),
    -- Since when every attempt has failed.
    failing_since timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- The process that delivers to it now, and the end of its lease.
    lease uuid,
    leased_until timestamptz,
    CONSTRAINT webhook_endpoints_disabled_says_why CHECK ((status = 'disabled') = (disabled_because IS NOT NULL))
);
CREATE INDEX webhook_endpoints_by_owner ON webhook_endpoints (owner, created_at, id);
CREATE INDEX webhook_endpoints_by_time ON webhook_endpoints (created_at, id);
CREATE INDEX webhook_endpoints_by_key ON webhook_endpoints (api_key) WHERE api_key IS NOT NULL;
CREATE INDEX webhook_endpoints_in_use ON webhook_endpoints (leased_until) WHERE status IN ('enabled', 'paused');
CREATE INDEX webhook_endpoints_leased ON webhook_endpoints (lease) WHERE lease IS NOT NULL;
CREATE INDEX webhook_endpoints_deleted ON webhook_endpoints (id) WHERE status = 'deleted';

-- The secrets that sign. They are not hashed, because a signature needs them.
CREATE TABLE webhook_secrets (
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id),
    secret text NOT NULL,
    made_at timestamptz NOT NULL,
    -- Until when the secret signs in addition to its successor; null: the current secret.
    ends_at timestamptz,
    PRIMARY KEY (endpoint_id, secret)
);
CREATE UNIQUE INDEX webhook_secrets_one_current ON webhook_secrets (endpoint_id) WHERE ends_at IS NULL;

-- Deliveries, waiting and finished. A row is created when its event is numbered.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id),
    number bigint NOT NULL,
    event_id uuid NOT NULL,
    -- Empty: the event is about no customer.
    customer_id text NOT NULL,
    type text NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'failed')),
    -- The number of all attempts, and of those since it was created or requested again.
    attempts integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    -- When it is tried next; null: never.
    due_at timestamptz DEFAULT ledger_now(),
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    CONSTRAINT webhook_deliveries_once UNIQUE (endpoint_id, number),
    CONSTRAINT webhook_deliveries_pending_is_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_tries CHECK (tries BETWEEN 0 AND attempts)
);
-- First attempts are made in the order of the feed; further ones when they are due.
CREATE INDEX webhook_deliveries_first ON webhook_deliveries (endpoint_id, number)
    WHERE attempts = 0 AND due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_again ON webhook_deliveries (endpoint_id, due_at)
    WHERE attempts > 0 AND due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    n integer NOT NULL,
    at timestamptz NOT NULL,
    milliseconds integer NOT NULL,
    status integer,
    error text,
    body text,
    PRIMARY KEY (delivery_id, n)
);

-- Whether an endpoint gets an event. A test event goes to the endpoint that it is about, and to no other.
CREATE FUNCTION webhook_wants(
    endpoint uuid, endpoint_owner text, types text[], event_type text, event_owner text, subject text
)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN event_type = 'webhook_endpoint.test' THEN endpoint::text = subject
        ELSE (cardinality(types) = 0 OR event_type = ANY (types))
            AND (event_owner IS NULL OR event_owner = endpoint_owner OR endpoint_owner LIKE 'operator:%')
    END
$$;

-- Places an event when its transaction commits, one transaction of a customer after the other: the row in
-- event_sequences is locked until the commit is visible. By then the transaction has all its other locks, so two
-- transactions that meet here cannot wait for each other.
CREATE FUNCTION place_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    next bigint;
BEGIN
    INSERT INTO event_sequences AS s (customer_id, last) VALUES (coalesce(NEW.customer_id, ''), 1)
    ON CONFLICT (customer_id) DO UPDATE SET last = s.last + 1
    RETURNING s.last INTO next;
    UPDATE events SET position = nextval('event_positions'), sequence = next WHERE seq = NEW.seq;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER events_placed AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION place_event();

-- Triggers write the events that follow from a row alone, so no writer can forget one.
CREATE FUNCTION tell_of_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (customer_id, type, noun, data)
    SELECT NEW.customer_id, 'grant.given', 'grant',
           to_jsonb(NEW) || jsonb_build_object('currency', w.currency, 'product', w.product)
    FROM wallets w WHERE w.customer_id = NEW.customer_id AND w.id = NEW.wallet_id;
    RETURN NULL;
END $$;
CREATE TRIGGER grants_told AFTER INSERT ON grants FOR EACH ROW EXECUTE FUNCTION tell_of_grant();

CREATE FUNCTION tell_of_frozen_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO events (customer_id, type, noun, data)
        VALUES (NEW.customer_id, 'customer.frozen', 'customer', to_jsonb(NEW));
    ELSE
        INSERT INTO events (customer_id, type, noun, data)
        VALUES (OLD.customer_id, 'customer.unfrozen', 'customer', jsonb_build_object('customer_id', OLD.customer_id));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_disabled_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, noun, owner, data)
    VALUES ('webhook_endpoint.disabled', 'webhook_endpoint', NEW.owner, to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_endpoints_told AFTER UPDATE ON webhook_endpoints FOR EACH ROW
    WHEN (NEW.status = 'disabled' AND OLD.status <> 'disabled') EXECUTE FUNCTION tell_of_disabled_endpoint();

CREATE TRIGGER frozen_customers_told AFTER INSERT OR DELETE ON frozen_customers
    FOR EACH ROW EXECUTE FUNCTION tell_of_frozen_customer();
