//! Each choice where Affise's documents are silent or contradict each other, by its name. [seed] is the help-centre article
//! about the billing API, [oas] the public description of the API.

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::currency::Currency;
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::rates::Rate;
use quittance_engine::invoices::{Invoice, ListedAs, Measure, ShownInvoice};
use quittance_engine::referral_payments::ShareState;

/// The header and the parameter of the key; the case does not count [seed], [oas], clients.
pub(super) const KEY: &str = "api-key";
/// `status` of an answer [oas].
pub(super) const SUCCESS: i64 = 1;
/// `status` of a failure [oas].
pub(super) const FAILURE: i64 = 2;
/// [oas]
pub(super) const TOKEN_IS_NECESSARY: &str = "Token is necessary";
/// [oas]
pub(super) const AUTH_DENIED: &str = "Auth Denied";
/// [oas]
pub(super) const RESOURCE_NOT_FOUND: &str = "Resource Not Found";
/// Seen on the live server.
pub(super) const PAGE_NOT_FOUND: &str = "Page Not Found";
/// [oas]
pub(super) const SERVER_ERROR: &str = "Server error, Please contact your administrator";
/// [oas]
pub(super) const GENERATES: &str = "Payment generates will take a few minutes";
/// [oas]
pub(super) const TAKEN_OFF: &str = "Conversions successfully deleted from payment";
/// Payments a page: what is shown by default [oas], and at most [postman].
pub(super) const PAYMENTS: (i64, i64) = (100, 500);
/// Partners a page [oas].
pub(super) const PARTNERS: (i64, i64) = (50, 500);
/// Other lists a page.
pub(super) const ROWS: (i64, i64) = (100, 5000);
/// A correction's id is unique among all invoices here, and a line's number only on its own: the id is the invoice's times
/// this, plus the line's. Ids stay exact in JavaScript up to the invoice 9,007,199,254.
const CORRECTIONS: i64 = 1_000_000;

/// The ids of currencies: the rank, from 1, in this list; it is only ever added to. The first 168 are those of a new tenant
/// in the order of their codes, the rest follow.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP \
    BYN BYR BZD CAD CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GGP GHS \
    GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
    KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD \
    OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SRD STD SVC SYP SZL THB TJS \
    TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VEF VND VUV WST XAF XAG XAU XCD XDR XOF XPF YER ZAR ZMK ZMW ZWL \
    ETH USDT USDC SLE VES MRU STN SSP CHE CHW MXV USN UYI UYW COU BOV VED ZWG XCG CLE XAD";

/// The id of a currency. One that is in no list of ids has 0: no client has sent it.
pub(super) fn currency_id(currency: Currency) -> i64 {
    let rank = CURRENCIES.split_whitespace().position(|code| code == currency.code());
    rank.map_or(0, |rank| rank as i64 + 1)
}

/// The currency of an id.
pub(super) fn currency_of(id: i64) -> Option<Currency> {
    let rank = usize::try_from(id.checked_sub(1)?).ok()?;
    Currency::parse(CURRENCIES.split_whitespace().nth(rank)?).ok()
}

/// The currency of an id or a code: documents have ids where clients send codes.
pub(super) fn currency_named(text: &str) -> Option<Currency> {
    match text.parse() {
        Ok(id) => currency_of(id),
        Err(_) => Currency::parse(&text.to_ascii_uppercase()).ok(),
    }
}

/// A manager's id: 24 hexadecimal digits.
pub(super) fn manager_id(id: i64) -> String {
    format!("{id:024x}")
}

/// The manager of such an id.
pub(super) fn manager_of(text: &str) -> Option<i64> {
    i64::from_str_radix(text, 16).ok().filter(|_| text.len() == 24)
}

/// A correction's id.
pub(super) fn correction_id(invoice: i64, line_no: i64) -> i64 {
    invoice.saturating_mul(CORRECTIONS).saturating_add(line_no)
}

/// The invoice and the line of a correction's id.
pub(super) fn correction_of(id: i64) -> (i64, i64) {
    (id / CORRECTIONS, id % CORRECTIONS)
}

/// [oas]
pub(super) const CHANGES: &str = "Conversion changes will take a few minutes";
/// [oas]
pub(super) const IMPORTS: &str = "Conversion import will take a few minutes";
/// How many conversions are edited or imported in one request.
pub(super) const EDITED_MAX: i64 = 10_000;
/// How many are edited by their advertiser [oas].
pub(super) const EDITED_BY_ADVERTISER_MAX: i64 = 2000;
/// How old an imported conversion may be [oas].
pub(super) const IMPORT_MONTHS: i32 = 2;

