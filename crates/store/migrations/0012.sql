-- Lists of invoices that know how long they are without counting, and what an invoice was said to be for.

-- How lists tell where an invoice stands: its status; `partly_paid` also where somebody has marked an open one so; `deleted`
-- where it is void for that reason.
ALTER TABLE invoices ADD COLUMN listed {text} NOT NULL DEFAULT '';
UPDATE invoices SET listed = CASE WHEN void_reason = 'deleted' THEN 'deleted'
  WHEN status IN ('pending', 'approved') AND EXISTS (SELECT 1 FROM invoice_destinations d
    WHERE d.network_id = invoices.network_id AND d.kind = invoices.kind AND d.party_id = invoices.party_id
    AND d.invoice_id = invoices.invoice_id AND d.in_part = 1) THEN 'partly_paid'
  ELSE status END;

DROP INDEX invoices_by_created;
CREATE INDEX invoices_by_created ON invoices (network_id, kind, created_at, invoice_id, listed, party_id, updated_at,
  currency);

-- How many invoices were issued in each quarter of an hour, by how lists tell where they stand: days of every zone begin with
-- one. `quarter` counts them from 1970 in UTC.
CREATE TABLE invoice_counts (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  quarter {int} NOT NULL,
  listed {text} NOT NULL,
  invoices {int} NOT NULL,
  PRIMARY KEY (network_id, kind, quarter, listed)
) {clustered:70};

INSERT INTO invoice_counts (network_id, kind, quarter, listed, invoices)
  SELECT network_id, kind, created_at / 900000000, listed, COUNT(*) FROM invoices
  GROUP BY network_id, kind, created_at / 900000000, listed;

-- What whoever asked for an invoice said that it is for. A row's amount is what the lines of its offer bill (those of an
-- offer's first row) and the correction that makes up the difference to what was said.
CREATE TABLE invoice_items (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  item_no {int} NOT NULL,
  offer_id {int} NOT NULL,
  measure {text} NOT NULL,
  quantity {int},
  comment {text},
  correction_line {int},
  PRIMARY KEY (network_id, kind, party_id, invoice_id, item_no)
) {clustered};

-- Who is paid through a system, and into which account.
CREATE INDEX payment_methods_by_system ON payment_methods (network_id, kind, system_id, party_id);
CREATE INDEX payment_methods_by_fields ON payment_methods (network_id, kind, fields);
CREATE INDEX invoice_destinations_by_system ON invoice_destinations (network_id, kind, system_id, invoice_id)
  WHERE system_id IS NOT NULL;
CREATE INDEX invoice_destinations_by_account ON invoice_destinations (network_id, kind, account)
  WHERE account IS NOT NULL;

-- When a party, or a payment method of it, was last changed.
ALTER TABLE parties ADD COLUMN updated_at {int} NOT NULL DEFAULT 0;
UPDATE parties SET updated_at = created_at;
CREATE INDEX parties_by_creation ON parties (network_id, kind, created_at, party_id);
CREATE INDEX parties_by_update ON parties (network_id, kind, updated_at, party_id);
