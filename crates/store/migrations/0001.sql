-- The first schema. One text for both databases; the words in braces are named in src/dialect.rs.
--
-- Amounts are billing units (10^-6 of an ISO currency, 10^-8 of a crypto-currency), instants microseconds since 1970
-- in UTC, days the number of days since 1970-01-01 in the network's zone, truth values 0 and 1. `kind` is `payable`
-- (the party is an affiliate) or `receivable` (an advertiser).

CREATE TABLE networks (
  network_id {int} NOT NULL PRIMARY KEY,
  name {text} NOT NULL UNIQUE,
  time_zone {text} NOT NULL,
  currency {text} NOT NULL,
  epoch {int} NOT NULL,
  locked_through {int},
  elsewhere_through {int},
  -- How often parties or offers were changed: whoever remembers some of them looks again when it has moved on.
  directory_version {int} NOT NULL,
  created_at {int} NOT NULL
) {clustered};

CREATE TABLE settings (
  network_id {int} NOT NULL,
  name {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (network_id, name)
) {clustered};

CREATE TABLE counters (
  network_id {int} NOT NULL,
  name {text} NOT NULL,
  next_value {int} NOT NULL,
  PRIMARY KEY (network_id, name)
) {clustered};

CREATE TABLE currencies (
  network_id {int} NOT NULL,
  currency {text} NOT NULL,
  minimum_units {int},
  PRIMARY KEY (network_id, currency)
) {clustered};

-- What one unit of a currency was worth in another on a day, as a decimal.
CREATE TABLE rates (
  network_id {int} NOT NULL,
  day {int} NOT NULL,
  recorded_at {int} NOT NULL,
  base {text} NOT NULL,
  quoted {text} NOT NULL,
  quote {text} NOT NULL,
  source {text} NOT NULL,
  PRIMARY KEY (network_id, day, base, quoted)
) {clustered};

-- What happened to what is no invoice: settings, rates, parties. One row a change, only ever added.
CREATE TABLE changes (
  network_id {int} NOT NULL,
  change_no {int} NOT NULL,
  happened_at {int} NOT NULL,
  actor {text} NOT NULL,
  subject {text} NOT NULL,
  subject_id {text} NOT NULL,
  action {text} NOT NULL,
  details {text} NOT NULL,
  PRIMARY KEY (network_id, change_no)
) {clustered};

CREATE TABLE payment_systems (
  network_id {int} NOT NULL,
  system_id {int} NOT NULL,
  title {text} NOT NULL,
  payment_type {text} NOT NULL,
  currency {text},
  minimum_units {int},
  fields {text} NOT NULL,
  PRIMARY KEY (network_id, system_id)
) {clustered};

CREATE TABLE managers (
  network_id {int} NOT NULL,
  manager_id {int} NOT NULL,
  name {text} NOT NULL,
  email {text},
  PRIMARY KEY (network_id, manager_id)
) {clustered};

CREATE TABLE parties (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  name {text} NOT NULL,
  email {text},
  status {text} NOT NULL,
  manager_id {int},
  currency {text} NOT NULL,
  billing_cycle {text},
  payment_terms_days {int},
  minimum_units {int},
  on_hold {int} NOT NULL,
  hidden_default {int} NOT NULL,
  auto_invoice {int} NOT NULL,
  scheduled_through {int},
  rules {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id)
) {clustered};

CREATE INDEX parties_scheduled ON parties (network_id, kind, party_id) WHERE auto_invoice = 1;

CREATE TABLE payment_methods (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  method_no {int} NOT NULL,
  system_id {int} NOT NULL,
  currency {text},
  main {int} NOT NULL,
  fields {text} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, method_no)
) {clustered};

CREATE TABLE offers (
  network_id {int} NOT NULL,
  offer_id {int} NOT NULL,
  name {text} NOT NULL,
  advertiser_id {int},
  hold_days {int} NOT NULL,
  payout {text},
  payout_currency {text},
  revenue {text},
  PRIMARY KEY (network_id, offer_id)
) {clustered};

CREATE INDEX offers_holding ON offers (network_id, offer_id) WHERE hold_days > 0;

