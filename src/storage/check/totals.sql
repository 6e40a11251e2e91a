-- The totals, one row each: the name, currency and counterpart if there are any, the count, the sum.
SELECT 'wallets' AS name, currency, NULL::text AS counterpart, count(*) AS count, NULL::numeric AS sum
FROM wallets GROUP BY currency
UNION ALL
SELECT 'entries', w.currency, e.counterpart, count(*), sum(e.amount)
FROM entries e LEFT JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
GROUP BY w.currency, e.counterpart
UNION ALL
SELECT v.name, w.currency, NULL, v.count, v.sum
FROM (SELECT currency, sum(paid) AS paid, count(*) FILTER (WHERE paid > 0) AS paids,
             sum(granted) AS granted, count(*) FILTER (WHERE granted > 0) AS granteds,
             sum(held) AS held, count(*) FILTER (WHERE held > 0) AS helds,
             sum(debt) AS debt, count(*) FILTER (WHERE debt > 0) AS debts
      FROM wallets GROUP BY currency) AS w
CROSS JOIN LATERAL (VALUES ('paid', w.paids, w.paid), ('granted', w.granteds, w.granted),
                           ('held', w.helds, w.held), ('debt', w.debts, w.debt)) AS v (name, count, sum)
UNION ALL
SELECT 'open_holds', currency, NULL, count(*), sum(amount) FROM holds WHERE status = 'open' GROUP BY currency
UNION ALL
SELECT 'taken_back_debt', currency, NULL, count(*), sum(amount) FROM taken_back_debts GROUP BY currency
UNION ALL
SELECT 'unapplied_payments', currency, NULL, count(*), sum(amount - applied - unapplied_taken)
FROM payments WHERE applied + unapplied_taken < amount GROUP BY currency
ORDER BY 1, 2, 3
