-- The code behind a channel. `bank` is our own accounts, `balance` the customer's main wallet.
CREATE DOMAIN provider_name AS text
    CONSTRAINT provider_name_is_known CHECK (VALUE IN ('stripe', 'paypal', 'vnpay', 'bank', 'balance'));

CREATE TABLE top_up_orders (
    id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    channel text NOT NULL,
    provider provider_name NOT NULL,
    merchant_account text NOT NULL,
    status text NOT NULL CONSTRAINT top_up_orders_status
        CHECK (status IN ('pending', 'processing', 'completed', 'cancelled', 'failed', 'expired')),
    -- Whom a processing order waits for. `payer`: the last capture was declined, and the payer can try again. `rest`:
    -- money came, but not enough to complete the order.
    awaiting text CONSTRAINT top_up_orders_awaiting
        CHECK (awaiting IN ('provider', 'payer', 'second_operator', 'rest')),
    -- Who made a failed order fail. `clock`: a payment was declined, and then the time ran out. `return`: the money
    -- that had come was not enough, and went back.
    failed_by text CONSTRAINT top_up_orders_failed_by
        CHECK (failed_by IN ('provider', 'customer', 'operator', 'clock', 'return')),
    -- Why the order is stuck, held or failed: a text for people, which no rule reads.
    reason text,
    -- How many captures were declined; part of the next capture's idempotency key at the provider.
    declines integer NOT NULL DEFAULT 0 CONSTRAINT top_up_orders_declines CHECK (declines >= 0),
    -- A notification asked for a review of the money; the provider's answer to a question does not end it.
    held_for_review boolean NOT NULL DEFAULT false,
    -- What the wallet is to get before fees; fixed at the creation of the order, as are payable amount, fee, tax, bonus
    -- and merchant account.
    amount numeric(24, 8) NOT NULL CONSTRAINT top_up_orders_amount CHECK (amount > 0),
    payable_amount numeric(24, 8) NOT NULL,
    fee numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT top_up_orders_fee CHECK (fee >= 0),
    -- Whether the payer pays the fee on top of the amount; otherwise it is deducted from what is credited.
    fee_on_top boolean NOT NULL DEFAULT false,
    -- The part that the payer pays on top of the amount.
    tax numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT top_up_orders_tax CHECK (tax >= 0),
    -- The tax that the payable amount contains.
    tax_included numeric(24, 8) NOT NULL DEFAULT 0
        CONSTRAINT top_up_orders_tax_included CHECK (tax_included BETWEEN 0 AND payable_amount),
    -- The rule by which it is taxed, as it was when the order was created; null: there was none.
    tax_rule jsonb,
    -- Whether a refund gives the fee back, as the channel's rule said when the order was created.
    fee_refundable boolean NOT NULL DEFAULT true,
    bonus numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT top_up_orders_bonus CHECK (bonus >= 0),
    -- The tier that the bonus comes from, whether it serves a customer once, and after how many days it expires.
    bonus_tier_id uuid REFERENCES bonus_tiers (id),
    bonus_once boolean NOT NULL DEFAULT false,
    -- It is the bonus of the customer's first top-up, whichever tier gives it.
    bonus_first boolean NOT NULL DEFAULT false,
    bonus_days integer,
    -- The order has no bonus, because another order of the customer names the tier, or was the first top-up.
    bonus_reserved boolean NOT NULL DEFAULT false,
    -- What the wallet gets, or got: a bank transfer credits the amount that arrived.
    credited_amount numeric(24, 8) NOT NULL,
    -- What was proven to have arrived; set on completion.
    received_amount numeric(24, 8),
    -- The part that has gone back, or is on its way back, to the payer.
    refunded_amount numeric(24, 8) NOT NULL DEFAULT 0,
    reference text NOT NULL CONSTRAINT top_up_orders_reference_once UNIQUE,
    agreement_version text NOT NULL,
    return_url text,
    card_flow text CONSTRAINT top_up_orders_card_flow CHECK (card_flow IN ('checkout', 'elements')),
    remitter_name text,
    remitter_bank text,
    remarks text,
    -- The normal form of the remitter's name (`domain::bank_transaction`), by which operators search.
    remitter_key text,
    -- The account that the payer was shown.
    bank_account_id uuid,
    bank_account_version bigint,
    vnpay_bank_code text,
    payer_ip text NOT NULL,
    locale text,
    -- The buyer: the billing profile as it was when the order was created. Personal data, which can be erased.
    buyer jsonb,
    client_reference client_reference,
    metadata client_metadata,
    -- The transfer that paid it, if it was paid from the main wallet.
    transfer_id uuid CONSTRAINT top_up_orders_transfer CHECK (transfer_id IS NULL OR channel = 'balance'),
    created_at timestamptz NOT NULL,
    -- The latest time at which its money arrives, as the channel promises; null: no promise.
    due_at timestamptz,
    expires_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    completed_at timestamptz,
    -- When a worker asks the provider next (null: never), and how often it has asked.
    ask_at timestamptz,
    asked integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT top_up_orders_processing_awaits CHECK ((status = 'processing') = (awaiting IS NOT NULL)),
    CONSTRAINT top_up_orders_failed_says_by_whom CHECK ((status = 'failed') = (failed_by IS NOT NULL)),
    CONSTRAINT top_up_orders_completed CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT top_up_orders_received CHECK ((status = 'completed') = (received_amount IS NOT NULL)),
    CONSTRAINT top_up_orders_declined CHECK (awaiting IS DISTINCT FROM 'payer' OR declines > 0),
    CONSTRAINT top_up_orders_review CHECK (NOT held_for_review OR status <> 'completed'),
    CONSTRAINT top_up_orders_remitter CHECK (channel <> 'bank_transfer'
        OR (remitter_name IS NOT NULL AND remitter_bank IS NOT NULL AND bank_account_version IS NOT NULL)),
    CONSTRAINT top_up_orders_account_shown FOREIGN KEY (bank_account_id, bank_account_version)
        REFERENCES bank_account_versions MATCH FULL,
    CONSTRAINT top_up_orders_bonus_once_of_tier CHECK (NOT bonus_once OR bonus_tier_id IS NOT NULL),
    CONSTRAINT top_up_orders_bonus_first_serves_once CHECK (NOT bonus_first OR bonus_once),
    CONSTRAINT top_up_orders_reserved_has_none CHECK (NOT bonus_reserved OR (bonus = 0 AND bonus_tier_id IS NULL)),
    CONSTRAINT top_up_orders_payable
        CHECK (payable_amount = amount + tax + CASE WHEN fee_on_top THEN fee ELSE 0 END),
    CONSTRAINT top_up_orders_credit CHECK (credited_amount >= 0),
    CONSTRAINT top_up_orders_taxed_by_a_rule
        CHECK ((tax = 0 OR tax_included = 0) AND (tax + tax_included = 0 OR tax_rule IS NOT NULL)),
    -- A bank transfer credits the amount that arrived.
    CONSTRAINT top_up_orders_to_credit CHECK (status = 'completed' OR credited_amount = payable_amount - fee - tax),
    CONSTRAINT top_up_orders_refunded_within CHECK (refunded_amount BETWEEN 0 AND coalesce(received_amount, 0))
);
-- A once-only bonus is reserved by the order that names it, also after a refund.
CREATE UNIQUE INDEX top_up_orders_bonus_once ON top_up_orders (customer_id, bonus_tier_id)
    WHERE bonus_once AND status IN ('pending', 'processing', 'completed');
