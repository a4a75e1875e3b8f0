//! The native interface's JSON, shared with the command line: amounts are decimal strings beside their currency, days
//! and instants ISO 8601. Each type is its own description in the OpenAPI document.
//!
//! To add a resource: a file with its types and the functions that make them, and a line here.

mod conversion;
mod entries;
mod event;
mod invoice;
mod key;
mod ledger;
mod network;
mod new;
mod party;
mod payment;
mod problem;
mod rates;
mod reports;
mod requests;
mod run;
mod user;
mod values;
mod webhook;

pub use conversion::{
    Accrual, AccrualPage, BatchReport, Conversion, ConversionEditRequest, ConversionEntry, ConversionPage,
    InvoiceConversion, InvoiceConversionPage, Refused, accrual, conversion, conversion_state, conversion_view, ingest,
};
pub use entries::{
    CurrencyPage, CurrencyRequest, HeldAnew, HoldDays, HoldDaysRequest, Manager, ManagerPage, ManagerRequest, Offer,
    OfferPage, OfferRequest, PaymentSystem, PaymentSystemPage, PaymentSystemRequest, SwitchedCurrency, SystemField,
    SystemFieldRequest,
};
pub use event::{Event, EventPage, InvoiceChange, InvoiceChangePage, event, invoice_change};
pub use invoice::{
    CorrectionPage, HistoryPage, HistoryRow, Invoice, InvoicePage, InvoiceParty, Invoices, Line, LinePage, LineSource,
    VoidFacts, history, invoice, line,
};
pub use key::{Key, KeyPage, NewKey, key};
pub use ledger::{LedgerPage, LedgerPosting, Posting, PostingPage, ledger_posting, posting};
pub use network::{
    BalancesReport, Change, ChangePage, Erased, ErasedParty, Network, NetworkSettings, RowError, balances_report,
    change, network,
};
pub use new::{NewCurrencyRequest, NewManagerRequest, NewOfferRequest, NewPartyRequest, NewPaymentSystemRequest};
pub use party::{
    AdvertiserPage, AffiliatePage, Balance, BalancePage, Balances, MethodRequest, Party, PartyRequest, PartyTax,
    PaymentMethod, Referrer, balance, party,
};
pub use payment::{
    CreditNotePage, CreditPayout, CreditPayoutPage, Payment, PaymentMoney, PaymentPage, credit_payout, payment,
};
pub use problem::{Problem, ProblemField};
pub use rates::{Rate, RatePage, RatesReport, rate, rates_report};
pub use reports::{Report, report, report_csv};
pub use requests::{
    BillingRunRequest, ConversionRecord, CorrectionRequest, CreditNoteRequest, CreditPayoutRequest,
    CreditPayoutReversalRequest, DueRequest, InvoiceEditRequest, KeyRequest, PaymentRequest, ReasonRequest,
    ReplayRequest, ReturnRequest, TakeOffRequest, TransferRequest, VoidRequest, WebhookEditRequest, WebhookRequest,
    WriteOffRequest,
};
pub use run::{DueRuns, ListedRun, Run, RunPage, RunSkip, RunWriteOff, listed_run, run, schedule};
pub use user::{User, UserEditRequest, UserPage, UserRequest, user};
pub use values::{Amount, AmountGiven, Code, Date, Id, Instant, Named, Period, RateGiven, amount};
pub use webhook::{Delivery, DeliveryPage, NewWebhook, Replay, Webhook, WebhookPage, delivery, webhook};

use quittance_domain::ids::InvoiceKind;
use serde_json::{Map, Value};

/// The members `affiliate_id` and `advertiser_id` of what is with a party: one of them is there.
const fn party_ids(kind: InvoiceKind, party_id: i64) -> (Option<i64>, Option<i64>) {
    match kind {
        InvoiceKind::Payable => (Some(party_id), None),
        InvoiceKind::Receivable => (None, Some(party_id)),
    }
}

/// The details of a row of history, which are kept as a JSON object.
fn details(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::Object(Map::new()))
}
