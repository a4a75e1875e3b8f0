-- The newest are found by all that their lists ask, and lists in the order of starts have an index for it again.
DROP INDEX invoices_by_created;
CREATE INDEX invoices_by_created ON invoices (network_id, kind, created_at, invoice_id, listed, party_id, updated_at,
  currency, standing, period_start, period_end);
CREATE INDEX invoices_by_start ON invoices (network_id, kind, period_start, standing, created_at, invoice_id);