-- A customer has only one first top-up, however many tiers reward it.
CREATE UNIQUE INDEX top_up_orders_bonus_first ON top_up_orders (customer_id)
    WHERE bonus_first AND status IN ('pending', 'processing', 'completed');
CREATE INDEX top_up_orders_by_customer ON top_up_orders (customer_id, created_at, id);
CREATE INDEX top_up_orders_by_time ON top_up_orders (created_at, id);
-- Operators list rare states (failed, held for review) among many completed orders.
CREATE INDEX top_up_orders_by_status ON top_up_orders (status, created_at, id);
CREATE INDEX top_up_orders_open ON top_up_orders (customer_id) WHERE status IN ('pending', 'processing');
CREATE INDEX top_up_orders_by_account ON top_up_orders (bank_account_id, bank_account_version)
    WHERE bank_account_id IS NOT NULL;
-- For the search of operators. A prefix is a range of text_pattern_ops, whatever the database's collation is.
CREATE INDEX top_up_orders_by_reference ON top_up_orders (reference text_pattern_ops);
CREATE INDEX top_up_orders_by_remitter ON top_up_orders (remitter_key text_pattern_ops) WHERE remitter_key IS NOT NULL;
CREATE INDEX top_up_orders_by_client_reference ON top_up_orders (client_reference, created_at, id)
    WHERE client_reference IS NOT NULL;
