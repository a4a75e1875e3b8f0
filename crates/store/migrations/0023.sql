-- Until which day conversions are shared, by the terms of which invoice (0: of the referred affiliate's own), and the first day
-- of a commission that was shared. What was shared before was so invoice by invoice: its first day is the invoice's.
ALTER TABLE referrals ADD COLUMN until_day {int};
ALTER TABLE referrals ADD COLUMN terms_of {int} NOT NULL DEFAULT 0;
ALTER TABLE referrals ADD COLUMN first_day {int};
UPDATE referrals SET first_day = (SELECT i.period_start FROM invoices i WHERE i.network_id = referrals.network_id
  AND i.kind = 'payable' AND i.party_id = referrals.referred_id AND i.invoice_id = referrals.source_invoice);
CREATE INDEX referrals_by_referred ON referrals (network_id, referred_id, source_invoice);
