//! What is sent to the interface. A body has only the members that its type here has: the readers ask these types.

use utoipa::ToSchema;

use super::values::{AmountGiven, Code, Id, Named};

/// A billing run that is to be made.
#[derive(Debug, Clone, ToSchema)]
pub struct BillingRunRequest {
    /// The last day that is billed.
    #[schema(format = Date, example = "2026-01-31")]
    pub through: String,
    /// The first day that is billed, or `last_invoice`; left out: whatever is unbilled.
    #[schema(pattern = "^(last_invoice|[0-9]{4}-[0-9]{2}-[0-9]{2})$")]
    pub from: Option<String>,
    /// `payable` (the default) or `receivable`.
    #[schema(pattern = "^(payable|receivable)$")]
    pub kind: Option<String>,
    /// Only these affiliates, of a payable run.
    #[schema(min_items = 1)]
    pub affiliates: Option<Vec<Id>>,
    /// Only these advertisers, of a receivable run.
    #[schema(min_items = 1)]
    pub advertisers: Option<Vec<Id>>,
    /// All parties but these.
    #[schema(min_items = 1)]
    pub exclude: Option<Vec<Id>>,
    /// Only conversions of these offers.
    #[schema(min_items = 1)]
    pub offers: Option<Vec<Id>>,
    /// Only conversions of these advertisers.
    #[schema(min_items = 1)]
    pub conversion_advertisers: Option<Vec<Id>>,
    /// Only these currencies.
    #[schema(min_items = 1)]
    pub currencies: Option<Vec<Code>>,
    /// Only conversions from these countries.
    #[schema(min_items = 1)]
    pub countries: Option<Vec<Named>>,
    /// Of one party in one currency: bills until this amount is reached.
    pub sum: Option<AmountGiven>,
    /// Bills one party all it is owed, whatever its minimum, hold, method or total.
    pub r#final: Option<bool>,
    /// Shows what the run would do, and writes nothing.
    pub dry_run: Option<bool>,
}

/// What is due by schedule is to be made.
#[derive(Debug, Clone, ToSchema)]
pub struct DueRequest {
    /// Shows what is due, and writes nothing.
    pub dry_run: Option<bool>,
}

/// An invoice is to be void.
#[derive(Debug, Clone, ToSchema)]
pub struct VoidRequest {
    /// `declined`, `deleted`, `replaced` or `other` (the default).
    #[schema(pattern = "^(declined|deleted|replaced|other)$")]
    pub reason: Option<String>,
    /// In words.
    pub text: Option<String>,
}

/// Conversions, or all of some offers, are to be taken off an invoice: one of the two.
#[derive(Debug, Clone, ToSchema)]
pub struct TakeOffRequest {
    /// The ids of conversions.
    #[schema(min_items = 1)]
    pub conversions: Option<Vec<Named>>,
    /// The ids of offers.
    #[schema(min_items = 1)]
    pub offers: Option<Vec<Id>>,
}

/// A line that somebody adds.
#[derive(Debug, Clone, ToSchema)]
pub struct CorrectionRequest {
    /// Of either sign, in the invoice's currency.
    pub amount: AmountGiven,
    /// Why.
    pub comment: Option<String>,
}

/// A payment of an invoice.
#[derive(Debug, Clone, ToSchema)]
pub struct PaymentRequest {
    /// How much; left out: the whole balance.
    pub amount: Option<AmountGiven>,
    /// The currency that was paid; left out: the invoice's.
    pub currency: Option<Code>,
    /// What it settles in the invoice's currency, where another one was paid.
    pub settles: Option<AmountGiven>,
    /// The day; left out: today.
    #[schema(format = Date)]
    pub date: Option<String>,
    /// The payer's reference.
    pub reference: Option<String>,
    /// The rail; left out: that of the party's payment method.
    pub rail: Option<String>,
}

/// One transfer of money over several invoices of a party: of an affiliate or of an advertiser.
#[derive(Debug, Clone, ToSchema)]
pub struct TransferRequest {
    /// The affiliate that was paid.
    pub affiliate_id: Option<Id>,
    /// The advertiser that has paid.
    pub advertiser_id: Option<Id>,
    /// The currency.
    pub currency: Code,
    /// How much.
    pub amount: AmountGiven,
    /// The day; left out: today.
    #[schema(format = Date)]
    pub date: Option<String>,
    /// The payer's reference.
    pub reference: Option<String>,
    /// The rail.
    pub rail: Option<String>,
    /// Only these invoices, in this order; left out: the oldest first.
    #[schema(min_items = 1)]
    pub invoices: Option<Vec<Id>>,
}

