ALTER TABLE refunds DROP CONSTRAINT refunds_of_closing, DROP CONSTRAINT refunds_of_closing_are_ours;
DROP TABLE write_offs, payouts, closings;
DROP FUNCTION tell_of_closing;
DROP TRIGGER disputes_followed ON disputes;
DROP TABLE dispute_cases;
DROP FUNCTION follow_dispute;
DROP FUNCTION open_dispute_case;
DROP TABLE bank_lines, bank_statement_lines, bank_statements, bank_statement_mappings;
