//! Currencies: the codes that are known, and how fine an amount in each is counted and rounded.

use std::sync::LazyLock;

use crate::shown::shown;

/// The decimals of the billing unit of an ISO 4217 currency.
const BILLING_DIGITS_ISO: u8 = 6;
/// The decimals of the billing unit of a crypto-currency.
const BILLING_DIGITS_CRYPTO: u8 = 8;
/// The crypto-currencies and the decimals to which their amounts are rounded on an invoice.
const CRYPTO: [(&str, u8); 4] = [("BTC", 8), ("ETH", 8), ("USDC", 6), ("USDT", 6)];

/// How many codes of three letters there are.
const CODES: usize = 26 * 26 * 26;

/// The currency of each code of three letters, by [`place`]: one look-up on the path of every ingested record. A code
/// without a minor unit has none.
static ISO: LazyLock<Vec<Option<Currency>>> = LazyLock::new(|| {
    let mut table = vec![None; CODES];
    for currency in (0..1000).filter_map(iso_currency::Currency::from_numeric) {
        let &[a, b, c] = currency.code().as_bytes() else { continue };
        let digits = currency.exponent().and_then(|digits| u8::try_from(digits).ok());
        if let (Some(slot), Some(minor_digits)) = (table.get_mut(place([a, b, c])), digits)
            && minor_digits <= BILLING_DIGITS_ISO
        {
            *slot = Some(Currency { code: currency.code(), minor_digits, billing_digits: BILLING_DIGITS_ISO });
        }
    }
    table
});

/// Where three upper-case letters stand in the alphabetical order of all such codes. Beyond the table for any other.
fn place(code: [u8; 3]) -> usize {
    if !code.iter().all(u8::is_ascii_uppercase) {
        return CODES;
    }
    code.iter().fold(0, |place, letter| place * 26 + usize::from(letter - b'A'))
}

/// A currency: a code of ISO 4217 that has a minor unit, or one of the crypto-currencies BTC, ETH, USDC and USDT.
///
/// Codes without a minor unit (gold `XAU`, none `XXX`, testing `XTS`) are no currencies here, since nothing could be
/// rounded to an amount that is payable in them. Codes that have been superseded (`HRK`, `BGN`, `SLL`) are: conversions
/// and invoices of the years before the change are kept, corrected and moved over in the currency they were in, and
/// what the last day of a currency is differs between a tracker, a bank and the standard. Funds (`CLF`, `USN`) are
/// codes of the standard with a minor unit and are taken too.
///
/// Ordered by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    minor_digits: u8,
    billing_digits: u8,
}

/// The refusal of a text that is no known currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not a known currency: write its ISO 4217 code such as USD, or one of BTC, ETH, USDT, USDC")]
pub struct UnknownCurrency {
    /// The text, quoted and shortened for the message.
    pub value: String,
}

impl Currency {
    /// The currency for its code, in upper or lower case.
    ///
    /// # Errors
    /// The text is no code of a currency with a minor unit.
    pub fn parse(text: &str) -> Result<Currency, UnknownCurrency> {
        Currency::lookup(text.as_bytes()).ok_or_else(|| UnknownCurrency { value: shown(text) })
    }

    fn lookup(text: &[u8]) -> Option<Currency> {
        if let [a, b, c] = *text {
            let letters = [a, b, c].map(|letter| letter.to_ascii_uppercase());
            if let Some(currency) = ISO.get(place(letters)).copied().flatten() {
                return Some(currency);
            }
        }
        CRYPTO.iter().find(|(code, _)| code.as_bytes().eq_ignore_ascii_case(text)).copied().map(crypto)
    }

    /// The code, in upper case: three letters, or four.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Its name in English, as it is commonly called: `United States dollar`, `Euro`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.code {
            "BTC" => "Bitcoin".to_owned(),
            "ETH" => "Ether".to_owned(),
            "USDC" => "USD Coin".to_owned(),
            "USDT" => "Tether".to_owned(),
            code => {
                iso_currency::Currency::from_code(code).map_or_else(|| code.to_owned(), |iso| iso.name().to_owned())
            }
        }
    }

    /// Its sign: `$`, `€`, `£`; the code where it has none.
    #[must_use]
    pub fn symbol(&self) -> String {
        let iso = iso_currency::Currency::from_code(self.code);
        iso.map_or_else(|| self.code.to_owned(), |iso| iso.symbol().symbol)
    }

    /// The decimals of the minor unit, to which amounts on an invoice are rounded: USD 2, JPY 0, KWD 3, BTC 8.
    #[must_use]
    pub const fn minor_digits(&self) -> u32 {
        self.minor_digits as u32
    }

    /// The decimals of the billing unit, in which amounts are counted: 6, for crypto-currencies 8. Never fewer than
    /// [`minor_digits`](Self::minor_digits).
    #[must_use]
    pub const fn billing_digits(&self) -> u32 {
        self.billing_digits as u32
    }

    /// How many billing units make one minor unit: for USD 10,000, for BTC 1.
    #[must_use]
    pub const fn minor_unit_units(&self) -> i64 {
        10_i64.pow(self.billing_digits() - self.minor_digits())
    }

    /// All currencies: those of ISO 4217 by code, then the crypto-currencies.
    pub fn all() -> impl Iterator<Item = Currency> {
        ISO.iter().copied().flatten().chain(Currency::all_crypto())
    }

    /// The crypto-currencies: those whose billing unit has 8 decimals.
    pub fn all_crypto() -> impl Iterator<Item = Currency> {
        CRYPTO.into_iter().map(crypto)
    }
}

