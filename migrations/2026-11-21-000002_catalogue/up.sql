-- What operators configure. These tables are small and change rarely. `version` grows with every change of a row: it is
-- the ETag that an update must name, so that two operators cannot overwrite each other's change.

-- The parts of the platform that can hold a balance of their own, which is spent there only.
CREATE TABLE products (
    code text PRIMARY KEY CONSTRAINT products_code CHECK (code ~ '^[a-z0-9_-]{1,32}$'),
    name text NOT NULL,
    -- An inactive product takes no new money; its present money can still be spent.
    active boolean NOT NULL DEFAULT true,
    -- Whether paid money may be moved back from the product to the main wallet.
    returnable boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Who changed it last; `topup` is the seed.
    updated_by text NOT NULL DEFAULT 'topup'
);

-- The terms that a customer accepts with each top-up. An order keeps the version that was accepted.
CREATE TABLE agreements (
    version text PRIMARY KEY,
    url text NOT NULL,
    -- The active version, which new orders must name.
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Who published it, or activated it last; `topup` is the seed.
    updated_by text NOT NULL DEFAULT 'topup'
);
CREATE UNIQUE INDEX agreements_one_active ON agreements (active) WHERE active;

-- The text of an agreement in its languages. It is published with its version, and never changes.
CREATE TABLE agreement_texts (
    version text NOT NULL REFERENCES agreements (version),
    language text NOT NULL,
    text text NOT NULL,
    CONSTRAINT agreement_texts_pkey PRIMARY KEY (version, language)
);

-- What a customer may choose, per currency and wallet. The row of the main wallet ('') also serves every product that
-- has no row of its own.
CREATE TABLE top_up_options (
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    -- The amounts that a payment page offers as buttons. Other amounts within the limits are accepted as well.
    presets numeric(24, 8)[] NOT NULL,
    -- The limits of a payment.
    minimum numeric(24, 8) NOT NULL CONSTRAINT top_up_options_minimum CHECK (minimum > 0),
    maximum numeric(24, 8) NOT NULL,
    -- After this time an unpaid order expires: between 30 minutes and 24 hours, as Stripe's payment pages do. A bank
    -- transfer takes longer, so its orders have a longer time of their own.
    order_ttl_minutes integer NOT NULL DEFAULT 1440
        CONSTRAINT top_up_options_ttl CHECK (order_ttl_minutes BETWEEN 30 AND 1440),
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Who changed it last; `topup` is the seed.
    updated_by text NOT NULL DEFAULT 'topup',
    CONSTRAINT top_up_options_pkey PRIMARY KEY (currency, product),
    CONSTRAINT top_up_options_order CHECK (minimum <= maximum)
);

-- Which payment channel is offered where, and at what price. For a channel and currency the row of the product decides,
-- or the row of '' if the product has none.
CREATE TABLE channel_rules (
    channel text NOT NULL CONSTRAINT channel_rules_channel
        CHECK (channel IN ('card', 'paypal', 'vnpay', 'bank_transfer', 'balance')),
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    enabled boolean NOT NULL DEFAULT true,
    -- The billing countries to which the channel is offered; empty means every country.
    countries text[] NOT NULL DEFAULT '{}',
    -- Limits of what is paid through the channel, within those of top_up_options; null means none.
    minimum numeric(24, 8),
    maximum numeric(24, 8),
    -- The place of the channel in lists.
    rank integer NOT NULL DEFAULT 100,
    -- Eligible channels with this mark are recommended; if there is none, the eligible channel with the lowest rank is.
    recommended boolean NOT NULL DEFAULT false,
    -- Shares of the amount. An order keeps the resulting amounts of the time when it is created. The bonus is granted
    -- credit in addition.
    fee_percent numeric(7, 4) NOT NULL DEFAULT 0 CONSTRAINT channel_rules_fee CHECK (fee_percent BETWEEN 0 AND 100),
    -- Whether the payer pays the fee on top of the amount; otherwise it is deducted from what is credited.
    fee_on_top boolean NOT NULL DEFAULT false,
    -- Whether a refund gives the fee back, in proportion. Tax always goes back.
    fee_refundable boolean NOT NULL DEFAULT true,
    bonus_percent numeric(7, 4) NOT NULL DEFAULT 0
        CONSTRAINT channel_rules_bonus CHECK (bonus_percent BETWEEN 0 AND 100),
    -- Shown to the customer: "instant", "1 to 3 working days".
    processing_time text NOT NULL,
    -- The processing time in days; null: it is not stated.
    min_days integer,
    max_days integer,
    business_days boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Who changed it last; `topup` is the seed.
    updated_by text NOT NULL DEFAULT 'topup',
    CONSTRAINT channel_rules_pkey PRIMARY KEY (channel, currency, product),
    CONSTRAINT channel_rules_days CHECK ((min_days IS NULL) = (max_days IS NULL)
        AND (min_days IS NULL OR min_days BETWEEN 0 AND max_days AND max_days <= 365))
);

