-- What belongs to one invoice, page by page in the order of its ids: its payments, and the credit notes about it.
DROP INDEX payments_by_invoice;
CREATE INDEX payments_by_invoice ON payments (network_id, kind, party_id, invoice_id, payment_id);
CREATE INDEX payments_about ON payments (network_id, kind, party_id, about_invoice, payment_id)
  WHERE about_invoice IS NOT NULL;
