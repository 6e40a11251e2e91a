-- The data of finance reports, computed from committed entries. Nothing here is written in the transaction of a
-- booking.

-- The days whose entries are folded into `report_sums`. A day is folded once no transaction can add an entry to it, and
-- never again. The first day begins at the epoch, so no entry is older.
CREATE TABLE report_days (
    day date PRIMARY KEY,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    folded_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- The keys of metadata by which the usage of the day was summed.
    usage_keys text[] NOT NULL DEFAULT '{}' CONSTRAINT report_days_usage_keys CHECK (cardinality(usage_keys) <= 3),
    CONSTRAINT report_days_over CHECK (starts_at < ends_at AND ends_at <= folded_at)
);
CREATE TRIGGER report_days_no_change BEFORE UPDATE OR DELETE ON report_days
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER report_days_no_truncate BEFORE TRUNCATE ON report_days
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- The sums of a day's entries, by everything that reports filter by.
CREATE TABLE report_sums (
    day date NOT NULL REFERENCES report_days (day),
    currency currency_code NOT NULL,
    product product_code NOT NULL,
    kind entry_kind NOT NULL,
    counterpart counterpart_name NOT NULL,
    -- A paper may have fee and tax but no entry on its day, if the wallets had nothing to give, or gave earlier.
    entries bigint NOT NULL CONSTRAINT report_sums_entries CHECK (entries >= 0),
    -- The sums of the entries' columns; a null counts as 0.
    amount numeric(28, 8) NOT NULL,
    granted numeric(28, 8) NOT NULL,
    debt numeric(28, 8) NOT NULL,
    -- Fee and tax of the day's papers (`reported_papers`).
    fee numeric(28, 8) NOT NULL,
    tax numeric(28, 8) NOT NULL,
    tax_included numeric(28, 8) NOT NULL,
    CONSTRAINT report_sums_pkey PRIMARY KEY (day, currency, product, kind, counterpart),
    CONSTRAINT report_sums_kept CHECK (CASE
        WHEN kind IN (/* RECHARGE */ 1, /* REFUND_RETURNED */ 6, /* DISPUTE_RETURNED */ 16)
            THEN least(fee, tax, tax_included) >= 0
        WHEN kind IN (/* REFUND */ 5, /* DISPUTE */ 15, /* ADJUST */ 11) THEN greatest(fee, tax, tax_included) <= 0
        ELSE fee = 0 AND tax = 0 AND tax_included = 0
    END),
    CONSTRAINT report_sums_of_something CHECK (entries > 0 OR fee <> 0 OR tax <> 0 OR tax_included <> 0)
);
CREATE TRIGGER report_sums_no_change BEFORE UPDATE OR DELETE ON report_sums
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER report_sums_no_truncate BEFORE TRUNCATE ON report_sums
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- The part of a usage's metadata by which it is summed. Values are cut, because the sums are kept for years.
-- Most usage has none, and PostgreSQL replaces the call by this expression.
CREATE FUNCTION usage_labels(metadata jsonb, keys text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN metadata IS NULL OR cardinality(keys) = 0 THEN '{}'
        ELSE (SELECT coalesce(jsonb_object_agg(key, left(metadata ->> key, 100)), '{}')
              FROM unnest(keys) AS key
              WHERE metadata ? key)
    END
$$;
-- The product that was used: the wallet's, or the one that the counterpart names if another wallet paid.
CREATE FUNCTION usage_product(counterpart text, wallet_product text)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN starts_with(counterpart, 'usage:') THEN substr(counterpart, 7) ELSE wallet_product END
$$;
-- The usage of folded days, summed by customer, day, product and labels, and what reversals gave back. Rows are added
-- with their day; only an erasure of a customer's texts changes rows, because labels can be personal.
CREATE TABLE usage_sums (
    customer_id text NOT NULL,
    day date NOT NULL REFERENCES report_days (day),
    currency currency_code NOT NULL,
    product product_code NOT NULL,
    labels jsonb NOT NULL,
    uses bigint NOT NULL,
    amount numeric(28, 8) NOT NULL CONSTRAINT usage_sums_amount CHECK (amount >= 0),
    reversals bigint NOT NULL,
    reversed numeric(28, 8) NOT NULL CONSTRAINT usage_sums_reversed CHECK (reversed >= 0),
    CONSTRAINT usage_sums_pkey PRIMARY KEY (customer_id, day, currency, product, labels),
    CONSTRAINT usage_sums_counts CHECK (uses >= 0 AND reversals >= 0 AND uses + reversals > 0)
);

-- Our papers: receipts for what completed orders received, credit notes for what went back of them, and cancellations
-- of credit notes whose refund failed or whose dispute was won after all. They are numbered without a gap for each
-- series and year, in the order in which things happened, by a worker after the commit, and never changed.
CREATE TABLE paper_numbers (
    series text NOT NULL CONSTRAINT paper_numbers_series CHECK (series ~ '^[A-Z0-9-]{1,16}$'),
    year integer NOT NULL,
    last bigint NOT NULL CONSTRAINT paper_numbers_last CHECK (last > 0),
    CONSTRAINT paper_numbers_pkey PRIMARY KEY (series, year)
);
CREATE TABLE papers (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT papers_kind CHECK (kind IN ('receipt', 'credit_note', 'cancellation')),
    series text NOT NULL,
    year integer NOT NULL,
    number bigint NOT NULL CONSTRAINT papers_number CHECK (number > 0),
    -- What it is for: the order, a further application of a payment to it (`pay_…:n`), the refund, the lost dispute or
    -- the correction that reversed an approval; or `rfd_…:failed`, `dsp_…:won`.
    source text NOT NULL CONSTRAINT papers_one_for_each_source UNIQUE,
    order_id uuid NOT NULL REFERENCES top_up_orders (id),
    -- The payment that it is about; and which application, where it is a receipt or reverses an approval.
    payment_id uuid NOT NULL REFERENCES payments (id),
    application_n integer,
    -- The receipt of that payment, where this is none.
    receipt_id uuid REFERENCES papers (id),
    customer_id text NOT NULL,
    currency currency_code NOT NULL,
    -- What the payer paid, or got back: credited + fee + tax.
    amount numeric(24, 8) NOT NULL CONSTRAINT papers_amount CHECK (amount > 0),
    fee numeric(24, 8) NOT NULL CONSTRAINT papers_fee CHECK (fee BETWEEN 0 AND amount),
    tax numeric(24, 8) NOT NULL CONSTRAINT papers_tax CHECK (tax BETWEEN 0 AND amount),
    credited numeric(24, 8) NOT NULL CONSTRAINT papers_credited CHECK (credited BETWEEN 0 AND amount),
    -- The tax that the amount contains, and the order's rule.
    tax_included numeric(24, 8) NOT NULL CONSTRAINT papers_tax_included CHECK (tax_included BETWEEN 0 AND amount),
    tax_rule jsonb,
    happened_at timestamptz NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Seller and buyer, as they were named then. The buyer is personal data, which can be erased.
    seller jsonb NOT NULL,
    buyer jsonb,
    -- The number and the file of the state's e-invoice, once there is one.
    e_invoice_number text,
    e_invoice_url text,
    CONSTRAINT papers_number_once UNIQUE (series, year, number),
    CONSTRAINT papers_refer_to_their_receipt CHECK ((kind = 'receipt') = (receipt_id IS NULL)),
    CONSTRAINT papers_of_application FOREIGN KEY (payment_id, application_n)
        REFERENCES payment_applications (payment_id, n),
    CONSTRAINT papers_receipts_are_of_applications CHECK (kind <> 'receipt' OR application_n IS NOT NULL),
    CONSTRAINT papers_parts CHECK (amount = credited + fee + tax),
    CONSTRAINT papers_e_invoice CHECK (e_invoice_url IS NULL OR e_invoice_number IS NOT NULL)
);
CREATE INDEX papers_by_order ON papers (order_id);
CREATE INDEX papers_by_time ON papers (issued_at, id);
CREATE INDEX papers_by_customer ON papers (customer_id, issued_at, id);
CREATE INDEX papers_by_event ON papers (happened_at);

-- The row of the reports in which the fee and the tax of a paper are counted. Those of a receipt are in the row of its
-- recharge. Those of a credit note are negative, in the row of the refund, the dispute or the reversed approval. Those
-- of a cancellation are in the row of the money that came back.
CREATE VIEW reported_papers AS
SELECT p.happened_at, p.currency, o.product,
       (CASE
            WHEN p.kind = 'receipt' THEN /* RECHARGE */ 1
            WHEN p.source LIKE 'adj\_%' THEN /* ADJUST */ 11
            WHEN p.source LIKE 'dsp\_%'
                THEN CASE p.kind WHEN 'credit_note' THEN /* DISPUTE */ 15 ELSE /* DISPUTE_RETURNED */ 16 END
            ELSE CASE p.kind WHEN 'credit_note' THEN /* REFUND */ 5 ELSE /* REFUND_RETURNED */ 6 END
        END)::smallint AS kind,
       CASE
           WHEN p.source LIKE 'rfd\_%' THEN 'refund:' || m.provider
           WHEN p.source LIKE 'dsp\_%' THEN 'dispute:' || m.provider
           WHEN m.provider = 'bank' THEN 'bank:' || m.merchant_account
           ELSE 'provider:' || m.provider
       END AS counterpart,
       s.sign * p.fee AS fee, s.sign * p.tax AS tax, s.sign * p.tax_included AS tax_included
FROM papers p
JOIN top_up_orders o ON o.id = p.order_id
JOIN payments m ON m.id = p.payment_id
CROSS JOIN LATERAL (SELECT CASE WHEN p.kind = 'credit_note' THEN -1 ELSE 1 END) AS s (sign)
WHERE p.fee + p.tax + p.tax_included > 0;

-- Allows two changes of a paper: the e-invoice is added, and the owner erases the buyer.
CREATE FUNCTION papers_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed papers := OLD;
BEGIN
    changed.e_invoice_number := NEW.e_invoice_number;
    changed.e_invoice_url := NEW.e_invoice_url;
    IF NEW.buyer IS NULL THEN
        changed.buyer := NULL;
    END IF;
    IF NEW IS NOT DISTINCT FROM changed THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'papers are append-only: UPDATE refused' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER papers_no_change BEFORE UPDATE ON papers FOR EACH ROW EXECUTE FUNCTION papers_stay();
CREATE TRIGGER papers_no_delete BEFORE DELETE ON papers FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER papers_no_truncate BEFORE TRUNCATE ON papers
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

-- Events for which a paper is to be issued. The row commits with its event; the worker that issues the paper removes
-- it.
CREATE TABLE papers_due (
    source text PRIMARY KEY,
    kind text NOT NULL CONSTRAINT papers_due_kind CHECK (kind IN ('receipt', 'credit_note', 'cancellation')),
    order_id uuid NOT NULL,
    -- As in papers.
    payment_id uuid NOT NULL,
    application_n integer,
    happened_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Why it could not be issued, and when it is tried again. Other papers are issued meanwhile.
    failure text,
    try_at timestamptz,
    CONSTRAINT papers_due_set_aside CHECK ((failure IS NULL) = (try_at IS NULL))
);
CREATE INDEX papers_due_by_time ON papers_due (happened_at, source);

-- Each application to an order has a receipt; that of the first one has the order's name. A product that is paid from
-- the wallet is no sale: the money was receipted when it came in.
CREATE FUNCTION receipt_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO papers_due (source, kind, order_id, payment_id, application_n, happened_at)
    SELECT CASE WHEN EXISTS (SELECT FROM payment_applications a
                             WHERE a.order_id = NEW.order_id
                               AND (a.applied_at, a.payment_id, a.n) < (NEW.applied_at, NEW.payment_id, NEW.n))
                THEN 'pay_' || replace(NEW.payment_id::text, '-', '') || ':' || NEW.n
                ELSE 'tuo_' || replace(NEW.order_id::text, '-', '') END,
           'receipt', NEW.order_id, NEW.payment_id, NEW.n, NEW.applied_at
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_applications_receipted AFTER INSERT ON payment_applications FOR EACH ROW
    WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION receipt_is_due();

CREATE FUNCTION credit_note_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    refund text := 'rfd_' || replace(NEW.id::text, '-', '');
BEGIN
    INSERT INTO papers_due (source, kind, order_id, payment_id)
    VALUES (refund || CASE NEW.status WHEN 'failed' THEN ':failed' ELSE '' END,
            CASE NEW.status WHEN 'failed' THEN 'cancellation' ELSE 'credit_note' END, NEW.order_id, NEW.payment_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_credited_new AFTER INSERT ON refunds FOR EACH ROW
    WHEN (NEW.status = 'succeeded' AND NEW.order_id IS NOT NULL AND NEW.amount > NEW.from_unapplied + NEW.from_wallet)
    EXECUTE FUNCTION credit_note_is_due();
CREATE TRIGGER refunds_credited AFTER UPDATE ON refunds FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND (NEW.status = 'succeeded' OR OLD.status = 'succeeded')
          AND NEW.order_id IS NOT NULL AND NEW.amount > NEW.from_unapplied + NEW.from_wallet)
    EXECUTE FUNCTION credit_note_is_due();

-- A company can take money back before it tells of a dispute, so a dispute that was lost can be open again. If it is
-- lost a second time, no second credit note is due. If it is won, a cancellation is due if it was lost just before, or
-- has a credit note. That also holds if only refunds of the same money were credited: they may have failed since.
CREATE FUNCTION dispute_note_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    dispute text := 'dsp_' || replace(NEW.id::text, '-', '');
    is_noted boolean := EXISTS (SELECT FROM papers_due WHERE source = dispute)
        OR EXISTS (SELECT FROM papers WHERE source = dispute);
BEGIN
    IF NEW.status = 'lost' AND NOT is_noted THEN
        INSERT INTO papers_due (source, kind, order_id, payment_id)
        VALUES (dispute, 'credit_note', NEW.order_id, NEW.payment_id);
    ELSIF NEW.status = 'won' AND (is_noted OR OLD.status = 'lost') THEN
        INSERT INTO papers_due (source, kind, order_id, payment_id)
        VALUES (dispute || ':won', 'cancellation', NEW.order_id, NEW.payment_id)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER disputes_credited_new AFTER INSERT ON disputes FOR EACH ROW
    WHEN (NEW.status = 'lost' AND NEW.order_id IS NOT NULL) EXECUTE FUNCTION dispute_note_is_due();
CREATE TRIGGER disputes_credited AFTER UPDATE ON disputes FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status <> 'open' AND NEW.order_id IS NOT NULL)
    EXECUTE FUNCTION dispute_note_is_due();

-- The approval was wrong: what was receipted never came.
CREATE FUNCTION reversal_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO papers_due (source, kind, order_id, payment_id, application_n, happened_at)
    VALUES ('adj_' || replace(NEW.id::text, '-', ''), 'credit_note', NEW.order_id, NEW.payment_id, NEW.application_n,
            NEW.booked_at)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER adjustments_credited_new AFTER INSERT ON adjustments FOR EACH ROW
    WHEN (NEW.booked_at IS NOT NULL AND NEW.order_id IS NOT NULL) EXECUTE FUNCTION reversal_is_due();
CREATE TRIGGER adjustments_credited AFTER UPDATE ON adjustments FOR EACH ROW
    WHEN (NEW.booked_at IS NOT NULL AND OLD.booked_at IS NULL AND NEW.order_id IS NOT NULL)
    EXECUTE FUNCTION reversal_is_due();
