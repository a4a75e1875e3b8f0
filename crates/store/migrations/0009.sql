-- What a key is bound to besides its role: the instant from which it opens nothing, and the addresses that it may be used
-- from, as `10.0.0.0/8 2001:db8::1/128`; NULL where nothing is said. `last_used_at` is coarse: a minute and more behind.
ALTER TABLE api_keys ADD COLUMN expires_at {int};
ALTER TABLE api_keys ADD COLUMN allowed {text};
ALTER TABLE api_keys ADD COLUMN last_used_at {int};
