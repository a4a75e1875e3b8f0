//! Lists of parties by id.

use quittance_domain::ids::{NetworkId, PartyKind};
use quittance_domain::time::Timestamp;

use super::{Party, party};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// The columns after those of a party.
const CREATED_AT: usize = 15;
const UPDATED_AT: usize = 16;

/// The payment system of a party's main method, the first where none is; 0 where it has no method.
macro_rules! main_system {
    () => {
        "COALESCE((SELECT m.system_id FROM payment_methods m WHERE m.network_id = parties.network_id \
         AND m.kind = parties.kind AND m.party_id = parties.party_id ORDER BY m.main DESC, m.method_no LIMIT 1), 0)"
    };
}
macro_rules! filtered {
    () => {
        filtered!("")
    };
    ($index:literal) => {
        concat!(" FROM parties ", $index, " WHERE network_id = $1 AND kind = $2 AND party_id > $3 AND ($4 = 0 OR party_id = $4) \
         AND ($5 = '' OR LOWER(name) LIKE $5 ESCAPE '!' OR ($14 = 1 AND LOWER(COALESCE(email, '')) LIKE $5 ESCAPE '!')) AND ($6 = '' OR status = $6) AND ($7 = 0 OR manager_id = $7) \
         AND ($8 = 0 OR party_id {in:9}) AND ($10 = 0 OR manager_id {in:11}) AND updated_at >= $15 AND party_id < $16 \
         AND updated_at < $17 AND created_at >= $18 AND created_at < $19 \
         AND ($20 = 0 OR COALESCE(billing_cycle, 'manual') {in:21}) AND ($22 = 0 OR ", main_system!(), " {in:23}) \
         AND ($24 = 0 OR LOWER({json:rules|country}) {in:25})")
    };
}
/// Those whom `$2` has referred, of the manager `$3` where one is named.
macro_rules! referred {
    () => {
        " FROM parties {by:parties_by_referrer} WHERE network_id = $1 AND kind = 'affiliate' \
         AND {json:rules|referrer.affiliate} = $2 AND {json:rules|referrer.affiliate} IS NOT NULL \
         AND ($3 = 0 OR manager_id = $3)"
    };
}
macro_rules! page {
    ($index:literal, $order:literal) => {
        concat!(
            "SELECT ",
            super::party_columns!(),
            ", created_at, updated_at",
            filtered!($index),
            " ORDER BY ",
            $order,
            " LIMIT $12 OFFSET $13"
        )
    };
}

statements! {
    LISTED = page!("", "party_id");
    LISTED_BACKWARDS = page!("", "party_id DESC");
    BY_CREATION = page!("{by:parties_by_creation}", "created_at, party_id");
    BY_CREATION_BACKWARDS = page!("{by:parties_by_creation}", "created_at DESC, party_id DESC");
    BY_UPDATE = page!("{by:parties_by_update}", "updated_at, party_id");
    BY_UPDATE_BACKWARDS = page!("{by:parties_by_update}", "updated_at DESC, party_id DESC");
    COUNT_LISTED = concat!("SELECT COUNT(*)", filtered!(), " LIMIT $12 OFFSET $13");
    CYCLES = "SELECT DISTINCT billing_cycle FROM parties WHERE network_id = $1 AND kind IN ('affiliate', 'advertiser') \
        AND party_id > 0 AND billing_cycle IS NOT NULL ORDER BY 1";
    CUSTOM_FIELDS = "SELECT DISTINCT {json:rules|custom_fields} FROM parties WHERE network_id = $1 AND kind = 'affiliate' \
        AND party_id > 0 AND {json:rules|custom_fields} IS NOT NULL";
    MATCHING = "SELECT party_id FROM parties WHERE network_id = $1 AND kind = $2 AND party_id > $3 \
        AND ($4 = 0 OR manager_id {in:5}) AND ($6 = '' OR LOWER(name) LIKE $6 ESCAPE '!') ORDER BY party_id";
    MADE_AT = "SELECT party_id, created_at FROM parties WHERE network_id = $1 AND kind = $2 AND party_id {in:3} \
        ORDER BY party_id";
    REFERRED = concat!("SELECT party_id", referred!(), " ORDER BY party_id LIMIT $4 OFFSET $5");
    COUNT_REFERRED = concat!("SELECT COUNT(*)", referred!());
    LAST_ID = "SELECT party_id FROM parties WHERE network_id = $1 AND kind = $2 AND party_id > 0 \
        ORDER BY party_id DESC LIMIT 1";
}

