DROP TABLE dispute_cases;
DROP TABLE bank_lines, bank_statement_lines, bank_statements, bank_statement_mappings;
