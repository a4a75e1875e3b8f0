//! The life of an invoice: looked at, approved, corrected, paid, voided; each change with its row of history and, where
//! money is concerned, its entry in the ledger, in one transaction.

mod actions;
mod change;
mod conversions;
mod credit;
mod destination;
mod destined;
mod edit;
mod items;
mod list;
mod listing;
mod parts;
mod pay;
mod read;
mod repeats;
mod returns;
mod revise;
mod search;
mod sorted;
mod spans;
mod sync;
mod transfer;

pub use conversions::{ConversionPage, ConversionQuery, ConversionView, EntryView, InvoiceConversion};
pub use credit::{CreditPayout, CreditPayoutRequest};
pub use destination::{DestinationEdit, NewestPage, ShownInvoice};
pub use destined::DestinationFilter;
pub use edit::InvoiceEdit;
pub use items::{Item, ItemizedRevision, Measure, ShownItem};
pub use list::{InvoiceList, InvoiceQuery, LastPayment, ListedInvoice};
pub use pay::PaymentRequest;
pub use quittance_store::accruals::{AccrualFilter, DayAccrual};
pub use quittance_store::invoices::{
    Foreign, HistoryRow, Invoice, InvoiceFilter, Line, NewestQuery, Payment, TakeOff, Voided,
};
pub use quittance_store::ledger::{EntryPlace, ListedPosting, PostingFilter, PostingPlace, StoredPosting};
pub use read::PartiesAsked;
pub use repeats::OnRepeat;
pub use returns::ReturnRequest;
pub use revise::{Revision, Step, TOGETHER_MAX, WholeRevision};
pub use search::{BalanceBound, Either, FoundInvoices, FoundSums, InvoiceFind, InvoiceSearch, InvoiceSums, Standing};
pub use sorted::{ListedAs, SortBy, SortedInvoices, SortedQuery};

pub use crate::give_back::TakeOffRequest;
pub(crate) use actions::{bounded, check_corrections};
pub(crate) use change::{DOCUMENT, booking, facts, issue_details};
pub(crate) use edit::NOTE_CHARS_MAX;
pub(crate) use edit::check as check_edit;
pub(crate) use items::{check_items, itemized};
pub(crate) use pay::{PAYMENT_IDS, use_credit};
pub(crate) use revise::dress;
pub(crate) use spans::{Billed, billed_by, converted};