/// A payment has come back.
#[derive(Debug, Clone, ToSchema)]
pub struct ReturnRequest {
    /// How much of it; left out: all.
    pub amount: Option<AmountGiven>,
    /// The day; left out: today.
    #[schema(format = Date)]
    pub date: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Why something is done.
#[derive(Debug, Clone, ToSchema)]
pub struct ReasonRequest {
    /// The reason.
    pub reason: Option<String>,
}

/// What is left of an invoice is given up.
#[derive(Debug, Clone, ToSchema)]
pub struct WriteOffRequest {
    /// Why.
    #[schema(min_length = 1, pattern = r"\S")]
    pub reason: String,
}

/// A credit note about a paid invoice.
#[derive(Debug, Clone, ToSchema)]
pub struct CreditNoteRequest {
    /// How much.
    pub amount: AmountGiven,
    /// Why.
    #[schema(min_length = 1, pattern = r"\S")]
    pub reason: String,
}

/// Credit of a party that was paid out.
#[derive(Debug, Clone, ToSchema)]
pub struct CreditPayoutRequest {
    /// How much, at most the credit.
    pub amount: AmountGiven,
    /// The currency of the credit; left out: the party's.
    pub currency: Option<String>,
    /// The day; left out: today.
    #[schema(format = Date)]
    pub date: Option<String>,
    /// The payer's reference.
    pub reference: String,
    /// The rail; left out: that of the party's payment method.
    pub rail: Option<String>,
    /// It is another one, although the same amount was paid out on that day under the same reference.
    pub again: Option<bool>,
}

/// Credit that was paid out has come back, or was recorded by mistake.
#[derive(Debug, Clone, ToSchema)]
pub struct CreditPayoutReversalRequest {
    /// The day; left out: today.
    #[schema(format = Date)]
    pub date: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What of an invoice is to be changed; what is left out stays.
#[derive(Debug, Clone, ToSchema)]
pub struct InvoiceEditRequest {
    /// Notes that the party sees.
    pub public_notes: Option<String>,
    /// Notes that it does not see.
    pub internal_notes: Option<String>,
    /// The party does not see the invoice.
    pub hidden: Option<bool>,
    /// When payment is due.
    #[schema(format = Date)]
    pub due_date: Option<String>,
    /// Days from the end of the period to the due date.
    pub payment_terms: Option<i64>,
    /// The number of the other side's paper.
    pub document_number: Option<String>,
    /// The day of the other side's paper.
    #[schema(format = Date)]
    pub document_date: Option<String>,
}

/// A conversion as a tracker sends it. One of a known conversion may have only its id, its status and `updated_at`.
#[derive(Debug, Clone, ToSchema)]
pub struct ConversionRecord {
    /// 1 to 64 printable characters.
    pub conversion_id: String,
    /// The affiliate.
    pub affiliate_id: Option<i64>,
    /// The offer.
    pub offer_id: Option<i64>,
    /// `approved`, `pending`, `hold` or `rejected`, or a word of a tracker that means one of them.
    pub status: Option<String>,
    /// RFC 3339, `YYYY-MM-DD HH:MM:SS` in the network's zone, or Unix seconds.
    pub occurred_at: Option<String>,
    /// What is owed to the affiliate; left out: the offer's payout.
    pub payout: Option<AmountGiven>,
    /// Its currency; left out: the offer's, else the affiliate's.
    pub payout_currency: Option<String>,
    /// What a payout or revenue in percent is a share of. Where a later record changes it, the share is worked out anew.
    pub sale_amount: Option<AmountGiven>,
    /// What is owed by the advertiser; left out: the offer's, else 0.
    pub revenue: Option<AmountGiven>,
    /// Its currency; left out: the advertiser's.
    pub revenue_currency: Option<String>,
    /// The advertiser; left out: the offer's.
    pub advertiser_id: Option<i64>,
    /// What was reached.
    pub goal: Option<String>,
    /// The click.
    pub click_id: Option<String>,
    /// The country.
    pub country: Option<String>,
    /// A text of the tracker's own.
    pub sub1: Option<String>,
    /// A text of the tracker's own.
    pub sub2: Option<String>,
    /// A text of the tracker's own.
    pub sub3: Option<String>,
    /// A text of the tracker's own.
    pub sub4: Option<String>,
    /// A text of the tracker's own.
    pub sub5: Option<String>,
    /// A comment.
    pub comment: Option<String>,
    /// When the tracker changed it; of two records with it, the older is ignored.
    pub updated_at: Option<String>,
}

/// A key that is to be made.
#[derive(Debug, Clone, ToSchema)]
pub struct KeyRequest {
    /// `admin`, `finance`, `manager`, `viewer`, `affiliate`, `advertiser` or `tracker`; left out where the key is a user's.
    #[schema(example = "finance", pattern = "^(admin|finance|manager|viewer|affiliate|advertiser|tracker)$")]
    pub role: Option<String>,
    /// The user whose key it is: it has the role of that, and stands for the same affiliate, advertiser or manager.
    pub user_id: Option<Id>,
    /// What it is for; shown in lists and in the history.
    pub name: Option<String>,
    /// The affiliate it stands for, with that role.
    pub affiliate_id: Option<Id>,
    /// The advertiser it stands for, with that role.
    pub advertiser_id: Option<Id>,
    /// The manager it stands for, with that role.
    pub manager_id: Option<Id>,
    /// From when on it opens nothing.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Addresses and ranges that it may be used from, as `192.0.2.7` and `2001:db8::/32`; left out: from anywhere.
    #[schema(min_items = 1)]
    pub allowed_addresses: Option<Vec<Named>>,
}

/// A webhook that is to be made.
#[derive(Debug, Clone, ToSchema)]
pub struct WebhookRequest {
    /// Where events are sent.
    #[schema(pattern = r"^https?://[A-Za-z0-9.-]+(/[!-\x22$-~]*)?$")]
    pub url: String,
    /// Which; left out: all.
    #[schema(min_items = 1)]
    pub types: Option<Vec<Named>>,
    /// What they are signed with: `whsec_` and base64; left out: one is made.
    pub secret: Option<String>,
}

/// What of a webhook is to be changed; what is left out stays.
#[derive(Debug, Clone, ToSchema)]
pub struct WebhookEditRequest {
    /// Where events are sent.
    pub url: Option<String>,
    /// Which; an empty list: all.
    pub types: Option<Vec<Named>>,
    /// What they are signed with from now on.
    pub secret: Option<String>,
    /// `active` or `disabled`.
    #[schema(pattern = "^(active|disabled)$")]
    pub status: Option<String>,
}

/// From where on events are to be sent once more: one of the two.
#[derive(Debug, Clone, ToSchema)]
pub struct ReplayRequest {
    /// From this event on.
    pub from_event: Option<Id>,
    /// From about this instant on.
    #[schema(format = DateTime)]
    pub since: Option<String>,
}
