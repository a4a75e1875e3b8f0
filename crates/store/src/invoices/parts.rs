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

/// How many invoices a part looks at, and so many are rare. The statements below name the last of them.
const LOOKED_AT_MAX: i64 = 10_000;
/// What is found by no end of a range.
const ANY: (i64, i64) = (i64::MIN, i64::MAX);

macro_rules! rare {
    ($index:literal, $asked:literal) => {
        concat!(
            "SELECT i.invoice_id FROM invoices i {by:",
            $index,
            "} WHERE i.network_id = $1 AND i.kind {in:2} AND ",
            $asked,
            " LIMIT 10001"
        )
    };
}

statements! {
    RARE_BY_NUMBER = rare!("invoices_by_number", "i.number = $3");
    RARE_BY_PARTY = rare!("invoices_by_party", "i.party_id {in:3}");
    RARE_BY_STANDING = rare!("invoices_by_standing", "i.standing {in:3} AND i.hidden {in:4}");
    RARE_BY_END = rare!("invoices_by_end", "i.period_end >= $3 AND i.period_end <= $4");
    RARE_BY_CREATION = rare!("invoices_by_created", "i.created_at >= $3 AND i.created_at < $4");
    RARE_BY_BALANCE = rare!("invoices_by_balance", "i.balance_units > $3 AND i.balance_units < $4");
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
    let kinds: Vec<&str> = match filter.kind {
        Some(kind) => vec![kind.as_str()],
        None => [InvoiceKind::Payable, InvoiceKind::Receivable].map(InvoiceKind::as_str).to_vec(),
    };
    tx.read_by_indexes()?;
    let standings = filter.standings();
    let standings = standings.as_deref().unwrap_or(&[0, 1, 2]);
    let hidden: &[i64] = match filter.hidden {
        Some(true) => &[1],
        Some(false) => &[0],
        None => &[0, 1],
    };
    let parties = filter.parties.as_deref().unwrap_or_default();
    let number = filter.number.map(|number| vec![Param::Int(number)]);
    let by_party = filter.parties.as_ref().map(|_| vec![Param::Ints(parties)]);
    let by_standing = vec![Param::Ints(standings), Param::Ints(hidden)];
    let by_standing = Some(by_standing).filter(|_| standings.len() < 3 || hidden.len() < 2);
    let range = |(from, to): (i64, i64)| Some(vec![Param::Int(from), to.into()]).filter(|_| (from, to) != ANY);
    for (sql, asked) in [
        (RARE_BY_NUMBER, number),
        (RARE_BY_PARTY, by_party),
        (RARE_BY_END, range(filter.last_days())),
        (RARE_BY_CREATION, range(filter.creation())),
        (RARE_BY_STANDING, by_standing),
        (RARE_BY_BALANCE, range(filter.balances())),
    ] {
        let Some(asked) = asked else { continue };
        let mut params = vec![network.get().into(), Param::Texts(&kinds)];
        params.extend(asked);
        let rows = tx.query(sql, &params)?;
        if rows.len() as i64 <= LOOKED_AT_MAX {
            return rows.iter().map(|row| row.int(0)).collect::<Result<_>>().map(Some);
        }
    }
    Ok(None)
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

    /// How those stand that have one of the statuses; `None`: in any way.
    fn standings(&self) -> Option<Vec<i64>> {
        let of = |status: &InvoiceStatus| match status {
            InvoiceStatus::Void => vec![Standing::Void],
            InvoiceStatus::Paid => vec![Standing::Settled],
            // Nothing may be left to pay of one that bills nothing.
            _ => vec![Standing::Open, Standing::Settled],
        };
        let mut numbers: Vec<i64> = self.statuses.iter().flat_map(of).map(Standing::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers).filter(|numbers| !numbers.is_empty())
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
