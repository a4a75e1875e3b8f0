-- What the dialects show and keep beside a network and its invoices.

-- The place of a currency in the order in which they were switched on, from 1; NULL where that was before there were such
-- places.
ALTER TABLE currencies ADD COLUMN activation {int};
