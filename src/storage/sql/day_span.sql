-- The first moments of a day and of a later day, in the time zone of the calendar.
--
-- $1 date the first day
-- $2 date the later day
SELECT $1::timestamp AT TIME ZONE time_zone AS "from", $2::timestamp AT TIME ZONE time_zone AS "to"
FROM calendar