/// The order of a list of parties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartySort {
    /// By id.
    #[default]
    Id,
    /// By when they were made.
    Created,
    /// By when they were last changed.
    Updated,
}

/// Which parties of one kind to list; `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartyFilter {
    /// Only this one.
    pub id: Option<i64>,
    /// Those with an id above this one.
    pub after: i64,
    /// Those whose name holds this, whatever the case of its Latin letters.
    pub name_part: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// Those whom this manager looks after.
    pub manager_id: Option<i64>,
    /// Only these.
    pub ids: Option<Vec<i64>>,
    /// Those whom one of these managers looks after.
    pub managers: Option<Vec<i64>>,
    /// What `name_part` says may be in the address as well.
    pub name_or_email: bool,
    /// Those that were changed at this instant or later.
    pub updated_from: Option<Timestamp>,
    /// The order.
    pub sort: PartySort,
    /// The last of the order comes first: the highest id.
    pub backwards: bool,
    /// Those with an id below this one.
    pub before: Option<i64>,
    /// Those that were changed before this instant.
    pub updated_before: Option<Timestamp>,
    /// Those that were made at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Those that were made before this instant.
    pub created_before: Option<Timestamp>,
    /// Those with one of these billing cycles, by their titles; who has none is billed by hand.
    pub cycles: Option<Vec<&'static str>>,
    /// Those whose main payment method is for one of these payment systems; 0 stands for no method.
    pub main_systems: Option<Vec<i64>>,
    /// Those in one of these countries, as they were given, in any case; none: in any.
    pub countries: Vec<String>,
}

