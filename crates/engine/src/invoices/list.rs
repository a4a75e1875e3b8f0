//! Lists of invoices that can be entered at any place, as they are shown beside their parties' settings.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::time::Timestamp;
pub use quittance_store::invoices::{InvoiceQuery, LastPayment};
use quittance_store::parties::{self, Party, PaymentMethod, PaymentSystem};
use quittance_store::{Tx, invoices};

use super::Invoice;
use super::read::PAGE_MAX;
use crate::billing::facts::method_for;
use crate::error::Result;
use crate::{Call, Engine};

/// Where a list starts and ends, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceList {
    /// The id of the first invoice from the asked place on; `None`: there are no more.
    pub first: Option<InvoiceId>,
    /// How many invoices there are, from the first place on.
    pub total: i64,
}

/// An invoice as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// When it was approved, unless that was taken back.
    pub approved_at: Option<Timestamp>,
    /// When the last of what settles it was recorded.
    pub settled_at: Option<Timestamp>,
    /// The party as it is now.
    pub party: Option<Party>,
    /// The title of the party's billing cycle; `None` is manual.
    pub billing_cycle: Option<String>,
    /// The payment system of the party's method for the currency.
    pub system: Option<PaymentSystem>,
    /// Its last payment in money.
    pub last_payment: Option<LastPayment>,
    /// The payment type: of the last payment in money, else of that system.
    pub payment_type: Option<String>,
}

impl Engine {
    /// Where a list is entered that leaves out the first `offset` invoices, and its length. What asks for nothing but a
    /// kind costs the same wherever it is entered.
    ///
    /// # Errors
    /// What the store says.
    pub fn find_invoices(&self, call: &Call, query: &InvoiceQuery, offset: i64) -> Result<InvoiceList> {
        let (network, offset) = (call.network, offset.max(0));
        self.store.read(|tx| {
            if !query.is_whole() {
                let first = invoices::nth_found(tx, network, query, offset)?.map(InvoiceId::new);
                return Ok(InvoiceList { first, total: invoices::count_found(tx, network, query)? });
            }
            let first = invoices::id_at(tx, network, query.kind, offset)?;
            let mut total = 0;
            for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
                if query.kind.is_none_or(|wanted| wanted == kind) {
                    total += invoices::extent(tx, network, kind)?.count;
                }
            }
            Ok(InvoiceList { first, total })
        })
    }

    /// A page of at most 1001 invoices by id, from an id on.
    ///
    /// # Errors
    /// What the store says.
    pub fn list_invoices(
        &self,
        call: &Call,
        query: &InvoiceQuery,
        first: InvoiceId,
        limit: i64,
    ) -> Result<Vec<ListedInvoice>> {
        self.store.read(|tx| {
            let rows = invoices::rows(tx, call.network, query, (first.get(), i64::MAX), limit.clamp(0, PAGE_MAX))?;
            with_settings(tx, call, rows)
        })
    }

    /// One invoice as lists show it.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn listed_invoice(&self, call: &Call, id: InvoiceId) -> Result<ListedInvoice> {
        let query = InvoiceQuery { ids: Some(vec![id.get()]), ..InvoiceQuery::default() };
        self.list_invoices(call, &query, id, 1)?.pop().ok_or_else(|| super::change::no_invoice(id))
    }
}

/// What of a party's settings its invoices show.
struct Settings {
    parties: HashMap<i64, Party>,
    methods: BTreeMap<i64, Vec<PaymentMethod>>,
}

pub(super) fn with_settings(
    tx: &mut dyn Tx,
    call: &Call,
    rows: Vec<invoices::InvoiceRow>,
) -> Result<Vec<ListedInvoice>> {
    let systems: HashMap<i64, PaymentSystem> =
        parties::systems(tx, call.network)?.into_iter().map(|system| (system.system_id, system)).collect();
    let mut by_kind = HashMap::new();
    for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
        let of_kind = rows.iter().filter(|row| row.invoice.book.kind == kind);
        let mut ids: Vec<i64> = of_kind.map(|row| row.invoice.book.party_id).collect();
        ids.sort_unstable();
        ids.dedup();
        by_kind.insert(kind, settings(tx, call, kind, &ids)?);
    }
    let shown = |row: invoices::InvoiceRow| {
        let invoices::InvoiceRow { invoice, approved_at, last_payment, settled_at } = row;
        let paid_by = last_payment.as_ref().map(|payment| payment.rail.clone());
        let book = invoice.book;
        let settings = by_kind.get(&book.kind);
        let methods = settings.and_then(|settings| settings.methods.get(&book.party_id));
        let method = method_for(methods.map_or(&[][..], Vec::as_slice), &systems, book.currency);
        let system = method.and_then(|method| systems.get(&method.system_id)).cloned();
        let party = settings.and_then(|settings| settings.parties.get(&book.party_id));
        ListedInvoice {
            approved_at,
            settled_at,
            party: party.cloned(),
            billing_cycle: party.and_then(|party| party.billing_cycle.clone()),
            payment_type: paid_by.or_else(|| system.as_ref().map(|system| system.payment_type.clone())),
            system,
            last_payment,
            invoice,
        }
    };
    Ok(rows.into_iter().map(shown).collect())
}

fn settings(tx: &mut dyn Tx, call: &Call, kind: InvoiceKind, ids: &[i64]) -> Result<Settings> {
    if ids.is_empty() {
        return Ok(Settings { parties: HashMap::new(), methods: BTreeMap::new() });
    }
    let kind = kind.party_kind();
    let parties = parties::by_ids(tx, call.network, kind, ids)?;
    let mut methods: BTreeMap<i64, Vec<PaymentMethod>> = BTreeMap::new();
    for method in parties::methods_of(tx, call.network, kind, ids)? {
        methods.entry(method.party_id).or_default().push(method);
    }
    Ok(Settings { parties: parties.into_iter().map(|party| (party.party_id, party)).collect(), methods })
}
