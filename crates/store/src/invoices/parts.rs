//! Parts of a list of invoices by id, of which few may be found: none looks at more than so many. What an index knows to be
//! rare is found by that index; what is not is looked for from id to id, and the part says how far it has come.

use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::{Day, Timestamp};

use super::filter::{InvoiceFilter, list_between, list_of_ids};
use super::standing::Standing;
use super::{Invoice, day_number};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

/// What is found by no end of a range.
const ANY: (i64, i64) = (i64::MIN, i64::MAX);

macro_rules! of_index {
    ($index:literal, $asked:expr, $limit:literal) => {
        concat!(
            "SELECT i.invoice_id FROM invoices i {by:",
            $index,
            "} WHERE i.network_id = $1 AND i.kind {in:2} AND ",
            $asked,
            " LIMIT ",
            $limit
        )
    };
}
/// All ids that an index finds, where these are few: 10,000, as many as a part looks at.
macro_rules! rare {
    ($index:literal, $asked:expr) => {
        of_index!($index, $asked, "10000")
    };
}
/// Something where they are more.
macro_rules! many {
    ($index:literal, $asked:expr) => {
        of_index!($index, $asked, "1 OFFSET 10000")
    };
}
macro_rules! by_number {
    ($which:ident) => {
        $which!("invoices_by_number", "i.number = $3")
    };
}
macro_rules! by_party {
    ($which:ident) => {
        $which!("invoices_by_party", "i.party_id {in:3}")
    };
}
macro_rules! by_standing {
    ($which:ident) => {
        $which!("invoices_by_standing", "i.standing {in:3} AND i.hidden {in:4}")
    };
}
macro_rules! by_end {
    ($which:ident) => {
        $which!("invoices_by_end", "i.period_end >= $3 AND i.period_end <= $4")
    };
}
macro_rules! by_creation {
    ($which:ident) => {
        $which!("invoices_by_created", "i.created_at >= $3 AND i.created_at < $4")
    };
}
macro_rules! by_balance {
    ($which:ident) => {
        $which!("invoices_by_balance", "i.balance_units > $3 AND i.balance_units < $4")
    };
}

statements! {
    RARE_BY_NUMBER = by_number!(rare);
    MANY_BY_NUMBER = by_number!(many);
    RARE_BY_PARTY = by_party!(rare);
    MANY_BY_PARTY = by_party!(many);
    RARE_BY_STANDING = by_standing!(rare);
    MANY_BY_STANDING = by_standing!(many);
    RARE_BY_END = by_end!(rare);
    MANY_BY_END = by_end!(many);
    RARE_BY_CREATION = by_creation!(rare);
    MANY_BY_CREATION = by_creation!(many);
    RARE_BY_BALANCE = by_balance!(rare);
    MANY_BY_BALANCE = by_balance!(many);
    /// How many are neither paid nor void.
    UNPAID = "SELECT CAST(COALESCE(SUM(invoices), 0) AS BIGINT) FROM invoice_counts WHERE network_id = $1 AND kind {in:2} \
        AND listed IN ('pending', 'approved', 'partly_paid')";
    LOOKED_AT = "SELECT invoice_id FROM invoices {by:invoices_by_id} WHERE network_id = $1 AND invoice_id > $2 \
        AND invoice_id < $3 ORDER BY invoice_id LIMIT 1 OFFSET 9999";
    LOOKED_AT_BACKWARDS = "SELECT invoice_id FROM invoices {by:invoices_by_id} WHERE network_id = $1 AND invoice_id > $2 \
        AND invoice_id < $3 ORDER BY invoice_id DESC LIMIT 1 OFFSET 9999";
    LOOKED_AT_OF_PARTY = "SELECT invoice_id FROM invoices WHERE network_id = $1 AND invoice_id > $2 AND invoice_id < $3 \
        AND kind = $4 AND party_id = $5 ORDER BY invoice_id LIMIT 1 OFFSET 9999";
    LOOKED_AT_OF_PARTY_BACKWARDS = "SELECT invoice_id FROM invoices WHERE network_id = $1 AND invoice_id > $2 \
        AND invoice_id < $3 AND kind = $4 AND party_id = $5 ORDER BY invoice_id DESC LIMIT 1 OFFSET 9999";
}

