//! From one place in a list of conversions to the next where something of the affiliates and offers that are asked for may be:
//! the index by day, offer and affiliate is asked for it in leaps, so that what lies between is not looked at.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Day;

use super::list::{ConversionFilter, ConversionPlace};
use super::{day, day_number};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::Tx;

/// How many leaps one part of a list makes.
const LEAPS_MAX: usize = 1_000;

statements! {
    NEXT_GROUP = "SELECT posting_day, offer_id, affiliate_id FROM conversions {by:conversions_by_place} WHERE network_id = $1 \
        AND posting_day <= $2 AND (posting_day, offer_id, affiliate_id) > ($3, $4, $5) \
        ORDER BY posting_day, offer_id, affiliate_id LIMIT 1";
}

/// A day, an offer and an affiliate.
type Group = (Day, i64, i64);

/// The place after which to go on behind one at which a part has ended; `None`: there is nothing more.
pub(super) fn to_next(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ConversionFilter,
    from: ConversionPlace,
) -> Result<Option<ConversionPlace>> {
    let wanted = Wanted::of(filter);
    let mut at = (from.posting_day, from.offer_id, from.affiliate_id);
    if wanted.leap(at).is_none() {
        return Ok(Some(from));
    }
    for _ in 0..LEAPS_MAX {
        let Some(next) = next(tx, network, filter, at)? else { return Ok(None) };
        match wanted.leap(next) {
            None => {
                let (posting_day, offer_id, affiliate_id) = next;
                let start = ConversionPlace { posting_day, offer_id, affiliate_id, conversion_id: String::new() };
                return Ok(Some(start));
            }
            Some(behind) => at = behind,
        }
    }
    Ok(Some(ConversionPlace::behind(at)))
}

fn next(tx: &mut dyn Tx, network: NetworkId, filter: &ConversionFilter, after: Group) -> Result<Option<Group>> {
    let [through, at] = [filter.through, after.0].map(|day| day_number(day).into());
    let params = [network.get().into(), through, at, after.1.into(), after.2.into()];
    let found = tx.query_one(NEXT_GROUP, &params)?;
    found.map(|row| Ok((day(row.int(0)?)?, row.int(1)?, row.int(2)?))).transpose()
}

/// The offers and affiliates that are asked for, in order; none: any.
struct Wanted {
    offers: Vec<i64>,
    affiliates: Vec<i64>,
}

impl Wanted {
    fn of(filter: &ConversionFilter) -> Wanted {
        let all = |one: Option<i64>, many: &[i64]| {
            let mut all = one.map_or_else(|| many.to_vec(), |one| vec![one]);
            all.sort_unstable();
            all
        };
        Wanted {
            offers: all(filter.offer_id, &filter.offers),
            affiliates: all(filter.affiliate_id, &filter.affiliates),
        }
    }

    /// Behind which group the next one is that can be wanted; `None`: this one is.
    fn leap(&self, (day, offer, affiliate): Group) -> Option<Group> {
        let is_wanted = |all: &[i64], id| all.is_empty() || all.binary_search(&id).is_ok();
        let before_next = |all: &[i64], id| all.iter().find(|other| **other > id).map_or(i64::MAX, |next| next - 1);
        if !is_wanted(&self.offers, offer) {
            return Some((day, before_next(&self.offers, offer), i64::MAX));
        }
        if !is_wanted(&self.affiliates, affiliate) {
            return Some((day, offer, before_next(&self.affiliates, affiliate)));
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_goes_behind_what_nobody_asks_for() {
        let day = Day::from_number(20_000);
        let wanted =
            |offers: &[i64], affiliates: &[i64]| Wanted { offers: offers.to_vec(), affiliates: affiliates.to_vec() };
        assert_eq!(wanted(&[], &[]).leap((day, 1, 1)), None);
        assert_eq!(wanted(&[3, 5], &[]).leap((day, 5, 1)), None);
        assert_eq!(wanted(&[3, 5], &[]).leap((day, 4, 1)), Some((day, 4, i64::MAX)));
        assert_eq!(wanted(&[3, 9], &[]).leap((day, 4, 1)), Some((day, 8, i64::MAX)));
        assert_eq!(wanted(&[3, 5], &[]).leap((day, 6, 1)), Some((day, i64::MAX, i64::MAX)));
        assert_eq!(wanted(&[3], &[7, 9]).leap((day, 3, 8)), Some((day, 3, 8)));
        assert_eq!(wanted(&[3], &[7, 9]).leap((day, 3, 10)), Some((day, 3, i64::MAX)));
        assert_eq!(wanted(&[3], &[7, 9]).leap((day, 3, 9)), None);
    }
}
