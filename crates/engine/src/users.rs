//! Users: the people who use the interfaces, each by keys of its own. What a user may do is its role; its keys have that role,
//! and open nothing while it is disabled. There are no passwords here: signing in belongs to whoever shows pages.

use quittance_domain::ids::{NetworkId, PartyKind, UserId};
use quittance_domain::time::Timestamp;
use quittance_store::changes::{self, NewChange};
use quittance_store::users::{self as table, User as Stored};
use quittance_store::{Tx, keys as key_table, networks};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::history::Found;
use crate::idempotency::mark_done;
use crate::keys::{Role, check_party};
use crate::network_file::{email, text};
use crate::{Call, Engine};

/// The largest page, and one more: it tells whether there is another page.
const PAGE_MAX: i64 = 1_001;
const COUNTER_USER_ID: &str = "user_id";
const ACTIVE: &str = "active";
const DISABLED: &str = "disabled";

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its address in lower case, the only one of its kind in the network; `None`: the user is erased.
    pub email: Option<String>,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The affiliate, advertiser or manager that it stands for, where its role is one of these.
    pub party_id: Option<i64>,
    /// Whether its keys open anything.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The affiliate, advertiser or manager that it stands for, as its role needs.
    pub party: Option<i64>,
}

/// What is to be changed of a user; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserEdit {
    /// Its address.
    pub email: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it may do. With another role it stands for nobody but whom `party` says.
    pub role: Option<Role>,
    /// The affiliate, advertiser or manager that it stands for, with the role that this goes with.
    pub party: Option<(Role, i64)>,
    /// Whether its keys open anything.
    pub active: Option<bool>,
}

/// Which users to list; `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Of this address, however it is written.
    pub email: Option<String>,
    /// Of this role.
    pub role: Option<Role>,
    /// Only active, or only disabled ones.
    pub active: Option<bool>,
}

impl Engine {
    /// Makes a user.
    ///
    /// # Errors
    /// The address or the name is none, somebody has the address already, the role needs an id and has none or the other way
    /// round, or there is no affiliate, advertiser or manager of that id.
    pub fn create_user(&self, call: &Call, new: &NewUser) -> Result<User> {
        let (email, name) = (checked_email(&new.email)?, checked_name(&new.name)?);
        self.store.write(|tx| {
            networks::lock(tx, call.network)?;
            check_free(tx, call.network, &email, None)?;
            check_party(tx, call.network, new.role, new.party)?;
            let user = Stored {
                network_id: call.network,
                user_id: UserId::new(networks::next(tx, call.network, COUNTER_USER_ID, 1, 1)?),
                email: Some(email.clone()),
                name: name.clone(),
                role: new.role.as_str().to_owned(),
                party_id: new.party,
                status: ACTIVE.to_owned(),
                created_at: call.now,
                updated_at: call.now,
            };
            table::insert(tx, &user)?;
            note(tx, call, user.user_id, "created", changed(None, &user))?;
            mark_done(tx, call)?;
            known(user)
        })
    }

    /// One user.
    ///
    /// # Errors
    /// There is no such user.
    pub fn user(&self, call: &Call, id: UserId) -> Result<User> {
        let found = self.store.read(|tx| table::one(tx, call.network, id))?;
        known(found.ok_or_else(|| absent(id))?)
    }

