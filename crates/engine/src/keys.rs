//! Access keys: what a key may do is its role; what is kept of it is a hash.
//!
//! A key is found by the SHA-256 of its secret. How long the search takes says something of the hash of a guess, and who
//! guesses knows that already; it says nothing of how near the guess is to a secret, since near secrets have unlike hashes.

use std::net::IpAddr;

use quittance_domain::ids::{KeyId, NetworkId, PartyKind, UserId};
use quittance_domain::time::Timestamp;
use quittance_store::changes::{self, NewChange};
use quittance_store::keys::{self as table, ApiKey};
use quittance_store::networks::{self, COUNTER_KEY_ID};
use quittance_store::{Tx, parties};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::addresses::AddressRanges;
use crate::error::{Error, Result};
use crate::{Call, Engine, users};

/// The shortest secret: what random text of this length says cannot be guessed.
const SECRET_CHARS_MIN: usize = 32;
/// The longest name of a key.
const NAME_CHARS_MAX: usize = 100;
/// How old the noted use of a key is before a later one is noted.
const USE_NOTED_EVERY_MICROS: i64 = 60_000_000;

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// All billing, but no keys or users.
    Finance,
    /// The parties that a manager looks after.
    Manager,
    /// Looks at everything, changes nothing.
    Viewer,
    /// Its own visible documents.
    Affiliate,
    /// Its own visible documents.
    Advertiser,
    /// Sends conversions, and nothing else.
    Tracker,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 7] =
        [Role::Admin, Role::Finance, Role::Manager, Role::Viewer, Role::Affiliate, Role::Advertiser, Role::Tracker];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Finance => "finance",
            Role::Manager => "manager",
            Role::Viewer => "viewer",
            Role::Affiliate => "affiliate",
            Role::Advertiser => "advertiser",
            Role::Tracker => "tracker",
        }
    }

    /// The role for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether a key of this role stands for one affiliate, advertiser or manager.
    #[must_use]
    pub const fn stands_for_one(self) -> bool {
        matches!(self, Role::Manager | Role::Affiliate | Role::Advertiser)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What its holder may do.
    pub role: Role,
    /// The affiliate, advertiser or manager it stands for, as its role needs.
    pub party: Option<i64>,
    /// What it is for; empty: named after its role.
    pub name: String,
}

/// What a key is bound to besides its role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// From when on it opens nothing; never where not given.
    pub expires_at: Option<Timestamp>,
    /// The addresses that it may be used from; all where there are none.
    pub allowed: AddressRanges,
}

/// A key as it is listed. Its secret is not known any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The affiliate, advertiser or manager it stands for.
    pub party_id: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// What it is bound to.
    pub limits: KeyLimits,
    /// When it was last used: noted at most once a minute.
    pub last_used_at: Option<Timestamp>,
    /// The user whose key it is, and whose role it has.
    pub user: Option<UserId>,
    /// Since when its user is disabled: it opens nothing meanwhile.
    pub suspended_at: Option<Timestamp>,
}

/// Why a secret opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No key has this secret.
    #[error("the key is unknown")]
    Unknown,
    /// It was revoked.
    #[error("the key was revoked at {0}")]
    Revoked(Timestamp),
    /// Its user is disabled.
    #[error("the user of the key is disabled since {0}")]
    Suspended(Timestamp),
    /// Its time is over.
    #[error("the key expired at {0}")]
    Expired(Timestamp),
    /// It may not be used from the address of the client, where that is known.
    #[error("the key may not be used from {}", .0.map_or("an unknown address".to_owned(), |address| address.to_string()))]
    Address(Option<IpAddr>),
}

/// Who holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The network that the key opens.
    pub network: NetworkId,
    /// The key.
    pub key: KeyId,
    /// The key's name.
    pub name: String,
    /// The user whose key it is.
    pub user: Option<UserId>,
    /// What the holder may do.
    pub role: Role,
    /// The affiliate, advertiser or manager that the key stands for.
    pub party_id: Option<i64>,
}

impl Actor {
    /// A call by this actor.
    #[must_use]
    pub fn call(&self, now: Timestamp) -> Call {
        let actor = match (self.user, self.party_id) {
            // Not by a name, which may be the person's and which an erasure would not find in the history.
            (Some(user), _) => format!("key {} of user {user}", self.key),
            (None, Some(party)) if matches!(self.role, Role::Affiliate | Role::Advertiser) => {
                format!("key {} of {} {party}", self.key, self.role)
            }
            (None, _) => named_actor(self.key, &self.name),
        };
        Call { network: self.network, actor, now, claimed: None }
    }
}

