//! The ledger's postings, and how parties stand.

use std::fmt;
use std::str::FromStr;

use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::time::Day;
use quittance_engine::invoices::{PostingFilter, PostingPlace};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Form, Param, Query, param};
use super::wire;

/// The list of postings.
pub(super) struct Ledger(PostingFilter);

/// The place of a posting: its day, its entry, its place in that.
#[derive(Clone, PartialEq)]
pub(super) struct Place(PostingPlace);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place((day, entry, number)) = self;
        write!(f, "{}.{entry}.{number}", day.number())
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [day, entry, number] = parts[..] else { return Err(()) };
        let day = Day::from_number(day.parse().map_err(drop)?);
        Ok(Place((day, entry.parse().map_err(drop)?, number.parse().map_err(drop)?)))
    }
}

impl Ledger {
    fn read(query: &Query) -> Result<Ledger, Problem> {
        let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
        let of_party = advertiser.map(|_| InvoiceKind::Receivable).or(affiliate.map(|_| InvoiceKind::Payable));
        Ok(Ledger(PostingFilter {
            from: query.day("from")?.unwrap_or(Day::MIN),
            through: query.day("through")?.unwrap_or(Day::MAX),
            account: query.text("account").map(str::to_owned),
            kind: of_party.or(query.parsed("kind", "payable or receivable", InvoiceKind::parse)?),
            party_id: advertiser.or(affiliate),
            currency: query.currency("currency")?,
            event: query.text("event").map(str::to_owned),
        }))
    }
}

impl List for Ledger {
    type Row = wire::LedgerPosting;
    type Key = Place;
    const NAME: &'static str = "postings";
    const SORTS: &'static [&'static str] = &["date"];
    const FILTERS: &'static [Param] = &[
        param("account", Form::Text, "Only those of this account, by its code."),
        param(
            "kind",
            Form::Word(&["payable", "receivable"]),
            "Only those of documents with affiliates, or advertisers.",
        ),
        param("affiliate_id", Form::Int, "Only those of this affiliate's documents."),
        param("advertiser_id", Form::Int, "Only those of this advertiser's documents."),
        param("currency", Form::Text, "Only those in this currency."),
        param("event", Form::Text, "Only those of this event, such as `issue` or `payment`."),
        param("from", Form::Day, "From this day in the books on."),
        param("through", Form::Day, "Up to this day in the books."),
    ];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<Place>,
    ) -> Result<Vec<(Place, wire::LedgerPosting)>, Error> {
        let after = window.after.clone().map(|Place(place)| place);
        let rows = engine.postings(call, &self.0, after, window.limit)?;
        let place = |p: &quittance_engine::invoices::StoredPosting| Place((p.posting_day, p.entry_id, p.posting_no));
        Ok(rows.iter().map(|listed| (place(&listed.posting), wire::ledger_posting(listed))).collect())
    }
}

/// Lists the postings of the ledger.
#[utoipa::path(get, path = "/ledger", tag = "Network", params(Listed<Ledger>),
    responses((status = 200, description = "A page of postings.", body = wire::LedgerPage)))]
pub(super) async fn postings(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Ledger>()?;
    let list = Ledger::read(&query)?;
    asked.answer(&query, list).await
}

/// The list of balances.
pub(super) struct Balances(PartyKind);

/// The place of a balance: the party and the currency.
#[derive(Clone, PartialEq)]
pub(super) struct Account(i64, Currency);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Account {
    type Err = ();

    fn from_str(text: &str) -> Result<Account, ()> {
        let (party, currency) = text.split_once('.').ok_or(())?;
        Ok(Account(party.parse().map_err(drop)?, Currency::parse(currency).map_err(drop)?))
    }
}

impl List for Balances {
    type Row = wire::Balance;
    type Key = Account;
    const NAME: &'static str = "balances";
    const SORTS: &'static [&'static str] = &["party"];
    const FILTERS: &'static [Param] = &[param(
        "kind",
        Form::Word(&["payable", "receivable"]),
        "What affiliates are owed (the default), or what advertisers owe.",
    )];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<Account>,
    ) -> Result<Vec<(Account, wire::Balance)>, Error> {
        // The party of the last row can have more currencies.
        let first = window.after.as_ref().map_or(0, |Account(party, _)| party.saturating_sub(1));
        let limit = usize::try_from(window.limit).unwrap_or(0);
        let rows = engine.party_balances(call, self.0, first, window.limit + 1)?;
        let keyed = rows.iter().map(|(party, balance)| (Account(*party, balance.billed.currency()), *party, balance));
        let after = |key: &Account| match &window.after {
            None => true,
            Some(last) => key.0 > last.0 || key.0 == last.0 && key.1 > last.1,
        };
        let wanted = keyed.filter(|(key, _, _)| after(key)).take(limit);
        Ok(wanted.map(|(key, party, balance)| (key, wire::balance(self.0, party, balance))).collect())
    }
}

/// Lists how parties stand, by party and currency.
#[utoipa::path(get, path = "/balances", tag = "Parties", params(Listed<Balances>),
    responses((status = 200, description = "A page of balances.", body = wire::BalancePage)))]
pub(super) async fn balances(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Balances>()?;
    let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
    let list = Balances(kind.unwrap_or(InvoiceKind::Payable).party_kind());
    asked.answer(&query, list).await
}
