-- Processes that claim something for a while, each with a number of its own. Whether one lives is not in a table: the system
-- takes a lock from it when it dies. `owner` is who holds a claim; NULL: a process of an earlier version.
CREATE TABLE owners (
  one {int} NOT NULL,
  last_id {int} NOT NULL,
  PRIMARY KEY (one)
) {clustered};

ALTER TABLE idempotency_keys ADD COLUMN owner {int};

ALTER TABLE webhook_deliveries ADD COLUMN owner {int};
