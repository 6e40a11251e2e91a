-- The first moment of one day, and that of a later one, in the time zone of the calendar.
--
-- $1 date the one
-- $2 date the other
SELECT $1::timestamp AT TIME ZONE time_zone AS "from", $2::timestamp AT TIME ZONE time_zone AS "to"
FROM calendar