-- How a top-up is taxed, by the country of the seller and of the customer. No rules are shipped.
CREATE TABLE tax_rules (
    seller_country text NOT NULL CONSTRAINT tax_rules_seller CHECK (seller_country ~ '^[A-Z]{2}$'),
    -- The empty text: all countries without a rule of their own.
    customer_country text NOT NULL CONSTRAINT tax_rules_customer CHECK (customer_country ~ '^([A-Z]{2})?$'),
    -- Businesses whose tax id was verified; otherwise all other customers.
    business boolean NOT NULL,
    rate_percent numeric(7, 4) NOT NULL CONSTRAINT tax_rules_rate CHECK (rate_percent BETWEEN 0 AND 100),
    -- The price contains the tax; otherwise the payer pays it on top.
    inclusive boolean NOT NULL,
    -- `never`: the use of the credit is taxed, and not its purchase.
    taxed_at text NOT NULL CONSTRAINT tax_rules_at CHECK (taxed_at IN ('top_up', 'never')),
    -- The business itself owes the tax, in its own country.
    reverse_charge boolean NOT NULL,
    enabled boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    updated_by text NOT NULL,
    CONSTRAINT tax_rules_pkey PRIMARY KEY (seller_country, customer_country, business),
    CONSTRAINT tax_rules_never CHECK (taxed_at = 'top_up' OR (rate_percent = 0 AND NOT reverse_charge)),
    CONSTRAINT tax_rules_reverse_charge
        CHECK (NOT reverse_charge OR (business AND rate_percent = 0 AND customer_country <> seller_country))
);

-- Bonuses for top-ups of a certain amount. For a currency the tiers of the product decide, or those of '' if the
-- product has none.
CREATE TABLE bonus_tiers (
    id uuid PRIMARY KEY,
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    from_amount numeric(24, 8) NOT NULL CONSTRAINT bonus_tiers_from CHECK (from_amount > 0),
    bonus numeric(24, 8) NOT NULL,
    used text NOT NULL CONSTRAINT bonus_tiers_used CHECK (used IN ('every_time', 'once', 'first_top_up')),
    -- After how many days what is left of the bonus expires. Null: it never expires.
    expires_after_days integer CONSTRAINT bonus_tiers_days CHECK (expires_after_days BETWEEN 1 AND 3650),
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    updated_by text NOT NULL DEFAULT 'topup',
    CONSTRAINT bonus_tiers_bonus CHECK (bonus > 0 AND bonus <= from_amount)
);
CREATE INDEX bonus_tiers_of_wallet ON bonus_tiers (currency, product) WHERE active;

-- Our accounts to which bank transfers are paid.
CREATE TABLE bank_accounts (
    id uuid PRIMARY KEY,
    currency text NOT NULL,
    bank_name text NOT NULL,
    account_name text NOT NULL,
    account_number text NOT NULL,
    -- What a payer's bank needs beside the number: within China the branch and its CNAPS code, within Vietnam the
    -- bank's number at NAPAS, from abroad SWIFT/BIC and the bank's address.
    branch text,
    cnaps_code text,
    napas_bin text CONSTRAINT bank_accounts_napas_bin CHECK (napas_bin ~ '^[0-9]{6}$'),
    swift_bic text,
    bank_address text,
    -- An inactive account is not offered to new orders.
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    -- Who changed it last; `topup` is the seed.
    updated_by text NOT NULL DEFAULT 'topup',
    CONSTRAINT bank_accounts_number_once UNIQUE (account_number, currency)
);

-- Every version of an account, as payers were shown it. A change closes the version before; an order keeps its own.
CREATE TABLE bank_account_versions (
    bank_account_id uuid NOT NULL REFERENCES bank_accounts (id),
    version bigint NOT NULL,
    currency text NOT NULL,
    bank_name text NOT NULL,
    account_name text NOT NULL,
    account_number text NOT NULL,
    branch text,
    cnaps_code text,
    napas_bin text,
    swift_bic text,
    bank_address text,
    active boolean NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    updated_by text NOT NULL,
    CONSTRAINT bank_account_versions_pkey PRIMARY KEY (bank_account_id, version)
);
CREATE UNIQUE INDEX bank_account_versions_one_open ON bank_account_versions (bank_account_id) WHERE closed_at IS NULL;

