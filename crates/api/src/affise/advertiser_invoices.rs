//! Invoices to advertisers: the receivable invoices of the books.

use axum::extract::Path;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::time::{Day, Zone};
use quittance_engine::billing::ItemizedInvoice;
use quittance_engine::invoices::{
    Invoice, InvoiceEdit, Item, ItemizedRevision, ListedAs, ShownItem, SortBy, SortedQuery,
};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::known::{Known, any, full, full_rows};

use super::error::renamed;
use super::params::{Params, not, required};
use super::payments::id;
use super::scope::Scope;
use super::sent::Asked;
use super::{quirks, to_wire, wire};

/// The names of what an invoice has, and of the parameters that set it.
const NAMES: &[(&str, &str)] = &[
    ("advertiser_id", "supplier_id"),
    ("through", "end_date"),
    ("from", "start_date"),
    ("items", "detail"),
    ("public_notes", "comment"),
    ("amount", "amount"),
    ("quantity", "actions"),
];

/// What a new invoice and an update take: days and rows narrow what is billed.
pub(super) const INVOICE: &[Known] = &[
    full("supplier_id"),
    full("currency"),
    full("start_date"),
    full("end_date"),
    any("status"),
    any("comment"),
    full_rows("detail", DETAIL),
];
/// What a row takes.
const DETAIL: &[Known] = &[any("offer_id"), any("payout_type"), any("actions"), full("amount"), any("comment")];

/// What a list is asked for.
struct Wanted {
    /// Of the paid ones, of the others, or of both, in the order in which they come.
    paid: Vec<bool>,
    query: SortedQuery,
}

impl Wanted {
    fn of(params: &Params) -> Result<Wanted, Problem> {
        params.only(&["status", "start_date", "end_date", "supplier_id", "sort", "sort_type"])?;
        let sort = params.text("sort")?.unwrap_or("number");
        let descending = match params.text("sort_type")? {
            // The newest first, unless an order is asked for.
            None => params.text("sort")?.is_none(),
            Some(word) if word.eq_ignore_ascii_case("asc") => false,
            Some(word) if word.eq_ignore_ascii_case("desc") => true,
            Some(word) => return Err(not("sort_type", word, "asc or desc")),
        };
        let by = match sort {
            "number" | "status" => SortBy::Number,
            "supplier_id" => SortBy::Party,
            "created_at" => SortBy::Created,
            "start_date" => SortBy::Start,
            "end_date" => SortBy::End,
            _ => return Err(not("sort", sort, "number, supplier_id, created_at, start_date, end_date or status")),
        };
        let paid = match (paid(params)?, sort, descending) {
            (Some(paid), _, _) => vec![paid],
            (None, "status", false) => vec![true, false],
            (None, "status", true) => vec![false, true],
            (None, ..) => Vec::new(),
        };
        Ok(Wanted {
            paid,
            query: SortedQuery {
                kind: InvoiceKind::Receivable,
                listed: quirks::ADVERTISER_INVOICES.concat(),
                parties: params.ids("supplier_id")?,
                starts_from: params.day("start_date")?,
                ends_through: params.day("end_date")?,
                sort: by,
                descending,
            },
        })
    }

    fn queries(&self) -> Vec<SortedQuery> {
        let of = |listed: &[ListedAs]| SortedQuery { listed: listed.to_vec(), ..self.query.clone() };
        match self.paid.as_slice() {
            [] => vec![self.query.clone()],
            paid => paid.iter().map(|paid| of(quirks::ADVERTISER_INVOICES[usize::from(*paid)])).collect(),
        }
    }
}

/// `status`: whether it is paid.
fn paid(params: &Params) -> Result<Option<bool>, Problem> {
    match params.text("status")? {
        None => Ok(None),
        Some("paid") => Ok(Some(true)),
        Some("unpaid") => Ok(Some(false)),
        Some(word) => Err(not("status", word, "paid or unpaid")),
    }
}

