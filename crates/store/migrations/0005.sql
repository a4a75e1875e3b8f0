-- What invoices are found by: their totals beside the lines and payments that they are the sums of (`verify` compares
-- them), and where they stand: 0 something is left to pay, 1 nothing is, 2 void.
ALTER TABLE invoices ADD COLUMN billed_units {int} NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN balance_units {int} NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN standing {int} NOT NULL DEFAULT 0;

UPDATE invoices SET billed_units = COALESCE((SELECT CAST(SUM(l.units) AS BIGINT) FROM invoice_lines l
  WHERE l.network_id = invoices.network_id AND l.kind = invoices.kind AND l.party_id = invoices.party_id
  AND l.invoice_id = invoices.invoice_id), 0);
UPDATE invoices SET balance_units = billed_units - COALESCE((SELECT CAST(SUM(p.units) AS BIGINT) FROM payments p
  WHERE p.network_id = invoices.network_id AND p.kind = invoices.kind AND p.party_id = invoices.party_id
  AND p.invoice_id = invoices.invoice_id), 0);
UPDATE invoices SET standing = CASE WHEN status = 'void' THEN 2 WHEN balance_units = 0 THEN 1 ELSE 0 END;

CREATE INDEX invoices_by_creation ON invoices (network_id, kind, created_at, invoice_id, standing);
CREATE INDEX invoices_by_standing
  ON invoices (network_id, kind, standing, hidden, COALESCE(payment_terms_days, 0), created_at, invoice_id);
CREATE INDEX invoices_by_start ON invoices (network_id, kind, period_start, standing, created_at, invoice_id);
CREATE INDEX invoices_by_balance ON invoices (network_id, kind, balance_units, standing, created_at, invoice_id);

-- The sums of all invoices of one kind, currency, last day and standing, so that totals need not read every invoice.
CREATE TABLE invoice_sums (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  currency {text} NOT NULL,
  period_end {int} NOT NULL,
  standing {int} NOT NULL,
  invoices {int} NOT NULL,
  billed_units {int} NOT NULL,
  balance_units {int} NOT NULL,
  PRIMARY KEY (network_id, kind, currency, period_end, standing)
) {clustered:70};

INSERT INTO invoice_sums (network_id, kind, currency, period_end, standing, invoices, billed_units, balance_units)
  SELECT network_id, kind, currency, period_end, standing, COUNT(*), CAST(SUM(billed_units) AS BIGINT),
  CAST(SUM(balance_units) AS BIGINT) FROM invoices GROUP BY network_id, kind, currency, period_end, standing;
