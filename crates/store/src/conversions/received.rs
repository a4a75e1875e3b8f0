//! How a row keeps what the tracker said last of the fields that Quittance has changed since: `status|payout|revenue|comment`,
//! each empty where it was not changed. Amounts are in billing units, with their currency behind them where the conversion has
//! another one now. Before a text there is a `+`; a `-` alone says that there was none. A sale amount goes before all with a `!`
//! in front, and before that, with a `%` in front, which shares of it payout and revenue were: `%10 12.5|`.

use quittance_domain::conversion::{Conversion, ConversionStatus, KnownConversion, Received};
use quittance_domain::currency::Currency;
use quittance_domain::money::Money;

use super::{terms, terms_text};
use crate::error::{Error, Result};

/// Reads the text beside the conversion, which says the currencies.
pub(super) fn read<'a>(whole: &'a str, present: &Conversion) -> Result<Received> {
    let corrupt = || Error::Corrupt(format!("what was received of {}: {whole}", present.conversion_id));
    let before = |text: &'a str, mark: char| match text.strip_prefix(mark) {
        Some(text) => text.split_once('|').map(|(value, rest)| (Some(value), rest)).ok_or_else(corrupt),
        None => Ok((None, text)),
    };
    let (shares, rest) = before(whole, '%')?;
    let (sale_amount, rest) = before(rest, '!')?;
    let mut parts = rest.splitn(4, '|').map(|part| Some(part).filter(|part| !part.is_empty()));
    let mut part = || parts.next().flatten();
    let (status, payout, revenue, comment) = (part(), part(), part(), part());
    let money = |text: Option<&str>, own: Currency| {
        let Some(text) = text else { return Ok(None) };
        let (units, currency) = match text.split_once(' ') {
            Some((units, code)) => (units, Currency::parse(code).map_err(|_| corrupt())?),
            None => (text, own),
        };
        Ok::<_, Error>(Some(Money::new(units.parse().map_err(|_| corrupt())?, currency)))
    };
    let text = |text: Option<&str>| match text {
        None => Ok(None),
        Some("-") => Ok(Some(None)),
        Some(text) => Ok::<_, Error>(Some(Some(text.strip_prefix('+').ok_or_else(corrupt)?.into()))),
    };
    Ok(Received {
        status: status.map(|word| ConversionStatus::parse(word).ok_or_else(corrupt)).transpose()?,
        payout: money(payout, present.payout.currency())?,
        revenue: money(revenue, present.revenue.currency())?,
        terms: shares.map(terms).transpose()?,
        sale_amount: text(sale_amount)?,
        comment: text(comment)?,
    })
}

/// The text of what was received; `None` where nothing was changed here.
pub(super) fn written(known: &KnownConversion) -> Option<String> {
    let received = known.received.as_ref()?;
    let present = &known.conversion;
    let money = |money: Option<Money>, present: Money| match money {
        None => String::new(),
        Some(money) if money.currency() == present.currency() => money.units().to_string(),
        Some(money) => format!("{} {}", money.units(), money.currency().code()),
    };
    let text = |text: &Option<Option<Box<str>>>| match text {
        None => String::new(),
        Some(None) => "-".to_owned(),
        Some(Some(text)) => format!("+{text}"),
    };
    let sale = received.sale_amount.as_ref().map(|_| format!("!{}|", text(&received.sale_amount))).unwrap_or_default();
    let shares = received.terms.map(|terms| format!("%{}|", terms_text(terms).unwrap_or_else(|| " ".to_owned())));
    let shares = shares.unwrap_or_default();
    let status = received.status.map_or("", ConversionStatus::as_str);
    let (payout, revenue) = (money(received.payout, present.payout), money(received.revenue, present.revenue));
    Some(format!("{shares}{sale}{status}|{payout}|{revenue}|{}", text(&received.comment)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use quittance_domain::conversion::{Elsewhere, EntryPlace, SaleShare, Terms, Texts};
    use quittance_domain::ids::{AffiliateId, OfferId};
    use quittance_domain::time::{Day, Timestamp};

    fn usd(units: i64) -> Money {
        Money::new(units, Currency::parse("USD").unwrap())
    }

    fn known(received: Received) -> KnownConversion {
        let day = Day::from_ymd(2026, 1, 1).unwrap();
        KnownConversion {
            conversion: Conversion {
                conversion_id: "a".into(),
                status: ConversionStatus::Approved,
                affiliate_id: AffiliateId::new(1),
                offer_id: OfferId::new(1),
                advertiser_id: None,
                occurred_at: Timestamp::from_micros(0),
                payout: usd(1),
                revenue: usd(2),
                terms: Terms::default(),
                updated_at: None,
                settled: false,
                texts: Texts::default(),
            },
            received: Some(Box::new(received)),
            elsewhere: Elsewhere::default(),
            revision: 1,
            place: EntryPlace { epoch: 1, posting_day: day, billable_day: day },
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let shares = Terms { payout: SaleShare::parse("12.5"), revenue: None };
        let euros = Money::new(-7, Currency::parse("EUR").unwrap());
        for received in [
            Received { status: Some(ConversionStatus::Hold), ..Received::default() },
            Received { payout: Some(usd(5)), comment: Some(Some("a|b!|".into())), ..Received::default() },
            Received { payout: Some(euros), revenue: Some(euros), comment: Some(None), ..Received::default() },
            Received { sale_amount: Some(Some("12.50".into())), ..Received::default() },
            Received { terms: Some(Terms::default()), payout: Some(usd(5)), ..Received::default() },
            Received { terms: Some(shares), sale_amount: Some(Some("9".into())), ..Received::default() },
            Received { sale_amount: Some(None), revenue: Some(usd(-3)), ..Received::default() },
        ] {
            let known = known(received.clone());
            let text = written(&known).unwrap();
            assert_eq!(read(&text, &known.conversion).unwrap(), received, "{text}");
        }
    }

    #[test]
    fn what_was_written_before_there_was_more_is_read() {
        let known = known(Received::default());
        let old = read("hold|5||+late|or not", &known.conversion).unwrap();
        let expected = Received {
            status: Some(ConversionStatus::Hold),
            payout: Some(usd(5)),
            comment: Some(Some("late|or not".into())),
            ..Received::default()
        };
        assert_eq!(old, expected);
    }
}
