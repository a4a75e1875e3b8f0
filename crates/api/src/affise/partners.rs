//! Partners: affiliates, listed, shown, made and edited, with their payment systems and balances.

use axum::extract::Path;
use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_engine::keys::Role;
use quittance_engine::parties::{FundsByAffiliate, PartyFilter, PartyRow, PartySort, PartyView, ReferredBy};
use quittance_engine::reference::{Manager, OfferFilter};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::known::{Known, any, rows};
use serde_json::{Map, Value, json};

use super::error::renamed;
use super::params::{Page, Params, not, required};
use super::payments::id;
use super::quirks;
use super::sent::Asked;
use super::to_wire::{self, local_time};
use super::wire::{self, Named};

/// The names of a partner's fields, and of what the engine keeps of them.
const NAMES: &[(&str, &str)] = &[
    ("name", "login"),
    ("email", "email"),
    ("phone", "phone"),
    ("country", "country"),
    ("notes", "notes"),
    ("status", "status"),
    ("manager", "manager_id"),
    ("referrer.percent", "ref_percent"),
    ("referrer.affiliate", "ref"),
];

/// What a new partner and an edit take. Addresses, tags, accounts of other systems and the like are not kept here.
pub(super) const PARTNER: &[Known] = &[
    any("email"),
    any("password"),
    any("country"),
    any("login"),
    any("phone"),
    any("notes"),
    any("status"),
    any("manager_id"),
    any("ref"),
    any("ref_percent"),
    rows("payment_systems", SYSTEM),
    any("custom_fields"),
    any("name"),
    any("contact_person"),
    any("contactPerson"),
    any("skype"),
    any("company"),
    any("site"),
    any("city"),
    any("zip_code"),
    any("address_1"),
    any("address_2"),
    any("tags"),
    any("lang"),
    any("timezone"),
    any("level"),
    any("notify"),
    any("subaccount_id"),
    any("sub_account_*"),
    any("tipalti_payee_id"),
    any("tipalti_status"),
];
/// What a payment system of a partner takes; the first one is the main one.
const SYSTEM: &[Known] =
    &[any("system_id"), any("currency"), any("fields"), any("id"), any("active"), any("system"), any("title")];

/// What is needed to show partners.
struct Showing {
    zone: quittance_domain::time::Zone,
    currencies: Vec<Currency>,
    managers: Vec<Manager>,
    funds: FundsByAffiliate,
    /// How many offers there are: every partner may promote each.
    offers: i64,
}

impl Showing {
    fn of(engine: &Engine, call: &Call, ids: &[i64]) -> quittance_engine::Result<Showing> {
        Ok(Showing {
            zone: engine.zone_of(call)?,
            currencies: engine.currencies_and_base(call)?.iter().map(|on| on.currency).collect(),
            managers: engine.managers(call)?,
            funds: engine.affiliate_funds(call, ids)?,
            offers: engine.offers(call, &OfferFilter::default(), (0, 0))?.total,
        })
    }

