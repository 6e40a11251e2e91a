DROP TABLE billing_profiles, bank_account_proposals, bank_account_versions, bank_accounts, bonus_tiers,
    channel_rules, tax_rules, top_up_options, agreement_texts, agreements, products;
DROP FUNCTION bank_account_keeps_versions;
DROP FUNCTION pro_rata(numeric, numeric, numeric, integer);
DROP FUNCTION currency_exponent(text);