-- Whose conversions each offer has had: 0 stands for nobody's.
CREATE TABLE offer_advertisers (
  network_id {int} NOT NULL,
  offer_id {int} NOT NULL,
  advertiser_id {int} NOT NULL,
  PRIMARY KEY (network_id, offer_id, advertiser_id)
) {clustered};

CREATE INDEX offer_advertisers_by_advertiser ON offer_advertisers (network_id, advertiser_id, offer_id);

-- The state of each conversion as it was last received, with the entry it stands for in the accruals: an approved
-- one counts in the books of its affiliate and its advertiser at (epoch, posting_day, billable_day). The integers come
-- first: PostgreSQL pads them to their size after a text. `elsewhere` says in whose books it does not count, since what
-- happened until then was billed before the network moved over: 1 its affiliate's, 2 its advertiser's, 3 both.
-- `received_status` is what the tracker said last, where Quittance has changed the status since.
CREATE TABLE conversions (
  network_id {int} NOT NULL,
  revision {int} NOT NULL,
  affiliate_id {int} NOT NULL,
  offer_id {int} NOT NULL,
  advertiser_id {int},
  occurred_at {int} NOT NULL,
  payout_units {int} NOT NULL,
  revenue_units {int} NOT NULL,
  epoch {int} NOT NULL,
  posting_day {int} NOT NULL,
  billable_day {int} NOT NULL,
  received_at {int} NOT NULL,
  updated_at {int},
  elsewhere {int},
  conversion_id {text} NOT NULL,
  status {text} NOT NULL,
  received_status {text},
  payout_currency {text} NOT NULL,
  revenue_currency {text} NOT NULL,
  sale_amount {text},
  goal {text},
  click_id {text},
  country {text},
  sub1 {text},
  sub2 {text},
  sub3 {text},
  sub4 {text},
  sub5 {text},
  comment {text},
  PRIMARY KEY (network_id, conversion_id)
) {clustered};

-- By day first: what is ingested together lies together. A row of an advertiser's accruals names day and offer, one of
-- an affiliate's all four.
CREATE INDEX conversions_by_place ON conversions (network_id, posting_day, offer_id, affiliate_id);

-- Those that wait for the hold days of their offer to be over.
CREATE INDEX conversions_on_hold ON conversions (network_id, billable_day) WHERE status = 'hold';

-- Superseded states, one row a revision, never rewritten. Unless the next state kept the entry (only a text had
-- changed), the entry was taken out again at (end_epoch, end_posting_day, end_billable_day).
CREATE TABLE conversion_revisions (
  network_id {int} NOT NULL,
  revision {int} NOT NULL,
  affiliate_id {int} NOT NULL,
  offer_id {int} NOT NULL,
  advertiser_id {int},
  occurred_at {int} NOT NULL,
  payout_units {int} NOT NULL,
  revenue_units {int} NOT NULL,
  epoch {int} NOT NULL,
  posting_day {int} NOT NULL,
  billable_day {int} NOT NULL,
  received_at {int} NOT NULL,
  updated_at {int},
  end_epoch {int} NOT NULL,
  end_posting_day {int} NOT NULL,
  end_billable_day {int} NOT NULL,
  entry_kept {int} NOT NULL,
  elsewhere {int},
  conversion_id {text} NOT NULL,
  status {text} NOT NULL,
  received_status {text},
  payout_currency {text} NOT NULL,
  revenue_currency {text} NOT NULL,
  sale_amount {text},
  goal {text},
  click_id {text},
  country {text},
  sub1 {text},
  sub2 {text},
  sub3 {text},
  sub4 {text},
  sub5 {text},
  comment {text},
  PRIMARY KEY (network_id, conversion_id, revision)
) {clustered};

CREATE INDEX conversion_revisions_by_place
  ON conversion_revisions (network_id, posting_day, offer_id, affiliate_id);
CREATE INDEX conversion_revisions_by_end
  ON conversion_revisions (network_id, end_posting_day, offer_id, affiliate_id);

