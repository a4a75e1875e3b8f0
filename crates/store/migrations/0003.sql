-- What was taken off an invoice can come back to it and leave once more, in a later epoch.
CREATE TABLE take_offs_again (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  currency {text} NOT NULL,
  offer_id {int} NOT NULL,
  conversion_id {text} NOT NULL,
  revision {int} NOT NULL,
  sign {int} NOT NULL,
  posting_day {int} NOT NULL,
  billable_day {int} NOT NULL,
  units {int} NOT NULL,
  conversions {int} NOT NULL,
  given_epoch {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day,
    billable_day, given_epoch)
) {clustered};
INSERT INTO take_offs_again SELECT network_id, kind, party_id, invoice_id, currency, offer_id, conversion_id, revision, sign,
  posting_day, billable_day, units, conversions, given_epoch FROM take_offs;
DROP TABLE take_offs;
ALTER TABLE take_offs_again RENAME TO take_offs;
