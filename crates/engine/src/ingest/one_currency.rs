//! Changes by interfaces that know one currency of a conversion, that of its payout: what such an interface sends as a revenue
//! is in the currency in which it shows it.

use std::collections::HashMap;

use quittance_domain::conversion::{Conversion, ConversionEdit};
use quittance_domain::money::Money;

use super::{EditReport, State};
use crate::error::{Error, Result};
use crate::rates::Wanted;
use crate::{Call, Engine};

/// A revenue as it is sent and as it is kept; `None`: it is as it was.
type Kept = Option<(Wanted, Option<Money>)>;

impl Engine {
    /// Changes conversions as [`edit_conversions`](Engine::edit_conversions) does. A revenue that comes without a currency is in
    /// that of the payout: where the revenue is kept in another one it is converted at the rate of the day in the books, and
    /// one that is sent back as it is shown changes nothing.
    ///
    /// # Errors
    /// As there, and where there is no rate.
    pub fn edit_shown_conversions(&self, call: &Call, edits: &[(String, ConversionEdit)]) -> Result<EditReport> {
        let asks = |edit: &ConversionEdit| edit.revenue.is_some() && edit.revenue_currency.is_none();
        let asking = || edits.iter().filter(|(_, edit)| asks(edit));
        let ids: Vec<&str> = asking().map(|(id, _)| id.as_str()).collect();
        let apart: Vec<State> = self.conversions_by_ids(call, &ids)?.into_iter().filter(is_apart).collect();
        if apart.is_empty() {
            return self.edit_conversions(call, edits);
        }
        let sent: HashMap<&str, &str> =
            asking().map(|(id, edit)| (id.as_str(), edit.revenue.as_deref().unwrap_or_default())).collect();
        let kept = self.kept(call, &apart, &sent)?;
        let mut changed = edits.to_vec();
        for (id, edit) in changed.iter_mut().filter(|(_, edit)| asks(edit)) {
            match kept.get(id.as_str()) {
                None => {}
                Some(None) => edit.revenue = None,
                Some(Some(((sent, day, into), kept))) => {
                    let kept = kept.ok_or_else(|| {
                        let from = sent.currency();
                        wrong(id, &format!("there is no rate of {from} to {into} for {day}; import rates first"))
                    })?;
                    edit.revenue = Some(kept.to_decimal());
                    edit.revenue_currency = Some(*into);
                }
            }
        }
        self.edit_conversions(call, &changed)
    }

    /// The revenues that are sent for conversions, by id, as they are kept.
    fn kept<'a>(&self, call: &Call, apart: &'a [State], sent: &HashMap<&str, &str>) -> Result<HashMap<&'a str, Kept>> {
        let (mut kept, mut ids, mut wanted): (HashMap<&str, Kept>, _, _) = (HashMap::new(), Vec::new(), Vec::new());
        for (state, shown) in apart.iter().zip(self.revenues_as_payouts(call, apart)?) {
            let Conversion { conversion_id, payout, revenue, .. } = &state.known.conversion;
            let text = sent.get(&**conversion_id).copied().unwrap_or_default();
            let sent = Money::parse(text, payout.currency()).map_err(|error| wrong(conversion_id, &error))?;
            if Some(sent) == shown {
                kept.insert(conversion_id, None);
                continue;
            }
            ids.push(&**conversion_id);
            wanted.push((sent, state.known.place.posting_day, revenue.currency()));
        }
        let converted = self.in_currencies(call, &wanted)?;
        kept.extend(ids.into_iter().zip(wanted.into_iter().zip(converted).map(Some)));
        Ok(kept)
    }
}

fn wrong(id: &str, why: &dyn std::fmt::Display) -> Error {
    Error::invalid("revenue", format!("{id}: revenue: {why}"))
}

/// Whether the revenue is in another currency than the payout.
fn is_apart(state: &State) -> bool {
    let conversion = &state.known.conversion;
    conversion.revenue.currency() != conversion.payout.currency()
}
