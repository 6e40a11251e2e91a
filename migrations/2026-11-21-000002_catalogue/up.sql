CREATE TABLE products (
    code text PRIMARY KEY CONSTRAINT products_code CHECK (code ~ '^[a-z0-9_-]{1,32}$'),
    name text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    -- Whether paid money may go back from the product to the main wallet.
    returnable boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agreements (
    version text PRIMARY KEY,
    url text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX agreements_one_active ON agreements (active) WHERE active;

-- What a customer may choose, per currency and wallet ('' is the main wallet, and the default for products).
CREATE TABLE top_up_options (
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    presets numeric(24, 8)[] NOT NULL,
    minimum numeric(24, 8) NOT NULL CONSTRAINT top_up_options_minimum CHECK (minimum > 0),
    maximum numeric(24, 8) NOT NULL,
    order_ttl_minutes integer NOT NULL DEFAULT 1440 CONSTRAINT top_up_options_ttl CHECK (order_ttl_minutes BETWEEN 30 AND 1440),
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT top_up_options_pkey PRIMARY KEY (currency, product),
    CONSTRAINT top_up_options_order CHECK (minimum <= maximum)
);

-- Which channel is offered where: the most specific row (product before '') of a currency decides.
CREATE TABLE channel_rules (
    channel text NOT NULL CONSTRAINT channel_rules_channel
        CHECK (channel IN ('card', 'paypal', 'vnpay', 'bank_transfer', 'balance')),
    currency text NOT NULL,
    product text NOT NULL DEFAULT '',
    enabled boolean NOT NULL DEFAULT true,
    -- Empty: every country.
    countries text[] NOT NULL DEFAULT '{}',
    minimum numeric(24, 8),
    maximum numeric(24, 8),
    -- The lowest rank that is eligible is recommended.
    rank integer NOT NULL DEFAULT 100,
    fee_percent numeric(7, 4) NOT NULL DEFAULT 0 CONSTRAINT channel_rules_fee CHECK (fee_percent BETWEEN 0 AND 100),
    tax_percent numeric(7, 4) NOT NULL DEFAULT 0 CONSTRAINT channel_rules_tax CHECK (tax_percent BETWEEN 0 AND 100),
    bonus_percent numeric(7, 4) NOT NULL DEFAULT 0 CONSTRAINT channel_rules_bonus CHECK (bonus_percent BETWEEN 0 AND 100),
    processing_time text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_rules_pkey PRIMARY KEY (channel, currency, product)
);

CREATE TABLE bank_accounts (
    id uuid PRIMARY KEY,
    currency text NOT NULL,
    bank_name text NOT NULL,
    account_name text NOT NULL,
    account_number text NOT NULL,
    branch text,
    cnaps_code text,
    swift_bic text,
    bank_address text,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bank_accounts_number_once UNIQUE (account_number, currency)
);

CREATE TABLE billing_profiles (
    customer_id text PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    country text NOT NULL CONSTRAINT billing_profiles_country CHECK (country ~ '^[A-Z]{2}$'),
    address text,
    tax_id text,
    company text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
