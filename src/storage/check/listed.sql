-- Lists what a step of the check has found, so that the answer is small however many disagreements there are. `step` is
-- the step's statement: `storage::check` puts it before this text, as a common table expression.
--
-- $1 bigint at most this many disagreements of each rule
--
-- Returns rule, subject, customer, expected and found of each disagreement, and how many there are of its rule.
SELECT rule, subject, customer,
       coalesce(expected, 'nothing') AS expected,
       coalesce(found, 'nothing') AS found,
       total
FROM (
    SELECT step.*,
           count(*) OVER (PARTITION BY rule) AS total,
           row_number() OVER (PARTITION BY rule ORDER BY customer, subject) AS n
    FROM step
) AS listed
WHERE n <= $1
ORDER BY rule, n
