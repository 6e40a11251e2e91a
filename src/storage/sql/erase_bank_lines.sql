-- Erases the texts of all lines, of any file, that brought a customer's money.
--
-- $1 text the customer
UPDATE bank_statement_lines l
SET remitter = NULL, remitter_account = NULL, text = 'erased'
FROM bank_lines b, payment_applications a, bank_statements s
WHERE a.customer_id = $1 AND b.payment_id = a.payment_id AND s.bank_account_id = b.bank_account_id
  AND l.statement_id = s.id AND l.fingerprint = b.fingerprint AND l.repeat = b.repeat