fn crypto((code, minor_digits): (&'static str, u8)) -> Currency {
    Currency { code, minor_digits, billing_digits: BILLING_DIGITS_CRYPTO }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(code: &str) -> (u32, u32, i64) {
        let currency = Currency::parse(code).unwrap();
        (currency.minor_digits(), currency.billing_digits(), currency.minor_unit_units())
    }

    #[test]
    fn digits_by_code() {
        assert_eq!(digits("USD"), (2, 6, 10_000));
        assert_eq!(digits("EUR"), (2, 6, 10_000));
        assert_eq!(digits("JPY"), (0, 6, 1_000_000));
        assert_eq!(digits("KWD"), (3, 6, 1_000));
        assert_eq!(digits("CLF"), (4, 6, 100));
        assert_eq!(digits("BTC"), (8, 8, 1));
        assert_eq!(digits("ETH"), (8, 8, 1));
        assert_eq!(digits("USDT"), (6, 8, 100));
        assert_eq!(digits("USDC"), (6, 8, 100));
    }

    #[test]
    fn names_and_signs() {
        let shown = |code: &str| Currency::parse(code).map(|c| (c.name(), c.symbol())).unwrap();
        assert_eq!(shown("USD"), ("United States dollar".to_owned(), "$".to_owned()));
        assert_eq!(shown("EUR"), ("Euro".to_owned(), "€".to_owned()));
        assert_eq!(shown("GBP").1, "£");
        assert_eq!(shown("BTC"), ("Bitcoin".to_owned(), "BTC".to_owned()));
        assert!(Currency::all().all(|c| !c.name().is_empty() && !c.symbol().is_empty()));
    }

    #[test]
    fn lower_case_is_the_same_currency() {
        assert_eq!(Currency::parse("usd").unwrap(), Currency::parse("USD").unwrap());
        assert_eq!(Currency::parse("uSdT").unwrap().code(), "USDT");
    }

    #[test]
    fn superseded_codes_are_kept() {
        for code in ["HRK", "BGN", "SLL", "VES", "CUC"] {
            assert_eq!(Currency::parse(code).unwrap().code(), code);
        }
    }

    #[test]
    fn what_is_no_currency_is_refused_by_name() {
        for text in ["", "US", "USDD", "XAU", "XXX", "XTS", "AAA", "US\0", "USD\0", "€", " USD", "ÜSD", "U1D", "btc\0"]
        {
            assert!(Currency::parse(text).is_err(), "{text:?}");
        }
        let refusal = Currency::parse("DOGE").unwrap_err().to_string();
        assert!(refusal.starts_with("'DOGE' is not a known currency"), "{refusal}");
        assert!(Currency::parse(&"x".repeat(10_000)).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn crypto_currencies_are_those_whose_billing_unit_has_8_decimals() {
        let small: Vec<Currency> = Currency::all().filter(|currency| currency.billing_digits() == 8).collect();
        assert_eq!(Currency::all_crypto().collect::<Vec<_>>(), small);
    }

    #[test]
    fn all_is_every_code_of_the_standard_with_a_minor_unit_and_the_crypto_currencies() {
        let all: Vec<Currency> = Currency::all().collect();
        let standard = (0..1000).filter_map(iso_currency::Currency::from_numeric);
        let standard: Vec<_> = standard.filter(|c| c.exponent().is_some()).collect();
        assert_eq!(all.len(), standard.len() + 4);
        for currency in standard {
            let ours = Currency::parse(currency.code()).unwrap();
            assert_eq!(ours.code(), currency.code());
            assert_eq!(Some(ours.minor_digits()), currency.exponent().map(u32::from));
            assert!(all.contains(&ours));
        }
        for currency in &all {
            assert!(currency.minor_digits() <= currency.billing_digits());
            assert_eq!(Currency::parse(currency.code()).unwrap(), *currency);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            if let Ok(currency) = Currency::parse(&text) {
                prop_assert_eq!(currency.code(), text.to_ascii_uppercase());
            }
        }
    }
}
