//! Access keys.

use quittance_engine::keys::{Key as Known, Role};
use serde::Serialize;
use utoipa::ToSchema;

use super::values::Instant;

/// An access key. Its secret is not known any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Key {
    /// Its id.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What its holder may do: `admin`, `finance`, `manager`, `viewer`, `affiliate`, `advertiser` or `tracker`.
    #[schema(example = "finance")]
    pub role: &'static str,
    /// The affiliate it stands for, with that role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser it stands for, with that role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The manager it stands for, with that role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub manager_id: Option<i64>,
    /// The user whose key it is, and whose role it has, now and whenever that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<i64>,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it opens nothing.
    pub expires_at: Option<Instant>,
    /// The addresses and ranges that it may be used from; none: from anywhere.
    pub allowed_addresses: Vec<String>,
    /// When it was last used: to the minute.
    pub last_used_at: Option<Instant>,
    /// Since when its user is disabled: it opens nothing meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub suspended_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyPage {
    /// The keys by id, also revoked ones.
    pub keys: Vec<Key>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewKey {
    /// The key.
    pub key: Key,
    /// What its holder sends. It is shown this once: `null` in the answer to a repeat.
    pub secret: Option<String>,
}

/// An access key.
#[must_use]
pub fn key(key: &Known) -> Key {
    let of = |role: Role| key.party_id.filter(|_| key.role == role);
    Key {
        id: key.id.get(),
        name: key.name.clone(),
        role: key.role.as_str(),
        affiliate_id: of(Role::Affiliate),
        advertiser_id: of(Role::Advertiser),
        manager_id: of(Role::Manager),
        user_id: key.user.map(|user| user.get()),
        created_at: key.created_at.into(),
        expires_at: key.limits.expires_at.map(Into::into),
        allowed_addresses: key.limits.allowed.texts().collect(),
        last_used_at: key.last_used_at.map(Into::into),
        suspended_at: key.suspended_at.map(Into::into),
        revoked_at: key.revoked_at.map(Into::into),
    }
}