CREATE FUNCTION bank_account_keeps_versions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := ledger_now();
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'a change of a bank account is its next version' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE bank_account_versions SET closed_at = at WHERE bank_account_id = NEW.id AND closed_at IS NULL;
    INSERT INTO bank_account_versions (bank_account_id, version, currency, bank_name, account_name, account_number,
        branch, cnaps_code, napas_bin, swift_bic, bank_address, active, opened_at, updated_by)
    VALUES (NEW.id, NEW.version, NEW.currency, NEW.bank_name, NEW.account_name, NEW.account_number, NEW.branch,
        NEW.cnaps_code, NEW.napas_bin, NEW.swift_bic, NEW.bank_address, NEW.active, at, NEW.updated_by);
    RETURN NULL;
END $$;
CREATE TRIGGER bank_accounts_keep_versions AFTER INSERT OR UPDATE ON bank_accounts
    FOR EACH ROW EXECUTE FUNCTION bank_account_keeps_versions();

-- Changes of our accounts that need a second operator.
CREATE TABLE bank_account_proposals (
    id uuid PRIMARY KEY,
    -- The account that is changed; for a new account the id that it gets.
    bank_account_id uuid NOT NULL,
    -- The version that is replaced; 0 for a new account.
    base_version bigint NOT NULL CONSTRAINT bank_account_proposals_base CHECK (base_version >= 0),
    currency text NOT NULL,
    bank_name text NOT NULL,
    account_name text NOT NULL,
    account_number text NOT NULL,
    branch text,
    cnaps_code text,
    napas_bin text,
    swift_bic text,
    bank_address text,
    active boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    CONSTRAINT bank_account_proposals_second_pair_of_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT bank_account_proposals_ended
        CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)
               AND (approved_by IS NULL OR withdrawn_by IS NULL))
);
CREATE UNIQUE INDEX bank_account_proposals_one_waiting ON bank_account_proposals (bank_account_id)
    WHERE approved_at IS NULL AND withdrawn_at IS NULL;

-- The customer as papers name it, and the country by which channels are offered. One row per customer.
CREATE TABLE billing_profiles (
    customer_id text PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    country text NOT NULL CONSTRAINT billing_profiles_country CHECK (country ~ '^[A-Z]{2}$'),
    -- Street and house.
    address text,
    city text,
    -- State or province.
    region text,
    postal_code text,
    phone text,
    tax_id text,
    company text,
    -- What a special invoice of China names in addition to tax id and phone: the registered address, the bank and the
    -- account.
    registered_address text,
    bank_name text,
    bank_account text,
    -- When and by whom the tax id was verified. From then on the customer is a business, until the tax id changes.
    tax_id_verified_at timestamptz,
    tax_id_verified_by text,
    -- The checker, such as VIES, that gave the answer, if there was one; when; and under which number.
    tax_id_checker text,
    tax_id_checked_at timestamptz,
    tax_id_consultation text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT ledger_now(),
    updated_at timestamptz NOT NULL DEFAULT ledger_now(),
    CONSTRAINT billing_profiles_verified_by_somebody CHECK ((tax_id_verified_at IS NULL) = (tax_id_verified_by IS NULL)
        AND (tax_id_verified_at IS NULL OR tax_id IS NOT NULL)),
    CONSTRAINT billing_profiles_checked CHECK ((tax_id_checker IS NULL) = (tax_id_checked_at IS NULL)
        AND (tax_id_checker IS NULL OR tax_id_verified_at IS NOT NULL)
        AND (tax_id_consultation IS NULL OR tax_id_checker IS NOT NULL))
);
-- What operators look for.
CREATE INDEX billing_profiles_by_customer_prefix ON billing_profiles (customer_id text_pattern_ops);
CREATE INDEX billing_profiles_by_name ON billing_profiles (lower(name) text_pattern_ops);
CREATE INDEX billing_profiles_by_email ON billing_profiles (lower(email) text_pattern_ops);

-- How many decimals a currency has: ISO 4217, as `Currency::exponent` of the service. A test compares both.
CREATE FUNCTION currency_exponent(currency text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND',
                          'VUV', 'XAF', 'XOF', 'XPF') THEN 0
        WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        WHEN currency IN ('CLF', 'UYW') THEN 4
        ELSE 2
    END
$$;

-- The share of `whole` that corresponds to `part` of `total`, at most the whole; half to even, at `exponent` decimals.
-- The same as `ReturnedSoFar::due` of the service.
CREATE FUNCTION pro_rata(whole numeric, part numeric, total numeric, exponent integer)
    RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN total = 0 OR part >= total THEN whole
        ELSE (SELECT (q + CASE WHEN 2 * r > total OR (2 * r = total AND q % 2 = 1) THEN 1 ELSE 0 END) / unit
              FROM (SELECT div(whole * part * u.unit, total) AS q, mod(whole * part * u.unit, total) AS r, u.unit
                    FROM (VALUES (power(10::numeric, exponent))) AS u (unit)) AS parts)
    END
$$;