    fn partner(&self, view: &PartyView) -> wire::Partner {
        let PartyRow { party, profile, created_at, updated_at } = &view.row;
        let manager = self.managers.iter().find(|manager| Some(manager.manager_id) == party.manager_id);
        let referrer = profile.referrer.as_ref();
        let systems = view.methods.iter().enumerate().map(|(i, method)| wire::PartnerSystem {
            id: method.method.method_no,
            active: i64::from(i == 0),
            system: method.system.as_ref().map(|system| system.title.clone()).unwrap_or_default(),
            system_id: method.method.system_id,
            currency: method
                .method
                .currency
                .or_else(|| method.system.as_ref().and_then(|system| system.currency))
                .map(|currency| currency.code().to_owned()),
            fields: Named(method.details.clone().into_iter().collect()),
        });
        wire::Partner {
            id: party.party_id,
            created_at: local_time(*created_at, &self.zone),
            updated_at: local_time(*updated_at, &self.zone),
            email: party.email.clone().unwrap_or_default(),
            login: party.name.clone(),
            contact_person: None,
            name: party.name.clone(),
            address_1: None,
            address_2: None,
            city: None,
            country: profile.country.clone(),
            zip_code: None,
            phone: profile.phone.clone(),
            notes: profile.notes.clone().unwrap_or_default(),
            reference: referrer.map_or_else(|| "0".to_owned(), |by| by.affiliate.to_string()),
            ref_percent: referrer.and_then(|by| by.percent.clone()),
            level: 0,
            status: quirks::partner_status(&party.status).to_owned(),
            manager: manager.map(|manager| self.manager(manager)),
            payment_systems: systems.collect(),
            custom_fields: profile.custom_fields.iter().map(custom_field).collect(),
            balance: self.balance(party.party_id),
            offers_count: self.offers,
            api_key: "",
            tags: [],
            lang: "en",
            sub_accounts: Named(["1", "2"].map(|n| (n.to_owned(), wire::SubAccount::default())).to_vec()),
            tipalti_payee_id: None,
            tipalti_status: None,
        }
    }

    fn manager(&self, manager: &Manager) -> wire::Manager {
        let (first, last) = to_wire::names(&manager.name);
        wire::Manager {
            id: quirks::manager_id(manager.manager_id),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            work_hours: "",
            email: manager.email.clone().unwrap_or_default(),
            skype: "",
            api_key: "",
            roles: [],
            updated_at: "",
            created_at: "",
            last_login_at: "",
            kind: "",
            avatar: "",
        }
    }

    /// What a partner has in every currency that is switched on.
    fn balance(&self, partner: i64) -> Named<wire::Balance> {
        let of = |currency: &Currency| {
            let balance = to_wire::balance(self.funds.get(&(partner, *currency)));
            (currency.code().to_owned(), balance)
        };
        Named(self.currencies.iter().map(of).collect())
    }
}

fn custom_field((id, value): (&i64, &String)) -> wire::CustomField {
    wire::CustomField { name: "", value: value.clone(), label: value.clone(), id: *id }
}

fn shown(engine: &Engine, call: &Call, name: &str, view: &PartyView) -> quittance_engine::Result<Answer> {
    let id = view.row.party.party_id;
    let partner = Showing::of(engine, call, &[id])?.partner(view);
    to_wire::answer_of(name, partner, id)
}

fn views(engine: &Engine, call: &Call, ids: &[i64]) -> quittance_engine::Result<Vec<wire::Partner>> {
    let showing = Showing::of(engine, call, ids)?;
    ids.iter().map(|id| Ok(showing.partner(&engine.party(call, PartyKind::Affiliate, *id)?))).collect()
}

/// `status`: how partners stand, by its word.
fn status_of_word(params: &Params) -> Result<Option<&'static str>, Problem> {
    let Some(word) = params.text("status")? else { return Ok(None) };
    let known = quirks::partner_status_of(word);
    known.map(Some).ok_or_else(|| not("status", word, "active, banned, on moderation or not active"))
}

/// `status_partner`: the same by its code.
fn status_of_code(params: &Params) -> Result<Option<&'static str>, Problem> {
    let Some(code) = params.text("status_partner")? else { return Ok(None) };
    let known = ["inactive", "active", "suspended", "pending"];
    let found = known.into_iter().find(|status| quirks::partner_code(status) == code);
    found.map(Some).ok_or_else(|| not("status_partner", code, "0, 1, 2 or 3"))
}

