-- What the dialects show and keep beside a network and its invoices.

-- The place of a currency in the order in which they were switched on, from 1; NULL where that was before there were such
-- places.
ALTER TABLE currencies ADD COLUMN activation {int};

-- The number and the day that the other side's paper has: of an affiliate the invoice that it sent, of an advertiser the
-- one that it was sent.
ALTER TABLE invoices ADD COLUMN document_number {text};
ALTER TABLE invoices ADD COLUMN document_day {int};
