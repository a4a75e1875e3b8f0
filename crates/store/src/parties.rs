//! Parties, and what they refer to: payment methods and systems, managers, currencies, offers.

pub(crate) mod balances;
pub(crate) mod list;
pub(crate) mod methods;
pub(crate) mod offers;
pub(crate) mod reference;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{NetworkId, PartyKind};
use quittance_domain::time::{Day, Timestamp};

pub use self::balances::{Amounts, Standing, held, left_to_pay, open_billed, standings};
pub use self::list::{
    PartyFilter, PartySort, count_listed, custom_fields, cycles, last_id, listed, made_at, matching, referred_by,
};
pub use self::methods::{PaymentMethod, methods_of, paid_through, replace_methods, with_details};
pub use self::offers::{
    Offer, OfferAdvertiser, OfferFilter, add_offer_advertisers, advertisers_of_offers, count_offers, ensure_offers,
    holding_offers, last_offer_id, offers, offers_by_ids, offers_listed, offers_of_advertisers, upsert_offers,
};
pub use self::reference::{
    Manager, PaymentSystem, currencies, currencies_by_activation, managers, systems, upsert_currencies,
    upsert_managers, upsert_systems,
};
use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! party_columns {
    () => {
        "kind, party_id, name, email, status, manager_id, currency, billing_cycle, payment_terms_days, \
         minimum_units, on_hold, hidden_default, rules, auto_invoice, scheduled_through"
    };
}
use party_columns;

statements! {
    BY_IDS = concat!("SELECT ", party_columns!(), " FROM parties \
        WHERE network_id = $1 AND kind = $2 AND party_id {in:3} ORDER BY party_id");
    SCHEDULED = concat!("SELECT ", party_columns!(), " FROM parties {by:parties_scheduled} \
        WHERE network_id = $1 AND auto_invoice = 1 \
        ORDER BY kind, party_id");
    SET_SCHEDULED = "UPDATE parties SET scheduled_through = $4 WHERE network_id = $1 AND kind = $2 AND party_id {in:3}";
    ERASE = "UPDATE parties SET name = $4, email = NULL, rules = $5, updated_at = $6 WHERE network_id = $1 AND kind = $2 AND party_id = $3";
    ERASE_METHODS = "UPDATE payment_methods SET fields = $4 WHERE network_id = $1 AND kind = $2 AND party_id = $3";
    ERASE_ON_INVOICES = "UPDATE invoices SET party_name = $4, party_email = NULL WHERE network_id = $1 AND kind = $2 \
        AND party_id = $3";
    REVOKE_KEYS = "UPDATE api_keys SET revoked_at = $4 WHERE network_id = $1 AND role = $2 AND party_id = $3 \
        AND revoked_at IS NULL";
    PAGE = concat!("SELECT ", party_columns!(), " FROM parties \
        WHERE network_id = $1 AND kind = $2 AND party_id > $3 ORDER BY party_id LIMIT $4");
}

bulks! {
    UPSERT = "parties" [
        "network_id" Int, "kind" Text, "party_id" Int, "name" Text, "email" Text, "status" Text, "manager_id" Int,
        "currency" Text, "billing_cycle" Text, "payment_terms_days" Int, "minimum_units" Int, "on_hold" Int,
        "hidden_default" Int, "rules" Text, "auto_invoice" Int, "created_at" Int, "updated_at" Int
    ] "ON CONFLICT (network_id, kind, party_id) DO UPDATE SET name = excluded.name, email = excluded.email, \
       status = excluded.status, manager_id = excluded.manager_id, currency = excluded.currency, \
       billing_cycle = excluded.billing_cycle, payment_terms_days = excluded.payment_terms_days, \
       minimum_units = excluded.minimum_units, on_hold = excluded.on_hold, \
       hidden_default = excluded.hidden_default, rules = excluded.rules, auto_invoice = excluded.auto_invoice, \
       updated_at = excluded.updated_at";
    ENSURE = "parties" [
        "network_id" Int, "kind" Text, "party_id" Int, "name" Text, "email" Text, "status" Text, "manager_id" Int,
        "currency" Text, "billing_cycle" Text, "payment_terms_days" Int, "minimum_units" Int, "on_hold" Int,
        "hidden_default" Int, "rules" Text, "auto_invoice" Int, "created_at" Int, "updated_at" Int
    ] "ON CONFLICT (network_id, kind, party_id) DO NOTHING";
}

/// An affiliate or an advertiser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which side it is on.
    pub kind: PartyKind,
    /// Its number on that side.
    pub party_id: i64,
    /// Its name.
    pub name: String,
    /// Where its invoices are announced.
    pub email: Option<String>,
    /// `active`, `pending`, `inactive` or `suspended`.
    pub status: String,
    /// The account manager who looks after it.
    pub manager_id: Option<i64>,
    /// What its amounts are in where nothing else says so.
    pub currency: Currency,
    /// The title of its billing cycle; `None` is manual.
    pub billing_cycle: Option<String>,
    /// Days from the end of a period to the due date; `None` leaves it to the cycle.
    pub payment_terms_days: Option<i64>,
    /// The least amount that is invoiced, in billing units of `currency`.
    pub minimum_units: Option<i64>,
    /// It is not billed.
    pub on_hold: bool,
    /// Its new invoices are hidden from it.
    pub hidden_default: bool,
    /// How it is billed, as a JSON object: what its table in the network file says beside these.
    pub rules: String,
    /// Its invoices are made by the schedule.
    pub auto_invoice: bool,
    /// The last day of the last period that the schedule has dealt with.
    pub scheduled_through: Option<Day>,
}