fn filter(params: &Params) -> Result<PartyFilter, Problem> {
    params.only(&[
        "id",
        "status",
        "status_partner",
        "search",
        "manager",
        "updated_at",
        "order",
        "orderType",
        "with_balance",
        "field",
    ])?;
    let manager = |text: &&str| quirks::manager_of(text).ok_or_else(|| not("manager", text, "a manager's id"));
    let managers = params.texts("manager")?.iter().map(manager).collect::<Result<Vec<_>, _>>()?;
    let statuses = [status_of_word(params)?, status_of_code(params)?];
    let status = statuses.iter().flatten().next().copied();
    // Both hold: no partner stands in two ways.
    let two = statuses.iter().flatten().any(|other| Some(*other) != status);
    let order = params.text("order")?.unwrap_or("id");
    let field = order.trim_start_matches('-');
    let sort = match field {
        "id" | "_id" => PartySort::Id,
        "created_at" => PartySort::Created,
        "updated_at" => PartySort::Updated,
        _ => return Err(not("order", order, "id, created_at or updated_at")),
    };
    let desc = params.text("orderType")?.is_some_and(|word| word.eq_ignore_ascii_case("desc"));
    Ok(PartyFilter {
        ids: if two { Some(Vec::new()) } else { params.ids("id")? },
        name_part: params.text("search")?.map(str::to_owned),
        name_or_email: true,
        status: status.map(str::to_owned),
        managers: Some(managers).filter(|managers| !managers.is_empty()),
        sort,
        backwards: desc || order.starts_with('-'),
        ..PartyFilter::default()
    })
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Problem> {
    let filter = asked.scope.within(filter(&asked.params)?);
    let updated = asked.params.day("updated_at")?;
    let page = asked.params.page(quirks::PARTNERS)?;
    let listed = asked.read(move |engine, call| {
        let zone = engine.zone_of(call)?;
        let filter = PartyFilter { updated_from: updated.map(|day| zone.start_of_day(day)), ..filter };
        let found = engine.parties(call, PartyKind::Affiliate, &filter, (page.offset, page.limit))?;
        let ids: Vec<i64> = found.parties.iter().map(|row| row.party.party_id).collect();
        to_wire::list("partners", views(engine, call, &ids)?, page, found.total)
    });
    listed.await
}

pub(super) async fn one(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let id = id(&text)?;
    let scope = asked.scope;
    let found = asked.read(move |engine, call| {
        scope.check(engine, call, PartyKind::Affiliate, id)?;
        shown(engine, call, "partner", &engine.party(call, PartyKind::Affiliate, id)?)
    });
    found.await
}

pub(super) async fn referrals(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let id = id(&text)?;
    asked.params.only(&[])?;
    let page: Page = asked.params.page(quirks::PARTNERS)?;
    let scope = asked.scope;
    let own = asked.actor.role == Role::Affiliate;
    if own && asked.actor.party_id != Some(id) {
        // An affiliate sees whom it has referred, and nothing of whom others have.
        return Err(Problem::of(&Error::NotFound(format!("there is no affiliate {id}"))));
    }
    let found = asked.read(move |engine, call| {
        engine.party(call, PartyKind::Affiliate, id)?;
        scope.check(engine, call, PartyKind::Affiliate, id)?;
        let (ids, total) = engine.referred_by(call, id, scope.manager(), (page.offset, page.limit))?;
        let mut partners = views(engine, call, &ids)?;
        if own {
            partners.iter_mut().for_each(hide);
        }
        to_wire::list("referrals", partners, page, total)
    });
    found.await
}

/// Leaves of a partner what the one who has referred it may see: since when there is one, how it stands, and on which terms.
fn hide(partner: &mut wire::Partner) {
    partner.email.clear();
    partner.login.clear();
    partner.name.clear();
    partner.notes.clear();
    (partner.country, partner.phone, partner.manager) = (None, None, None);
    partner.payment_systems.clear();
    partner.custom_fields.clear();
    partner.balance.0.clear();
}

/// The entry that a network file would have for what a client sends.
fn entry(params: &Params) -> Result<Map<String, Value>, Problem> {
    let mut entry = Map::new();
    for (name, wire) in
        [("name", "login"), ("email", "email"), ("phone", "phone"), ("country", "country"), ("notes", "notes")]
    {
        entry.extend(params.given(wire)?.map(|value| (name.to_owned(), Value::from(value))));
    }
    if entry.get("name").is_some_and(|name| name == "") {
        entry.remove("name");
    }
    if let Some(word) = params.text("status")? {
        let status = quirks::partner_status_of(word);
        let status = status.ok_or_else(|| not("status", word, "active, banned, on moderation or not active"))?;
        entry.insert("status".to_owned(), status.into());
    }
    if let Some(text) = params.text("manager_id")? {
        let manager = quirks::manager_of(text).ok_or_else(|| not("manager_id", text, "a manager's id"))?;
        entry.insert("manager".to_owned(), manager.into());
    }
    if let Some(rows) = params.rows("payment_systems")? {
        let rows = rows.into_iter().enumerate().map(|(i, row)| method(row, i == 0));
        entry.insert("payment_methods".to_owned(), Value::Array(rows.collect::<Result<_, _>>()?));
    }
    Ok(entry)
}

/// The method of a row. The first one is the main one.
fn method(row: &Params, main: bool) -> Result<Value, Problem> {
    let name = "payment_systems[system_id]";
    let system = required(name, row.int("system_id")?)?;
    let mut method = json!({ "system": system, "main": main });
    if let Some(currency) = row.text("currency")? {
        method["currency"] = currency.into();
    }
    let mut fields = Map::new();
    if let Some(given) = row.branch("fields") {
        for (key, _) in given.nodes() {
            fields.insert(key.to_owned(), given.given(key)?.unwrap_or("").into());
        }
    }
    method["fields"] = fields.into();
    Ok(method)
}

/// Whether what is sent says something else of a partner's referrer than what is known. Clients send back what they read.
fn changes_referrer((affiliate, percent): &(Option<i64>, Option<String>), known: Option<&ReferredBy>) -> bool {
    let other = affiliate.is_some_and(|id| id != known.map_or(0, |by| by.affiliate));
    let more = percent.is_some() && *percent != known.and_then(|by| by.percent.clone());
    other || (more && known.is_some())
}

/// Puts who has referred a partner into its entry; what is not sent stays.
fn refer(
    entry: &mut Map<String, Value>,
    params: (Option<i64>, Option<String>),
    before: Option<&PartyView>,
) -> quittance_engine::Result<()> {
    let known = before.and_then(|view| view.row.profile.referrer.as_ref());
    let affiliate = params.0.or(known.map(|by| by.affiliate));
    let percent = params.1.clone().or_else(|| known.and_then(|by| by.percent.clone()));
    if params == (None, None) {
        return Ok(());
    }
    let referrer = match affiliate {
        None | Some(0) => {
            let shares = params.1.is_some_and(|percent| percent.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
            if shares {
                let detail = "ref_percent: nobody has referred this partner; give ref, too";
                return Err(Error::invalid("ref_percent", detail));
            }
            Value::String(String::new())
        }
        Some(id) => {
            // What else was agreed with the same referrer stays: basis, threshold, term.
            let same = known.filter(|by| by.affiliate == id);
            let mut referrer: Map<String, Value> =
                same.map(|by| by.more.clone().into_iter().collect()).unwrap_or_default();
            let flat = referrer.get("basis").is_some_and(|basis| basis == "flat");
            if flat && params.1.is_some() {
                // A percentage takes the place of a fee.
                referrer.retain(|key, _| key != "basis" && key != "fee");
            }
            if !flat || params.1.is_some() {
                referrer.insert("percent".to_owned(), percent.unwrap_or_else(|| "0".to_owned()).into());
            }
            referrer.insert("affiliate".to_owned(), id.into());
            referrer.into()
        }
    };
    entry.insert("referrer".to_owned(), referrer);
    Ok(())
}

/// The custom fields that a client sends, as texts by id; an empty one takes a field away.
fn custom_fields(params: &Params) -> Result<Vec<(String, String)>, Problem> {
    let Some(given) = params.branch("custom_fields") else {
        return match params.text("custom_fields")? {
            None => Ok(Vec::new()),
            Some(text) => Err(not("custom_fields", text, "values by the ids of fields")),
        };
    };
    given.nodes().map(|(id, _)| Ok((id.to_owned(), given.given(id)?.unwrap_or("").to_owned()))).collect()
}

/// Lays custom fields over those that a partner has.
fn customize(entry: &mut Map<String, Value>, given: Vec<(String, String)>, before: Option<&PartyView>) {
    if given.is_empty() {
        return;
    }
    let known = before.into_iter().flat_map(|view| &view.row.profile.custom_fields);
    let mut fields: Map<String, Value> = known.map(|(id, value)| (id.to_string(), value.clone().into())).collect();
    fields.extend(given.into_iter().map(|(id, value)| (id, value.into())));
    entry.insert("custom_fields".to_owned(), fields.into());
}

/// What of a partner an edit is laid over instead of replacing it.
fn overlaid(view: &PartyView) -> impl PartialEq {
    (view.row.profile.referrer.clone(), view.row.profile.custom_fields.clone())
}

/// What the engine says of an entry, in the names of this interface.
fn in_own_names(error: Error) -> Error {
    let own = |text: &str| text.replace("payment_methods", "payment_systems").replace(".system:", ".system_id:");
    match renamed(error, NAMES) {
        Error::Invalid { field, detail } => Error::invalid(own(&field), own(&detail)),
        error => error,
    }
}

async fn write(asked: Asked, route: &'static str, id: Option<i64>) -> Result<Answer, Problem> {
    let params = &asked.params;
    let mut entry = entry(params)?;
    let referred = (params.int("ref")?, params.text("ref_percent")?.map(str::to_owned));
    let custom = custom_fields(params)?;
    if id.is_none() {
        for name in ["email", "password", "country"] {
            required(name, params.text(name)?)?;
        }
        // A partner has a name here; without a login it is the address.
        let email = params.text("email")?.unwrap_or("");
        entry.entry("name").or_insert_with(|| email.into());
    }
    let scope = asked.scope;
    if let Some(own) = scope.manager() {
        // Whom a manager makes it looks after, and it gives nobody away.
        if entry.get("manager").is_some_and(|manager| *manager != own) {
            return Err(not("manager_id", params.text("manager_id")?.unwrap_or(""), "the manager of this key"));
        }
        entry.insert("manager".to_owned(), own.into());
    }
    let place = id.map(|id| id.to_string()).unwrap_or_default();
    let done = move |engine: &Engine, call: &Call| {
        let kind = PartyKind::Affiliate;
        if let Some(id) = id {
            scope.check(engine, call, kind, id)?;
        }
        let before = id.map(|id| engine.party(call, kind, id)).transpose()?;
        let known = before.as_ref().and_then(|view| view.row.profile.referrer.as_ref());
        if changes_referrer(&referred, known) {
            scope.check_referrer(engine, call, known, referred.0)?;
        }
        refer(&mut entry, referred, before.as_ref())?;
        customize(&mut entry, custom, before.as_ref());
        let written = match id {
            Some(id) => {
                // What is laid over the fields that it has must not undo another edit's.
                let same = |view: &PartyView| before.as_ref().is_none_or(|before| overlaid(before) == overlaid(view));
                engine.update_party_if(call, kind, id, &entry, &same)
            }
            None => engine.create_party(call, kind, &entry),
        };
        let view = written.map_err(in_own_names)?;
        shown(engine, call, "partner", &view)
    };
    asked.write(route, &place, done).await
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Problem> {
    write(asked, "POST /3.0/admin/partner", None).await
}

pub(super) async fn edit(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let id = id(&text)?;
    write(asked, "POST /3.0/admin/partner/{id}", Some(id)).await
}
