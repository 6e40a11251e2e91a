-- Takes over the lines of a statement that no earlier file has.
--
-- $1 uuid the statement
-- $2 int[] the numbers of its lines
-- $3 text[] their identities
-- $4 uuid[] new ids
-- $5 timestamptz now
INSERT INTO bank_lines (id, bank_account_id, fingerprint, repeat, identity, statement_id, n, created_at)
SELECT new.id, s.bank_account_id, l.fingerprint, l.repeat, new.identity, l.statement_id, l.n, $5
FROM unnest($2, $3, $4) AS new (n, identity, id)
JOIN bank_statements s ON s.id = $1
JOIN bank_statement_lines l ON l.statement_id = s.id AND l.n = new.n
ON CONFLICT ON CONSTRAINT bank_lines_once DO NOTHING
