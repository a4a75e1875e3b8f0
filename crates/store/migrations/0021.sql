-- Inputs of conversions that were read to their end, by the digests of their first bytes and of all of them (SHA-256, as they
-- are uncompressed): what one of them says was said before.
CREATE TABLE inputs (
  network_id {int} NOT NULL,
  imported_at {int} NOT NULL,
  bytes {int} NOT NULL,
  head {text} NOT NULL,
  digest {text} NOT NULL,
  PRIMARY KEY (network_id, head, digest)
) {clustered};

-- What the ids of the network's conversions are made of: "id+goal", "id+offer"; NULL: the tracker's id alone.
ALTER TABLE networks ADD COLUMN conversion_key {text};