/// The words and codes of conversions.
const CONVERSION_STATUSES: [(ConversionStatus, &str, i64); 4] = [
    (ConversionStatus::Approved, "confirmed", 1),
    (ConversionStatus::Pending, "pending", 2),
    (ConversionStatus::Rejected, "declined", 3),
    (ConversionStatus::Hold, "hold", 5),
];

/// The status of a word or code. `not_found`, 4, is that of older clients [postman] for what is declined.
pub(super) fn conversion_status(text: &str) -> Option<ConversionStatus> {
    let text = if ["not_found", "4"].contains(&text) { "declined" } else { text };
    let known = CONVERSION_STATUSES.iter().find(|(_, word, code)| *word == text || code.to_string() == text);
    known.map(|(status, _, _)| *status)
}

/// The word of a status.
pub(super) fn conversion_word(status: ConversionStatus) -> &'static str {
    CONVERSION_STATUSES.iter().find(|(known, _, _)| *known == status).map_or("", |(_, word, _)| word)
}

/// The code of a status.
pub(super) fn conversion_code(status: ConversionStatus) -> i64 {
    CONVERSION_STATUSES.iter().find(|(known, _, _)| *known == status).map_or(0, |(_, _, code)| *code)
}

/// The id of a conversion that is known by its action id: the same action id of another affiliate or offer is another
/// conversion.
pub(super) fn conversion_id(pid: i64, offer: i64, action_id: &str) -> String {
    format!("{action_id}-{pid}-{offer}")
}

/// The action id in such an id; a tracker's own id is its action id.
pub(super) fn action_id(id: &str, pid: i64, offer: i64) -> &str {
    id.strip_suffix(&conversion_id(pid, offer, "")).unwrap_or(id)
}

/// The id of a conversion that came without an action id: no action id makes one like it.
pub(super) fn generated_id(number: i64) -> String {
    format!("affise-{number}")
}

/// The decimals of a rate (counted in what live servers sent).
const RATE_DECIMALS: u32 = 6;

/// A rate as a decimal. Below a thousandth six decimals are too few to convert by: there it has as many as people are shown.
pub(super) fn rate(rate: &Rate) -> String {
    let six = rate.rounded(RATE_DECIMALS);
    if six == "0" || six.starts_with("0.000") { rate.to_string() } else { six }
}

/// How far a conversion is paid: on no payment, on one that is not completed, on a completed one. Each with its `is_paid`
/// (counted in what a live server sent; the last one by its meaning).
pub(super) const PAYMENT_STATUSES: [&str; 3] = ["opened", "pending", "closed"];
/// How many conversions are looked at where it follows from other things than their own whether they are asked for.
pub(super) const LOOKED_AT_MAX: i64 = 10_000;

/// `is_paid` of what came of a referral: 0 to be paid out, 1 paid, 2 on a payment that is not completed [postman].
pub(super) fn is_paid_code(state: ShareState) -> &'static str {
    match state {
        ShareState::Unbilled => "0",
        ShareState::Paid => "1",
        ShareState::Billed => "2",
    }
}

/// How far such a share is paid.
pub(super) fn share_state(code: i64) -> Option<ShareState> {
    [ShareState::Unbilled, ShareState::Paid, ShareState::Billed]
        .into_iter()
        .find(|state| is_paid_code(*state) == code.to_string())
}

/// The words of a partner's status: ours, Affise's, and its code.
const PARTNER_STATUSES: [(&str, &str, &str); 4] = [
    ("active", "active", "1"),
    ("suspended", "banned", "2"),
    ("pending", "on moderation", "3"),
    ("inactive", "not active", "0"),
];

/// The word for a partner's status.
pub(super) fn partner_status(status: &str) -> &'static str {
    PARTNER_STATUSES.iter().find(|(own, _, _)| *own == status).map_or("not active", |(_, word, _)| word)
}

/// The code of a partner's status.
pub(super) fn partner_code(status: &str) -> &'static str {
    PARTNER_STATUSES.iter().find(|(own, _, _)| *own == status).map_or("0", |(_, _, code)| code)
}

/// The status that a word means.
pub(super) fn partner_status_of(word: &str) -> Option<&'static str> {
    PARTNER_STATUSES.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(word)).map(|(own, _, _)| *own)
}

/// Waiting.
pub(super) const WAITING: i64 = 1;
/// Completed.
pub(super) const COMPLETED: i64 = 2;
/// Paid partly.
pub(super) const PAID_PARTLY: i64 = 3;
/// Pending [postman]; [oas] repeats "waiting".
pub(super) const PENDING: i64 = 4;
/// Declined.
pub(super) const DECLINED: i64 = -1;