CREATE INDEX top_up_orders_by_amount ON top_up_orders (payable_amount, created_at, id);
CREATE INDEX top_up_orders_by_completion ON top_up_orders (completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX top_up_orders_by_update ON top_up_orders (updated_at);
CREATE INDEX top_up_orders_to_ask ON top_up_orders (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX top_up_orders_to_expire ON top_up_orders (expires_at) WHERE status = 'pending' OR awaiting = 'payer';

CREATE TABLE attempts (
    order_id uuid NOT NULL REFERENCES top_up_orders (id),
    n integer NOT NULL CONSTRAINT attempts_n CHECK (n > 0),
    provider provider_name NOT NULL,
    request_key text NOT NULL CONSTRAINT attempts_request_key_once UNIQUE,
    -- The address when the order was created: an interrupted call is repeated with the same bytes.
    customer_email text,
    provider_reference text,
    next_action jsonb,
    status text NOT NULL DEFAULT 'open' CONSTRAINT attempts_status CHECK (status IN ('open', 'dead', 'paid')),
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    -- The end of the lease: until then one process calls the provider. After a crash the right to call ends by the
    -- clock.
    leased_until timestamptz,
    PRIMARY KEY (order_id, n),
    CONSTRAINT attempts_reference_once UNIQUE (provider, provider_reference)
);
CREATE INDEX attempts_by_reference ON attempts (provider_reference text_pattern_ops)
    WHERE provider_reference IS NOT NULL;
CREATE UNIQUE INDEX attempts_one_alive ON attempts (order_id) WHERE status = 'open';

-- The timeline of an order.
CREATE TABLE order_events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES top_up_orders (id),
    at timestamptz NOT NULL DEFAULT ledger_now(),
    event text NOT NULL,
    status text NOT NULL,
    actor text NOT NULL,
    detail text
);
CREATE INDEX order_events_by_order ON order_events (order_id, seq);

-- The payers' proofs of bank transfers. They are personal data, which an erasure of their customer deletes.
CREATE TABLE transfer_slips (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES top_up_orders (id),
    customer_id text NOT NULL,
    -- Counts the slips of an order.
    n smallint NOT NULL CONSTRAINT transfer_slips_three_an_order CHECK (n BETWEEN 1 AND 3),
    kind text NOT NULL CONSTRAINT transfer_slips_kind CHECK (kind IN ('pdf', 'png', 'jpeg')),
    bytes integer NOT NULL CONSTRAINT transfer_slips_size CHECK (bytes BETWEEN 1 AND 5242880),
    sha256 bytea NOT NULL CONSTRAINT transfer_slips_digest CHECK (sha256 = sha256(content)),
    content bytea NOT NULL CONSTRAINT transfer_slips_whole CHECK (octet_length(content) = bytes),
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    CONSTRAINT transfer_slips_place UNIQUE (order_id, n),
    CONSTRAINT transfer_slips_content_once UNIQUE (order_id, sha256)
);
CREATE INDEX transfer_slips_by_customer ON transfer_slips (customer_id);

-- Verified facts that money arrived. No row is ever deleted. Money that serves no order has a reason. A payment is
-- written with what is applied of it, in the transaction that writes the application.
CREATE TABLE payments (
    id uuid PRIMARY KEY,
    provider provider_name NOT NULL,
    merchant_account text NOT NULL,
    payment_id text NOT NULL,
    currency text NOT NULL,
    amount numeric(24, 8) NOT NULL,
    applied numeric(24, 8) NOT NULL DEFAULT 0,
    refunded numeric(24, 8) NOT NULL DEFAULT 0,
    -- What refunds (not failed) and disputes (open or lost) took of the part that serves nothing.
    unapplied_taken numeric(24, 8) NOT NULL DEFAULT 0,
    -- The order that the payment names, whether or not it was applied to it.
    order_id uuid REFERENCES top_up_orders (id),
    unapplied_reason text,
    live boolean NOT NULL,
    received_at timestamptz NOT NULL,
    -- When the company is asked next how much of it was taken back; null: never, or the company has a list of
    -- take-backs.
    ask_at timestamptz,
    -- When an operator dismissed it: its unapplied rest leaves the worklist until the rest grows. The audit log says
    -- who and why.
    dismissed_at timestamptz,
    -- Zero: a bank transfer that never came and was voided.
    CONSTRAINT payments_amount CHECK (amount > 0 OR (amount = 0 AND provider = 'bank')),
    CONSTRAINT payments_applied_within CHECK (applied >= 0 AND applied <= amount),
    CONSTRAINT payments_unapplied_within CHECK (unapplied_taken >= 0 AND applied + unapplied_taken <= amount),
    CONSTRAINT payments_refunded_within CHECK (refunded >= 0 AND refunded <= amount),
    CONSTRAINT payments_unapplied_says_why CHECK ((applied < amount) = (unapplied_reason IS NOT NULL))
);
-- A company's payment id is unique at that company, whichever of our accounts reports it. A bank's id is unique for one
-- account.
CREATE UNIQUE INDEX payments_once ON payments
    (provider, payment_id, (CASE WHEN provider = 'bank' THEN merchant_account ELSE '' END));
CREATE INDEX payments_unapplied ON payments (received_at, id)
    WHERE applied + unapplied_taken < amount AND dismissed_at IS NULL;
CREATE INDEX payments_dismissed ON payments (received_at, id) WHERE dismissed_at IS NOT NULL;
CREATE INDEX payments_by_order ON payments (order_id);
-- For the search of operators. VNPay's own number of a payment comes after the colon.
CREATE INDEX payments_by_company_id ON payments (payment_id text_pattern_ops);
CREATE INDEX payments_by_transaction_no ON payments (split_part(payment_id, ':', 2) text_pattern_ops)
    WHERE provider = 'vnpay';
CREATE INDEX payments_by_amount ON payments (amount, received_at);
CREATE INDEX payments_to_ask ON payments (ask_at) WHERE ask_at IS NOT NULL;

-- A dismissal covers the rest that the operator saw. If more of the payment serves nothing later, it is on the worklist
-- again.
CREATE FUNCTION payments_come_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.dismissed_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_come_back BEFORE UPDATE ON payments FOR EACH ROW
    WHEN (OLD.dismissed_at IS NOT NULL
          AND NEW.amount - NEW.applied - NEW.unapplied_taken > OLD.amount - OLD.applied - OLD.unapplied_taken)
    EXECUTE FUNCTION payments_come_back();

CREATE TABLE payment_applications (
    payment_id uuid NOT NULL REFERENCES payments (id),
    n integer NOT NULL CONSTRAINT payment_applications_n CHECK (n > 0),
    order_id uuid REFERENCES top_up_orders (id),
    customer_id text NOT NULL,
    wallet_id uuid NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT payment_applications_amount CHECK (amount > 0),
    fee numeric(24, 8) NOT NULL DEFAULT 0,
    tax numeric(24, 8) NOT NULL DEFAULT 0,
    -- The tax that the amount contains.
    tax_included numeric(24, 8) NOT NULL DEFAULT 0,
    applied_by text NOT NULL,
    applied_at timestamptz NOT NULL,
    -- The approval was wrong: the money is free for another order.
    reversed_at timestamptz,
    PRIMARY KEY (payment_id, n)
);
CREATE INDEX payment_applications_by_order ON payment_applications (order_id);
CREATE INDEX payment_applications_to_wallets ON payment_applications (customer_id) WHERE order_id IS NULL;

-- What operators stated about the lines of our bank statements. Each is a payment, whose payment_id is the identity,
-- with `#n` from the second line on.
CREATE TABLE bank_transactions (
    payment_id uuid PRIMARY KEY REFERENCES payments (id),
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    -- The bank's id in its normal form: upper-case letters and digits. If the bank gives none, `none:` with day, amount
    -- and remitter.
    identity text NOT NULL,
    n integer NOT NULL CONSTRAINT bank_transactions_n CHECK (n > 0),
    -- The bank's id as the operator wrote it.
    stated_id text NOT NULL,
    -- The whole amount that arrived; 0: nothing arrived.
    amount numeric(24, 8) NOT NULL CONSTRAINT bank_transactions_amount CHECK (amount >= 0),
    received_on date NOT NULL,
    remitter text,
    -- The normal form of the remitter, or else of the one that the order declares; empty: unknown.
    payer text NOT NULL,
    -- An approval was reversed, or the line was voided: the next statement says again how much arrived.
    amount_is_open boolean NOT NULL DEFAULT false,
    stated_by text NOT NULL,
    stated_at timestamptz NOT NULL,
    CONSTRAINT bank_transactions_once UNIQUE (bank_account_id, identity, n),
    CONSTRAINT bank_transactions_normal_form
        CHECK (identity ~ '^none:' OR (identity <> '' AND identity !~ '[\x01-\x2f\x3a-\x40\x5b-\x7f]')),
    -- No day is later than the present day in the time zone that is furthest ahead.
    CONSTRAINT bank_transactions_have_arrived
        CHECK (received_on <= ((stated_at AT TIME ZONE 'UTC') + interval '14 hours')::date)
);
CREATE INDEX bank_transactions_alike ON bank_transactions (bank_account_id, amount, received_on);
CREATE INDEX bank_transactions_by_identity ON bank_transactions (identity text_pattern_ops);
CREATE INDEX bank_transactions_by_payer ON bank_transactions (payer text_pattern_ops);

-- An operator's statement that a bank transfer arrived; above the threshold another operator confirms it.
CREATE TABLE approvals (
    order_id uuid PRIMARY KEY REFERENCES top_up_orders (id),
    received_amount numeric(24, 8) NOT NULL CONSTRAINT approvals_amount CHECK (received_amount > 0),
    -- The whole amount of the line, if the operator stated it: the rest can serve other orders.
    transaction_amount numeric(24, 8),
    bank_transaction_id text NOT NULL,
    -- As in bank_transactions.
    identity text NOT NULL,
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    received_on date NOT NULL,
    remitter text,
    -- It is another line than the recorded one with this identity.
    another_line boolean NOT NULL DEFAULT false,
    -- What the operator confirmed on request.
    confirmed_difference boolean NOT NULL DEFAULT false,
    confirmed_not_duplicate boolean NOT NULL DEFAULT false,
    note text,
    second_needed boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    -- The line's payment, once the approval is complete.
    payment_id uuid REFERENCES payments (id),
    CONSTRAINT approvals_second_pair_of_eyes
        CHECK (NOT second_needed OR approved_by IS NULL OR approved_by <> proposed_by),
    CONSTRAINT approvals_another_line CHECK (NOT another_line OR second_needed),
    CONSTRAINT approvals_within_line CHECK (transaction_amount >= received_amount),
    CONSTRAINT approvals_have_arrived
        CHECK (received_on <= ((proposed_at AT TIME ZONE 'UTC') + interval '14 hours')::date),
    CONSTRAINT approvals_whole
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (payment_id IS NULL))
);