impl Engine {
    /// Makes a key for a secret that the caller has drawn. Only the secret's hash is kept.
    ///
    /// # Errors
    /// The role needs an id and has none, or the other way round; there is no affiliate, advertiser or manager of
    /// that id; the name is too long; the secret is too short.
    pub fn create_key(&self, call: &Call, new: &NewKey, secret: &str) -> Result<KeyId> {
        self.create_limited_key(call, new, &KeyLimits::default(), secret)
    }

    /// [`Engine::create_key`], with an end or for some addresses alone.
    ///
    /// # Errors
    /// As [`Engine::create_key`]; it would have expired already.
    pub fn create_limited_key(&self, call: &Call, new: &NewKey, limits: &KeyLimits, secret: &str) -> Result<KeyId> {
        let name = checked_name(&new.name)?.unwrap_or_else(|| match new.party {
            Some(party) => format!("{} {party}", new.role),
            None => new.role.to_string(),
        });
        self.make_key(call, limits, secret, |tx| {
            check_party(tx, call.network, new.role, new.party)?;
            Ok(Holder { name: name.clone(), role: new.role, party: new.party, user: None })
        })
    }

    /// Makes a key of a user, whose role and party it has, now and whenever they change. With no name it is named after the
    /// user's id.
    ///
    /// # Errors
    /// There is no such user, or it is disabled; the name is too long; the secret is too short; it would have expired already.
    pub fn create_user_key(
        &self,
        call: &Call,
        user: UserId,
        name: &str,
        limits: &KeyLimits,
        secret: &str,
    ) -> Result<KeyId> {
        let name = checked_name(name)?.unwrap_or_else(|| format!("user {user}"));
        self.make_key(call, limits, secret, |tx| {
            let known = users::for_a_key(tx, call, user)?;
            Ok(Holder { name: name.clone(), role: known.role, party: known.party_id, user: Some(user) })
        })
    }

    fn make_key(
        &self,
        call: &Call,
        limits: &KeyLimits,
        secret: &str,
        holder: impl Fn(&mut dyn Tx) -> Result<Holder>,
    ) -> Result<KeyId> {
        if let Some(at) = limits.expires_at.filter(|at| *at <= call.now) {
            let detail = format!("expires_at: {at} is over; name an instant to come");
            return Err(Error::invalid("/expires_at", detail));
        }
        let allowed = limits.allowed.texts().collect::<Vec<_>>().join(" ");
        let hash = checked_hash(secret)?;
        self.store.write(|tx| {
            let holder = holder(tx)?;
            let key = ApiKey {
                network_id: call.network,
                key_id: KeyId::new(0),
                name: holder.name,
                role: holder.role.as_str().to_owned(),
                party_id: holder.party,
                created_at: call.now,
                revoked_at: None,
                expires_at: limits.expires_at,
                allowed: Some(allowed.clone()).filter(|allowed| !allowed.is_empty()),
                last_used_at: None,
                user_id: holder.user,
                suspended_at: None,
            };
            let id = insert(tx, call, key, &hash)?;
            crate::idempotency::mark_done(tx, call)?;
            Ok(id)
        })
    }

    /// Makes a key like one that there is, with the same end and addresses, for a secret that the caller has drawn, and
    /// revokes that one.
    ///
    /// # Errors
    /// There is no such key, it is revoked, or the secret is too short.
    pub fn replace_key(&self, call: &Call, id: KeyId, secret: &str) -> Result<KeyId> {
        let hash = checked_hash(secret)?;
        self.store.write(|tx| {
            let valid = |key: &ApiKey| key.revoked_at.is_none();
            let mut old = table::by_id(tx, call.network, id)?.filter(valid).ok_or_else(|| no_key(id))?;
            if let Some(user) = old.user_id {
                // Whoever changes or disables the user now changes the new key, too, or has changed the old one before.
                quittance_store::users::lock(tx, call.network, user)?;
                old = table::by_id(tx, call.network, id)?.filter(valid).ok_or_else(|| no_key(id))?;
            }
            if !table::revoke(tx, call.network, id, call.now)? {
                return Err(no_key(id));
            }
            note(tx, call, id, "revoked", &json!({}))?;
            insert(tx, call, ApiKey { created_at: call.now, last_used_at: None, ..old }, &hash)
        })
    }

