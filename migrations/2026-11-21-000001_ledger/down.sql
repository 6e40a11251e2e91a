DROP TABLE webhook_attempts, webhook_deliveries, webhook_secrets, webhook_endpoints;
DROP VIEW all_grant_uses, current_grants;
DROP FUNCTION fast_path_covers(wallets, numeric);
DROP FUNCTION fast_path_captures(wallets, uuid, numeric);
DROP TABLE seal_walk, customer_secrets, seals, seal_keys, events, events_pruned, event_sequences, event_feed,
    worker_marks, spend_guards, holds, taken_back_debts, take_backs, frozen_wallets, frozen_customers, grant_uses,
    grants, entries, entry_kinds, wallets, calendar, environment;
DROP FUNCTION entries_before(text, uuid, bigint, timestamptz, bigint, uuid);
DROP FUNCTION entries_are_append_only();
DROP FUNCTION entries_let_texts_be_erased();
DROP FUNCTION fast_path_refused();
DROP FUNCTION hold_key_used();
DROP FUNCTION place_event();
DROP FUNCTION tell_of_grant();
DROP FUNCTION tell_of_disabled_endpoint();
DROP FUNCTION webhook_wants(uuid, text, text[], text, text, text);
DROP FUNCTION tell_of_frozen_customer();
DROP FUNCTION mark_new_wallet();
DROP FUNCTION close_wallet_gate_at_once(text);
DROP FUNCTION wallet_gate(text);
DROP FUNCTION ledger_now();
DROP SEQUENCE event_positions;
DROP DOMAIN customer_key, currency_code, product_code, dedupe_key, counterpart_name, entry_number, entry_kind,
    wallet_part, spend_cap, take_back_source, taken_part, client_reference, client_metadata;
