//! Each choice that CAKE's documents leave open or contradict, one constant each, with its source. "Seed" is the Billing &
//! Payments article of version 2, "v1" the pages of the `.asmx` services, "decided" what nobody says and was chosen here.

use quittance_domain::currency::Currency;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::invoice::InvoiceStatus;

/// What a successful answer of version 2 says first (seed).
pub(super) const SUCCESS: &str = "Success";
/// What a failed one says: no document shows a failure (decided).
pub(super) const ERROR: &str = "Error";
/// How version 1 begins what it says of a bad key; version 2 says it likewise (v1; decided).
pub(super) const INVALID_KEY: &str = "Invalid API key";

/// The name of the parameter that holds the key (seed). Writes have it in the query or in the body: the pages of the
/// affiliate and of the user differ, so both are taken.
pub(super) const KEY: &str = "api_key";

/// Rows of `invoices.json` and `report/conversion.json` where none are asked for, and at most (seed).
pub(super) const ROWS: (i64, i64) = (100, 10_000);
/// Rows of the lists of parties and offers (the page of advertisers has the maximum, that of affiliates none).
pub(super) const PARTY_ROWS: (i64, i64) = (25, 5_000);

/// Ids of billing cycles: 1 to 5 are the seed's, the others are ours and never change.
pub(super) const CYCLES: [(i64, BillingCycle, &str); 10] = [
    (1, BillingCycle::Net7, "Net 7"),
    (2, BillingCycle::Net15, "Net 15"),
    (3, BillingCycle::Net30, "Net 30"),
    (4, BillingCycle::Weekly, "Weekly"),
    (5, BillingCycle::BiWeekly, "Bi-Weekly"),
    (6, BillingCycle::TwiceMonthly, "Twice a month"),
    (7, BillingCycle::Monthly, "Monthly"),
    (8, BillingCycle::TwoMonthly, "Every two months"),
    (9, BillingCycle::Quarterly, "Quarterly"),
    (10, BillingCycle::Manual, "Manual"),
];
/// How many of [`CYCLES`], [`TYPES`] and [`CURRENCIES`] every network shows: the seed's rows. Further ones are shown once
/// the network uses them.
pub(super) const SEED_CYCLES: i64 = 5;

/// Ids of payment types, their rails and names: 1 to 5 are the seed's, the others are ours and never change.
pub(super) const TYPES: [(i64, &str, &str); 19] = [
    (1, "check", "Check"),
    (2, "paypal", "PayPal"),
    (3, "ach", "ACH"),
    (4, "wire", "Wire Transfer"),
    (5, "prepaid", "Prepaid"),
    (6, "sepa", "SEPA"),
    (7, "wise", "Wise"),
    (8, "payoneer", "Payoneer"),
    (9, "crypto", "Crypto"),
    (10, "direct_deposit", "Direct Deposit"),
    (11, "tipalti", "Tipalti"),
    (12, "veem", "Veem"),
    (13, "paxum", "Paxum"),
    (14, "webmoney", "WebMoney"),
    (15, "skrill", "Skrill"),
    (16, "capitalist", "Capitalist"),
    (17, "masspay", "Mass Pay"),
    (18, "gift_card", "Gift Card"),
    (19, "other", "Other"),
];
/// As [`SEED_CYCLES`].
pub(super) const SEED_TYPES: i64 = 5;

/// The currencies that every network shows, with ids from 1 and the seed's names; others follow in the order in which they
/// were switched on.
pub(super) const CURRENCIES: [(&str, &str); 3] = [("USD", "US Dollar"), ("EUR", "Euro"), ("GBP", "British Pound")];

/// The payment settings of version 1 (v1: the ids and the third name; the other names follow it).
pub(super) const PAYMENT_SETTINGS: [(i64, &str); 3] = [
    (1, "Pay affiliate in system default currency"),
    (2, "Pay affiliate in offer's currency"),
    (3, "Pay affiliate in affiliate's currency"),
];

/// The name of a status (seed). A partly paid invoice is still approved (decided).
pub(super) const fn status_name(status: InvoiceStatus) -> &'static str {
    match status {
        InvoiceStatus::Pending => "Pending",
        InvoiceStatus::Approved | InvoiceStatus::PartlyPaid => "Approved",
        InvoiceStatus::Paid => "Paid",
        InvoiceStatus::Void => "Void",
    }
}

/// The statuses of a name, in any case: the seed writes `Approved`, another page `pending`.
pub(super) fn statuses(name: &str) -> Option<Vec<InvoiceStatus>> {
    use InvoiceStatus::{Approved, Paid, PartlyPaid, Pending, Void};
    let all = [Pending, Approved, PartlyPaid, Paid, Void];
    let found: Vec<_> = all.into_iter().filter(|status| status_name(*status).eq_ignore_ascii_case(name)).collect();
    Some(found).filter(|found| !found.is_empty())
}

/// The id and name of the cycle of a title; no cycle is manual.
pub(super) fn cycle(title: Option<&str>) -> (i64, &'static str) {
    let cycle = title.and_then(|title| BillingCycle::parse(title).ok()).unwrap_or(BillingCycle::Manual);
    CYCLES.iter().find(|(_, known, _)| *known == cycle).map_or((10, "Manual"), |(id, _, name)| (*id, *name))
}

/// The id and name of a payment type; what is none of ours is "Other".
pub(super) fn payment_type(rail: &str) -> (i64, &'static str) {
    TYPES.iter().find(|(_, known, _)| *known == rail).map_or((19, "Other"), |(id, _, name)| (*id, *name))
}

/// The currencies of a network with their ids, from its own in the order in which they were switched on.
pub(super) fn currencies(switched_on: &[Currency]) -> Vec<(i64, Currency)> {
    let seed = CURRENCIES.iter().filter_map(|(code, _)| Currency::parse(code).ok());
    let others = switched_on.iter().copied().filter(|c| CURRENCIES.iter().all(|(code, _)| *code != c.code()));
    (1..).zip(seed.chain(others)).collect()
}

/// The name of a currency: the seed's where it has one.
pub(super) fn currency_name(currency: Currency) -> String {
    let seed = CURRENCIES.iter().find(|(code, _)| *code == currency.code());
    seed.map_or_else(|| currency.name(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_one_another() {
        assert!((1..).zip(CYCLES).all(|(id, (known, _, _))| id == known));
        assert!((1..).zip(TYPES).all(|(id, (known, _, _))| id == known));
        assert!(BillingCycle::ALL.iter().all(|cycle| CYCLES.iter().any(|(_, known, _)| known == cycle)));
    }

    #[test]
    fn statuses_are_read_in_any_case() {
        assert_eq!(statuses("approved"), Some(vec![InvoiceStatus::Approved, InvoiceStatus::PartlyPaid]));
        assert_eq!(statuses("VOID"), Some(vec![InvoiceStatus::Void]));
        assert_eq!(statuses("Draft"), None);
    }

    #[test]
    fn currencies_keep_their_ids() {
        let on: Vec<Currency> = ["JPY", "USD", "CAD"].iter().map(|code| Currency::parse(code).unwrap()).collect();
        let shown: Vec<(i64, &str)> = currencies(&on).iter().map(|(id, c)| (*id, c.code())).collect();
        assert_eq!(shown, [(1, "USD"), (2, "EUR"), (3, "GBP"), (4, "JPY"), (5, "CAD")]);
    }
}