    /// The keys of the call's network, also revoked ones, in the order in which they were made.
    ///
    /// # Errors
    /// What the store says.
    pub fn keys(&self, call: &Call) -> Result<Vec<Key>> {
        self.store.read(|tx| table::list(tx, call.network)?.into_iter().map(key).collect())
    }

    /// One key, also a revoked one.
    ///
    /// # Errors
    /// There is no such key.
    pub fn key(&self, call: &Call, id: KeyId) -> Result<Key> {
        let found = self.store.read(|tx| table::by_id(tx, call.network, id))?;
        key(found.ok_or_else(|| no_key(id))?)
    }

    /// Revokes a key at once and for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke_key(&self, call: &Call, id: KeyId) -> Result<()> {
        self.store.write(|tx| {
            if table::by_id(tx, call.network, id)?.is_none() {
                return Err(no_key(id));
            }
            if table::revoke(tx, call.network, id, call.now)? {
                note(tx, call, id, "revoked", &json!({}))?;
            }
            crate::idempotency::mark_done(tx, call)
        })
    }

    /// Who holds the key of a secret that a client has sent from an address, or why it opens nothing. Each call asks the
    /// database, so that a revocation holds at once for all processes.
    ///
    /// # Errors
    /// What the store says.
    pub fn authenticate(
        &self,
        secret: &str,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<std::result::Result<Actor, KeyRefusal>> {
        let hash = hash(secret);
        let Some(found) = self.store.look_up(|tx| table::by_hash(tx, &hash))? else {
            return Ok(Err(KeyRefusal::Unknown));
        };
        let network = found.network_id;
        let key = key(found)?;
        if let Some(refusal) = refusal(&key, client, now) {
            return Ok(Err(refusal));
        }
        let Key { id, name, role, party_id, user, .. } = key;
        Ok(Ok(Actor { network, key: id, name, user, role, party_id }))
    }

    /// Notes when keys were last used: of each at most once a minute.
    ///
    /// # Errors
    /// What the store says.
    pub fn note_key_uses(&self, uses: &[(NetworkId, KeyId, Timestamp)]) -> Result<()> {
        if uses.is_empty() {
            return Ok(());
        }
        // In one order, so that two processes that note the same keys do not wait for each other in a circle.
        let mut uses = uses.to_vec();
        uses.sort_unstable();
        self.store.write(|tx| {
            for (network, key, at) in &uses {
                let before = Timestamp::from_micros(at.micros().saturating_sub(USE_NOTED_EVERY_MICROS));
                table::note_use(tx, *network, *key, *at, before)?;
            }
            Ok(())
        })
    }
}

/// How a history names the holder of a key that has a name of its own.
fn named_actor(key: KeyId, name: &str) -> String {
    format!("key {key} ({name})")
}

/// Takes the names of a party's keys away, here and in the history.
pub(crate) fn erase_of_party(tx: &mut dyn Tx, call: &Call, kind: PartyKind, party_id: i64, name: &str) -> Result<()> {
    let (network, role) = (call.network, kind.as_str());
    let of_party = |key: &ApiKey| key.role == role && key.party_id == Some(party_id) && key.user_id.is_none();
    for key in table::list(tx, network)?.into_iter().filter(of_party).filter(|key| key.name != name) {
        let (old, new) = (named_actor(key.key_id, &key.name), named_actor(key.key_id, name));
        changes::rename_actor(tx, network, &old, &new)?;
    }
    Ok(table::rename_of_party(tx, network, role, party_id, name)?)
}

/// Says in the history what was done with a key.
fn note(tx: &mut dyn Tx, call: &Call, id: KeyId, action: &'static str, details: &Value) -> Result<()> {
    let row = NewChange { subject: "key", subject_id: id.to_string(), action, details: details.to_string() };
    Ok(changes::add(tx, call.network, &call.actor, call.now, &[row])?)
}

fn no_key(id: KeyId) -> Error {
    Error::NotFound(format!("there is no key {id}; `quittance keys list` shows them"))
}