-- The log as accounting sees it: one row an entry, with its sign.
CREATE VIEW conversion_log AS
  SELECT network_id, conversion_id, revision, 1 AS sign, affiliate_id, offer_id, advertiser_id, occurred_at,
    payout_units, payout_currency, revenue_units, revenue_currency, epoch, posting_day, billable_day, elsewhere
  FROM conversions WHERE status = 'approved'
  UNION ALL
  SELECT network_id, conversion_id, revision, 1, affiliate_id, offer_id, advertiser_id, occurred_at,
    payout_units, payout_currency, revenue_units, revenue_currency, epoch, posting_day, billable_day, elsewhere
  FROM conversion_revisions WHERE status = 'approved' AND entry_kept = 0
  UNION ALL
  SELECT network_id, conversion_id, revision, -1, affiliate_id, offer_id, advertiser_id, occurred_at,
    -payout_units, payout_currency, -revenue_units, revenue_currency, end_epoch, end_posting_day, end_billable_day,
    elsewhere
  FROM conversion_revisions WHERE status = 'approved' AND entry_kept = 0;

-- A book: all accruals and invoices of one kind, party and currency. Rows of the accruals inside the cut are billed.
CREATE TABLE books (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  currency {text} NOT NULL,
  cut_epoch {int} NOT NULL,
  cut_through {int} NOT NULL,
  cut_as_of {int} NOT NULL,
  low_epoch {int} NOT NULL,
  next_start {int},
  next_take {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, currency)
) {clustered};

-- What documents took of a book, in order: the rows with an epoch, a day and a billable day up to these that no earlier
-- take of the book reaches, none of which has an epoch before low_epoch. A pick takes only some days ("20454:20470,…")
-- and offers ("3,17,…"); both are NULL where a run leaves nothing behind.
CREATE TABLE takes (
  network_id {int} NOT NULL,
  party_id {int} NOT NULL,
  take_no {int} NOT NULL,
  document_id {int} NOT NULL,
  epoch {int} NOT NULL,
  through_day {int} NOT NULL,
  as_of {int} NOT NULL,
  low_epoch {int} NOT NULL,
  kind {text} NOT NULL,
  currency {text} NOT NULL,
  pick_days {text},
  pick_offers {text},
  PRIMARY KEY (network_id, kind, party_id, currency, take_no)
) {clustered};

CREATE INDEX takes_picks ON takes (network_id, kind, party_id, currency, epoch) WHERE pick_days IS NOT NULL;

-- Approved amount and count per book, epoch, day and offer. A row of a past epoch never changes. `origin_id` is 0, or
-- the invoice that gave the row back. The key begins with what tells most rows apart, so that comparing two keys ends
-- early.
CREATE TABLE accruals (
  network_id {int} NOT NULL,
  party_id {int} NOT NULL,
  epoch {int} NOT NULL,
  posting_day {int} NOT NULL,
  billable_day {int} NOT NULL,
  offer_id {int} NOT NULL,
  origin_id {int} NOT NULL,
  units {int} NOT NULL,
  conversions {int} NOT NULL,
  kind {text} NOT NULL,
  currency {text} NOT NULL,
  PRIMARY KEY (network_id, party_id, kind, currency, epoch, posting_day, billable_day, offer_id, origin_id)
) {clustered:70};

CREATE TABLE runs (
  network_id {int} NOT NULL,
  run_id {int} NOT NULL,
  kind {text} NOT NULL,
  parameters {text} NOT NULL,
  through_day {int} NOT NULL,
  epoch {int} NOT NULL,
  as_of {int} NOT NULL,
  status {text} NOT NULL,
  last_party_id {int} NOT NULL,
  last_currency {text} NOT NULL,
  started_at {int} NOT NULL,
  started_by {text} NOT NULL,
  finished_at {int},
  PRIMARY KEY (network_id, run_id)
) {clustered};

CREATE TABLE run_totals (
  network_id {int} NOT NULL,
  run_id {int} NOT NULL,
  currency {text} NOT NULL,
  invoices {int} NOT NULL,
  units {int} NOT NULL,
  PRIMARY KEY (network_id, run_id, currency)
) {clustered};

CREATE TABLE run_skips (
  network_id {int} NOT NULL,
  run_id {int} NOT NULL,
  party_id {int} NOT NULL,
  currency {text} NOT NULL,
  units {int} NOT NULL,
  reason {text} NOT NULL,
  PRIMARY KEY (network_id, run_id, party_id, currency)
) {clustered};