fn shown(
    engine: &Engine,
    call: &Call,
    zone: &Zone,
    invoice: &Invoice,
) -> quittance_engine::Result<wire::AdvertiserInvoice> {
    let detail = |item: ShownItem| wire::Detail {
        offer_id: item.offer_id.unwrap_or(0),
        payout_type: quirks::payout_type(item.measure),
        actions: item.quantity,
        amount: to_wire::number(item.amount),
        comment: item.comment,
    };
    let items = engine.shown_items(call, invoice.invoice_id)?;
    let day = |at| zone.day_of(at).to_string();
    Ok(wire::AdvertiserInvoice {
        number: invoice.number.get(),
        supplier_id: invoice.book.party_id.to_string(),
        created_at: day(invoice.created_at),
        updated_at: day(invoice.updated_at),
        start_date: invoice.period.start.to_string(),
        end_date: invoice.period.end.to_string(),
        status: if quirks::is_paid(invoice) { "paid" } else { "unpaid" },
        detail: items.into_iter().map(detail).collect(),
        currency: invoice.book.currency.code(),
        comment: Some(invoice.public_notes.clone()).filter(|notes| !notes.is_empty()),
    })
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Problem> {
    let mut wanted = Wanted::of(&asked.params)?;
    let page = asked.params.page(quirks::PAYMENTS)?;
    let scope = asked.scope;
    let listed = asked.read(move |engine, call| {
        let parties = wanted.query.parties.take();
        wanted.query.parties = scope.parties(engine, call, PartyKind::Advertiser, parties)?;
        let found = engine.sorted_invoices(call, &wanted.queries(), (page.offset, page.limit))?;
        let zone = engine.zone_of(call)?;
        let invoices = found.invoices.iter().map(|invoice| shown(engine, call, &zone, invoice));
        to_wire::list("message", invoices.collect::<quittance_engine::Result<Vec<_>>>()?, page, found.total)
    });
    listed.await
}

/// An invoice that is there for this interface: it is not void.
fn found(engine: &Engine, call: &Call, scope: Scope, number: i64) -> quittance_engine::Result<Invoice> {
    let invoice = engine.invoice_by_number(call, InvoiceKind::Receivable, number)?;
    if invoice.voided.is_some() {
        return Err(Error::NotFound(format!("there is no invoice {number}")));
    }
    scope.check(engine, call, PartyKind::Advertiser, invoice.book.party_id)?;
    Ok(invoice)
}

pub(super) async fn one(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let number = id(&text)?;
    let scope = asked.scope;
    let one = asked.read(move |engine, call| {
        let invoice = found(engine, call, scope, number)?;
        to_wire::answer("message", shown(engine, call, &engine.zone_of(call)?, &invoice)?)
    });
    one.await
}

/// The rows of `detail`; `None` where none are sent.
fn items(params: &Params) -> Result<Option<Vec<Item>>, Problem> {
    let Some(rows) = params.rows("detail")?.filter(|rows| !rows.is_empty()) else { return Ok(None) };
    let item = |(i, row): (usize, &Params)| {
        let read = || {
            let measure = match row.text("payout_type")? {
                None => quirks::MEASURE,
                Some(word) => quirks::measure_of(word)
                    .ok_or_else(|| not("payout_type", word, "RPA, RPS, RPA + RPS, RPC or RPM"))?,
            };
            Ok(Item {
                offer_id: required("offer_id", row.int("offer_id")?)?,
                measure,
                quantity: row.int("actions")?,
                amount: row.text("amount")?.map(str::to_owned),
                comment: row.text("comment")?.map(str::to_owned),
            })
        };
        read().map_err(|problem: Problem| Problem { detail: format!("detail[{i}] {}", problem.detail), ..problem })
    };
    rows.into_iter().enumerate().map(item).collect::<Result<_, _>>().map(Some)
}

/// What both writes can say.
struct Written {
    supplier_id: Option<i64>,
    currency: Option<Currency>,
    start: Option<Day>,
    end: Option<Day>,
    revision: ItemizedRevision,
}

impl Written {
    fn of(params: &Params) -> Result<Written, Problem> {
        let currency = match params.text("currency")? {
            None => None,
            Some(code) => Some(Currency::parse(code).map_err(|_| not("currency", code, "a currency's code"))?),
        };
        Ok(Written {
            supplier_id: params.int("supplier_id")?,
            currency,
            start: params.day("start_date")?,
            end: params.day("end_date")?,
            revision: ItemizedRevision {
                items: items(params)?,
                edit: InvoiceEdit {
                    public_notes: params.given("comment")?.map(str::to_owned),
                    ..InvoiceEdit::default()
                },
                settled: paid(params)? == Some(true),
            },
        })
    }

    /// Refuses offers that are not there.
    fn check_offers(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<()> {
        let mut ids: Vec<i64> = self.revision.items.iter().flatten().map(|item| item.offer_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = engine.offers_by_ids(call, &ids)?;
        match ids.iter().find(|id| !known.iter().any(|offer| offer.offer_id == **id)) {
            Some(id) => Err(Error::invalid("detail", format!("detail: Offers [{id}] not found"))),
            None => Ok(()),
        }
    }

    /// Refuses what an invoice that there is cannot become.
    fn check_same(&self, invoice: &Invoice) -> quittance_engine::Result<()> {
        let period = invoice.period;
        let book = invoice.book;
        let differs = |name: &str, present: &dyn std::fmt::Display| {
            Err(Error::invalid(name, format!("{name}: the invoice {} has {present}, and keeps it", invoice.number)))
        };
        if self.supplier_id.is_some_and(|id| id != book.party_id) {
            return differs("supplier_id", &book.party_id);
        }
        if self.currency.is_some_and(|currency| currency != book.currency) {
            return differs("currency", &book.currency);
        }
        if self.start.is_some_and(|day| day != period.start) {
            return differs("start_date", &period.start);
        }
        if self.end.is_some_and(|day| day != period.end) {
            return differs("end_date", &period.end);
        }
        Ok(())
    }
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Problem> {
    let written = Written::of(&asked.params)?;
    let supplier = required("supplier_id", written.supplier_id)?;
    let currency = required("currency", written.currency)?;
    let scope = asked.scope;
    let made = move |engine: &Engine, call: &Call| {
        let unknown = || Error::invalid("supplier_id", format!("supplier_id: Advertisers [{supplier}] not found"));
        let known = !engine.known_parties(call, PartyKind::Advertiser, &[supplier])?.is_empty();
        if !known || !scope.reaches(engine, call, PartyKind::Advertiser, supplier)? {
            return Err(unknown());
        }
        if !engine.currencies_and_base(call)?.iter().any(|on| on.currency == currency) {
            let problem = not("currency", currency.code(), "a currency that is switched on");
            return Err(Error::invalid("currency", problem.detail));
        }
        written.check_offers(engine, call)?;
        let today = engine.zone_of(call)?.day_of(call.now);
        let through = written.end.unwrap_or(today);
        if let Some(start) = written.start.filter(|start| *start > through) {
            return Err(Error::invalid("start_date", format!("start_date: {start} is after end_date, {through}")));
        }
        let asked = ItemizedInvoice {
            kind: InvoiceKind::Receivable,
            party_id: supplier,
            currency,
            from: written.start,
            through,
            revision: written.revision.clone(),
        };
        engine.issue_itemized(call, &asked).map_err(|error| renamed(error, NAMES))?;
        to_wire::answer("message", quirks::INVOICE_CREATED)
    };
    asked.write("POST /3.0/admin/advertiser-invoice", "", made).await
}

pub(super) async fn update(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let number = id(&text)?;
    let written = Written::of(&asked.params)?;
    let scope = asked.scope;
    let done = move |engine: &Engine, call: &Call| {
        let invoice = found(engine, call, scope, number)?;
        if quirks::is_paid(&invoice) {
            return Err(Error::Conflict(quirks::INVOICE_IS_PAID.to_owned()));
        }
        written.check_same(&invoice)?;
        written.check_offers(engine, call)?;
        engine.revise_itemized(call, invoice.invoice_id, &written.revision).map_err(|error| renamed(error, NAMES))?;
        to_wire::answer("message", quirks::INVOICE_UPDATED)
    };
    asked.write("POST /3.0/admin/advertiser-invoice/{number}", &text, done).await
}