fn refusal(key: &Key, client: Option<IpAddr>, now: Timestamp) -> Option<KeyRefusal> {
    let KeyLimits { expires_at, allowed } = &key.limits;
    if let Some(at) = key.revoked_at {
        return Some(KeyRefusal::Revoked(at));
    }
    if let Some(since) = key.suspended_at {
        return Some(KeyRefusal::Suspended(since));
    }
    if let Some(at) = expires_at.filter(|at| *at <= now) {
        return Some(KeyRefusal::Expired(at));
    }
    let admitted = allowed.is_empty() || client.is_some_and(|client| allowed.contain(client));
    (!admitted).then_some(KeyRefusal::Address(client))
}

fn checked_hash(secret: &str) -> Result<String> {
    if secret.len() < SECRET_CHARS_MIN {
        return Err(Error::invalid("secret", format!("a secret has at least {SECRET_CHARS_MIN} characters")));
    }
    Ok(hash(secret))
}

/// Records a key under the next id, and says so in the history.
fn insert(tx: &mut dyn Tx, call: &Call, key: ApiKey, hash: &str) -> Result<KeyId> {
    let id = KeyId::new(networks::next(tx, call.network, COUNTER_KEY_ID, 1, 1)?);
    let key = ApiKey { key_id: id, ..key };
    table::insert(tx, &key, hash)?;
    // Its name is often that of a person, whom an erasure would not find here.
    let facts = json!({
        "role": key.role, "party": key.party_id, "user": key.user_id.map(UserId::get),
        "expires_at": key.expires_at.map(|at| at.to_string()), "allowed_addresses": key.allowed.unwrap_or_default(),
    });
    note(tx, call, id, "created", &facts)?;
    Ok(id)
}

fn key(stored: ApiKey) -> Result<Key> {
    let ApiKey { key_id, name, role, party_id, created_at, revoked_at, expires_at, allowed, .. } = stored;
    let corrupt = |what: &str| quittance_store::Error::Corrupt(format!("{what} of key {key_id}"));
    let role = Role::parse(&role).ok_or_else(|| corrupt("role"))?;
    let allowed = AddressRanges::parse("allowed", allowed.iter().flat_map(|texts| texts.split(' ')));
    let limits = KeyLimits { expires_at, allowed: allowed.map_err(|_| corrupt("addresses"))? };
    let (last_used_at, user, suspended_at) = (stored.last_used_at, stored.user_id, stored.suspended_at);
    Ok(Key { id: key_id, name, role, party_id, created_at, revoked_at, limits, last_used_at, user, suspended_at })
}

/// Who holds a key that is to be made.
struct Holder {
    name: String,
    role: Role,
    party: Option<i64>,
    user: Option<UserId>,
}

/// The name of a key; `None` where it is empty.
fn checked_name(name: &str) -> Result<Option<String>> {
    let name = name.trim();
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let detail = format!("{name:?} is no name of a key: at most {NAME_CHARS_MAX} printable characters are allowed");
        return Err(Error::invalid("name", detail));
    }
    Ok(Some(name).filter(|name| !name.is_empty()).map(str::to_owned))
}

/// Refuses a role without the affiliate, advertiser or manager that it stands for, one that stands for nobody with one, and one
/// that is not there.
pub(crate) fn check_party(tx: &mut dyn Tx, network: NetworkId, role: Role, party: Option<i64>) -> Result<()> {
    let field = format!("{role}_id");
    let (id, kind) = match (party, role) {
        (None, role) if role.stands_for_one() => {
            let detail = format!("{field}: the role {role} stands for one {role}; give its id");
            return Err(Error::invalid(field, detail));
        }
        (None, _) => return Ok(()),
        (Some(id), Role::Affiliate) => (id, PartyKind::Affiliate),
        (Some(id), Role::Advertiser) => (id, PartyKind::Advertiser),
        (Some(id), Role::Manager) => {
            let known = parties::managers(tx, network)?.iter().any(|manager| manager.manager_id == id);
            return if known { Ok(()) } else { Err(nobody(role, id)) };
        }
        (Some(id), role) => {
            let detail = format!("role: {role} stands for nobody in particular; leave the id {id} out");
            return Err(Error::invalid("role", detail));
        }
    };
    if parties::by_ids(tx, network, kind, &[id])?.is_empty() {
        return Err(nobody(role, id));
    }
    Ok(())
}

fn nobody(role: Role, id: i64) -> Error {
    // What is named in a request, and not what the request is about: as with any other member that makes no sense.
    Error::invalid(format!("{role}_id"), format!("there is no {role} {id} in this network"))
}

/// The SHA-256 of a secret in hexadecimal digits. A secret is long and random, so that a slow hash or a salt would
/// protect nothing more.
fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
