//! The list of invoices, by whatever can be asked of them.

use axum::http::StatusCode;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_engine::invoices::{BalanceBound, Invoice, InvoiceFilter, PartiesAsked};
use quittance_engine::keys::{Actor, Role};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::scope::{check_manager, own_kind};

use super::invoices::shown;
use super::list::{List, Part, Window};
use super::params::{Form, Param, Query, param};
use super::wire;

/// The list of invoices.
pub(super) struct InvoiceList {
    actor: Actor,
    filter: InvoiceFilter,
    parties: PartiesAsked,
    overdue: bool,
}

const STATUSES: [&str; 5] = ["pending", "approved", "partly_paid", "paid", "void"];
/// The statuses of what is left to be paid.
const OPEN: [InvoiceStatus; 3] = [InvoiceStatus::Pending, InvoiceStatus::Approved, InvoiceStatus::PartlyPaid];

impl InvoiceList {
    /// Reads the filters; a party's own key sees its own visible invoices, whatever they say.
    pub(super) fn read(actor: &Actor, query: &Query) -> Result<InvoiceList, Problem> {
        let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
        if affiliate.is_some() && advertiser.is_some() {
            let detail = "an invoice is with an affiliate or an advertiser, not both";
            return Err(Problem::bad_request("advertiser_id", detail));
        }
        let of_party = affiliate.map(|_| InvoiceKind::Payable).or(advertiser.map(|_| InvoiceKind::Receivable));
        let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
        let filter = InvoiceFilter {
            kind: of_party.or(kind),
            party_id: affiliate.or(advertiser),
            parties: query.ints("parties")?,
            number: query.int("number")?,
            statuses: query.words("status", &STATUSES, InvoiceStatus::parse)?.unwrap_or_default(),
            currency: query.currency("currency")?,
            run_id: query.int("run_id")?.map(RunId::new),
            hidden: query.flag("hidden")?,
            starts_from: query.day("starts_from")?,
            ends_from: query.day("ends_from")?,
            ends_through: query.day("ends_through")?,
            due_from: query.day("due_from")?,
            due_through: query.day("due_through")?,
            created_from: query.instant("created_from")?,
            created_before: query.instant("created_before")?,
            updated_from: query.instant("updated_from")?,
            payment_terms_days: query.ints("payment_terms")?,
            balance_above: bound(query, "balance_above")?,
            balance_below: bound(query, "balance_below")?,
            backwards: false,
        };
        let managers = query.ints("managers")?;
        let parties = PartiesAsked { managers, name_part: query.text("party_name").map(str::to_owned) };
        let overdue = query.parsed("overdue", "true", |word| (word == "true").then_some(true))?.unwrap_or(false);
        let list = InvoiceList { actor: actor.clone(), filter, parties, overdue };
        list.within_role()
    }

    /// The list as far as the actor may see it.
    fn within_role(mut self) -> Result<InvoiceList, Problem> {
        let filter = &mut self.filter;
        if let Some(own) = own_kind(self.actor.role) {
            let other = filter.party_id.is_some_and(|id| Some(id) != self.actor.party_id);
            if other || filter.kind.is_some_and(|kind| kind != own) || filter.hidden == Some(true) {
                return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "the key sees its own invoices only"));
            }
            filter.kind = Some(own);
            filter.party_id = self.actor.party_id;
            filter.hidden = Some(false);
        }
        if self.actor.role == Role::Manager && filter.party_id.is_none() {
            // Those of its parties, of the kind that is asked for.
            self.parties.managers = Some(vec![self.actor.party_id.unwrap_or(0)]);
        }
        let by_party = filter.parties.is_some() || self.parties != PartiesAsked::default();
        if by_party && filter.kind.is_none() {
            filter.kind = Some(InvoiceKind::Payable);
        }
        Ok(self)
    }
}

