-- Gives the transaction of a check the memory to sort all entries, and as much time as it needs: a worker runs it on a
-- connection whose statements otherwise end after some seconds. Compiling the expressions takes longer than it saves on
-- all but the largest books.
SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true), set_config('statement_timeout', '0', true)