CREATE INDEX approvals_by_identity ON approvals (identity text_pattern_ops);
CREATE INDEX approvals_waiting ON approvals (order_id) WHERE approved_by IS NULL;

CREATE TABLE transfers (
    customer_id text NOT NULL,
    id uuid NOT NULL,
    currency text NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT transfers_amount CHECK (amount > 0),
    from_product text NOT NULL,
    to_product text NOT NULL,
    order_id uuid REFERENCES top_up_orders (id),
    client_reference client_reference,
    metadata client_metadata,
    created_at timestamptz NOT NULL,
    -- The Idempotency-Key of the request that made it, once the key's row in idempotency_keys is pruned.
    key_caller text,
    key text,
    key_fingerprint bytea,
    CONSTRAINT transfers_key_is_whole CHECK (num_nulls(key_caller, key, key_fingerprint) IN (0, 3)),
    CONSTRAINT transfers_pkey PRIMARY KEY (customer_id, id),
    CONSTRAINT transfers_elsewhere CHECK (from_product <> to_product)
);
CREATE UNIQUE INDEX transfers_by_key ON transfers (key_caller, key, (order_id IS NULL)) WHERE key IS NOT NULL;
CREATE INDEX transfers_by_time ON transfers (customer_id, created_at, id);
CREATE INDEX transfers_by_client_reference ON transfers (customer_id, client_reference, created_at, id)
    WHERE client_reference IS NOT NULL;
CREATE INDEX transfers_by_order ON transfers (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    order_id uuid REFERENCES top_up_orders (id),
    payment_id uuid NOT NULL REFERENCES payments (id),
    customer_id text,
    provider provider_name NOT NULL,
    provider_refund_id text,
    currency text NOT NULL,
    -- What goes back to the payer.
    amount numeric(24, 8) NOT NULL CONSTRAINT refunds_amount CHECK (amount > 0),
    -- The part of it that the unapplied rest of the payment gives, and the part that it takes from what the payment
    -- brought to a wallet without an order; the order gives the other part.
    from_unapplied numeric(24, 8) NOT NULL DEFAULT 0,
    from_wallet numeric(24, 8) NOT NULL DEFAULT 0,
    -- What the customer's wallets owe for it, and of the bonus: taken (take_backs) or claimed, less what came back.
    debited numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT refunds_debited CHECK (debited >= 0),
    -- The same for what was brought to a wallet without an order.
    wallet_taken numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT refunds_wallet_taken CHECK (wallet_taken >= 0),
    bonus_taken numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT refunds_bonus_taken CHECK (bonus_taken >= 0),
    status text NOT NULL CONSTRAINT refunds_status
        CHECK (status IN ('awaiting_second_approval', 'pending', 'succeeded', 'failed')),
    reason text NOT NULL,
    failure text,
    -- False for a refund that was started at the provider's dashboard.
    ours boolean NOT NULL,
    -- An operator allowed the wallet to go into debt for it.
    override_balance boolean NOT NULL DEFAULT false,
    -- What the order's wallet lacks is taken from the main wallet and from products whose money may go back.
    from_products boolean NOT NULL DEFAULT false,
    -- The closing of an account that made it.
    closing_id uuid,
    proposed_by text NOT NULL,
    approved_by text,
    second_needed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    -- When the wallet was debited: at the approval, if one was needed.
    started_at timestamptz,
    updated_at timestamptz NOT NULL,
    ask_at timestamptz,
    asked integer NOT NULL DEFAULT 0,
    -- The Idempotency-Key of the request that made it, once the key's row in idempotency_keys is pruned.
    key_caller text,
    key text,
    key_fingerprint bytea,
    CONSTRAINT refunds_key_is_whole CHECK (num_nulls(key_caller, key, key_fingerprint) IN (0, 3)),
    CONSTRAINT refunds_from_unapplied
        CHECK (from_unapplied >= 0 AND from_unapplied + from_wallet <= amount
               AND (order_id IS NOT NULL OR from_unapplied + from_wallet = amount)),
    CONSTRAINT refunds_from_wallet
        CHECK (from_wallet >= 0 AND (from_wallet + wallet_taken = 0 OR customer_id IS NOT NULL)),
    CONSTRAINT refunds_at_provider_once UNIQUE (provider, provider_refund_id),
    CONSTRAINT refunds_second_pair_of_eyes
        CHECK (NOT second_needed OR approved_by IS NULL OR approved_by <> proposed_by)
);
CREATE UNIQUE INDEX refunds_by_key ON refunds (key_caller, key) WHERE key IS NOT NULL;
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_by_customer ON refunds (customer_id, created_at, id);
CREATE INDEX refunds_by_closing ON refunds (closing_id) WHERE closing_id IS NOT NULL;
CREATE INDEX refunds_by_status ON refunds (status, created_at, id);
CREATE INDEX refunds_by_time ON refunds (created_at, id);
CREATE INDEX refunds_by_company_id ON refunds (provider_refund_id text_pattern_ops)
    WHERE provider_refund_id IS NOT NULL;