/// [oas], with its full stop.
pub(super) const INVOICE_CREATED: &str = "Invoice created.";
/// [oas], without one.
pub(super) const INVOICE_UPDATED: &str = "Invoice updated";
/// Only unpaid invoices to advertisers can be changed (help centre); nobody says in which words it is refused.
pub(super) const INVOICE_IS_PAID: &str = "Invoice is paid";
/// How lists tell invoices to advertisers that are unpaid, and those that are paid. Void ones are not there: nothing here could
/// make one.
pub(super) const ADVERTISER_INVOICES: [&[ListedAs]; 2] = [
    &[
        ListedAs::Status(InvoiceStatus::Pending),
        ListedAs::Status(InvoiceStatus::Approved),
        ListedAs::Status(InvoiceStatus::PartlyPaid),
    ],
    &[ListedAs::Status(InvoiceStatus::Paid)],
];

/// Whether an invoice to an advertiser shows as paid.
pub(super) fn is_paid(invoice: &Invoice) -> bool {
    invoice.status == InvoiceStatus::Paid
}

/// What a row counts that does not say it.
pub(super) const MEASURE: Measure = Measure::Actions;
/// The words for what a row of an invoice to an advertiser counts [oas].
const PAYOUT_TYPES: [(Measure, &str); 5] = [
    (Measure::Actions, "RPA"),
    (Measure::Sales, "RPS"),
    (Measure::ActionsAndSales, "RPA + RPS"),
    (Measure::Clicks, "RPC"),
    (Measure::Impressions, "RPM"),
];

/// The word for what a row counts.
pub(super) fn payout_type(measure: Measure) -> &'static str {
    PAYOUT_TYPES.iter().find(|(known, _)| *known == measure).map_or("RPA", |(_, word)| word)
}

/// What a word counts.
pub(super) fn measure_of(word: &str) -> Option<Measure> {
    PAYOUT_TYPES.iter().find(|(_, known)| *known == word).map(|(measure, _)| *measure)
}

/// The code of an invoice's status.
pub(super) fn code(shown: &ShownInvoice) -> i64 {
    match shown.invoice.status {
        InvoiceStatus::Pending | InvoiceStatus::Approved if shown.in_part => PAID_PARTLY,
        InvoiceStatus::Pending => PENDING,
        InvoiceStatus::Approved => WAITING,
        InvoiceStatus::PartlyPaid => PAID_PARTLY,
        InvoiceStatus::Paid => COMPLETED,
        InvoiceStatus::Void => DECLINED,
    }
}

/// The status that a code asks for in a list.
pub(super) fn status_of(code: i64) -> Option<InvoiceStatus> {
    Some(match code {
        WAITING => InvoiceStatus::Approved,
        COMPLETED => InvoiceStatus::Paid,
        PAID_PARTLY => InvoiceStatus::PartlyPaid,
        PENDING => InvoiceStatus::Pending,
        DECLINED => InvoiceStatus::Void,
        _ => return None,
    })
}

/// The word of a status that nothing leaves: `finished` is the seed's.
pub(super) fn final_status(invoice: &Invoice) -> Option<&'static str> {
    match invoice.status {
        InvoiceStatus::Paid => Some("finished"),
        InvoiceStatus::Void => Some("declined"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_currencies_are_those_of_a_new_tenant() {
        let id = |code: &str| currency_id(Currency::parse(code).unwrap());
        assert_eq!((id("AED"), id("EUR"), id("RUB"), id("USD"), id("ZWL")), (1, 47, 123, 150, 168));
        assert_eq!((id("ETH"), id("USDT"), id("USDC"), id("SLE"), id("VES")), (169, 170, 171, 172, 173));
        assert_eq!(currency_of(150).unwrap().code(), "USD");
        for none in [0, -1, 1000, i64::MIN] {
            assert!(currency_of(none).is_none());
        }
    }

    #[test]
    fn rates_have_six_decimals_and_small_ones_more() {
        let of = |exact: &str| rate(&Rate::read(exact, quittance_domain::time::Day::MIN, String::new()).unwrap());
        // 1 / 1.16, 155, 1 / 154.37, 1 / 80,000.
        let rates = [of("100/116"), of("155"), of("100/15437"), of("1/80000")];
        assert_eq!(rates, ["0.862069", "155", "0.006478", "0.0000125"]);
        assert_eq!((currency_named("47"), currency_named("eur")), (currency_of(47), currency_of(47)));
        assert_eq!((currency_named("0"), currency_named("euro")), (None, None));
    }

    #[test]
    fn every_currency_has_an_id() {
        let without: Vec<String> =
            Currency::all().filter(|c| currency_id(*c) == 0).map(|c| c.code().to_owned()).collect();
        assert_eq!(without, [""; 0]);
    }

    #[test]
    fn ids_go_there_and_back() {
        assert_eq!(manager_id(31), "00000000000000000000001f");
        assert_eq!(manager_of("00000000000000000000001f"), Some(31));
        assert_eq!(manager_of("1f"), None);
        assert_eq!(correction_of(correction_id(41, 3)), (41, 3));
    }
}
