-- Whether a refund by bank transfer was sent under an id of the bank. Case, spaces and punctuation make no difference,
-- as in the index `refunds_by_bank_transfer`.
--
-- $1 text the bank's id
-- $2 uuid a refund that does not count, or null
--
-- Returns the answer.
SELECT EXISTS (SELECT FROM refunds r
               WHERE r.provider = 'bank' AND r.id IS DISTINCT FROM $2
                 AND upper(regexp_replace(normalize(r.provider_refund_id, NFKC), '[[:space:][:punct:]]', '', 'g'))
                   = upper(regexp_replace(normalize($1, NFKC), '[[:space:][:punct:]]', '', 'g')))
