-- Invoices of many parties are counted and summed up from an index, since PostgreSQL keeps those of one party far apart.
-- What starts on a day or later also ends then or later, so that one index of last days finds both.
DROP INDEX invoices_by_start;
DROP INDEX invoices_by_end;
CREATE INDEX invoices_by_end ON invoices (network_id, period_end, status, kind, invoice_id, created_at, period_start,
  standing, currency, billed_units, balance_units);
CREATE INDEX invoices_by_party ON invoices (network_id, kind, party_id, standing, created_at, invoice_id, currency,
  period_end, billed_units, balance_units);