CREATE INDEX run_skips_by_party ON run_skips (network_id, party_id, currency, run_id);

-- Negative totals that a run did not carry: documents that take of a book and bill nothing. The id is one of those of
-- invoices; there is a row for each currency.
CREATE TABLE write_offs (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  document_id {int} NOT NULL,
  currency {text} NOT NULL,
  units {int} NOT NULL,
  period_start {int} NOT NULL,
  period_end {int} NOT NULL,
  run_id {int} NOT NULL,
  written_off_at {int} NOT NULL,
  written_off_by {text} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, document_id, currency)
) {clustered};

CREATE INDEX write_offs_by_run ON write_offs (network_id, run_id);

CREATE TABLE invoices (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  number {int} NOT NULL,
  currency {text} NOT NULL,
  status {text} NOT NULL,
  period_start {int} NOT NULL,
  period_end {int} NOT NULL,
  due_day {int} NOT NULL,
  payment_terms_days {int},
  hidden {int} NOT NULL,
  public_notes {text} NOT NULL,
  internal_notes {text} NOT NULL,
  party_name {text} NOT NULL,
  party_email {text},
  run_id {int} NOT NULL,
  void_epoch {int},
  void_reason {text},
  void_text {text},
  next_line {int} NOT NULL,
  version {int} NOT NULL,
  created_at {int} NOT NULL,
  created_by {text} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id)
) {clustered};

CREATE UNIQUE INDEX invoices_by_id ON invoices (network_id, invoice_id);
CREATE UNIQUE INDEX invoices_by_number ON invoices (network_id, kind, number);

-- `taken_units` is the exact sum of the conversions of the line, `units` that sum rounded to the minor unit. Where the
-- conversions are in another currency than the invoice, `taken_units` is in `source_currency`, `source_units` is that sum
-- rounded, and `units` what the rate makes of it. `tax` is the rate of a tax line and the types of the lines that it is on.
CREATE TABLE invoice_lines (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  line_no {int} NOT NULL,
  line_type {text} NOT NULL,
  offer_id {int},
  period_start {int} NOT NULL,
  period_end {int} NOT NULL,
  conversions {int} NOT NULL,
  taken_units {int} NOT NULL,
  units {int} NOT NULL,
  comment {text} NOT NULL,
  created_at {int} NOT NULL,
  source_currency {text},
  source_units {int},
  rate {text},
  rate_day {int},
  rate_source {text},
  tax {text},
  PRIMARY KEY (network_id, kind, party_id, invoice_id, line_no)
) {clustered};

CREATE INDEX invoice_lines_inexact ON invoice_lines (network_id, kind, party_id, invoice_id, taken_units)
  WHERE line_type IN ('conversions', 'rounding') AND taken_units <> COALESCE(source_units, units);

-- What was taken off an invoice: the entries of a conversion, or (conversion_id '') what was left of an offer.
CREATE TABLE take_offs (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  currency {text} NOT NULL,
  offer_id {int} NOT NULL,
  conversion_id {text} NOT NULL,
  revision {int} NOT NULL,
  sign {int} NOT NULL,
  posting_day {int} NOT NULL,
  billable_day {int} NOT NULL,
  units {int} NOT NULL,
  conversions {int} NOT NULL,
  given_epoch {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day,
    billable_day)
) {clustered};

-- Money that settles invoices, and what else does. `source` is `money`; `credit`, where the party's credit was used;
-- `write_off`, where the rest was given up; `return` and `reversal`, with a negative amount, of the payment `of_payment`.
-- Rows without an invoice (0) are the party's credit: `money` beyond what was owed, and a `credit_note` about
-- `about_invoice`. Money in another currency: `paid_units` of it, worth `worth_units` by the rates, settle `units`.
CREATE TABLE payments (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  payment_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  currency {text} NOT NULL,
  units {int} NOT NULL,
  source {text} NOT NULL,
  rail {text} NOT NULL,
  paid_day {int} NOT NULL,
  reference {text} NOT NULL,
  recorded_at {int} NOT NULL,
  recorded_by {text} NOT NULL,
  transfer_id {int} NOT NULL,
  of_payment {int},
  about_invoice {int},
  number {int},
  paid_currency {text},
  paid_units {int},
  worth_units {int},
  PRIMARY KEY (network_id, kind, party_id, payment_id)
) {clustered};

