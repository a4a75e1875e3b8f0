//! The shapes on the wire that are the same for partners and advertisers but for a word in their keys.

use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::invoices::Standing;
use serde_json::{Number, Value, json};

use super::from_wire::Page;

/// Whose invoices: the vendor's word is in the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) kind: InvoiceKind,
    /// `affiliate` or `advertiser`.
    pub(super) word: &'static str,
}

impl Side {
    /// The key of the party's id.
    pub(super) fn party_key(self) -> String {
        format!("network_{}_id", self.word)
    }

    /// The key of an invoice's id.
    pub(super) fn invoice_key(self) -> String {
        format!("network_{}_invoice_id", self.word)
    }
}

/// An amount as a number in whole units of its currency, without zeros at the end: `72.95`, `0`, `200`.
pub(super) fn amount(money: Money) -> Value {
    let text = money.to_decimal();
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let text = if text == "-0" { "0" } else { text };
    serde_json::from_str::<Number>(text).map_or(Value::Null, Value::Number)
}

/// The same; null where it is not known, since 0 would be another amount.
pub(super) fn amount_or_null(money: Option<Money>) -> Value {
    money.map_or(Value::Null, amount)
}

/// An instant in Unix seconds.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// The start of a period.
pub(super) fn start_time(day: Day) -> String {
    format!("{day} 00:00:00")
}

/// The end of a period.
pub(super) fn end_time(day: Day) -> String {
    format!("{day} 23:59:59")
}

/// The status of an invoice.
pub(super) const fn status(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "unpaid",
        Standing::Settled => "paid",
        Standing::Void => "deleted",
    }
}

/// The envelope's paging.
pub(super) fn paging(page: Page, total: i64) -> Value {
    json!({ "page": page.page, "page_size": page.size, "total_count": total })
}

#[cfg(test)]
mod tests {
    use quittance_domain::currency::Currency;

    use super::*;

    #[test]
    fn amounts_have_the_precision_of_the_samples() {
        let usd = |units| amount(Money::new(units, Currency::parse("USD").unwrap())).to_string();
        assert_eq!(usd(72_950_000), "72.95");
        assert_eq!(usd(200_000_000), "200");
        assert_eq!(usd(0), "0");
        assert_eq!(usd(-500_000), "-0.5");
        assert_eq!(usd(9_223_372_036_854_775_807), "9223372036854.775807");
    }
}
