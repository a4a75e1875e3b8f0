-- People. `party_id` is the affiliate, advertiser or manager that the user stands for, where its role is one of these. The
-- address is in lower case; whoever was erased has none.
CREATE TABLE users (
  network_id {int} NOT NULL,
  user_id {int} NOT NULL,
  email {text},
  name {text} NOT NULL,
  role {text} NOT NULL,
  party_id {int},
  status {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (network_id, user_id)
) {clustered};

CREATE UNIQUE INDEX users_by_email ON users (network_id, email) WHERE email IS NOT NULL;

-- A key of a user has the user's role and party, written with each change of the user, so that a key is found by one read of
-- its own row. `suspended_at` is since when its user is disabled.
ALTER TABLE api_keys ADD COLUMN user_id {int};
ALTER TABLE api_keys ADD COLUMN suspended_at {int};
CREATE INDEX api_keys_by_user ON api_keys (network_id, user_id) WHERE user_id IS NOT NULL;