/// At most `limit` invoices in the order of their ids, after an id (0: from the start); and after which id to look on, where
/// there may be more than these.
///
/// # Errors
/// What the database says.
pub fn list_part(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    after: i64,
    limit: i64,
) -> Result<(Vec<Invoice>, Option<i64>)> {
    let bounds = filter.bounds(after);
    if filter.asks_nothing() {
        return Ok((list_between(tx, network, filter, bounds, limit)?, None));
    }
    if filter.party_id.is_none()
        && let Some(ids) = rare_ids(tx, network, filter)?
    {
        return Ok((those_found(tx, network, filter, (bounds, ids), limit)?, None));
    }
    let last = last_looked_at(tx, network, filter, bounds)?;
    let within = match (last, filter.backwards) {
        (None, _) => bounds,
        (Some(last), false) => (bounds.0, last.saturating_add(1)),
        (Some(last), true) => (last.saturating_sub(1), bounds.1),
    };
    let found = list_between(tx, network, filter, within, limit)?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    Ok((found, last.filter(|_| !full)))
}

/// The last of as many invoices as a part looks at; `None` where there are not so many.
fn last_looked_at(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    bounds: (i64, i64),
) -> Result<Option<i64>> {
    let mut params = vec![network.get().into(), bounds.0.into(), bounds.1.into()];
    let sql = match (filter.party_id, filter.backwards) {
        (None, false) => LOOKED_AT,
        (None, true) => LOOKED_AT_BACKWARDS,
        (Some(_), false) => LOOKED_AT_OF_PARTY,
        (Some(_), true) => LOOKED_AT_OF_PARTY_BACKWARDS,
    };
    if let Some(party) = filter.party_id {
        params.extend([Param::Text(filter.asked_kind().map_or("", InvoiceKind::as_str)), party.into()]);
    }
    tx.query_one(sql, &params)?.map(|row| row.int(0)).transpose()
}

