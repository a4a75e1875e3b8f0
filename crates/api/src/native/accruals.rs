//! What is accrued from conversions, by party, currency, day and offer.

use std::fmt;
use std::str::FromStr;

use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Day;
use quittance_engine::invoices::{AccrualFilter, DayAccrual};
use quittance_engine::{Call, Engine};
use quittance_http::Problem;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Form, Param, Query, param};
use super::wire;

/// The list of accruals.
pub(super) struct Accruals(AccrualFilter);

/// The place of a row: party, currency, day, offer.
#[derive(Clone, PartialEq)]
pub(super) struct Key(DayAccrual);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key(row) = self;
        write!(f, "{}.{}.{}.{}", row.party_id, row.currency, row.posting_day.number(), row.offer_id)
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Key, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [party, currency, day, offer] = parts[..] else { return Err(()) };
        Ok(Key(DayAccrual {
            party_id: party.parse().map_err(drop)?,
            currency: Currency::parse(currency).map_err(drop)?,
            posting_day: Day::from_number(day.parse().map_err(drop)?),
            offer_id: offer.parse().map_err(drop)?,
            units: 0,
            conversions: 0,
        }))
    }
}

impl Accruals {
    fn read(query: &Query) -> Result<Accruals, Problem> {
        let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
        let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
        let kind = advertiser.map(|_| InvoiceKind::Receivable).or(affiliate.map(|_| InvoiceKind::Payable)).or(kind);
        Ok(Accruals(AccrualFilter {
            kind: kind.unwrap_or(InvoiceKind::Payable),
            party_id: affiliate.or(advertiser),
            from: query.day("from")?.unwrap_or(Day::MIN),
            through: query.day("through")?.unwrap_or(Day::MAX),
        }))
    }
}

impl List for Accruals {
    type Row = wire::Accrual;
    type Key = Key;
    const NAME: &'static str = "accruals";
    const SORTS: &'static [&'static str] = &["party"];
    const FILTERS: &'static [Param] = &[
        param(
            "kind",
            Form::Word(&["payable", "receivable"]),
            "What is owed to affiliates (the default), or by advertisers.",
        ),
        param("affiliate_id", Form::Int, "Only this affiliate's."),
        param("advertiser_id", Form::Int, "Only this advertiser's."),
        param("from", Form::Day, "From this day in the books on."),
        param("through", Form::Day, "Up to this day in the books."),
    ];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<Key>,
    ) -> quittance_engine::Result<Vec<(Key, wire::Accrual)>> {
        let after = window.after.clone().map(|Key(row)| row);
        let rows = engine.accruals(call, &self.0, after, window.limit)?;
        Ok(rows.into_iter().map(|row| (Key(row), wire::accrual(&row, self.0.kind))).collect())
    }
}

/// Lists what is accrued.
#[utoipa::path(get, path = "/accruals", tag = "Conversions", params(Listed<Accruals>),
    responses((status = 200, description = "A page of accruals.", body = wire::AccrualPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Accruals>()?;
    let list = Accruals::read(&query)?;
    asked.answer(&query, list).await
}
