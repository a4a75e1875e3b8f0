//! Users: people.

use quittance_domain::ids::{NetworkId, UserId};
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// How many rows one search looks at: what is asked for may be rare among them. [`LOOKED_AT`] names the last of them.
const LOOKED_AT_MAX: i64 = 10_000;

macro_rules! user_columns {
    () => {
        "SELECT network_id, user_id, email, name, role, party_id, status, created_at, updated_at FROM "
    };
}

statements! {
    INSERT = "INSERT INTO users (network_id, user_id, email, name, role, party_id, status, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    UPDATE = "UPDATE users SET email = $3, name = $4, role = $5, party_id = $6, status = $7, updated_at = $8 \
        WHERE network_id = $1 AND user_id = $2";
    BY_ID = concat!(user_columns!(), "users WHERE network_id = $1 AND user_id = $2");
    LOCK = concat!(user_columns!(), "users WHERE network_id = $1 AND user_id = $2 {lock:update}");
    BY_EMAIL = concat!(user_columns!(), "users WHERE network_id = $1 AND email = $2");
    OF_PARTY = concat!(user_columns!(), "users WHERE network_id = $1 AND role = $2 AND party_id = $3 ORDER BY user_id");
    FIND = concat!(user_columns!(), "(", user_columns!(), "users WHERE network_id = $1 AND user_id > $2 \
        ORDER BY user_id LIMIT $3) looked_at WHERE ($4 = '' OR role = $4) AND ($5 = '' OR status = $5) \
        ORDER BY user_id LIMIT $6");
    LOOKED_AT = "SELECT user_id FROM users WHERE network_id = $1 AND user_id > $2 ORDER BY user_id LIMIT 1 OFFSET 9999";
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The network.
    pub network_id: NetworkId,
    /// The id.
    pub user_id: UserId,
    /// The address in lower case; `None`: whoever it was is erased.
    pub email: Option<String>,
    /// The name.
    pub name: String,
    /// The word of the role.
    pub role: String,
    /// The affiliate, advertiser or manager that the user stands for, where the role is one of these.
    pub party_id: Option<i64>,
    /// `active` or `disabled`.
    pub status: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

fn user(row: &Row) -> Result<User> {
    Ok(User {
        network_id: NetworkId::new(row.int(0)?),
        user_id: UserId::new(row.int(1)?),
        email: row.opt_string(2)?,
        name: row.string(3)?,
        role: row.string(4)?,
        party_id: row.opt_int(5)?,
        status: row.string(6)?,
        created_at: Timestamp::from_micros(row.int(7)?),
        updated_at: Timestamp::from_micros(row.int(8)?),
    })
}

/// Records a user.
///
/// # Errors
/// What the database says.
pub fn insert(tx: &mut dyn Tx, user: &User) -> Result<()> {
    let params = [
        user.network_id.get().into(),
        user.user_id.get().into(),
        user.email.as_ref().into(),
        (&user.name).into(),
        (&user.role).into(),
        user.party_id.into(),
        (&user.status).into(),
        user.created_at.micros().into(),
        user.updated_at.micros().into(),
    ];
    tx.execute(INSERT, &params)?;
    Ok(())
}

/// Writes what has changed of a user.
///
/// # Errors
/// What the database says.
pub fn update(tx: &mut dyn Tx, user: &User) -> Result<()> {
    let params = [
        user.network_id.get().into(),
        user.user_id.get().into(),
        user.email.as_ref().into(),
        (&user.name).into(),
        (&user.role).into(),
        user.party_id.into(),
        (&user.status).into(),
        user.updated_at.micros().into(),
    ];
    tx.execute(UPDATE, &params)?;
    Ok(())
}

/// One user.
///
/// # Errors
/// What the database says.
pub fn one(tx: &mut dyn Tx, network: NetworkId, id: UserId) -> Result<Option<User>> {
    tx.query_one(BY_ID, &[network.get().into(), id.get().into()])?.as_ref().map(user).transpose()
}

/// One user, which nobody else changes until the transaction ends, and to which nobody else gives a key.
///
/// # Errors
/// What the database says.
pub fn lock(tx: &mut dyn Tx, network: NetworkId, id: UserId) -> Result<Option<User>> {
    tx.query_one(LOCK, &[network.get().into(), id.get().into()])?.as_ref().map(user).transpose()
}

/// The user of an address in lower case.
///
/// # Errors
/// What the database says.
pub fn by_email(tx: &mut dyn Tx, network: NetworkId, email: &str) -> Result<Option<User>> {
    tx.query_one(BY_EMAIL, &[network.get().into(), email.into()])?.as_ref().map(user).transpose()
}

/// The users who stand for an affiliate, an advertiser or a manager.
///
/// # Errors
/// What the database says.
pub fn of_party(tx: &mut dyn Tx, network: NetworkId, role: &str, party_id: i64) -> Result<Vec<User>> {
    tx.query(OF_PARTY, &[network.get().into(), role.into(), party_id.into()])?.iter().map(user).collect()
}

/// At most `limit` users by id after one, only of a role and a status where these are not empty; and after which id to search
/// on, where the search has not come to the end.
///
/// # Errors
/// What the database says.
pub fn find(
    tx: &mut dyn Tx,
    network: NetworkId,
    (role, status): (&str, &str),
    after: i64,
    limit: i64,
) -> Result<(Vec<User>, Option<i64>)> {
    let start = [network.get().into(), after.into()];
    let asked = [Param::Int(LOOKED_AT_MAX), role.into(), status.into(), limit.into()];
    let found = tx.query(FIND, &[&start[..], &asked].concat())?.iter().map(user).collect::<Result<Vec<_>>>()?;
    if i64::try_from(found.len()).is_ok_and(|count| count == limit) {
        let last = found.last().map(|user| user.user_id.get());
        return Ok((found, last));
    }
    let last = tx.query_one(LOOKED_AT, &start)?;
    Ok((found, last.map(|row| row.int(0)).transpose()?))
}
