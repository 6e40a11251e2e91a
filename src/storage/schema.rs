//! The tables, as the migrations create them.

diesel::table! {
    adjustments (id) {
        id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        product -> Text,
        amount -> Numeric,
        reason -> Text,
        second_needed -> Bool,
        proposed_by -> Text,
        approved_by -> Nullable<Text>,
        created_at -> Timestamptz,
        booked_at -> Nullable<Timestamptz>,
        order_id -> Nullable<Uuid>,
        payment_id -> Nullable<Uuid>,
        application_n -> Nullable<Int4>,
        reach -> Text,
        allow_debt -> Bool,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    agreement_texts (version, language) {
        version -> Text,
        language -> Text,
        text -> Text,
    }
}

diesel::table! {
    agreements (version) {
        version -> Text,
        url -> Text,
        active -> Bool,
        created_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    approvals (order_id) {
        order_id -> Uuid,
        received_amount -> Numeric,
        transaction_amount -> Nullable<Numeric>,
        bank_transaction_id -> Text,
        identity -> Text,
        bank_account_id -> Uuid,
        received_on -> Date,
        remitter -> Nullable<Text>,
        another_line -> Bool,
        confirmed_difference -> Bool,
        confirmed_not_duplicate -> Bool,
        note -> Nullable<Text>,
        second_needed -> Bool,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        payment_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    attempts (order_id, n) {
        order_id -> Uuid,
        n -> Int4,
        provider -> Text,
        request_key -> Text,
        customer_email -> Nullable<Text>,
        provider_reference -> Nullable<Text>,
        next_action -> Nullable<Jsonb>,
        status -> Text,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        leased_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        owner -> Text,
        own_customer -> Nullable<Text>,
        digest -> Bytea,
        hint -> Text,
        description -> Text,
        permissions -> Array<Text>,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Text>,
        last_used_at -> Nullable<Timestamptz>,
        last_used_from -> Nullable<Text>,
    }
}

diesel::table! {
    audit_log (seq) {
        seq -> Int8,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        target -> Text,
        customer_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        api_key -> Nullable<Uuid>,
    }
}

diesel::table! {
    bank_account_proposals (id) {
        id -> Uuid,
        bank_account_id -> Uuid,
        base_version -> Int8,
        currency -> Text,
        bank_name -> Text,
        account_name -> Text,
        account_number -> Text,
        branch -> Nullable<Text>,
        cnaps_code -> Nullable<Text>,
        napas_bin -> Nullable<Text>,
        swift_bic -> Nullable<Text>,
        bank_address -> Nullable<Text>,
        active -> Bool,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    bank_account_versions (bank_account_id, version) {
        bank_account_id -> Uuid,
        version -> Int8,
        currency -> Text,
        bank_name -> Text,
        account_name -> Text,
        account_number -> Text,
        branch -> Nullable<Text>,
        cnaps_code -> Nullable<Text>,
        napas_bin -> Nullable<Text>,
        swift_bic -> Nullable<Text>,
        bank_address -> Nullable<Text>,
        active -> Bool,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        updated_by -> Text,
    }
}

diesel::table! {
    bank_accounts (id) {
        id -> Uuid,
        currency -> Text,
        bank_name -> Text,
        account_name -> Text,
        account_number -> Text,
        branch -> Nullable<Text>,
        cnaps_code -> Nullable<Text>,
        napas_bin -> Nullable<Text>,
        swift_bic -> Nullable<Text>,
        bank_address -> Nullable<Text>,
        active -> Bool,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    bank_lines (id) {
        id -> Uuid,
        bank_account_id -> Uuid,
        fingerprint -> Bytea,
        repeat -> Int4,
        identity -> Text,
        statement_id -> Uuid,
        n -> Int4,
        payment_id -> Nullable<Uuid>,
        tie -> Array<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    bank_statement_lines (statement_id, n) {
        statement_id -> Uuid,
        n -> Int4,
        booked_on -> Date,
        amount -> Numeric,
        bank_id -> Nullable<Text>,
        remitter -> Nullable<Text>,
        remitter_account -> Nullable<Text>,
        text -> Text,
        fingerprint -> Bytea,
        repeat -> Int4,
    }
}

diesel::table! {
    bank_statement_mappings (bank_account_id) {
        bank_account_id -> Uuid,
        mapping -> Jsonb,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    bank_statements (id) {
        id -> Uuid,
        bank_account_id -> Uuid,
        format -> Text,
        sha256 -> Bytea,
        currency -> Text,
        opening -> Numeric,
        closing -> Numeric,
        from_day -> Date,
        to_day -> Date,
        lines -> Int4,
        credits -> Numeric,
        debits -> Numeric,
        confirmed_gap -> Bool,
        second_needed -> Bool,
        uploaded_by -> Text,
        uploader_customer -> Nullable<Text>,
        approver_customer -> Nullable<Text>,
        uploaded_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
        applied_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    bank_transactions (payment_id) {
        payment_id -> Uuid,
        bank_account_id -> Uuid,
        identity -> Text,
        n -> Int4,
        stated_id -> Text,
        amount -> Numeric,
        received_on -> Date,
        remitter -> Nullable<Text>,
        payer -> Text,
        amount_is_open -> Bool,
        stated_by -> Text,
        stated_at -> Timestamptz,
    }
}

diesel::table! {
    billing_profiles (customer_id) {
        customer_id -> Text,
        name -> Text,
        email -> Text,
        country -> Text,
        address -> Nullable<Text>,
        city -> Nullable<Text>,
        region -> Nullable<Text>,
        postal_code -> Nullable<Text>,
        phone -> Nullable<Text>,
        tax_id -> Nullable<Text>,
        company -> Nullable<Text>,
        registered_address -> Nullable<Text>,
        bank_name -> Nullable<Text>,
        bank_account -> Nullable<Text>,
        tax_id_verified_at -> Nullable<Timestamptz>,
        tax_id_verified_by -> Nullable<Text>,
        tax_id_checker -> Nullable<Text>,
        tax_id_checked_at -> Nullable<Timestamptz>,
        tax_id_consultation -> Nullable<Text>,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    bonus_tiers (id) {
        id -> Uuid,
        currency -> Text,
        product -> Text,
        from_amount -> Numeric,
        bonus -> Numeric,
        used -> Text,
        expires_after_days -> Nullable<Int4>,
        active -> Bool,
        version -> Int8,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    channel_rules (channel, currency, product) {
        channel -> Text,
        currency -> Text,
        product -> Text,
        enabled -> Bool,
        countries -> Array<Text>,
        minimum -> Nullable<Numeric>,
        maximum -> Nullable<Numeric>,
        rank -> Int4,
        fee_percent -> Numeric,
        fee_on_top -> Bool,
        fee_refundable -> Bool,
        bonus_percent -> Numeric,
        recommended -> Bool,
        min_days -> Nullable<Int4>,
        max_days -> Nullable<Int4>,
        business_days -> Bool,
        processing_time -> Text,
        version -> Int8,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    dispute_cases (dispute_id) {
        dispute_id -> Uuid,
        evidence_due_at -> Nullable<Timestamptz>,
        awaits_evidence -> Bool,
        is_open -> Bool,
        fee -> Nullable<Numeric>,
        fee_currency -> Nullable<Text>,
        evidence -> Nullable<Text>,
        sent_by -> Nullable<Text>,
        sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    disputes (id) {
        id -> Uuid,
        payment_id -> Uuid,
        order_id -> Nullable<Uuid>,
        customer_id -> Nullable<Text>,
        provider -> Text,
        dispute_id -> Text,
        awaits_id -> Bool,
        currency -> Text,
        amount -> Numeric,
        from_unapplied -> Numeric,
        from_wallet -> Numeric,
        status -> Text,
        reason -> Nullable<Text>,
        taken_back -> Numeric,
        wallet_taken -> Numeric,
        bonus_taken -> Numeric,
        restored -> Bool,
        charged -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        asked_at -> Timestamptz,
    }
}

diesel::table! {
    entries (customer_id, wallet_id, seq) {
        created_at -> Timestamptz,
        seq -> Int8,
        fingerprint -> Int8,
        wallet_id -> Uuid,
        kind -> Int2,
        customer_id -> Text,
        amount -> Numeric,
        balance_after -> Numeric,
        paid_in -> Numeric,
        paid_out -> Numeric,
        counterpart -> Text,
        key -> Text,
        granted -> Nullable<Numeric>,
        debt -> Nullable<Numeric>,
        grant_id -> Nullable<Uuid>,
        reference -> Nullable<Text>,
        description -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        occurred_at -> Nullable<Timestamptz>,
        text_digest -> Nullable<Text>,
    }
}

diesel::table! {
    entry_kinds (kind) {
        kind -> Int2,
        name -> Text,
        flow_type -> Text,
    }
}

diesel::table! {
    calendar (singleton) {
        singleton -> Bool,
        time_zone -> Text,
        stamped_at -> Timestamptz,
    }
}

diesel::table! {
    environment (singleton) {
        singleton -> Bool,
        stamp -> Text,
        stamped_at -> Timestamptz,
        service_role -> Nullable<Text>,
        quote_secret -> Bytea,
        deployment -> Text,
    }
}

diesel::table! {
    events_pruned (singleton) {
        singleton -> Bool,
        up_to -> Int8,
    }
}

diesel::table! {
    events (seq) {
        seq -> Int8,
        id -> Uuid,
        customer_id -> Nullable<Text>,
        #[sql_name = "type"]
        kind -> Text,
        noun -> Text,
        owner -> Nullable<Text>,
        data -> Jsonb,
        created_at -> Timestamptz,
        position -> Nullable<Int8>,
        sequence -> Nullable<Int8>,
        number -> Nullable<Int8>,
    }
}

diesel::table! {
    event_feed (singleton) {
        singleton -> Bool,
        last -> Int8,
        origin -> Uuid,
    }
}

diesel::table! {
    foreign_payments (provider, payment_id) {
        provider -> Text,
        payment_id -> Text,
        asked_at -> Timestamptz,
    }
}

diesel::table! {
    grant_changes (id) {
        id -> Uuid,
        customer_id -> Text,
        grant_id -> Uuid,
        currency -> Text,
        amount -> Numeric,
        revokes -> Bool,
        expires_at -> Nullable<Timestamptz>,
        reason -> Text,
        second_needed -> Bool,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    grant_proposals (id) {
        id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        product -> Text,
        amount -> Numeric,
        priority -> Int2,
        expires_at -> Nullable<Timestamptz>,
        reason -> Text,
        client_reference -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    grant_uses (customer_id, wallet_id, seq, grant_id) {
        customer_id -> Text,
        wallet_id -> Uuid,
        seq -> Int8,
        grant_id -> Uuid,
        amount -> Numeric,
    }
}

diesel::table! {
    grants (customer_id, id) {
        customer_id -> Text,
        id -> Uuid,
        wallet_id -> Uuid,
        amount -> Numeric,
        remaining -> Numeric,
        held -> Numeric,
        owed -> Numeric,
        priority -> Int2,
        expires_at -> Nullable<Timestamptz>,
        reason -> Text,
        order_id -> Nullable<Uuid>,
        created_by -> Text,
        created_at -> Timestamptz,
        client_reference -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        used_to -> Int8,
        told_expiring -> Bool,
    }
}

diesel::table! {
    holds (customer_id, key) {
        customer_id -> Text,
        key -> Text,
        id -> Uuid,
        wallet_id -> Uuid,
        currency -> Text,
        product -> Text,
        fingerprint -> Int8,
        amount -> Numeric,
        granted -> Numeric,
        grant_id -> Nullable<Uuid>,
        grant_parts -> Nullable<Jsonb>,
        description -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        status -> Text,
        captured -> Nullable<Numeric>,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    idempotency_keys (caller, operation, key) {
        caller -> Text,
        operation -> Text,
        key -> Text,
        fingerprint -> Bytea,
        resource_id -> Uuid,
        customer_id -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    stream_tickets (digest) {
        digest -> Bytea,
        customer_id -> Text,
        origin -> Nullable<Text>,
        expires_at -> Timestamptz,
        token_ends_at -> Timestamptz,
        api_key -> Nullable<Uuid>,
    }
}

diesel::table! {
    integrity_checks (seq) {
        seq -> Int8,
        checked_by -> Text,
        as_of -> Timestamptz,
        finished_at -> Timestamptz,
        disagreements -> Int8,
        report -> Jsonb,
    }
}

diesel::table! {
    order_events (seq) {
        seq -> Int8,
        order_id -> Uuid,
        at -> Timestamptz,
        event -> Text,
        status -> Text,
        actor -> Text,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    own_word_moves (customer_id, kind, subject) {
        customer_id -> Text,
        kind -> Text,
        subject -> Uuid,
        actor -> Text,
        currency -> Text,
        amount -> Numeric,
        moved_at -> Timestamptz,
        allowed -> Nullable<Numeric>,
        allowed_in_all -> Nullable<Numeric>,
    }
}

diesel::table! {
    paper_numbers (series, year) {
        series -> Text,
        year -> Int4,
        last -> Int8,
    }
}

diesel::table! {
    papers (id) {
        id -> Uuid,
        kind -> Text,
        series -> Text,
        year -> Int4,
        number -> Int8,
        source -> Text,
        order_id -> Uuid,
        payment_id -> Uuid,
        application_n -> Nullable<Int4>,
        receipt_id -> Nullable<Uuid>,
        customer_id -> Text,
        currency -> Text,
        amount -> Numeric,
        fee -> Numeric,
        tax -> Numeric,
        credited -> Numeric,
        tax_included -> Numeric,
        tax_rule -> Nullable<Jsonb>,
        happened_at -> Timestamptz,
        issued_at -> Timestamptz,
        seller -> Jsonb,
        buyer -> Nullable<Jsonb>,
        e_invoice_number -> Nullable<Text>,
        e_invoice_url -> Nullable<Text>,
    }
}

diesel::table! {
    papers_due (source) {
        source -> Text,
        kind -> Text,
        order_id -> Uuid,
        payment_id -> Uuid,
        application_n -> Nullable<Int4>,
        happened_at -> Timestamptz,
        failure -> Nullable<Text>,
        try_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    payment_applications (payment_id, n) {
        payment_id -> Uuid,
        n -> Int4,
        order_id -> Nullable<Uuid>,
        customer_id -> Text,
        wallet_id -> Uuid,
        amount -> Numeric,
        fee -> Numeric,
        tax -> Numeric,
        tax_included -> Numeric,
        applied_by -> Text,
        applied_at -> Timestamptz,
        reversed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        provider -> Text,
        merchant_account -> Text,
        payment_id -> Text,
        currency -> Text,
        amount -> Numeric,
        applied -> Numeric,
        refunded -> Numeric,
        unapplied_taken -> Numeric,
        order_id -> Nullable<Uuid>,
        unapplied_reason -> Nullable<Text>,
        live -> Bool,
        received_at -> Timestamptz,
        ask_at -> Nullable<Timestamptz>,
        dismissed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    products (code) {
        code -> Text,
        name -> Text,
        active -> Bool,
        returnable -> Bool,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    provider_events (id) {
        id -> Uuid,
        provider -> Text,
        event_id -> Text,
        event_type -> Text,
        headers -> Jsonb,
        query -> Text,
        body -> Bytea,
        received_at -> Timestamptz,
        processed_at -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    refund_requests (id) {
        id -> Uuid,
        order_id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        amount -> Numeric,
        reason -> Text,
        status -> Text,
        asked_by -> Text,
        created_at -> Timestamptz,
        refund_id -> Nullable<Uuid>,
        decided_by -> Nullable<Text>,
        decided_at -> Nullable<Timestamptz>,
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    refunds (id) {
        id -> Uuid,
        order_id -> Nullable<Uuid>,
        payment_id -> Uuid,
        customer_id -> Nullable<Text>,
        provider -> Text,
        provider_refund_id -> Nullable<Text>,
        currency -> Text,
        amount -> Numeric,
        from_unapplied -> Numeric,
        from_wallet -> Numeric,
        debited -> Numeric,
        wallet_taken -> Numeric,
        bonus_taken -> Numeric,
        status -> Text,
        reason -> Text,
        failure -> Nullable<Text>,
        ours -> Bool,
        override_balance -> Bool,
        from_products -> Bool,
        closing_id -> Nullable<Uuid>,
        proposed_by -> Text,
        approved_by -> Nullable<Text>,
        second_needed -> Bool,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
        ask_at -> Nullable<Timestamptz>,
        asked -> Int4,
    }
}

diesel::table! {
    service_grant_sums (currency, minute, backend) {
        currency -> Text,
        minute -> Timestamptz,
        backend -> Int4,
        amount -> Numeric,
    }
}

diesel::table! {
    spend_guards (customer_id, wallet_id) {
        customer_id -> Text,
        wallet_id -> Uuid,
        set_by -> Text,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    tax_rules (seller_country, customer_country, business) {
        seller_country -> Text,
        customer_country -> Text,
        business -> Bool,
        rate_percent -> Numeric,
        inclusive -> Bool,
        taxed_at -> Text,
        reverse_charge -> Bool,
        enabled -> Bool,
        version -> Int8,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    top_up_options (currency, product) {
        currency -> Text,
        product -> Text,
        presets -> Array<Numeric>,
        minimum -> Numeric,
        maximum -> Numeric,
        order_ttl_minutes -> Int4,
        version -> Int8,
        updated_at -> Timestamptz,
        updated_by -> Text,
    }
}

diesel::table! {
    top_up_orders (id) {
        id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        product -> Text,
        channel -> Text,
        provider -> Text,
        merchant_account -> Text,
        status -> Text,
        awaiting -> Nullable<Text>,
        failed_by -> Nullable<Text>,
        reason -> Nullable<Text>,
        declines -> Int4,
        held_for_review -> Bool,
        amount -> Numeric,
        payable_amount -> Numeric,
        fee -> Numeric,
        fee_on_top -> Bool,
        tax -> Numeric,
        tax_included -> Numeric,
        tax_rule -> Nullable<Jsonb>,
        fee_refundable -> Bool,
        bonus -> Numeric,
        bonus_tier_id -> Nullable<Uuid>,
        bonus_once -> Bool,
        bonus_first -> Bool,
        bonus_days -> Nullable<Int4>,
        bonus_reserved -> Bool,
        credited_amount -> Numeric,
        received_amount -> Nullable<Numeric>,
        refunded_amount -> Numeric,
        reference -> Text,
        agreement_version -> Text,
        return_url -> Nullable<Text>,
        card_flow -> Nullable<Text>,
        remitter_name -> Nullable<Text>,
        remitter_bank -> Nullable<Text>,
        remarks -> Nullable<Text>,
        remitter_key -> Nullable<Text>,
        bank_account_id -> Nullable<Uuid>,
        bank_account_version -> Nullable<Int8>,
        vnpay_bank_code -> Nullable<Text>,
        payer_ip -> Text,
        locale -> Nullable<Text>,
        buyer -> Nullable<Jsonb>,
        client_reference -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        transfer_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        due_at -> Nullable<Timestamptz>,
        expires_at -> Timestamptz,
        updated_at -> Timestamptz,
        completed_at -> Nullable<Timestamptz>,
        ask_at -> Nullable<Timestamptz>,
        asked -> Int4,
        version -> Int8,
    }
}

diesel::table! {
    transfer_slips (id) {
        id -> Uuid,
        order_id -> Uuid,
        customer_id -> Text,
        n -> Int2,
        kind -> Text,
        bytes -> Int4,
        sha256 -> Bytea,
        content -> Bytea,
        uploaded_by -> Text,
        uploaded_at -> Timestamptz,
    }
}

diesel::table! {
    transfers (customer_id, id) {
        customer_id -> Text,
        id -> Uuid,
        currency -> Text,
        amount -> Numeric,
        from_product -> Text,
        to_product -> Text,
        order_id -> Nullable<Uuid>,
        client_reference -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    unapplied_decisions (id) {
        id -> Uuid,
        payment_id -> Uuid,
        destination -> Text,
        currency -> Text,
        amount -> Numeric,
        order_id -> Nullable<Uuid>,
        customer_id -> Nullable<Text>,
        product -> Nullable<Text>,
        bank_transaction_id -> Nullable<Text>,
        reason -> Text,
        second_needed -> Bool,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
        done_at -> Nullable<Timestamptz>,
        refund_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    wallets (customer_id, currency, product) {
        customer_id -> Text,
        currency -> Text,
        product -> Text,
        id -> Uuid,
        created_at -> Timestamptz,
        frozen -> Bool,
        customer_frozen -> Bool,
        claimed -> Bool,
        closing -> Bool,
        closed -> Bool,
        needs_full_path -> Bool,
        low_balance_threshold -> Nullable<Numeric>,
        fast_floor -> Numeric,
        bonus_owed -> Numeric,
        daily_cap -> Nullable<Numeric>,
        monthly_cap -> Nullable<Numeric>,
        guard_day -> Nullable<Date>,
        active_grant -> Nullable<Uuid>,
        grants_until -> Nullable<Timestamptz>,
        active_remaining -> Nullable<Numeric>,
        active_held -> Nullable<Numeric>,
        spent_today -> Nullable<Numeric>,
        spent_this_month -> Nullable<Numeric>,
        granted -> Numeric,
        held -> Numeric,
        debt -> Numeric,
        paid -> Numeric,
        paid_in -> Numeric,
        paid_out -> Numeric,
        entry_seq -> Int8,
        version -> Int8,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_attempts (delivery_id, n) {
        delivery_id -> Uuid,
        n -> Int4,
        at -> Timestamptz,
        milliseconds -> Int4,
        status -> Nullable<Int4>,
        error -> Nullable<Text>,
        body -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> Uuid,
        endpoint_id -> Uuid,
        number -> Int8,
        event_id -> Uuid,
        customer_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        status -> Text,
        attempts -> Int4,
        tries -> Int4,
        due_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Uuid,
        owner -> Text,
        api_key -> Nullable<Uuid>,
        url -> Text,
        description -> Nullable<Text>,
        types -> Array<Text>,
        status -> Text,
        disabled_because -> Nullable<Text>,
        failing_since -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        lease -> Nullable<Uuid>,
        leased_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    webhook_secrets (endpoint_id, secret) {
        endpoint_id -> Uuid,
        secret -> Text,
        made_at -> Timestamptz,
        ends_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    worker_marks (worker) {
        worker -> Text,
        reached -> Timestamptz,
    }
}

diesel::table! {
    take_backs (source, n) {
        source -> Text,
        n -> Int4,
        part -> Text,
        order_id -> Nullable<Uuid>,
        payment_id -> Nullable<Uuid>,
        customer_id -> Text,
        wallet_id -> Uuid,
        counterpart -> Text,
        grant_id -> Nullable<Uuid>,
        taken -> Numeric,
        given_back -> Numeric,
        returns -> Int4,
        taken_at -> Timestamptz,
    }
}

diesel::table! {
    taken_back_debts (source, part) {
        source -> Text,
        part -> Text,
        order_id -> Nullable<Uuid>,
        payment_id -> Nullable<Uuid>,
        customer_id -> Text,
        currency -> Text,
        counterpart -> Text,
        grant_id -> Nullable<Uuid>,
        description -> Nullable<Text>,
        amount -> Numeric,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    frozen_customers (customer_id) {
        customer_id -> Text,
        reason -> Text,
        frozen_by -> Text,
        frozen_at -> Timestamptz,
    }
}

diesel::table! {
    frozen_wallets (customer_id, wallet_id) {
        customer_id -> Text,
        wallet_id -> Uuid,
        reason -> Text,
        frozen_by -> Text,
        frozen_at -> Timestamptz,
    }
}

diesel::table! {
    customer_secrets (customer_id) {
        customer_id -> Text,
        secret -> Bytea,
        made_at -> Timestamptz,
    }
}

diesel::table! {
    report_days (day) {
        day -> Date,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        folded_at -> Timestamptz,
    }
}

diesel::table! {
    seal_keys (id) {
        id -> Text,
        public_key -> Bytea,
        first_used_at -> Timestamptz,
    }
}

diesel::table! {
    seal_walk (singleton) {
        singleton -> Bool,
        customer_id -> Text,
        currency -> Text,
        product -> Text,
        next_at -> Timestamptz,
        oldest -> Nullable<Timestamptz>,
        oldest_so_far -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    seals (customer_id, wallet_id, from_seq) {
        customer_id -> Text,
        wallet_id -> Uuid,
        from_seq -> Int8,
        to_seq -> Int8,
        form -> Int2,
        previous_hash -> Bytea,
        hash -> Bytea,
        key_id -> Text,
        signature -> Bytea,
        sealed_at -> Timestamptz,
    }
}

diesel::table! {
    closings (id) {
        id -> Uuid,
        customer_id -> Text,
        state -> Text,
        reason -> Text,
        started_by -> Text,
        starter_has_finance -> Bool,
        started_at -> Timestamptz,
        updated_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        due_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    payouts (id) {
        id -> Uuid,
        closing_id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        amount -> Numeric,
        debited -> Numeric,
        bank_account_id -> Uuid,
        beneficiary -> Nullable<Jsonb>,
        status -> Text,
        bank_transaction_id -> Nullable<Text>,
        failure -> Nullable<Text>,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    write_offs (id) {
        id -> Uuid,
        customer_id -> Text,
        currency -> Text,
        amount -> Numeric,
        recovered -> Numeric,
        reason -> Text,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    adjustments,
    agreement_texts,
    agreements,
    approvals,
    attempts,
    api_keys,
    audit_log,
    bank_account_proposals,
    bank_account_versions,
    bank_accounts,
    bank_lines,
    bank_statement_lines,
    bank_statement_mappings,
    bank_statements,
    bank_transactions,
    billing_profiles,
    bonus_tiers,
    calendar,
    channel_rules,
    closings,
    customer_secrets,
    dispute_cases,
    disputes,
    entries,
    entry_kinds,
    environment,
    event_feed,
    events,
    events_pruned,
    foreign_payments,
    frozen_customers,
    frozen_wallets,
    grant_changes,
    grant_proposals,
    grant_uses,
    grants,
    holds,
    idempotency_keys,
    integrity_checks,
    order_events,
    own_word_moves,
    paper_numbers,
    papers,
    papers_due,
    payment_applications,
    payments,
    payouts,
    products,
    provider_events,
    refund_requests,
    refunds,
    report_days,
    seal_keys,
    seal_walk,
    seals,
    service_grant_sums,
    spend_guards,
    take_backs,
    taken_back_debts,
    top_up_options,
    top_up_orders,
    transfer_slips,
    transfers,
    unapplied_decisions,
    wallets,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_secrets,
    worker_marks,
    write_offs
);
