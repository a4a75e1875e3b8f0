-- How far another system's account was read, by its address and what was read of it. `place` is JSON of the interface that
-- reads it.
CREATE TABLE pull_places (
  network_id {int} NOT NULL,
  source {text} NOT NULL,
  resource {text} NOT NULL,
  place {text} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (network_id, source, resource)
) {clustered};
