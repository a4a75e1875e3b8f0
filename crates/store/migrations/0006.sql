-- Where the money of an invoice goes, as interfaces show it. Of most invoices there is no row: they show the method that
-- their party has now.

-- `system_id`, `system_title` and `account` are what it was when the invoice was paid: it stays so. `account` of one that is
-- not paid was written by hand. `in_part` is a mark that somebody set: an interface shows the invoice as paid in part,
-- though the books know of no payment.
CREATE TABLE invoice_destinations (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  system_id {int},
  system_title {text},
  account {text},
  in_part {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id)
) {clustered};

-- Lists of the newest invoices: what they are filtered by is in it, so that counting and skipping read nothing else.
CREATE INDEX invoices_by_created ON invoices (network_id, kind, created_at, invoice_id, void_reason, party_id, status,
  updated_at, currency);

-- What of each affiliate is on hold.
CREATE INDEX conversions_held ON conversions (network_id, affiliate_id, payout_currency, payout_units)
  WHERE status = 'hold';