-- A transfer that an operator made serves one refund or payout, however its id is written.
CREATE INDEX refunds_by_bank_transfer ON refunds
    (upper(regexp_replace(normalize(provider_refund_id, NFKC), '[[:space:][:punct:]]', '', 'g')))
    WHERE provider = 'bank';
CREATE INDEX refunds_by_amount ON refunds (amount, created_at);
CREATE INDEX refunds_to_ask ON refunds (ask_at) WHERE ask_at IS NOT NULL;

-- Customers' requests for refunds. While a second operator has to approve the refund that a request led to,
-- the request waits and names it.
CREATE TABLE refund_requests (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES top_up_orders (id),
    customer_id text NOT NULL,
    currency text NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT refund_requests_amount CHECK (amount > 0),
    -- In the customer's words.
    reason text NOT NULL,
    status text NOT NULL CONSTRAINT refund_requests_status
        CHECK (status IN ('waiting', 'approved', 'refused', 'withdrawn')),
    asked_by text NOT NULL,
    created_at timestamptz NOT NULL,
    refund_id uuid CONSTRAINT refund_requests_one_refund UNIQUE REFERENCES refunds (id),
    decided_by text,
    decided_at timestamptz,
    -- What the customer reads about a refusal.
    answer text,
    CONSTRAINT refund_requests_decided
        CHECK ((status = 'waiting') = (decided_at IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT refund_requests_approved_by_a_refund
        CHECK (status = 'waiting' OR (status = 'approved') = (refund_id IS NOT NULL)),
    CONSTRAINT refund_requests_refusals_say_why CHECK (status <> 'refused' OR answer IS NOT NULL)
);
CREATE UNIQUE INDEX refund_requests_one_waiting ON refund_requests (order_id) WHERE status = 'waiting';
CREATE INDEX refund_requests_waiting ON refund_requests (created_at, id) WHERE status = 'waiting';
CREATE INDEX refund_requests_by_order ON refund_requests (order_id);
CREATE INDEX refund_requests_by_customer ON refund_requests (customer_id, created_at, id);
CREATE INDEX refund_requests_by_time ON refund_requests (created_at, id);

CREATE TABLE disputes (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments (id),
    order_id uuid REFERENCES top_up_orders (id),
    customer_id text,
    provider provider_name NOT NULL,
    dispute_id text NOT NULL,
    -- The provider took the money back before it reported a dispute: until then `dispute_id` is `reversal:<refund id>`.
    awaits_id boolean NOT NULL DEFAULT false,
    currency text NOT NULL,
    amount numeric(24, 8) NOT NULL,
    -- As in refunds.
    from_unapplied numeric(24, 8) NOT NULL DEFAULT 0,
    from_wallet numeric(24, 8) NOT NULL DEFAULT 0,
    status text NOT NULL CONSTRAINT disputes_status CHECK (status IN ('open', 'won', 'lost')),
    reason text,
    -- What the customer's wallets owe for it, and of the bonus, as in refunds.
    taken_back numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT disputes_taken_back CHECK (taken_back >= 0),
    wallet_taken numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT disputes_wallet_taken CHECK (wallet_taken >= 0),
    bonus_taken numeric(24, 8) NOT NULL DEFAULT 0 CONSTRAINT disputes_bonus_taken CHECK (bonus_taken >= 0),
    restored boolean NOT NULL DEFAULT false,
    -- Whether the wallets give for it: from its opening, or only when it is lost, by the setting at that time.
    charged boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- When the company was last asked about it, or first reported it: open disputes are asked about in this order.
    asked_at timestamptz NOT NULL DEFAULT ledger_now(),
    CONSTRAINT disputes_from_unapplied
        CHECK (from_unapplied >= 0 AND from_unapplied + from_wallet <= amount
               AND (order_id IS NOT NULL OR from_unapplied + from_wallet = amount)),
    CONSTRAINT disputes_from_wallet
        CHECK (from_wallet >= 0 AND (from_wallet + wallet_taken = 0 OR customer_id IS NOT NULL)),
    CONSTRAINT disputes_once UNIQUE (provider, dispute_id),
    CONSTRAINT disputes_uncharged_take_nothing
        CHECK (charged OR taken_back = 0 AND bonus_taken = 0 AND wallet_taken = 0),
    CONSTRAINT disputes_lost_are_charged CHECK (charged OR status <> 'lost'),
    CONSTRAINT disputes_awaiting_an_id_are_lost CHECK (NOT awaits_id OR status = 'lost')
);
CREATE INDEX disputes_by_order ON disputes (order_id);
CREATE INDEX disputes_by_payment ON disputes (payment_id);
CREATE INDEX disputes_by_customer ON disputes (customer_id, created_at, id);
CREATE INDEX disputes_by_status ON disputes (status, created_at, id);
CREATE INDEX disputes_open ON disputes (provider, asked_at, id) WHERE status = 'open';
CREATE INDEX disputes_by_company_id ON disputes (dispute_id text_pattern_ops);
CREATE INDEX disputes_by_amount ON disputes (amount, created_at);
CREATE INDEX disputes_by_time ON disputes (created_at, id);

-- What operators decided about the unapplied rest of payments.
CREATE TABLE unapplied_decisions (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments (id),
    destination text NOT NULL CONSTRAINT unapplied_decisions_destination
        CHECK (destination IN ('order', 'wallet', 'payer', 'payer_by_hand')),
    currency text NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT unapplied_decisions_amount CHECK (amount > 0),
    order_id uuid REFERENCES top_up_orders (id),
    customer_id text,
    product text,
    -- The bank's id of the transfer by which an operator sent the money back.
    bank_transaction_id text,
    reason text NOT NULL,
    second_needed boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    -- When it was carried out.
    done_at timestamptz,
    refund_id uuid REFERENCES refunds (id),
    CONSTRAINT unapplied_decisions_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT unapplied_decisions_done_by_two CHECK (NOT second_needed OR done_at IS NULL OR approved_by IS NOT NULL),
    CONSTRAINT unapplied_decisions_by_hand CHECK (destination <> 'payer_by_hand' OR second_needed),
    CONSTRAINT unapplied_decisions_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND (withdrawn_at IS NULL OR done_at IS NULL)),
    CONSTRAINT unapplied_decisions_returned
        CHECK ((refund_id IS NOT NULL) = (done_at IS NOT NULL AND destination IN ('payer', 'payer_by_hand')))
);
CREATE UNIQUE INDEX unapplied_decisions_one_waiting ON unapplied_decisions (payment_id)
    WHERE done_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX unapplied_decisions_waiting ON unapplied_decisions (proposed_at, id)
    WHERE done_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX unapplied_decisions_by_payment ON unapplied_decisions (payment_id);

-- Money corrections by operators; above the threshold a second operator.
CREATE TABLE adjustments (
    id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    amount numeric(24, 8) NOT NULL CONSTRAINT adjustments_not_zero CHECK (amount <> 0),
    reason text NOT NULL,
    second_needed boolean NOT NULL,
    proposed_by text NOT NULL,
    approved_by text,
    created_at timestamptz NOT NULL,
    booked_at timestamptz,
    -- The order whose approval it reverses, and the application of a payment to that order.
    order_id uuid REFERENCES top_up_orders (id),
    payment_id uuid,
    application_n integer,
    -- Which wallets give for a reversed approval.
    reach text NOT NULL DEFAULT 'order_wallet'
        CONSTRAINT adjustments_reach CHECK (reach IN ('order_wallet', 'all_wallets')),
    -- The wallet may go into debt for it.
    allow_debt boolean NOT NULL DEFAULT false,
    withdrawn_by text,
    withdrawn_at timestamptz,
    -- The Idempotency-Key of the request that made it, once the key's row in idempotency_keys is pruned.
    key_caller text,
    key text,
    key_fingerprint bytea,
    CONSTRAINT adjustments_key_is_whole CHECK (num_nulls(key_caller, key, key_fingerprint) IN (0, 3)),
    CONSTRAINT adjustments_reverse_an_application CHECK ((order_id IS NULL) = (payment_id IS NULL)),
    CONSTRAINT adjustments_reversed_application FOREIGN KEY (payment_id, application_n)
        REFERENCES payment_applications (payment_id, n) MATCH FULL,
    CONSTRAINT adjustments_ended
        CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL) AND (withdrawn_at IS NULL OR booked_at IS NULL)),
    CONSTRAINT adjustments_second_pair_of_eyes
        CHECK (NOT second_needed OR approved_by IS NULL OR approved_by <> proposed_by),
    CONSTRAINT adjustments_booked_by_two CHECK (NOT second_needed OR booked_at IS NULL OR approved_by IS NOT NULL)
);