CREATE INDEX payments_by_invoice ON payments (network_id, kind, party_id, invoice_id);

CREATE TABLE invoice_history (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  version {int} NOT NULL,
  happened_at {int} NOT NULL,
  actor {text} NOT NULL,
  action {text} NOT NULL,
  status {text} NOT NULL,
  billed_units {int} NOT NULL,
  paid_units {int} NOT NULL,
  details {text} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id, version)
) {clustered};

-- Double entry: the postings of one entry_id sum to zero. Positive is debit, negative is credit.
CREATE TABLE postings (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  entry_id {int} NOT NULL,
  posting_no {int} NOT NULL,
  currency {text} NOT NULL,
  account {text} NOT NULL,
  units {int} NOT NULL,
  posting_day {int} NOT NULL,
  event {text} NOT NULL,
  invoice_id {int} NOT NULL,
  document_no {int} NOT NULL,
  recorded_at {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, entry_id, posting_no)
) {clustered};

-- What a share of goes to the referrer (`basis`: payout, revenue or margin of what referred affiliates were billed, voids and
-- changes negative; or flat), in the referrer's book in `currency`: `share` is a percentage, or a fee. `invoice_id` is the referrer's invoice that took it, 0 before.
CREATE TABLE referrals (
  network_id {int} NOT NULL,
  affiliate_id {int} NOT NULL,
  referral_no {int} NOT NULL,
  currency {text} NOT NULL,
  referred_id {int} NOT NULL,
  source_invoice {int} NOT NULL,
  base_currency {text} NOT NULL,
  units {int} NOT NULL,
  basis {text} NOT NULL,
  share {text} NOT NULL,
  threshold_units {int} NOT NULL,
  epoch {int} NOT NULL,
  invoice_id {int} NOT NULL,
  recorded_at {int} NOT NULL,
  PRIMARY KEY (network_id, affiliate_id, referral_no)
) {clustered};

CREATE INDEX referrals_pending ON referrals (network_id, affiliate_id, currency) WHERE invoice_id = 0;
CREATE INDEX referrals_by_source ON referrals (network_id, source_invoice);
CREATE INDEX referrals_by_invoice ON referrals (network_id, invoice_id);

-- What parties were owed, or owed, when the network moved over: in the ledger from then on, and on the next invoice.
CREATE TABLE opening_balances (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  currency {text} NOT NULL,
  units {int} NOT NULL,
  day {int} NOT NULL,
  invoice_id {int} NOT NULL,
  recorded_at {int} NOT NULL,
  recorded_by {text} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, currency)
) {clustered};

-- Volume bonuses, as JSON, and what invoices counted and paid for them by calendar month.
CREATE TABLE bonuses (
  network_id {int} NOT NULL,
  bonus_id {int} NOT NULL,
  rules {text} NOT NULL,
  PRIMARY KEY (network_id, bonus_id)
) {clustered};

CREATE TABLE invoice_bonuses (
  network_id {int} NOT NULL,
  kind {text} NOT NULL,
  party_id {int} NOT NULL,
  invoice_id {int} NOT NULL,
  bonus_id {int} NOT NULL,
  month {int} NOT NULL,
  currency {text} NOT NULL,
  conversions {int} NOT NULL,
  units {int} NOT NULL,
  bonus_units {int} NOT NULL,
  PRIMARY KEY (network_id, kind, party_id, invoice_id, bonus_id, month, currency)
) {clustered};