impl PartyFilter {
    fn with_params<T>(
        &self,
        network: NetworkId,
        kind: PartyKind,
        (offset, limit): (i64, i64),
        ask: impl FnOnce(&[Param<'_>]) -> Result<T>,
    ) -> Result<T> {
        let pattern = pattern(self.name_part.as_deref().unwrap_or_default());
        let countries: Vec<String> = self.countries.iter().map(|country| country.to_lowercase()).collect();
        let countries: Vec<&str> = countries.iter().map(String::as_str).collect();
        let given = |list: &Option<Vec<i64>>| Param::Int(i64::from(list.is_some()));
        let from = |at: Option<Timestamp>| Param::Int(at.map_or(i64::MIN, Timestamp::micros));
        let before = |at: Option<Timestamp>| Param::Int(at.map_or(i64::MAX, Timestamp::micros));
        ask(&[
            network.get().into(),
            kind.as_str().into(),
            self.after.into(),
            self.id.unwrap_or(0).into(),
            Param::Text(&pattern),
            self.status.as_deref().unwrap_or("").into(),
            self.manager_id.unwrap_or(0).into(),
            given(&self.ids),
            Param::Ints(self.ids.as_deref().unwrap_or_default()),
            given(&self.managers),
            Param::Ints(self.managers.as_deref().unwrap_or_default()),
            limit.into(),
            offset.into(),
            self.name_or_email.into(),
            from(self.updated_from),
            self.before.unwrap_or(i64::MAX).into(),
            before(self.updated_before),
            from(self.created_from),
            before(self.created_before),
            self.cycles.is_some().into(),
            Param::Texts(self.cycles.as_deref().unwrap_or_default()),
            given(&self.main_systems),
            Param::Ints(self.main_systems.as_deref().unwrap_or_default()),
            Param::Int(countries.len() as i64),
            Param::Texts(&countries),
        ])
    }
}

/// The custom fields that affiliates have, as JSON objects of texts by ids: each set of them once.
///
/// # Errors
/// What the database says.
pub fn custom_fields(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<String>> {
    tx.query(CUSTOM_FIELDS, &[network.get().into()])?.iter().map(|row| row.string(0)).collect()
}

/// What a name is like that holds a part; empty for an empty part.
pub(super) fn pattern(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let mut pattern = String::from("%");
    for c in part.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The ids of the parties of one kind whom one of the managers looks after, if some are named, and whose name holds a
/// part.
///
/// # Errors
/// What the database says.
pub fn matching(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    managers: Option<&[i64]>,
    part: &str,
) -> Result<Vec<i64>> {
    let pattern = pattern(part);
    let params = [
        network.get().into(),
        kind.as_str().into(),
        i64::MIN.into(),
        managers.is_some().into(),
        Param::Ints(managers.unwrap_or_default()),
        Param::Text(&pattern),
    ];
    tx.query(MATCHING, &params)?.iter().map(|row| row.int(0)).collect()
}

/// Parties with the instants at which they were made and last changed: at most `limit` after the first `offset`.
///
/// # Errors
/// What the database says.
pub fn listed(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    filter: &PartyFilter,
    page: (i64, i64),
) -> Result<Vec<(Party, Timestamp, Timestamp)>> {
    let sql = match (filter.sort, filter.backwards) {
        (PartySort::Id, false) => LISTED,
        (PartySort::Id, true) => LISTED_BACKWARDS,
        (PartySort::Created, false) => BY_CREATION,
        (PartySort::Created, true) => BY_CREATION_BACKWARDS,
        (PartySort::Updated, false) => BY_UPDATE,
        (PartySort::Updated, true) => BY_UPDATE_BACKWARDS,
    };
    let at = |row: &Row, column| Ok::<_, crate::error::Error>(Timestamp::from_micros(row.int(column)?));
    let rows = filter.with_params(network, kind, page, |params| tx.query(sql, params))?;
    rows.iter().map(|row| Ok((party(row)?, at(row, CREATED_AT)?, at(row, UPDATED_AT)?))).collect()
}

/// When the parties of some ids were made, by id.
///
/// # Errors
/// What the database says.
pub fn made_at(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, ids: &[i64]) -> Result<Vec<(i64, Timestamp)>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(ids)];
    tx.query(MADE_AT, &params)?.iter().map(|row| Ok((row.int(0)?, Timestamp::from_micros(row.int(1)?)))).collect()
}

/// How many parties a filter finds.
///
/// # Errors
/// What the database says.
pub fn count_listed(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, filter: &PartyFilter) -> Result<i64> {
    let count = filter.with_params(network, kind, (0, 1), |params| tx.query_one(COUNT_LISTED, params))?;
    count.map_or(Ok(0), |row| row.int(0))
}

/// The ids of the affiliates whom one has referred, and whom a manager looks after if one is named, in order: at most `limit`
/// after the first `offset`, and how many there are in all.
///
/// # Errors
/// What the database says.
pub fn referred_by(
    tx: &mut dyn Tx,
    network: NetworkId,
    referrer: i64,
    manager: Option<i64>,
    (offset, limit): (i64, i64),
) -> Result<(Vec<i64>, i64)> {
    let (referrer, manager) = (referrer.to_string(), manager.unwrap_or(0));
    let mut params = vec![network.get().into(), Param::Text(&referrer), manager.into()];
    let total = tx.query_one(COUNT_REFERRED, &params)?.map_or(Ok(0), |row| row.int(0))?;
    params.extend([Param::Int(limit), Param::Int(offset)]);
    let ids = tx.query(REFERRED, &params)?.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    Ok((ids, total))
}

/// The titles of the billing cycles that parties have.
///
/// # Errors
/// What the database says.
pub fn cycles(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<String>> {
    tx.query(CYCLES, &[network.get().into()])?.iter().map(|row| row.string(0)).collect()
}

/// The highest id of one kind; 0 where there is none.
///
/// # Errors
/// What the database says.
pub fn last_id(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind) -> Result<i64> {
    tx.query_one(LAST_ID, &[network.get().into(), kind.as_str().into()])?.map_or(Ok(0), |row| row.int(0))
}
