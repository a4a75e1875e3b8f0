-- A run may leave parts of one book out for several reasons.
CREATE TABLE run_skips_again (
  network_id {int} NOT NULL,
  run_id {int} NOT NULL,
  party_id {int} NOT NULL,
  currency {text} NOT NULL,
  units {int} NOT NULL,
  reason {text} NOT NULL,
  rate_from {text},
  rate_into {text},
  rate_day {int},
  newest_day {int},
  newest_rate {text},
  PRIMARY KEY (network_id, run_id, party_id, currency, reason)
) {clustered};

INSERT INTO run_skips_again (network_id, run_id, party_id, currency, units, reason, rate_from, rate_into, rate_day, newest_day,
  newest_rate) SELECT network_id, run_id, party_id, currency, units, reason, rate_from, rate_into, rate_day, newest_day, newest_rate
  FROM run_skips;

DROP TABLE run_skips;
ALTER TABLE run_skips_again RENAME TO run_skips;
CREATE INDEX run_skips_by_party ON run_skips (network_id, party_id, currency, run_id);
