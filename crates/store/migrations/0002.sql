-- Lists of invoices by the end of their periods, and the place of an id among the ids of invoices; every field of a
-- conversion that can be changed in Quittance is kept as it was received.

-- `received` is what the tracker said last of the fields that Quittance has changed since (see conversions/received.rs).
ALTER TABLE conversions RENAME COLUMN received_status TO received;
ALTER TABLE conversion_revisions RENAME COLUMN received_status TO received;

-- Counts of filtered lists are answered from it alone.
CREATE INDEX invoices_by_end ON invoices (network_id, period_end, status, kind, invoice_id);
-- Documents that give up have ids among those of invoices.
CREATE INDEX write_offs_by_document ON write_offs (network_id, document_id);