CREATE UNIQUE INDEX adjustments_by_key ON adjustments (key_caller, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX adjustments_one_reversal_each ON adjustments (payment_id, application_n)
    WHERE order_id IS NOT NULL AND booked_at IS NOT NULL;
CREATE UNIQUE INDEX adjustments_waiting ON adjustments (order_id) WHERE booked_at IS NULL;
CREATE INDEX adjustments_by_order ON adjustments (order_id, created_at) WHERE order_id IS NOT NULL;
CREATE INDEX adjustments_open ON adjustments (created_at, id)
    WHERE order_id IS NULL AND booked_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX adjustments_by_time ON adjustments (created_at, id) WHERE order_id IS NULL;
CREATE INDEX adjustments_by_customer ON adjustments (customer_id, created_at, id) WHERE order_id IS NULL;

-- Promotional credit that an operator wants to give above the amount that one operator may give alone. The id is the
-- grant's.
CREATE TABLE grant_proposals (
    id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    amount numeric(24, 8) NOT NULL CONSTRAINT grant_proposals_amount CHECK (amount > 0),
    priority smallint NOT NULL,
    expires_at timestamptz,
    reason text NOT NULL,
    client_reference client_reference,
    metadata client_metadata,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    CONSTRAINT grant_proposals_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT grant_proposals_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND (approved_by IS NULL OR withdrawn_by IS NULL))
);
CREATE INDEX grant_proposals_waiting ON grant_proposals (proposed_at, id)
    WHERE approved_at IS NULL AND withdrawn_at IS NULL;

