-- What searches for invoices read: each index holds all that its search asks, counts, sums up and orders by, so that the
-- invoices themselves are not looked at. The index by creation serves both interfaces that list the newest first.
DROP INDEX invoices_by_end;
DROP INDEX invoices_by_creation;
DROP INDEX invoices_by_created;
DROP INDEX invoices_by_standing;
DROP INDEX invoices_by_start;
DROP INDEX invoices_by_balance;

CREATE INDEX invoices_by_created ON invoices (network_id, kind, created_at, invoice_id, void_reason, party_id, status,
  updated_at, currency, standing, period_start, period_end);
CREATE INDEX invoices_by_end ON invoices (network_id, period_end, status, kind, invoice_id, created_at);
-- The terms stand beside what they are found by, since PostgreSQL answers from an index what stands in it by itself.
CREATE INDEX invoices_by_standing ON invoices (network_id, kind, standing, hidden, COALESCE(payment_terms_days, 0),
  created_at, invoice_id, payment_terms_days, currency, period_end, billed_units, balance_units);
CREATE INDEX invoices_by_start ON invoices (network_id, kind, period_start, standing, created_at, invoice_id, currency,
  period_end, billed_units, balance_units);
CREATE INDEX invoices_by_balance ON invoices (network_id, kind, balance_units, standing, created_at, invoice_id, currency,
  period_end, billed_units);
-- By id like the unique one, which must hold nothing else.
CREATE INDEX invoices_summed_by_id ON invoices (network_id, kind, invoice_id, standing, created_at, currency, period_end,
  billed_units, balance_units);
