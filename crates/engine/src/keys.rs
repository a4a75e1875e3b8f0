//! Access keys: what a key may do is its role; what is kept of it is a hash.

use quittance_domain::ids::{KeyId, NetworkId, PartyKind};
use quittance_domain::time::Timestamp;
use quittance_store::keys::{self as table, ApiKey};
use quittance_store::networks::{self, COUNTER_KEY_ID};
use quittance_store::{Tx, parties};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The shortest secret: what random text of this length says cannot be guessed.
const SECRET_CHARS_MIN: usize = 32;
/// The longest name of a key.
const NAME_CHARS_MAX: usize = 100;

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
    /// What the holder may do.
    pub role: Role,
    /// The affiliate, advertiser or manager that the key stands for.
    pub party_id: Option<i64>,
}

impl Actor {
    /// A call by this actor.
    #[must_use]
    pub fn call(&self, now: Timestamp) -> Call {
        Call { network: self.network, actor: format!("key {} ({})", self.key, self.name), now, claimed: None }
    }
}

impl Engine {
    /// Makes a key for a secret that the caller has drawn. Only the secret's hash is kept.
    ///
    /// # Errors
    /// The role needs an id and has none, or the other way round; there is no affiliate, advertiser or manager of
    /// that id; the name is too long; the secret is too short.
    pub fn create_key(&self, call: &Call, new: &NewKey, secret: &str) -> Result<KeyId> {
        let name = checked_name(new)?;
        if secret.len() < SECRET_CHARS_MIN {
            let detail = format!("a secret has at least {SECRET_CHARS_MIN} characters");
            return Err(Error::invalid("secret", detail));
        }
        let hash = hash(secret);
        self.store.write(|tx| {
            check_party(tx, call.network, new)?;
            let id = KeyId::new(networks::next(tx, call.network, COUNTER_KEY_ID, 1, 1)?);
            let key = ApiKey {
                network_id: call.network,
                key_id: id,
                name: name.clone(),
                role: new.role.as_str().to_owned(),
                party_id: new.party,
                created_at: call.now,
                revoked_at: None,
            };
            table::insert(tx, &key, &hash)?;
            Ok(id)
        })
    }

    /// The keys of the call's network, also revoked ones, in the order in which they were made.
    ///
    /// # Errors
    /// What the store says.
    pub fn keys(&self, call: &Call) -> Result<Vec<Key>> {
        self.store.read(|tx| table::list(tx, call.network)?.into_iter().map(key).collect())
    }

    /// Revokes a key at once and for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke_key(&self, call: &Call, id: KeyId) -> Result<()> {
        self.store.write(|tx| {
            if table::by_id(tx, call.network, id)?.is_none() {
                return Err(Error::NotFound(format!("there is no key {id}; `quittance keys list` shows them")));
            }
            table::revoke(tx, call.network, id, call.now)?;
            Ok(())
        })
    }

    /// Who holds the key of a secret; `None` where there is no such key, or it was revoked.
    ///
    /// # Errors
    /// What the store says.
    pub fn authenticate(&self, secret: &str) -> Result<Option<Actor>> {
        let hash = hash(secret);
        self.store.read(|tx| {
            let found = table::by_hash(tx, &hash)?.filter(|key| key.revoked_at.is_none());
            let Some(found) = found else { return Ok(None) };
            let network = found.network_id;
            let Key { id, name, role, party_id, .. } = key(found)?;
            Ok(Some(Actor { network, key: id, name, role, party_id }))
        })
    }
}

fn key(stored: ApiKey) -> Result<Key> {
    let ApiKey { key_id, name, role, party_id, created_at, revoked_at, .. } = stored;
    let role = Role::parse(&role);
    let role = role.ok_or_else(|| quittance_store::Error::Corrupt(format!("role of key {key_id}")))?;
    Ok(Key { id: key_id, name, role, party_id, created_at, revoked_at })
}

fn checked_name(new: &NewKey) -> Result<String> {
    let name = new.name.trim();
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let detail = format!("{name:?} is no name of a key: at most {NAME_CHARS_MAX} printable characters are allowed");
        return Err(Error::invalid("name", detail));
    }
    Ok(match (name, new.party) {
        ("", Some(party)) => format!("{} {party}", new.role),
        ("", None) => new.role.to_string(),
        (name, _) => name.to_owned(),
    })
}

fn check_party(tx: &mut dyn Tx, network: NetworkId, new: &NewKey) -> Result<()> {
    let role = new.role;
    let field = format!("{role}_id");
    let (id, kind) = match (new.party, role) {
        (None, role) if role.stands_for_one() => {
            let detail = format!("a key of the role {role} stands for one {role}: give its id");
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
            let detail = format!("a key of the role {role} stands for nobody in particular: leave the id {id} out");
            return Err(Error::invalid("role", detail));
        }
    };
    if parties::by_ids(tx, network, kind, &[id])?.is_empty() {
        return Err(nobody(role, id));
    }
    Ok(())
}

fn nobody(role: Role, id: i64) -> Error {
    Error::NotFound(format!("there is no {role} {id} in this network"))
}

/// The SHA-256 of a secret in hexadecimal digits. A secret is long and random, so that a slow hash or a salt would
/// protect nothing more.
fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