CREATE TABLE api_keys (
  network_id {int} NOT NULL,
  key_id {int} NOT NULL,
  name {text} NOT NULL,
  role {text} NOT NULL,
  party_id {int},
  hash {text} NOT NULL,
  created_at {int} NOT NULL,
  revoked_at {int},
  PRIMARY KEY (network_id, key_id)
) {clustered};

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE TABLE idempotency_keys (
  network_id {int} NOT NULL,
  key_id {int} NOT NULL,
  route {text} NOT NULL,
  idempotency_key {text} NOT NULL,
  body_hash {text} NOT NULL,
  created_at {int} NOT NULL,
  status {int},
  answer {text},
  PRIMARY KEY (network_id, key_id, route, idempotency_key)
) {clustered};

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- For people who query the database: amounts, days and instants as the database's own types (SQLite, which has none,
-- answers exact decimals, dates and UTC times as texts).
CREATE VIEW readable_conversions AS
  SELECT network_id, conversion_id, revision, status, affiliate_id, offer_id, advertiser_id,
    {instant:occurred_at} AS occurred_at, {amount:payout_units|payout_currency} AS payout, payout_currency,
    {amount:revenue_units|revenue_currency} AS revenue, revenue_currency, {day:posting_day} AS posting_day,
    {day:billable_day} AS billable_day, {instant:received_at} AS received_at, {instant:updated_at} AS updated_at,
    sale_amount, goal, click_id, country, sub1, sub2, sub3, sub4, sub5, comment
  FROM conversions;

CREATE VIEW readable_accruals AS
  SELECT network_id, kind, party_id, currency, {day:posting_day} AS posting_day, {day:billable_day} AS billable_day,
    offer_id, {amount:units|currency} AS amount, conversions, epoch, NULLIF(origin_id, 0) AS given_back_by_invoice_id
  FROM accruals;

CREATE VIEW readable_invoices AS
  SELECT network_id, kind, invoice_id, number, party_id, party_name, currency, status, {day:period_start} AS period_start,
    {day:period_end} AS period_end, {day:due_day} AS due_day, {amount:billed_units|currency} AS billed,
    {amount:paid_units|currency} AS paid, {amount:billed_units - paid_units|currency} AS balance, hidden, public_notes,
    internal_notes, void_reason, run_id, {instant:created_at} AS created_at, created_by
  FROM (SELECT i.*,
      COALESCE((SELECT CAST(SUM(l.units) AS BIGINT) FROM invoice_lines l WHERE l.network_id = i.network_id
        AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id), 0) AS billed_units,
      COALESCE((SELECT CAST(SUM(p.units) AS BIGINT) FROM payments p WHERE p.network_id = i.network_id
        AND p.kind = i.kind AND p.party_id = i.party_id AND p.invoice_id = i.invoice_id), 0) AS paid_units
    FROM invoices i) totals;

CREATE VIEW readable_invoice_lines AS
  SELECT l.network_id, l.kind, l.party_id, l.invoice_id, l.line_no, l.line_type, l.offer_id,
    {day:l.period_start} AS period_start, {day:l.period_end} AS period_end, l.conversions,
    {amount:l.units|i.currency} AS amount, i.currency,
    {amount:l.taken_units|COALESCE(l.source_currency, i.currency)} AS exact_amount,
    COALESCE(l.source_currency, i.currency) AS exact_currency, l.rate, {day:l.rate_day} AS rate_day, l.rate_source, l.comment,
    {instant:l.created_at} AS created_at
  FROM invoice_lines l JOIN invoices i ON i.network_id = l.network_id AND i.kind = l.kind AND i.party_id = l.party_id
    AND i.invoice_id = l.invoice_id;

CREATE VIEW readable_payments AS
  SELECT network_id, kind, party_id, payment_id, invoice_id, {amount:units|currency} AS amount, currency, source, rail,
    {amount:COALESCE(paid_units, units)|COALESCE(paid_currency, currency)} AS paid,
    COALESCE(paid_currency, currency) AS paid_currency, transfer_id, of_payment, about_invoice, number,
    {day:paid_day} AS paid_day, reference, {instant:recorded_at} AS recorded_at, recorded_by
  FROM payments;

CREATE VIEW readable_postings AS
  SELECT network_id, entry_id, posting_no, kind, party_id, account, {amount:units|currency} AS amount, currency,
    {day:posting_day} AS posting_day, event, NULLIF(invoice_id, 0) AS invoice_id, {instant:recorded_at} AS recorded_at
  FROM postings;