-- Revocations of grants, and changes of their expiry. A change that needs no second operator takes effect at once.
CREATE TABLE grant_changes (
    id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    grant_id uuid NOT NULL,
    currency text NOT NULL,
    -- What was left of the grant.
    amount numeric(24, 8) NOT NULL CONSTRAINT grant_changes_amount CHECK (amount > 0),
    -- What is left expires when the change takes effect. Otherwise the grant expires at `expires_at`; null: never.
    revokes boolean NOT NULL,
    expires_at timestamptz,
    reason text NOT NULL,
    second_needed boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    CONSTRAINT grant_changes_of_grant FOREIGN KEY (customer_id, grant_id) REFERENCES grants (customer_id, id),
    CONSTRAINT grant_changes_revocation CHECK (NOT revokes OR expires_at IS NULL),
    CONSTRAINT grant_changes_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT grant_changes_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND num_nonnulls(approved_by, withdrawn_by) <= second_needed::int)
);
CREATE UNIQUE INDEX grant_changes_one_waiting ON grant_changes (customer_id, grant_id)
    WHERE second_needed AND approved_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX grant_changes_waiting ON grant_changes (proposed_at, id)
    WHERE second_needed AND approved_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX grant_changes_by_grant ON grant_changes (customer_id, grant_id);

-- What operators moved alone, and what services granted: it counts for 24 hours towards the next decision.
CREATE TABLE own_word_moves (
    customer_id text NOT NULL,
    kind text NOT NULL CONSTRAINT own_word_moves_kind
        CHECK (kind IN ('approval', 'reversal', 'refund', 'grant', 'service_grant', 'grant_change', 'adjustment',
                        'application')),
    -- The order of an approval, or the refund, the grant, the change of a grant, the adjustment or the decision.
    subject uuid NOT NULL,
    actor text NOT NULL,
    currency text NOT NULL,
    -- Without its sign.
    amount numeric(24, 8) NOT NULL CONSTRAINT own_word_moves_amount CHECK (amount > 0),
    moved_at timestamptz NOT NULL,
    -- The most that was allowed in 24 hours, for one customer and for all of them; null: any amount.
    allowed numeric(24, 8),
    allowed_in_all numeric(24, 8),
    CONSTRAINT own_word_moves_pkey PRIMARY KEY (customer_id, kind, subject),
    CONSTRAINT own_word_moves_within CHECK (amount <= allowed AND amount <= allowed_in_all)
);
CREATE INDEX own_word_moves_by_actor ON own_word_moves (actor, currency, moved_at);
CREATE INDEX own_word_moves_by_customer ON own_word_moves (customer_id, currency, moved_at);

-- What services granted in a minute. Each connection adds to a row of its own, so that no grant waits for another.
CREATE TABLE service_grant_sums (
    currency text NOT NULL,
    minute timestamptz NOT NULL,
    backend integer NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT service_grant_sums_amount CHECK (amount > 0),
    CONSTRAINT service_grant_sums_pkey PRIMARY KEY (currency, minute, backend)
);

-- Verified notifications as they came, stored before they are processed.
CREATE TABLE provider_events (
    id uuid PRIMARY KEY,
    provider provider_name NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    headers jsonb NOT NULL,
    query text NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT ledger_now(),
    processed_at timestamptz,
    outcome text CONSTRAINT provider_events_outcome CHECK (outcome IN
        ('recorded', 'already_settled', 'unknown_order', 'amount_mismatch', 'foreign', 'ignored', 'bad_signature',
         'try_again')),
    error text,
    CONSTRAINT provider_events_once UNIQUE (provider, event_id)
);
CREATE INDEX provider_events_by_age ON provider_events (received_at);
-- Notifications that are not ours, or that need nothing from us, are kept only for some days.
CREATE INDEX provider_events_to_forget ON provider_events (received_at) WHERE outcome IN ('foreign', 'ignored');

-- Payments that are not ours, according to their company, which is asked only once.
CREATE TABLE foreign_payments (
    provider provider_name NOT NULL,
    payment_id text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT ledger_now(),
    PRIMARY KEY (provider, payment_id)
);
CREATE INDEX foreign_payments_by_age ON foreign_payments (asked_at);

-- A key commits with what the request made, so that a repetition finds it.
CREATE TABLE idempotency_keys (
    caller text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    resource_id uuid NOT NULL,
    -- The customer of the resource: rows of transfers and grants are found by customer.
    customer_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    PRIMARY KEY (caller, operation, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Keys for callers without an identity provider. A key acts as its owner.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    owner text NOT NULL CONSTRAINT api_keys_owner CHECK (owner ~ '^(operator|service):.'),
    -- The customer that the owner is, according to the maker's token.
    own_customer text,
    -- The SHA-256 of the key's text, which is kept nowhere, and the beginning of the text.
    digest bytea NOT NULL CONSTRAINT api_keys_digest_once UNIQUE
        CONSTRAINT api_keys_digest CHECK (octet_length(digest) = 32),
    hint text NOT NULL,
    description text NOT NULL,
    permissions text[] NOT NULL CONSTRAINT api_keys_permissions
        CHECK (permissions <@ ARRAY ['read', 'support', 'finance', 'admin']),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    last_used_at timestamptz,
    last_used_from text,
    CONSTRAINT api_keys_permissions_of_operators CHECK ((owner LIKE 'operator:%') = (cardinality(permissions) > 0)),
    CONSTRAINT api_keys_made_by_owner CHECK (created_by IN (owner, 'system')),
    CONSTRAINT api_keys_end CHECK (expires_at > created_at AND expires_at <= created_at + interval '3650 days'),
    CONSTRAINT api_keys_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CONSTRAINT api_keys_used_from_somewhere CHECK ((last_used_at IS NULL) = (last_used_from IS NULL))
);
CREATE INDEX api_keys_by_owner ON api_keys (owner, created_at, id);
CREATE INDEX api_keys_by_time ON api_keys (created_at, id);
CREATE INDEX api_keys_live ON api_keys (expires_at) WHERE revoked_at IS NULL;

-- A key never changes: it can only be used and revoked, and stays revoked.
CREATE FUNCTION api_keys_only_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.owner, NEW.digest, NEW.hint, NEW.description, NEW.permissions, NEW.created_by, NEW.created_at,
        NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.owner, OLD.digest, OLD.hint, OLD.description, OLD.permissions, OLD.created_by, OLD.created_at,
        OLD.expires_at)
       OR (OLD.revoked_at IS NOT NULL
           AND (NEW.revoked_at, NEW.revoked_by) IS DISTINCT FROM (OLD.revoked_at, OLD.revoked_by)) THEN
        RAISE EXCEPTION 'an API key is never changed, and stays revoked';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER api_keys_only_end BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_only_end();

