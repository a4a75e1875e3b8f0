-- The index by creation serves every list of the newest again, and lists in the order of the first days have one of their own.
DROP INDEX invoices_by_created;
CREATE INDEX invoices_by_created ON invoices (network_id, kind, created_at, invoice_id, listed, party_id, updated_at, currency,
  standing, period_start, period_end);
CREATE INDEX invoices_by_first_day ON invoices (network_id, kind, period_start, invoice_id);
