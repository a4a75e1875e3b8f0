//! Users.

use quittance_engine::keys::Role;
use quittance_engine::users::User as Known;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Id, Instant};

/// A person. What it may do is its role; its keys have that role too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Its id.
    pub id: i64,
    /// Its address, in lower case; `null`: it is erased.
    #[schema(example = "dana@example.com")]
    pub email: Option<String>,
    /// Its name.
    #[schema(example = "Dana Reyes")]
    pub name: String,
    /// What it may do: `admin`, `finance`, `manager`, `viewer`, `affiliate`, `advertiser` or `tracker`.
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
    /// `active` or `disabled`: then its keys open nothing.
    #[schema(example = "active")]
    pub status: &'static str,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserPage {
    /// The users by id.
    pub users: Vec<User>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A user that is to be made.
#[derive(Debug, Clone, ToSchema)]
#[allow(dead_code, reason = "it describes what is sent")]
pub struct UserRequest {
    /// Its address: no other user of the network has it.
    #[schema(example = "dana@example.com", min_length = 3, max_length = 255, pattern = "^[!-?A-~]+@[!-?A-~]+$")]
    pub email: String,
    /// Its name.
    #[schema(example = "Dana Reyes", min_length = 1, max_length = 255)]
    pub name: String,
    /// `admin`, `finance`, `manager`, `viewer`, `affiliate`, `advertiser` or `tracker`.
    #[schema(example = "finance", pattern = "^(admin|finance|manager|viewer|affiliate|advertiser|tracker)$")]
    pub role: String,
    /// The affiliate it stands for, with that role.
    pub affiliate_id: Option<Id>,
    /// The advertiser it stands for, with that role.
    pub advertiser_id: Option<Id>,
    /// The manager it stands for, with that role.
    pub manager_id: Option<Id>,
}

/// What of a user is to be changed; what is left out stays.
#[derive(Debug, Clone, ToSchema)]
#[allow(dead_code, reason = "it describes what is sent")]
pub struct UserEditRequest {
    /// Its address: no other user of the network has it.
    pub email: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// `admin`, `finance`, `manager`, `viewer`, `affiliate`, `advertiser` or `tracker`. Whom it stood for with another role is
    /// forgotten.
    #[schema(example = "finance", pattern = "^(admin|finance|manager|viewer|affiliate|advertiser|tracker)$")]
    pub role: Option<String>,
    /// The affiliate it stands for, with that role.
    pub affiliate_id: Option<Id>,
    /// The advertiser it stands for, with that role.
    pub advertiser_id: Option<Id>,
    /// The manager it stands for, with that role.
    pub manager_id: Option<Id>,
    /// `active` or `disabled`: then its keys open nothing.
    #[schema(example = "active", pattern = "^(active|disabled)$")]
    pub status: Option<String>,
}

/// A person.
#[must_use]
pub fn user(user: &Known) -> User {
    let of = |role: Role| user.party_id.filter(|_| user.role == role);
    User {
        id: user.id.get(),
        email: user.email.clone(),
        name: user.name.clone(),
        role: user.role.as_str(),
        affiliate_id: of(Role::Affiliate),
        advertiser_id: of(Role::Advertiser),
        manager_id: of(Role::Manager),
        status: if user.active { "active" } else { "disabled" },
        created_at: user.created_at.into(),
        updated_at: user.updated_at.into(),
    }
}
