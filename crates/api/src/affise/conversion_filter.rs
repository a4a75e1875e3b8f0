//! Which conversions a list, or an edit, is about.

use quittance_domain::conversion::{COMMENT, Conversion, TEXT_NAMES};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp, Zone};
use quittance_engine::ingest::{ConversionFilter, State};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;

use super::conversions::Payments;
use super::params::{Params, not};
use super::payments::{self, Hours};
use super::quirks;
use super::scope::Scope;

/// The days of a list that names none: a week ago to today.
const DAYS: i32 = 7;
/// No affiliate has this id: what stands for none at all, since no list of them asks for any.
const NOBODY: i64 = 0;
/// What does not filter, and may be sent; the order of a list is always that of the days.
const BESIDE: &[&str] = &["page", "limit", "filter", "order", "orderType"];
/// What can be asked for. Any other filter is refused: to ignore it would show, or change, too much.
pub(super) const FILTERS: &[&str] = &[
    "date_from",
    "date_to",
    "update_from_date",
    "update_from_hour",
    "update_to_date",
    "update_to_hour",
    "timezone",
    "raw_export",
    "status",
    "offer",
    "advertiser",
    "partner",
    "country",
    "goal",
    "goal_id",
    "action_id",
    "clickid",
    "payouts",
    "payouts_from",
    "payouts_to",
    "revenue",
    "revenue_from",
    "revenue_to",
    "currency",
    "subid1",
    "subid2",
    "subid3",
    "subid4",
    "subid5",
    "payment_status",
    "comment",
    "invoice_id",
];

/// What a list is asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    from: Option<Day>,
    through: Option<Day>,
    updated: Hours,
    zone: Option<Zone>,
    partners: Vec<i64>,
    action_id: Option<String>,
    invoices: Vec<i64>,
    payment_statuses: Vec<String>,
    filter: ConversionFilter,
}

/// A page of conversions.
pub(super) struct Found {
    pub(super) states: Vec<State>,
    pub(super) total: i64,
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// An amount in 10^-8 of whatever currency.
fn amount(params: &Params, name: &str) -> Result<Option<i64>, Problem> {
    let Some(text) = params.text(name)? else { return Ok(None) };
    // The smallest billing unit there is.
    let scale = Currency::parse("BTC").map_err(|error| Problem::internal(&error))?;
    Money::parse(text, scale).map(|money| Some(money.units())).map_err(|_| not(name, text, "an amount"))
}

/// `payouts`, or `payouts_from` and `payouts_to`.
fn amounts(params: &Params, name: &str) -> Result<(i64, i64), Problem> {
    if let Some(exact) = amount(params, name)? {
        return Ok((exact, exact));
    }
    let from = amount(params, &format!("{name}_from"))?.unwrap_or(i64::MIN);
    Ok((from, amount(params, &format!("{name}_to"))?.unwrap_or(i64::MAX)))
}

/// Whether an amount lies within bounds in 10^-8 of whatever currency.
fn within((from, to): (i64, i64), money: Money) -> bool {
    let scale = 10_i64.pow(8 - money.currency().billing_digits());
    (from..=to).contains(&money.units().saturating_mul(scale))
}

/// Refuses to look at too many conversions for what does not follow from each alone.
fn bounded(name: &str, found: i64) -> quittance_engine::Result<()> {
    let most = quirks::LOOKED_AT_MAX;
    if found > most {
        let detail = format!("{name}: {found} conversions are looked at, at most {most} can be: ask for less");
        return Err(Error::invalid(name, detail));
    }
    Ok(())
}

/// Those of some conversions whose revenue, in the currency in which it is shown, is asked for.
fn of_revenue(
    engine: &Engine,
    call: &Call,
    states: Vec<State>,
    filter: &ConversionFilter,
) -> quittance_engine::Result<Vec<State>> {
    if filter.clone().of_any_revenue() == *filter {
        return Ok(states);
    }
    let revenues = engine.revenues_as_payouts(call, &states)?;
    let asked = |(state, revenue): (State, Option<Money>)| {
        revenue.is_some_and(|revenue| within(filter.revenue, revenue)).then_some(state)
    };
    Ok(states.into_iter().zip(revenues).filter_map(asked).collect())
}

/// The conversions of a revenue, in the order of lists, where some are in other currencies than their payouts: what these are
/// shown as follows from rates. `None` where there are none, or no revenue is asked for.
fn by_revenue(engine: &Engine, call: &Call, filter: &ConversionFilter) -> quittance_engine::Result<Option<Vec<State>>> {
    let any = filter.clone().of_any_revenue();
    if any == *filter {
        return Ok(None);
    }
    let all = (0, quirks::LOOKED_AT_MAX);
    let apart = engine.conversions(call, &ConversionFilter { apart: Some(true), ..any }, all)?;
    if apart.total == 0 {
        return Ok(None);
    }
    let same = engine.conversions(call, &ConversionFilter { apart: Some(false), ..filter.clone() }, all)?;
    bounded("revenue", apart.total + same.total)?;
    let mut states = of_revenue(engine, call, apart.conversions, filter)?;
    states.extend(same.conversions);
    states.sort_by_cached_key(|state| {
        let Conversion { conversion_id, affiliate_id, offer_id, .. } = &state.known.conversion;
        (state.known.place.posting_day, offer_id.get(), affiliate_id.get(), conversion_id.clone())
    });
    Ok(Some(states))
}

impl Wanted {
    pub(super) fn of(params: &Params) -> Result<Wanted, Problem> {
        let unknown = |name: &&str| !FILTERS.contains(name) && !BESIDE.contains(name);
        if let Some(name) = params.nodes().map(|(name, _)| name).find(unknown) {
            return Err(Problem::bad_request(name, format!("{name}: Method does not allow this filter.")));
        }
        let status = |text: &str| quirks::conversion_status(text).ok_or_else(|| not("status", text, "1, 2, 3, 4 or 5"));
        if params.flag("raw_export")? {
            return Err(not("raw_export", "1", "0: what belongs to a conversion is always shown with it"));
        }
        let payment_statuses = owned(params.texts("payment_status")?);
        if let Some(word) = payment_statuses.iter().find(|word| !quirks::PAYMENT_STATUSES.contains(&word.as_str())) {
            return Err(not("payment_status", word, "opened, pending or closed"));
        }
        let text = |name: &str| Ok::<_, Problem>(params.text(name)?.unwrap_or("").to_owned());
        let mut goals = owned(params.texts("goal")?);
        goals.extend(owned(params.texts("goal_id")?));
        let filter = ConversionFilter {
            statuses: params.texts("status")?.into_iter().map(status).collect::<Result<_, _>>()?,
            offers: params.ints("offer")?,
            advertisers: params.ints("advertiser")?,
            countries: owned(params.texts("country")?),
            goals,
            click_id: text("clickid")?,
            subs: [text("subid1")?, text("subid2")?, text("subid3")?, text("subid4")?, text("subid5")?],
            comment: text("comment")?,
            currency: params.currency("currency")?,
            payout: amounts(params, "payouts")?,
            revenue: amounts(params, "revenue")?,
            ..ConversionFilter::of_days(Day::MIN, Day::MAX)
        };
        Ok(Wanted {
            from: params.day("date_from")?,
            through: params.day("date_to")?,
            updated: Hours::of(params)?,
            zone: params.zone("timezone")?,
            partners: params.ints("partner")?,
            action_id: params.text("action_id")?.map(str::to_owned),
            invoices: params.ints("invoice_id")?,
            payment_statuses,
            filter,
        })
    }

