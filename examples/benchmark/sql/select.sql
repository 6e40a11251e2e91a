\set customer random(1, :customers)
SELECT paid - held FROM wallets WHERE customer_id = CASE WHEN :customers::int = 1 THEN 'hot' ELSE 'c' || lpad(:customer::int::text, 5, '0') END AND currency = 'CNY' AND product = '';
