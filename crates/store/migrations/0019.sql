-- Which shares of its sale amount a conversion's payout and revenue are, as `10 12.5`; NULL: they were given, or are fixed
-- amounts of the offer. What was received before there was this column counts as given.
ALTER TABLE conversions ADD COLUMN shares {text};
ALTER TABLE conversion_revisions ADD COLUMN shares {text};
