-- What other systems are told: one row an event, written in the transaction of what it is about. `event_id` is given last
-- in that transaction, so that the ids of a network rise in the order of the commits and have no gap.
CREATE TABLE events (
  network_id {int} NOT NULL,
  event_id {int} NOT NULL,
  happened_at {int} NOT NULL,
  event_type {text} NOT NULL,
  -- The thing that it is about, as `invoice` and its id; NULL: of no single thing, so that its order does not matter.
  subject {text} NOT NULL,
  subject_id {int},
  data {text} NOT NULL,
  PRIMARY KEY (network_id, event_id)
) {clustered};

CREATE INDEX events_by_subject ON events (network_id, subject, subject_id, event_id) WHERE subject_id IS NOT NULL;

-- When it was said of an invoice that it is overdue; NULL: it was not.
ALTER TABLE invoices ADD COLUMN overdue_at {int};
CREATE INDEX invoices_not_overdue ON invoices (network_id, due_day, invoice_id) 
  WHERE standing = 0 AND balance_units > 0 AND overdue_at IS NULL;

-- The history of all invoices in the order of time, and that of one thing that is none.
CREATE INDEX invoice_history_by_time ON invoice_history (network_id, happened_at, invoice_id, version);
CREATE INDEX changes_by_subject ON changes (network_id, subject, subject_id, change_no);
