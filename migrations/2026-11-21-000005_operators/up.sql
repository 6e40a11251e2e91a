-- What operators work with in addition to orders and payments.

-- How the CSV files of an account are read (`domain::bank_statement::csv`).
CREATE TABLE bank_statement_mappings (
    bank_account_id uuid PRIMARY KEY REFERENCES bank_accounts (id),
    mapping jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL
);

-- The files in which our banks say what happened. One operator uploads a file. If its credits, with those of the
-- operator's other files of 24 hours, exceed the threshold, nothing of it counts until a second operator has approved
-- it.
CREATE TABLE bank_statements (
    id uuid PRIMARY KEY,
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    format text NOT NULL CONSTRAINT bank_statements_format CHECK (format IN ('csv', 'camt053', 'mt940')),
    sha256 bytea NOT NULL CONSTRAINT bank_statements_digest CHECK (octet_length(sha256) = 32),
    currency text NOT NULL,
    opening numeric(24, 8) NOT NULL,
    closing numeric(24, 8) NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    lines integer NOT NULL CONSTRAINT bank_statements_lines CHECK (lines >= 0),
    credits numeric(24, 8) NOT NULL CONSTRAINT bank_statements_credits CHECK (credits >= 0),
    debits numeric(24, 8) NOT NULL CONSTRAINT bank_statements_debits CHECK (debits >= 0),
    -- The operator says that the opening balance is right, although it is not the last closing one.
    confirmed_gap boolean NOT NULL,
    second_needed boolean NOT NULL,
    uploaded_by text NOT NULL,
    -- The customers that these operators are, by their tokens: a file credits no order of these customers.
    uploader_customer text,
    approver_customer text,
    uploaded_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    -- When its lines were recorded.
    applied_at timestamptz,
    CONSTRAINT bank_statements_balance CHECK (opening + credits - debits = closing),
    CONSTRAINT bank_statements_days CHECK (from_day <= to_day),
    CONSTRAINT bank_statements_second_pair_of_eyes CHECK (approved_by <> uploaded_by),
    CONSTRAINT bank_statements_applied_by_two
        CHECK (NOT second_needed OR applied_at IS NULL OR approved_by IS NOT NULL),
    CONSTRAINT bank_statements_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND (withdrawn_at IS NULL OR applied_at IS NULL))
);
CREATE UNIQUE INDEX bank_statements_file_once ON bank_statements (bank_account_id, sha256) WHERE withdrawn_at IS NULL;
-- The last closing balance of an account.
CREATE INDEX bank_statements_by_day ON bank_statements (bank_account_id, to_day, applied_at)
    WHERE applied_at IS NOT NULL;
CREATE INDEX bank_statements_by_account ON bank_statements (bank_account_id, uploaded_at, id);
CREATE INDEX bank_statements_by_time ON bank_statements (uploaded_at, id);
CREATE INDEX bank_statements_waiting ON bank_statements (uploaded_at, id)
    WHERE applied_at IS NULL AND withdrawn_at IS NULL;

-- What an operator took over alone.
CREATE INDEX bank_statements_on_own_word ON bank_statements (uploaded_by, currency, uploaded_at)
    WHERE NOT second_needed;

-- The lines as each file has them.
CREATE TABLE bank_statement_lines (
    statement_id uuid NOT NULL REFERENCES bank_statements (id),
    n integer NOT NULL CONSTRAINT bank_statement_lines_n CHECK (n > 0),
    booked_on date NOT NULL,
    -- Positive where money arrived.
    amount numeric(24, 8) NOT NULL CONSTRAINT bank_statement_lines_amount CHECK (amount <> 0),
    bank_id text,
    remitter text,
    remitter_account text,
    text text NOT NULL,
    -- The text that is equal in two files that contain the line, and its number among the identical lines of its file.
    fingerprint bytea NOT NULL CONSTRAINT bank_statement_lines_digest CHECK (octet_length(fingerprint) = 32),
    repeat integer NOT NULL CONSTRAINT bank_statement_lines_repeat CHECK (repeat > 0),
    PRIMARY KEY (statement_id, n)
);

