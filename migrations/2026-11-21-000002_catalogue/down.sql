DROP TABLE billing_profiles, bank_accounts, channel_rules, top_up_options, agreements, products;