impl Party {
    /// A party of which nothing is known but its id, with a network's defaults.
    #[must_use]
    pub fn unnamed(kind: PartyKind, party_id: i64, currency: Currency) -> Party {
        let title = match kind {
            PartyKind::Affiliate => "Affiliate",
            PartyKind::Advertiser => "Advertiser",
        };
        Party {
            kind,
            party_id,
            name: format!("{title} {party_id}"),
            email: None,
            status: "active".to_owned(),
            manager_id: None,
            currency,
            billing_cycle: None,
            payment_terms_days: None,
            minimum_units: None,
            on_hold: false,
            hidden_default: false,
            rules: "{}".to_owned(),
            auto_invoice: false,
            scheduled_through: None,
        }
    }
}

fn party(row: &Row) -> Result<Party> {
    let kind = row.text(0)?;
    Ok(Party {
        kind: PartyKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind of party {kind}")))?,
        party_id: row.int(1)?,
        name: row.string(2)?,
        email: row.opt_string(3)?,
        status: row.string(4)?,
        manager_id: row.opt_int(5)?,
        currency: currency(row.text(6)?)?,
        billing_cycle: row.opt_string(7)?,
        payment_terms_days: row.opt_int(8)?,
        minimum_units: row.opt_int(9)?,
        on_hold: row.flag(10)?,
        hidden_default: row.flag(11)?,
        rules: row.string(12)?,
        auto_invoice: row.flag(13)?,
        scheduled_through: row.opt_int(14)?.map(day).transpose()?,
    })
}

fn push<'a>(values: &mut Vec<Param<'a>>, network: NetworkId, party: &'a Party, now: Timestamp) {
    values.extend([
        network.get().into(),
        party.kind.as_str().into(),
        party.party_id.into(),
        Param::from(&party.name),
        party.email.as_deref().into(),
        (&party.status).into(),
        party.manager_id.into(),
        party.currency.code().into(),
        party.billing_cycle.as_deref().into(),
        party.payment_terms_days.into(),
        party.minimum_units.into(),
        party.on_hold.into(),
        party.hidden_default.into(),
        (&party.rules).into(),
        party.auto_invoice.into(),
        now.micros().into(),
        now.micros().into(),
    ]);
}

/// The parties of these ids that there are, by id.
///
/// # Errors
/// What the database says.
pub fn by_ids(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, ids: &[i64]) -> Result<Vec<Party>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(ids)];
    tx.query(BY_IDS, &params)?.iter().map(party).collect()
}

/// A page of parties of one kind, by id: at most `limit` with an id above `after`. The first page is after `i64::MIN`.
///
/// # Errors
/// What the database says.
pub fn all(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, after: i64, limit: i64) -> Result<Vec<Party>> {
    let params = [network.get().into(), kind.as_str().into(), after.into(), limit.into()];
    tx.query(PAGE, &params)?.iter().map(party).collect()
}

/// The parties whose invoices are made by the schedule, by kind and id.
///
/// # Errors
/// What the database says.
pub fn scheduled(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<Party>> {
    tx.query(SCHEDULED, &[network.get().into()])?.iter().map(party).collect()
}

/// Remembers how far the schedule has dealt with parties.
///
/// # Errors
/// What the database says.
pub fn set_scheduled(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, ids: &[i64], through: Day) -> Result<()> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(ids), day_number(through).into()];
    tx.execute(SET_SCHEDULED, &params)?;
    Ok(())
}

/// Writes parties: new ones are made, known ones replaced. No id comes twice.
///
/// # Errors
/// What the database says.
pub fn upsert(tx: &mut dyn Tx, network: NetworkId, parties: &[Party], now: Timestamp) -> Result<()> {
    let mut values = Vec::new();
    parties.iter().for_each(|party| push(&mut values, network, party, now));
    tx.bulk(&UPSERT, &values)?;
    Ok(())
}

/// Makes parties of these ids where there are none, with a network's defaults. Answers how many were made.
///
/// # Errors
/// What the database says.
pub fn ensure_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    ids: &[i64],
    currency: Currency,
    now: Timestamp,
) -> Result<u64> {
    let parties: Vec<Party> = ids.iter().map(|id| Party::unnamed(kind, *id, currency)).collect();
    let mut values = Vec::new();
    parties.iter().for_each(|party| push(&mut values, network, party, now));
    tx.bulk(&ENSURE, &values)
}

/// Takes the personal data of a party away, here and on its invoices, and revokes its keys.
///
/// # Errors
/// What the database says.
pub fn erase(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    party_id: i64,
    name: &str,
    rules: &str,
    now: Timestamp,
) -> Result<()> {
    let of = |kind: &'static str| [Param::Int(network.get()), Param::Text(kind), Param::Int(party_id)];
    let [a, b, c] = of(kind.as_str());
    tx.execute(ERASE, &[a, b, c, name.into(), rules.into(), now.micros().into()])?;
    tx.execute(ERASE_METHODS, &[a, b, c, "{}".into()])?;
    tx.execute(REVOKE_KEYS, &[a, b, c, now.micros().into()])?;
    let [a, b, c] = of(kind.invoice_kind().as_str());
    tx.execute(ERASE_ON_INVOICES, &[a, b, c, name.into()])?;
    Ok(())
}
