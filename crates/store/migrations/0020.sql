-- Of a void invoice nothing is left to pay, whatever was paid of it before.
UPDATE invoices SET balance_units = 0 WHERE status = 'void' AND balance_units <> 0;
UPDATE invoice_sums SET balance_units = 0 WHERE standing = 2 AND balance_units <> 0;