-- A browser opens the balance stream by a ticket, which is valid once. Only its digest is stored, so a reader of this
-- table cannot open a stream.
CREATE TABLE stream_tickets (
    digest bytea PRIMARY KEY,
    customer_id text NOT NULL,
    -- The site whose page requested it; null if no page did.
    origin text,
    expires_at timestamptz NOT NULL,
    -- When the token that made it expires: the stream ends with it.
    token_ends_at timestamptz NOT NULL,
    -- The API key that made it, if it was one: the stream ends with the key, too.
    api_key uuid REFERENCES api_keys (id),
    CONSTRAINT stream_tickets_digest CHECK (length(digest) = 32)
);
-- For the deletion of unused tickets.
CREATE INDEX stream_tickets_by_end ON stream_tickets (expires_at);

CREATE TABLE audit_log (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT ledger_now(),
    actor text NOT NULL,
    -- What was done (`product.saved`), and to what (`product:whatsapp`).
    action text NOT NULL CONSTRAINT audit_log_action CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    target text NOT NULL CONSTRAINT audit_log_target CHECK (target ~ '^[a-z_]+:.'),
    -- The customer whose money or data it concerns.
    customer_id text,
    reason text,
    -- The values before the change, and the values since then.
    before jsonb,
    after jsonb,
    -- The API key that the actor acted with; null for a token.
    api_key uuid REFERENCES api_keys (id)
);
CREATE INDEX audit_log_by_time ON audit_log (at, seq);
CREATE INDEX audit_log_by_actor ON audit_log (actor, at, seq);
CREATE INDEX audit_log_by_action ON audit_log (action, at, seq);
CREATE INDEX audit_log_by_target ON audit_log (target, at, seq);
CREATE INDEX audit_log_by_customer ON audit_log (customer_id, at, seq) WHERE customer_id IS NOT NULL;
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- What the last checks of the books found. A check reads everything, so no request waits for one.
CREATE TABLE integrity_checks (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checked_by text NOT NULL,
    as_of timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT ledger_now(),
    disagreements bigint NOT NULL CONSTRAINT integrity_checks_disagreements CHECK (disagreements >= 0),
    report jsonb NOT NULL
);
CREATE INDEX integrity_checks_by_time ON integrity_checks (as_of, seq);

-- The events of this file's tables: see `events`. An order has an event for each new state and for every other change,
-- without the buyer.
CREATE FUNCTION tell_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (customer_id, type, noun, data)
    VALUES (NEW.customer_id,
            'order.' || CASE WHEN TG_OP = 'INSERT' OR NEW.status <> OLD.status THEN NEW.status ELSE 'updated' END,
            'order', to_jsonb(NEW) - 'buyer');
    RETURN NULL;
END $$;
CREATE TRIGGER top_up_orders_told_new AFTER INSERT ON top_up_orders FOR EACH ROW EXECUTE FUNCTION tell_of_order();
CREATE TRIGGER top_up_orders_told AFTER UPDATE ON top_up_orders FOR EACH ROW
    WHEN (OLD.version <> NEW.version OR OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_order();

-- The part of a payment that serves nothing.
CREATE FUNCTION tell_of_unapplied_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rest numeric := NEW.amount - NEW.applied - NEW.unapplied_taken;
    before numeric := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD.amount - OLD.applied - OLD.unapplied_taken;
    END IF;
    IF rest = before THEN
        RETURN NULL;
    END IF;
    INSERT INTO events (customer_id, type, noun, data)
    VALUES ((SELECT customer_id FROM top_up_orders WHERE id = NEW.order_id),
            'unapplied_payment.' || CASE WHEN before = 0 THEN 'opened' WHEN rest = 0 THEN 'settled' ELSE 'changed' END,
            'unapplied_payment', to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER payments_told AFTER INSERT OR UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION tell_of_unapplied_payment();

CREATE FUNCTION tell_of_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (customer_id, type, noun, data)
    VALUES (NEW.customer_id, 'transfer.created', 'transfer', to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER transfers_told AFTER INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION tell_of_transfer();

-- Refunds and disputes have an event for each new state; the argument is the noun.
CREATE FUNCTION tell_of_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (customer_id, type, noun, data)
    VALUES (NEW.customer_id, TG_ARGV[0] || '.' || NEW.status, TG_ARGV[0], to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_told_new AFTER INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION tell_of_state('refund');
CREATE TRIGGER refunds_told AFTER UPDATE ON refunds FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_state('refund');
CREATE TRIGGER refund_requests_told_new AFTER INSERT ON refund_requests
    FOR EACH ROW EXECUTE FUNCTION tell_of_state('refund_request');
CREATE TRIGGER refund_requests_told AFTER UPDATE ON refund_requests FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_state('refund_request');
CREATE TRIGGER disputes_told_new AFTER INSERT ON disputes FOR EACH ROW EXECUTE FUNCTION tell_of_state('dispute');
CREATE TRIGGER disputes_told AFTER UPDATE ON disputes FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_state('dispute');
