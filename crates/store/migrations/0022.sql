-- Periods of an offer on an invoice in which everything cancels out: there is no line for them, and their days belong to no
-- other. The rate is that of the line that there would be, where it would be converted.
CREATE TABLE emptied_lines (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  currency {text} NOT NULL,
  offer_id {int} NOT NULL,
  period_start {int} NOT NULL,
  period_end {int} NOT NULL,
  rate {text},
  rate_day {int},
  rate_source {text},
  PRIMARY KEY (network_id, kind, party_id, invoice_id, currency, offer_id, period_start, period_end)
) {clustered};

-- The rate that a run has missed, and the newest that there was.
ALTER TABLE run_skips ADD COLUMN rate_from {text};
ALTER TABLE run_skips ADD COLUMN rate_into {text};
ALTER TABLE run_skips ADD COLUMN rate_day {int};
ALTER TABLE run_skips ADD COLUMN newest_day {int};
ALTER TABLE run_skips ADD COLUMN newest_rate {text};
