-- Of a void invoice nothing is left to pay, in queries by hand, too.
DROP VIEW readable_invoices;

CREATE VIEW readable_invoices AS
  SELECT network_id, kind, invoice_id, number, party_id, party_name, currency, status, {day:period_start} AS period_start,
    {day:period_end} AS period_end, {day:due_day} AS due_day, {amount:lines_units|currency} AS billed,
    {amount:payments_units|currency} AS paid, {amount:left_units|currency} AS balance, hidden, public_notes,
    internal_notes, void_reason, run_id, {instant:created_at} AS created_at, created_by
  FROM (SELECT sums.*, CASE WHEN status = 'void' THEN 0 ELSE lines_units - payments_units END AS left_units
    FROM (SELECT i.*,
        COALESCE((SELECT CAST(SUM(l.units) AS BIGINT) FROM invoice_lines l WHERE l.network_id = i.network_id
          AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id), 0) AS lines_units,
        COALESCE((SELECT CAST(SUM(p.units) AS BIGINT) FROM payments p WHERE p.network_id = i.network_id
          AND p.kind = i.kind AND p.party_id = i.party_id AND p.invoice_id = i.invoice_id), 0) AS payments_units
      FROM invoices i) sums) totals;

-- What referrals brought in some days, of all referrers.
CREATE INDEX referrals_by_time ON referrals (network_id, recorded_at);
