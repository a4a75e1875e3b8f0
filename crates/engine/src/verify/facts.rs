//! What the checks of books read: all that a range of parties has.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::planner::Emptied;
use quittance_store::Tx;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::audit::{self, PartyPosting};
use quittance_store::extras::{self, OpeningBalance};
use quittance_store::invoices::{self, HistoryRow, Invoice, Line, Payment, TakeOff};
use quittance_store::takes::{self, Take};
use quittance_store::write_offs::{self, WriteOff};

use crate::Call;
use crate::error::Result;
use crate::unbilled;

/// All that a range of parties has, by invoice or by book.
pub(super) struct Facts {
    pub(super) books: HashMap<Book, BookState>,
    /// What balances show as unbilled, by party and currency.
    pub(super) unbilled: BTreeMap<(i64, Currency), Tally>,
    pub(super) rows: BTreeMap<Book, Vec<AccrualRow>>,
    pub(super) takes: BTreeMap<Book, Vec<Take>>,
    pub(super) invoices: BTreeMap<Book, Vec<Invoice>>,
    pub(super) write_offs: HashMap<Book, Vec<WriteOff>>,
    pub(super) openings: HashMap<Book, OpeningBalance>,
    pub(super) lines: HashMap<InvoiceId, Vec<Line>>,
    pub(super) emptied: HashMap<InvoiceId, Vec<Emptied>>,
    pub(super) payments: HashMap<InvoiceId, Vec<Payment>>,
    /// What is the credit of a party, by party.
    pub(super) credits: HashMap<i64, Vec<Payment>>,
    pub(super) take_offs: HashMap<InvoiceId, Vec<TakeOff>>,
    pub(super) history: HashMap<InvoiceId, Vec<HistoryRow>>,
    pub(super) postings: Vec<PartyPosting>,
    /// What the ledger has as given up without an invoice.
    pub(super) given_up_postings: Vec<PartyPosting>,
}

fn by_invoice<T>(pairs: Vec<(InvoiceId, T)>) -> HashMap<InvoiceId, Vec<T>> {
    let mut map: HashMap<InvoiceId, Vec<T>> = HashMap::new();
    pairs.into_iter().for_each(|(id, value)| map.entry(id).or_default().push(value));
    map
}

impl Facts {
    pub(super) fn load(tx: &mut dyn Tx, call: &Call, kind: InvoiceKind, parties: (i64, i64)) -> Result<Facts> {
        let network = call.network;
        let mut rows: BTreeMap<Book, Vec<_>> = BTreeMap::new();
        for row in accruals::all_rows(tx, network, kind, parties)? {
            rows.entry(row.key.bucket.book).or_default().push(row);
        }
        let mut taken: BTreeMap<Book, Vec<Take>> = BTreeMap::new();
        for take in takes::of_parties(tx, network, kind, parties)? {
            taken.entry(take.book).or_default().push(take);
        }
        let mut by_book: BTreeMap<Book, Vec<Invoice>> = BTreeMap::new();
        for invoice in invoices::of_parties(tx, network, kind, parties)? {
            by_book.entry(invoice.book).or_default().push(invoice);
        }
        let mut given_up: HashMap<Book, Vec<WriteOff>> = HashMap::new();
        for write_off in write_offs::of_parties(tx, network, kind, parties)? {
            let book = Book { kind, party_id: write_off.party_id, currency: write_off.currency };
            given_up.entry(book).or_default().push(write_off);
        }
        let states = accruals::books_of_parties(tx, network, kind, parties)?;
        let mut ids: Vec<i64> = states.iter().map(|state| state.book.party_id).collect();
        ids.dedup();
        let openings = extras::openings_of(tx, network, kind, &ids)?;
        let (mut payments, mut credits) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for payment in invoices::payments_of_parties(tx, network, kind, parties)? {
            match payment.invoice_id {
                Some(id) => payments.entry(id).or_default().push(payment),
                None => credits.entry(payment.party_id).or_default().push(payment),
            }
        }
        Ok(Facts {
            unbilled: unbilled::of_parties(tx, network, kind, &ids)?,
            books: states.into_iter().map(|state| (state.book, state)).collect(),
            rows,
            takes: taken,
            invoices: by_book,
            write_offs: given_up,
            openings: openings.into_iter().map(|opening| (opening.book, opening)).collect(),
            lines: by_invoice(invoices::lines_of_parties(tx, network, kind, parties)?),
            emptied: by_invoice(invoices::emptied_of_parties(tx, network, kind, parties)?),
            payments,
            credits,
            take_offs: by_invoice(invoices::take_offs_of_parties(tx, network, kind, parties)?),
            history: by_invoice(invoices::history_of_parties(tx, network, kind, parties)?),
            postings: audit::party_postings(tx, network, kind, parties)?,
            given_up_postings: audit::given_up_postings(tx, network, kind, parties)?,
        })
    }
}

/// What a map has for an invoice.
pub(super) fn list<T>(map: &HashMap<InvoiceId, Vec<T>>, id: InvoiceId) -> &[T] {
    map.get(&id).map_or(&[], Vec::as_slice)
}