/// Those that a filter finds among ids that are known to be all, from a place on.
fn those_found(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    ((above, below), mut ids): ((i64, i64), Vec<i64>),
    limit: i64,
) -> Result<Vec<Invoice>> {
    ids.retain(|id| above < *id && *id < below);
    ids.sort_unstable();
    if filter.backwards {
        ids.reverse();
    }
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut found = Vec::new();
    for ids in ids.chunks(limit.max(1)) {
        found.extend(list_of_ids(tx, network, filter, ids)?);
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The ids of all that can be found, where an index knows that they are few.
fn rare_ids(tx: &mut dyn Tx, network: NetworkId, filter: &InvoiceFilter) -> Result<Option<Vec<i64>>> {
    let both = [InvoiceKind::Payable, InvoiceKind::Receivable].map(InvoiceKind::as_str);
    let kinds = filter.kind.map_or(both.to_vec(), |kind| vec![kind.as_str()]);
    tx.read_by_indexes()?;
    let standings = filter.standings();
    let hidden: &[i64] = match filter.hidden {
        Some(true) => &[1],
        Some(false) => &[0],
        None => &[0, 1],
    };
    let parties = filter.parties.as_deref().unwrap_or_default();
    let number = filter.number.map(|number| vec![Param::Int(number)]);
    let by_party = filter.parties.as_ref().map(|_| vec![Param::Ints(parties)]);
    let by_standing = vec![Param::Ints(&standings), Param::Ints(hidden)];
    let by_standing = Some(by_standing).filter(|_| standings.len() < 2 || hidden == [1]);
    let range = |(from, to): (i64, i64)| Some(vec![Param::Int(from), to.into()]).filter(|_| (from, to) != ANY);
    for (many, rare, asked) in [
        (MANY_BY_NUMBER, RARE_BY_NUMBER, number),
        (MANY_BY_PARTY, RARE_BY_PARTY, by_party),
        (MANY_BY_END, RARE_BY_END, range(filter.last_days())),
        (MANY_BY_CREATION, RARE_BY_CREATION, range(filter.creation())),
        (MANY_BY_STANDING, RARE_BY_STANDING, by_standing),
        (MANY_BY_BALANCE, RARE_BY_BALANCE, range(filter.balances())),
    ] {
        let Some(asked) = asked else { continue };
        // The index by ends has the kind behind the days: a kind of which there are few would be looked for among all.
        let of_kinds = if many == MANY_BY_END { &both[..] } else { &kinds };
        let mut params = vec![network.get().into(), Param::Texts(of_kinds)];
        params.extend(asked);
        if let Some(ids) = ids_unless_many(tx, (many, rare), &params)? {
            return Ok(Some(ids));
        }
    }
    match filter.asks_for_unpaid() {
        true => rare_unpaid(tx, network, &kinds),
        false => Ok(None),
    }
}

fn ids_unless_many(
    tx: &mut dyn Tx,
    (many, rare): (&'static str, &'static str),
    params: &[Param<'_>],
) -> Result<Option<Vec<i64>>> {
    if tx.query_one(many, params)?.is_some() {
        return Ok(None);
    }
    tx.query(rare, params)?.iter().map(|row| row.int(0)).collect::<Result<_>>().map(Some)
}

/// All that are neither paid nor void, where they are few: those of which something is left to pay, if there are no others. An
/// index tells these from the paid ones, but not one of which nothing is left to pay since it bills nothing.
fn rare_unpaid(tx: &mut dyn Tx, network: NetworkId, kinds: &[&str]) -> Result<Option<Vec<i64>>> {
    let params = [network.get().into(), Param::Texts(kinds)];
    let open = [params[0], params[1], Param::Ints(&[Standing::Open.number()]), Param::Ints(&[0, 1])];
    let Some(ids) = ids_unless_many(tx, (MANY_BY_STANDING, RARE_BY_STANDING), &open)? else { return Ok(None) };
    let unpaid = tx.query_one(UNPAID, &params)?.map_or(Ok(0), |row| row.int(0))?;
    Ok(Some(ids).filter(|ids| i64::try_from(ids.len()).is_ok_and(|open| open == unpaid)))
}

impl InvoiceFilter {
    fn asks_nothing(&self) -> bool {
        let InvoiceFilter { kind, party_id, parties, number, statuses, currency, run_id, hidden, .. } = self;
        let InvoiceFilter { due_from, due_through, updated_from, payment_terms_days, .. } = self;
        kind.is_none()
            && party_id.is_none()
            && (parties.is_none() && number.is_none() && run_id.is_none())
            && (statuses.is_empty() && currency.is_none() && hidden.is_none())
            && (due_from.is_none() && due_through.is_none() && updated_from.is_none())
            && payment_terms_days.is_none()
            && [self.last_days(), self.creation(), self.balances()] == [ANY; 3]
    }

    /// Whether only such are asked for as are neither paid nor void.
    fn asks_for_unpaid(&self) -> bool {
        let paid = |status: &InvoiceStatus| matches!(status, InvoiceStatus::Paid | InvoiceStatus::Void);
        !self.statuses.is_empty() && !self.statuses.iter().any(paid)
    }

    /// How those stand that have one of the statuses.
    fn standings(&self) -> Vec<i64> {
        let of = |status: &InvoiceStatus| match status {
            InvoiceStatus::Void => vec![Standing::Void],
            InvoiceStatus::Paid => vec![Standing::Settled],
            // Nothing may be left to pay of one that bills nothing.
            _ => vec![Standing::Open, Standing::Settled],
        };
        let mut numbers: Vec<i64> = self.statuses.iter().flat_map(of).map(Standing::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { vec![0, 1, 2] } else { numbers }
    }

    /// Between which days, both inclusive, periods end. One that starts on a day or later ends then or later.
    fn last_days(&self) -> (i64, i64) {
        let from = self.ends_from.max(self.starts_from);
        let number = |day: Option<Day>, none| day.map_or(none, day_number);
        (number(from, ANY.0), number(self.ends_through, ANY.1))
    }

    /// From which instant on and before which they were issued.
    fn creation(&self) -> (i64, i64) {
        let micros = |at: Option<Timestamp>, none| at.map_or(none, Timestamp::micros);
        (micros(self.created_from, ANY.0), micros(self.created_before, ANY.1))
    }

    /// Between which balances, in billing units of whatever currency, without these.
    fn balances(&self) -> (i64, i64) {
        let above = self.balance_above.map_or(ANY.0, |bound| bound.units_6.min(bound.units_8));
        let below = self.balance_below.map_or(ANY.1, |bound| bound.units_6.max(bound.units_8));
        (above, below)
    }
}