/// A bound of what is left to pay, in whatever currency.
fn bound(query: &Query, name: &str) -> Result<Option<BalanceBound>, Problem> {
    let Some(text) = query.decimal(name)? else { return Ok(None) };
    let units = |code: &str| Money::parse(text, Currency::parse(code).ok()?).ok().map(Money::units);
    // The billing units of ISO currencies and of crypto-currencies.
    match (units("USD"), units("BTC")) {
        (Some(units_6), Some(units_8)) => Ok(Some(BalanceBound { units_6, units_8 })),
        _ => Err(Problem::bad_request(name, format!("{name}: {text:?} is no amount that an invoice can have"))),
    }
}

impl List for InvoiceList {
    type Row = wire::Invoice;
    type Key = i64;
    const NAME: &'static str = "invoices";
    const SORTS: &'static [&'static str] = &["id", "-id"];
    const FILTERS: &'static [Param] = &[
        param("kind", Form::Word(&["payable", "receivable"]), "Only payable, or only receivable ones."),
        param("affiliate_id", Form::Int, "Only this affiliate's."),
        param("advertiser_id", Form::Int, "Only this advertiser's."),
        param("number", Form::Int, "Only the one with this number; of no kind there may be one of each."),
        param("parties", Form::Ints, "Only those of these parties of the kind; of no kind: affiliates."),
        param("party_name", Form::Text, "Only those of parties of the kind whose name holds this."),
        param("managers", Form::Ints, "Only those of parties of the kind whom one of these managers looks after."),
        param("status", Form::Words(&STATUSES), "Only those in one of these statuses."),
        param("overdue", Form::Word(&["true"]), "Only those that are past due and not paid."),
        param("currency", Form::Text, "Only those in this currency."),
        param("run_id", Form::Int, "Only those that this run issued."),
        param("hidden", Form::Flag, "Whether the party does not see them."),
        param("starts_from", Form::Day, "The period starts on this day or later."),
        param("ends_from", Form::Day, "The period ends on this day or later."),
        param("ends_through", Form::Day, "The period ends on this day or earlier."),
        param("due_from", Form::Day, "Due on this day or later."),
        param("due_through", Form::Day, "Due on this day or earlier."),
        param("created_from", Form::Instant, "Issued at this instant or later."),
        param("created_before", Form::Instant, "Issued before this instant."),
        param("updated_from", Form::Instant, "Last changed at this instant or later."),
        param("payment_terms", Form::Ints, "Only those with one of these payment terms in days; none counts as 0."),
        param("balance_above", Form::Decimal, "More is left to pay than this, in whatever currency."),
        param("balance_below", Form::Decimal, "Less is left to pay than this, in whatever currency."),
    ];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> Result<Part<InvoiceList>, Error> {
        if let (Some(kind), Some(party)) = (self.filter.kind, self.filter.party_id) {
            check_manager(engine, &self.actor, call, kind.party_kind(), party)?;
        }
        let mut filter = InvoiceFilter { backwards: window.descending(), ..self.filter.clone() };
        if self.overdue {
            let yesterday = engine.day_of(call, call.now)?.plus_days(-1);
            filter.due_through = Some(filter.due_through.map_or(yesterday, |day| day.min(yesterday)));
            filter.statuses.retain(|status| OPEN.contains(status));
            if self.filter.statuses.is_empty() {
                filter.statuses = OPEN.to_vec();
            }
            if filter.statuses.is_empty() {
                return Ok((Vec::new(), None));
            }
        }
        let after = window.after.unwrap_or(0);
        let found = engine.invoices_part(call, (&filter, &self.parties), after, window.limit)?;
        let row = |invoice: &Invoice| (invoice.invoice_id.get(), shown(&self.actor, invoice));
        Ok((found.rows.iter().map(row).collect(), found.next))
    }

    fn end(&self, engine: &Engine, call: &Call) -> Result<Option<i64>, Error> {
        engine.last_invoice_id(call).map(Some)
    }
}