-- Each line once, however many files contain it.
CREATE TABLE bank_lines (
    id uuid PRIMARY KEY,
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    fingerprint bytea NOT NULL,
    repeat integer NOT NULL,
    -- As in bank_transactions.
    identity text NOT NULL,
    -- Its place in the file that brought it.
    statement_id uuid NOT NULL,
    n integer NOT NULL,
    -- Its payment: a credit is one payment, and a payment is one credit.
    payment_id uuid CONSTRAINT bank_lines_one_payment UNIQUE REFERENCES payments (id),
    -- The payments that fit it, while an operator has to choose.
    tie uuid[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    CONSTRAINT bank_lines_once UNIQUE (bank_account_id, fingerprint, repeat),
    CONSTRAINT bank_lines_place FOREIGN KEY (statement_id, n) REFERENCES bank_statement_lines (statement_id, n),
    CONSTRAINT bank_lines_chosen CHECK (payment_id IS NULL OR tie = '{}')
);
CREATE INDEX bank_lines_by_place ON bank_lines (statement_id, n);
CREATE INDEX bank_lines_by_identity ON bank_lines (bank_account_id, identity);
CREATE INDEX bank_lines_tied ON bank_lines (created_at, id) WHERE tie <> '{}';
CREATE INDEX bank_lines_tied_of_account ON bank_lines (bank_account_id) WHERE tie <> '{}';
CREATE INDEX bank_lines_by_time ON bank_lines (created_at, id);
CREATE INDEX bank_lines_by_account ON bank_lines (bank_account_id, created_at, id);

-- The work on a dispute. The dispute itself is the money.
CREATE TABLE dispute_cases (
    dispute_id uuid PRIMARY KEY REFERENCES disputes (id),
    evidence_due_at timestamptz,
    -- Whether the company waits for evidence, by the last status that it reported.
    awaits_evidence boolean NOT NULL DEFAULT true,
    -- Whether the dispute is open: kept by the triggers below, for the index.
    is_open boolean NOT NULL,
    -- What the company charges us for it.
    fee numeric(24, 8),
    fee_currency text,
    -- The file that was sent, once.
    evidence text,
    sent_by text,
    sent_at timestamptz,
    CONSTRAINT dispute_cases_fee CHECK ((fee IS NULL) = (fee_currency IS NULL) AND fee >= 0),
    CONSTRAINT dispute_cases_sent CHECK (num_nulls(evidence, sent_by, sent_at) IN (0, 3))
);
-- For the worklist of evidence, the earliest first.
CREATE INDEX dispute_cases_due ON dispute_cases (evidence_due_at, dispute_id)
    WHERE is_open AND awaits_evidence AND sent_at IS NULL AND evidence_due_at IS NOT NULL;

-- This waits for a decision that is being written; a later decision finds this row.
CREATE FUNCTION open_dispute_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT d.status = 'open' INTO NEW.is_open FROM disputes d WHERE d.id = NEW.dispute_id FOR SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_cases_opened BEFORE INSERT ON dispute_cases
    FOR EACH ROW EXECUTE FUNCTION open_dispute_case();

CREATE FUNCTION follow_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE dispute_cases SET is_open = (NEW.status = 'open') WHERE dispute_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER disputes_followed AFTER UPDATE ON disputes FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION follow_dispute();

-- Accounts that are being closed, or are closed (`domain::closing`). The wallets' columns `closing` and `closed` say
-- the same, and are written with it under the locks of all wallets of the customer. Such a row is locked after the
-- wallets.
CREATE TABLE closings (
    id uuid PRIMARY KEY,
    customer_id customer_key NOT NULL,
    state text NOT NULL CONSTRAINT closings_state
        CHECK (state IN ('waiting', 'refunding', 'payout', 'closed', 'reopened', 'withdrawn')),
    reason text NOT NULL,
    started_by text NOT NULL,
    -- Whether the operator who started it has the permission to move money; otherwise each refund waits for another
    -- operator.
    starter_has_finance boolean NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    closed_at timestamptz,
    -- When a worker checks it next; null: never.
    due_at timestamptz,
    CONSTRAINT closings_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CONSTRAINT closings_go_on CHECK ((state IN ('closed', 'withdrawn')) = (due_at IS NULL))
);
-- One closing for a customer; withdrawn ones do not count.
CREATE UNIQUE INDEX closings_one_of_customer ON closings (customer_id) WHERE state <> 'withdrawn';
CREATE INDEX closings_due ON closings (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX closings_by_time ON closings (started_at, id);
CREATE INDEX closings_by_state ON closings (state, started_at, id);

-- A closing has an event for each new state: see `events`.
CREATE FUNCTION tell_of_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (customer_id, type, noun, data)
    VALUES (NEW.customer_id, 'closing.' || NEW.state, 'closing', to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER closings_told_new AFTER INSERT ON closings FOR EACH ROW EXECUTE FUNCTION tell_of_closing();
CREATE TRIGGER closings_told AFTER UPDATE ON closings FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION tell_of_closing();

ALTER TABLE refunds ADD CONSTRAINT refunds_of_closing FOREIGN KEY (closing_id) REFERENCES closings (id);
ALTER TABLE refunds ADD CONSTRAINT refunds_of_closing_are_ours
    CHECK (closing_id IS NULL OR (ours AND customer_id IS NOT NULL AND NOT override_balance AND NOT from_products));

-- The rest of an account that is being closed, which goes to the customer by a bank transfer that operators make. The
-- wallet gives the money when the second operator approves; it gets the money back if the transfer does not arrive.
CREATE TABLE payouts (
    id uuid PRIMARY KEY,
    closing_id uuid NOT NULL REFERENCES closings (id),
    customer_id customer_key NOT NULL,
    currency currency_code NOT NULL,
    -- What the bank sends, in whole smallest units, and what the main wallet gives, to the last decimal.
    amount numeric(24, 8) NOT NULL CONSTRAINT payouts_amount CHECK (amount > 0),
    debited numeric(24, 8) NOT NULL
        CONSTRAINT payouts_debited CHECK (debited >= amount AND debited - amount < 1),
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    -- The recipient: personal data, which can be erased.
    beneficiary jsonb,
    status text NOT NULL CONSTRAINT payouts_status
        CHECK (status IN ('awaiting_second_approval', 'pending', 'succeeded', 'failed')),
    -- The bank's id of the transfer, in its normal form.
    bank_transaction_id text,
    failure text,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT payouts_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT payouts_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CONSTRAINT payouts_moved_by_two CHECK (status NOT IN ('pending', 'succeeded') OR approved_by IS NOT NULL),
    CONSTRAINT payouts_sent CHECK (status <> 'succeeded' OR bank_transaction_id IS NOT NULL),
    CONSTRAINT payouts_failures_say_why CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT payouts_transfer_once UNIQUE (bank_account_id, bank_transaction_id)
);
-- One at a time in each currency.
CREATE UNIQUE INDEX payouts_one_open ON payouts (closing_id, currency)
    WHERE status IN ('awaiting_second_approval', 'pending');
CREATE INDEX payouts_by_closing ON payouts (closing_id, proposed_at, id);
CREATE INDEX payouts_by_customer ON payouts (customer_id, proposed_at, id);
CREATE INDEX payouts_by_status ON payouts (status, proposed_at, id);
CREATE INDEX payouts_by_time ON payouts (proposed_at, id);
CREATE INDEX payouts_by_bank_transaction ON payouts (bank_transaction_id) WHERE bank_transaction_id IS NOT NULL;

-- What closed accounts owe, and two operators write off. An approved write-off is booked.
CREATE TABLE write_offs (
    id uuid PRIMARY KEY,
    customer_id customer_key NOT NULL,
    currency currency_code NOT NULL,
    amount numeric(24, 8) NOT NULL CONSTRAINT write_offs_amount CHECK (amount > 0),
    -- The part that came later.
    recovered numeric(24, 8) NOT NULL DEFAULT 0,
    reason text NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    CONSTRAINT write_offs_recovered
        CHECK (recovered BETWEEN 0 AND amount AND (recovered = 0 OR approved_by IS NOT NULL)),
    CONSTRAINT write_offs_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT write_offs_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND (approved_by IS NULL OR withdrawn_by IS NULL))
);
CREATE UNIQUE INDEX write_offs_one_waiting ON write_offs (customer_id, currency)
    WHERE approved_by IS NULL AND withdrawn_by IS NULL;
CREATE INDEX write_offs_to_recover ON write_offs (customer_id) WHERE recovered < amount;
CREATE INDEX write_offs_by_customer ON write_offs (customer_id, proposed_at, id);
CREATE INDEX write_offs_by_time ON write_offs (proposed_at, id);