    /// The same of one affiliate alone, whatever was asked for.
    pub(super) fn of_partner(self, affiliate: i64) -> Wanted {
        Wanted { partners: vec![affiliate], ..self }
    }

    /// The zone of the days and times that are asked for: the network's where none is named.
    pub(super) fn zone(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<Zone> {
        self.zone.clone().map_or_else(|| engine.zone_of(call), Ok)
    }

    /// The days that are asked for: in the network's zone they are days in the books; in another one conversions are found by
    /// when they happened.
    fn of_days(
        &self,
        engine: &Engine,
        call: &Call,
        filter: ConversionFilter,
    ) -> quittance_engine::Result<ConversionFilter> {
        let (own, zone) = (engine.zone_of(call)?, self.zone(engine, call)?);
        let through = self.through.unwrap_or_else(|| zone.day_of(call.now));
        let from = self.from.unwrap_or_else(|| through.plus_days(-DAYS));
        if zone == own {
            return Ok(ConversionFilter { from, through, ..filter });
        }
        let occurred = (zone.start_of_day(from), zone.start_of_day(through.plus_days(1)));
        let last = Timestamp::from_micros(occurred.1.micros() - 1);
        Ok(ConversionFilter { from: own.day_of(occurred.0), through: own.day_of(last), occurred, ..filter })
    }

    /// The filter, now that the zone is known and whose parties the key reaches.
    fn filter(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<ConversionFilter> {
        let zone = self.zone(engine, call)?;
        let asked = Some(self.partners.clone()).filter(|partners| !partners.is_empty());
        let affiliates = match scope.parties(engine, call, PartyKind::Affiliate, asked)? {
            Some(none) if none.is_empty() => vec![NOBODY],
            affiliates => affiliates.unwrap_or_default(),
        };
        let (from, before) = self.updated.instants(&zone);
        let ever = self.filter.changed;
        Ok(ConversionFilter {
            affiliates,
            changed: (from.unwrap_or(ever.0), before.unwrap_or(ever.1)),
            ..self.filter.clone()
        })
    }

    /// The conversions of a page, and how many there are in all.
    pub(super) fn find(
        &self,
        engine: &Engine,
        call: &Call,
        scope: Scope,
        page: (i64, i64),
    ) -> quittance_engine::Result<Found> {
        let filter = self.filter(engine, call, scope)?;
        if let Some(ids) = self.ids(engine, call, scope)? {
            let zone = self.zone(engine, call)?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut states = engine.conversions_by_ids(call, &ids)?;
            states.retain(|state| self.takes(&filter, state, &zone));
            let states = of_revenue(engine, call, states, &filter)?;
            return self.in_payment_status(engine, call, states, page);
        }
        let filter = self.of_days(engine, call, filter)?;
        if let Some(states) = by_revenue(engine, call, &filter)? {
            return self.in_payment_status(engine, call, states, page);
        }
        if self.payment_statuses.is_empty() {
            let list = engine.conversions(call, &filter, page)?;
            return Ok(Found { states: list.conversions, total: list.total });
        }
        // How far a conversion is paid follows from invoices, one by one.
        let list = engine.conversions(call, &filter, (0, quirks::LOOKED_AT_MAX))?;
        bounded("payment_status", list.total)?;
        self.in_payment_status(engine, call, list.conversions, page)
    }

    /// The ids, where they are asked for, or an invoice is: each once, in order.
    fn ids(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<Option<Vec<String>>> {
        let mut ids: Vec<String> = Vec::new();
        match &self.action_id {
            None if self.invoices.is_empty() => return Ok(None),
            Some(action) => {
                // The id of an imported one begins with it; a tracker's own id is it.
                let found = engine.conversions_starting(call, &format!("{action}-"))?;
                ids.extend(found.into_iter().filter_map(|state| {
                    let Conversion { conversion_id, affiliate_id, offer_id, .. } = state.known.conversion;
                    let own = quirks::action_id(&conversion_id, affiliate_id.get(), offer_id.get()) == action;
                    own.then(|| conversion_id.to_string())
                }));
                ids.push(action.clone());
            }
            None => {}
        }
        if !self.invoices.is_empty() {
            let mut on_invoices = Vec::new();
            for number in &self.invoices {
                let invoice = payments::payment(engine, call, scope, *number)?;
                let window = (0, usize::try_from(quirks::LOOKED_AT_MAX).unwrap_or(usize::MAX));
                let (rows, _) = engine.invoice_conversions_at(call, invoice.invoice_id, window)?;
                on_invoices.extend(rows.into_iter().map(|row| row.conversion_id));
            }
            match self.action_id {
                Some(_) => ids.retain(|id| on_invoices.contains(id)),
                None => ids = on_invoices,
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Some(ids))
    }

    /// Whether a conversion that was found by its id or its invoice is asked for.
    fn takes(&self, filter: &ConversionFilter, state: &State, zone: &Zone) -> bool {
        let conversion = &state.known.conversion;
        let day = zone.day_of(conversion.occurred_at);
        let one_of = |list: &[i64], id: Option<i64>| list.is_empty() || id.is_some_and(|id| list.contains(&id));
        let text = |name: &str| {
            let place = TEXT_NAMES.iter().position(|known| *known == name);
            place.and_then(|place| conversion.texts[place].as_deref()).unwrap_or("")
        };
        let is = |wanted: &str, name: &str| wanted.is_empty() || wanted == text(name);
        let country = text("country");
        one_of(&filter.affiliates, Some(conversion.affiliate_id.get()))
            && one_of(&filter.offers, Some(conversion.offer_id.get()))
            && one_of(&filter.advertisers, conversion.advertiser_id.map(AdvertiserId::get))
            && (filter.statuses.is_empty() || filter.statuses.contains(&conversion.status))
            && self.from.is_none_or(|from| day >= from)
            && self.through.is_none_or(|through| day <= through)
            && (filter.countries.is_empty() || filter.countries.iter().any(|c| c.eq_ignore_ascii_case(country)))
            && (filter.goals.is_empty() || filter.goals.iter().any(|goal| goal == text("goal")))
            && is(&filter.click_id, "click_id")
            && filter.subs.iter().zip(["sub1", "sub2", "sub3", "sub4", "sub5"]).all(|(sub, name)| is(sub, name))
            && is(&filter.comment, TEXT_NAMES[COMMENT])
            && filter.currency.is_none_or(|currency| currency == conversion.payout.currency())
            && within(filter.payout, conversion.payout)
            && state.received_at >= filter.changed.0
            && state.received_at < filter.changed.1
    }

    /// Those that are paid as far as is asked for, and the page of them.
    fn in_payment_status(
        &self,
        engine: &Engine,
        call: &Call,
        states: Vec<State>,
        (offset, limit): (i64, i64),
    ) -> quittance_engine::Result<Found> {
        let mut found = states;
        if !self.payment_statuses.is_empty() {
            let mut payments = Payments::default();
            let mut kept = Vec::new();
            for state in found {
                let (word, _) = payments.of(engine, call, &state.known.conversion.conversion_id)?;
                if self.payment_statuses.iter().any(|wanted| wanted == word) {
                    kept.push(state);
                }
            }
            found = kept;
        }
        let total = found.len() as i64;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let states = found.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or(0)).collect();
        Ok(Found { states, total })
    }
}
