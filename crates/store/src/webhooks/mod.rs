//! Webhooks: whom events are sent to.

pub(crate) mod deliveries;

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

pub use self::deliveries::{
    Claimed, Delivery, DeliveryState, Finished, add_deliveries, claim, count_in_flight, count_pending, deliveries,
    finish, forget_deliveries, forget_finished, forget_pending, heads, owners, release,
};
use crate::error::{Error, Result};
use crate::networks;
use crate::statements::statements;
use crate::tx::{Row, Tx};

/// The counter of a network's webhooks.
const WEBHOOK_IDS: &str = "webhook_id";

macro_rules! columns {
    () => {
        "SELECT network_id, webhook_id, url, secret, types, status, disabled_reason, cursor_event, failures, created_at, \
         updated_at FROM webhooks "
    };
}

statements! {
    INSERT = "INSERT INTO webhooks (network_id, webhook_id, url, secret, types, status, disabled_reason, cursor_event, \
        failures, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    LIST = concat!(columns!(), "WHERE network_id = $1 ORDER BY webhook_id");
    ONE = concat!(columns!(), "WHERE network_id = $1 AND webhook_id = $2");
    LOCK_ONE = concat!(columns!(), "WHERE network_id = $1 AND webhook_id = $2 {lock:update}");
    ACTIVE = concat!(columns!(), "WHERE status = 'active' ORDER BY network_id, webhook_id");
    UPDATE = "UPDATE webhooks SET url = $3, secret = $4, types = $5, status = $6, disabled_reason = $7, cursor_event = $8, \
        failures = $9, updated_at = $10 WHERE network_id = $1 AND webhook_id = $2";
    DELETE = "DELETE FROM webhooks WHERE network_id = $1 AND webhook_id = $2";
    LEAST_CURSOR = "SELECT MIN(cursor_event) FROM webhooks WHERE network_id = $1 AND status = 'active'";
}

/// Somebody whom events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The network.
    pub network_id: NetworkId,
    /// Its id.
    pub webhook_id: i64,
    /// Where events are sent.
    pub url: String,
    /// What they are signed with: `whsec_` and base64.
    pub secret: String,
    /// The types of events, separated by spaces; empty: all.
    pub types: String,
    /// Events are sent.
    pub active: bool,
    /// Why they are not any more, where that was not asked for.
    pub disabled_reason: Option<String>,
    /// Events up to this one have been taken for it.
    pub cursor: i64,
    /// How many attempts have failed since one has succeeded.
    pub failures: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed by somebody.
    pub updated_at: Timestamp,
}

const ACTIVE_WORD: &str = "active";
const DISABLED_WORD: &str = "disabled";

impl Webhook {
    fn status(&self) -> &'static str {
        if self.active { ACTIVE_WORD } else { DISABLED_WORD }
    }
}

fn webhook(row: &Row) -> Result<Webhook> {
    let active = match row.text(5)? {
        ACTIVE_WORD => true,
        DISABLED_WORD => false,
        other => return Err(Error::Corrupt(format!("status {other:?} of a webhook"))),
    };
    Ok(Webhook {
        network_id: NetworkId::new(row.int(0)?),
        webhook_id: row.int(1)?,
        url: row.string(2)?,
        secret: row.string(3)?,
        types: row.string(4)?,
        active,
        disabled_reason: row.opt_string(6)?,
        cursor: row.int(7)?,
        failures: row.int(8)?,
        created_at: Timestamp::from_micros(row.int(9)?),
        updated_at: Timestamp::from_micros(row.int(10)?),
    })
}

/// The id of a network's next webhook.
///
/// # Errors
/// What the database says.
pub fn next_id(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    networks::next(tx, network, WEBHOOK_IDS, 1, 1)
}

/// Records a webhook.
///
/// # Errors
/// What the database says.
pub fn insert(tx: &mut dyn Tx, webhook: &Webhook) -> Result<()> {
    let params = [
        webhook.network_id.get().into(),
        webhook.webhook_id.into(),
        (&webhook.url).into(),
        (&webhook.secret).into(),
        (&webhook.types).into(),
        webhook.status().into(),
        webhook.disabled_reason.as_ref().into(),
        webhook.cursor.into(),
        webhook.failures.into(),
        webhook.created_at.micros().into(),
        webhook.updated_at.micros().into(),
    ];
    tx.execute(INSERT, &params)?;
    Ok(())
}

/// The webhooks of a network, by id.
///
/// # Errors
/// What the database says.
pub fn list(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<Webhook>> {
    tx.query(LIST, &[network.get().into()])?.iter().map(webhook).collect()
}

/// One webhook.
///
/// # Errors
/// What the database says.
pub fn one(tx: &mut dyn Tx, network: NetworkId, id: i64) -> Result<Option<Webhook>> {
    tx.query_one(ONE, &[network.get().into(), id.into()])?.as_ref().map(webhook).transpose()
}

/// One webhook, locked until the transaction ends: who changes it or takes deliveries of it takes turns.
///
/// # Errors
/// What the database says.
pub fn lock(tx: &mut dyn Tx, network: NetworkId, id: i64) -> Result<Option<Webhook>> {
    tx.query_one(LOCK_ONE, &[network.get().into(), id.into()])?.as_ref().map(webhook).transpose()
}

/// The webhooks of all networks that events are sent to.
///
/// # Errors
/// What the database says.
pub fn active(tx: &mut dyn Tx) -> Result<Vec<Webhook>> {
    tx.query(ACTIVE, &[])?.iter().map(webhook).collect()
}

/// Writes a changed webhook. It is locked.
///
/// # Errors
/// What the database says.
pub fn update(tx: &mut dyn Tx, webhook: &Webhook) -> Result<()> {
    let params = [
        webhook.network_id.get().into(),
        webhook.webhook_id.into(),
        (&webhook.url).into(),
        (&webhook.secret).into(),
        (&webhook.types).into(),
        webhook.status().into(),
        webhook.disabled_reason.as_ref().into(),
        webhook.cursor.into(),
        webhook.failures.into(),
        webhook.updated_at.micros().into(),
    ];
    tx.execute(UPDATE, &params)?;
    Ok(())
}

/// Removes a webhook. Its deliveries were removed before.
///
/// # Errors
/// What the database says.
pub fn delete(tx: &mut dyn Tx, network: NetworkId, id: i64) -> Result<()> {
    tx.execute(DELETE, &[network.get().into(), id.into()])?;
    Ok(())
}

/// Up to which event every active webhook of a network has come; `None`: there are none.
///
/// # Errors
/// What the database says.
pub fn least_cursor(tx: &mut dyn Tx, network: NetworkId) -> Result<Option<i64>> {
    tx.query_one(LEAST_CURSOR, &[network.get().into()])?.map_or(Ok(None), |row| row.opt_int(0))
}