    /// A page of at most 1001 users by id, after an id (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn users(&self, call: &Call, filter: &UserFilter, after: i64, limit: i64) -> Result<Found<User, i64>> {
        let role = filter.role.map_or("", Role::as_str);
        let status = filter.active.map_or("", |active| if active { ACTIVE } else { DISABLED });
        let found = self.store.read(|tx| match &filter.email {
            None => table::find(tx, call.network, (role, status), after, limit.clamp(1, PAGE_MAX)),
            Some(email) => {
                let asked = |user: &Stored| {
                    user.user_id.get() > after
                        && (role.is_empty() || user.role == role)
                        && (status.is_empty() || user.status == status)
                };
                let one = table::by_email(tx, call.network, &email.to_lowercase())?;
                Ok((one.into_iter().filter(asked).collect(), None))
            }
        });
        let (rows, next) = found?;
        Ok(Found { rows: rows.into_iter().map(known).collect::<Result<_>>()?, next })
    }

    /// Changes a user where it is as `expected` wants it, and its keys with it.
    ///
    /// # Errors
    /// There is no such user, it has changed, or it is erased; as [`Engine::create_user`].
    pub fn edit_user(
        &self,
        call: &Call,
        id: UserId,
        edit: &UserEdit,
        expected: &dyn Fn(&User) -> bool,
    ) -> Result<User> {
        let email = edit.email.as_deref().map(checked_email).transpose()?;
        let name = edit.name.as_deref().map(checked_name).transpose()?;
        self.store.write(|tx| {
            networks::lock(tx, call.network)?;
            let before = table::lock(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            let user = known(before.clone())?;
            if !expected(&user) {
                return Err(Error::Changed(format!("user {id} has changed: read it again")));
            }
            if user.email.is_none() {
                return Err(Error::Conflict(format!("user {id} is erased; make another one")));
            }
            if let Some(email) = &email {
                check_free(tx, call.network, email, Some(id))?;
            }
            let (role, party_id) = stands_for(tx, call.network, &user, edit)?;
            let active = edit.active.unwrap_or(user.active);
            let mut after = Stored {
                email: email.clone().or(before.email.clone()),
                name: name.clone().unwrap_or_else(|| before.name.clone()),
                role: role.as_str().to_owned(),
                party_id,
                status: if active { ACTIVE } else { DISABLED }.to_owned(),
                ..before.clone()
            };
            let details = changed(Some(&before), &after);
            if !details.is_empty() {
                after.updated_at = call.now;
                table::update(tx, &after)?;
                let suspended = (!active).then_some(call.now);
                key_table::follow_user(tx, call.network, id, (&after.role, party_id), suspended)?;
                note(tx, call, id, "updated", details)?;
            }
            mark_done(tx, call)?;
            known(after)
        })
    }

    /// Erases what is personal of a user, disables it for good and revokes its keys. What it did stays in the history, by its
    /// id. A repeat changes nothing.
    ///
    /// # Errors
    /// There is no such user.
    pub fn erase_user(&self, call: &Call, id: UserId) -> Result<User> {
        self.store.write(|tx| {
            networks::lock(tx, call.network)?;
            let user = table::lock(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            let user = known(if user.email.is_some() { erase(tx, call, &user)? } else { user })?;
            mark_done(tx, call)?;
            Ok(user)
        })
    }
}

/// Erases the users who stand for a party.
pub(crate) fn erase_of_party(tx: &mut dyn Tx, call: &Call, kind: PartyKind, party_id: i64) -> Result<()> {
    for user in table::of_party(tx, call.network, kind.as_str(), party_id)? {
        if user.email.is_some() {
            erase(tx, call, &user)?;
        }
    }
    Ok(())
}

/// A user who may be given a key: nobody changes it until the transaction ends.
pub(crate) fn for_a_key(tx: &mut dyn Tx, call: &Call, id: UserId) -> Result<User> {
    let found = table::lock(tx, call.network, id)?;
    let user = known(found.ok_or_else(|| Error::invalid("user_id", absent(id).to_string()))?)?;
    match (user.active, user.email.is_some()) {
        (true, _) => Ok(user),
        (false, true) => Err(Error::Conflict(format!("user {id} is disabled: enable it first"))),
        (false, false) => Err(Error::Conflict(format!("user {id} is erased; make another one"))),
    }
}

fn erase(tx: &mut dyn Tx, call: &Call, user: &Stored) -> Result<Stored> {
    let id = user.user_id;
    let name = format!("Erased user {id}");
    let erased =
        Stored { email: None, name: name.clone(), status: DISABLED.to_owned(), updated_at: call.now, ..user.clone() };
    table::update(tx, &erased)?;
    key_table::follow_user(tx, call.network, id, (&erased.role, erased.party_id), Some(call.now))?;
    key_table::erase_of_user(tx, call.network, id, &name, call.now)?;
    note(tx, call, id, "erased", Map::new())?;
    Ok(erased)
}

/// The role of a user after an edit, and whom it stands for.
fn stands_for(tx: &mut dyn Tx, network: NetworkId, user: &User, edit: &UserEdit) -> Result<(Role, Option<i64>)> {
    let role = edit.role.unwrap_or(user.role);
    let party = match edit.party {
        Some((of, _)) if of != role => {
            let detail = format!("{of}_id: it goes with the role {of}, not with {role}");
            return Err(Error::invalid(format!("{of}_id"), detail));
        }
        Some((_, id)) => Some(id),
        None => user.party_id.filter(|_| role == user.role),
    };
    check_party(tx, network, role, party)?;
    Ok((role, party))
}

fn known(stored: Stored) -> Result<User> {
    let role = Role::parse(&stored.role);
    let corrupt = || quittance_store::Error::Corrupt(format!("role of user {}", stored.user_id));
    Ok(User {
        role: role.ok_or_else(corrupt)?,
        id: stored.user_id,
        email: stored.email,
        name: stored.name,
        party_id: stored.party_id,
        active: stored.status == ACTIVE,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

fn absent(id: UserId) -> Error {
    Error::NotFound(format!("there is no user {id}; `quittance users list` shows them"))
}

fn checked_email(given: &str) -> Result<String> {
    // One person has one address, however it is written.
    let lower = given.trim().to_lowercase();
    email(&Value::String(lower)).map_err(|detail| Error::invalid("email", format!("email: {detail}")))
}

fn checked_name(given: &str) -> Result<String> {
    text(&Value::String(given.trim().to_owned())).map_err(|detail| Error::invalid("name", format!("name: {detail}")))
}

/// Refuses an address that somebody else has.
fn check_free(tx: &mut dyn Tx, network: NetworkId, email: &str, own: Option<UserId>) -> Result<()> {
    match table::by_email(tx, network, email)?.filter(|user| Some(user.user_id) != own) {
        None => Ok(()),
        Some(user) => Err(Error::Conflict(format!("user {} has the address {email:?} already", user.user_id))),
    }
}

/// From what to what, of what is not personal; of the rest only that it changed, since the history is not erased.
fn changed(before: Option<&Stored>, after: &Stored) -> Map<String, Value> {
    let mut changed = Map::new();
    for (name, old, new) in [
        ("email", before.and_then(|user| user.email.as_deref()), after.email.as_deref()),
        ("name", before.map(|user| user.name.as_str()), Some(after.name.as_str())),
    ] {
        if old != new {
            changed.insert(name.to_owned(), json!("changed"));
        }
    }
    let (old, new) = (before.map(facts).unwrap_or_default(), facts(after));
    for (name, value) in new {
        let was = old.get(&name).cloned().unwrap_or_default();
        if was != value {
            changed.insert(name, json!({ "from": was, "to": value }));
        }
    }
    changed
}

fn facts(user: &Stored) -> Map<String, Value> {
    let facts = [("role", json!(user.role)), ("party", json!(user.party_id)), ("status", json!(user.status))];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Says in the history what was done with a user.
fn note(tx: &mut dyn Tx, call: &Call, id: UserId, action: &'static str, details: Map<String, Value>) -> Result<()> {
    let details = Value::Object(details).to_string();
    let row = NewChange { subject: "user", subject_id: id.to_string(), action, details };
    Ok(changes::add(tx, call.network, &call.actor, call.now, &[row])?)
}
