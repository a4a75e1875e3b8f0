-- Whom events are sent to, and how far each delivery has come.

-- `types` are the types of events that it wants, separated by spaces; empty: all. Events up to `cursor_event` have been
-- taken for it. `failures` counts the attempts that failed since one has succeeded. `secret` signs what is sent, so it
-- cannot be a hash.
CREATE TABLE webhooks (
  network_id {int} NOT NULL,
  webhook_id {int} NOT NULL,
  url {text} NOT NULL,
  secret {text} NOT NULL,
  types {text} NOT NULL,
  status {text} NOT NULL,
  disabled_reason {text},
  cursor_event {int} NOT NULL,
  failures {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (network_id, webhook_id)
) {clustered};

-- One event for one webhook. `state` is pending, delivered or given_up. Until `leased_until`, a process is at it.
CREATE TABLE webhook_deliveries (
  network_id {int} NOT NULL,
  webhook_id {int} NOT NULL,
  event_id {int} NOT NULL,
  event_type {text} NOT NULL,
  subject {text} NOT NULL,
  subject_id {int},
  state {text} NOT NULL,
  attempts {int} NOT NULL,
  next_attempt_at {int} NOT NULL,
  leased_until {int} NOT NULL,
  last_attempt_at {int},
  response_status {int},
  error {text},
  finished_at {int},
  PRIMARY KEY (network_id, webhook_id, event_id)
) {clustered:70};

CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (network_id, webhook_id, event_id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (network_id, webhook_id, subject, subject_id, event_id)
  WHERE state = 'pending';
CREATE INDEX webhook_deliveries_given_up ON webhook_deliveries (network_id, webhook_id, event_id) WHERE state = 'given_up';
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;
