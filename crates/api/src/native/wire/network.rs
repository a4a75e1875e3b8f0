//! The network, its history, and what it brings along.

use std::collections::BTreeMap;

use quittance_domain::ids::PartyKind;
use quittance_engine::balances::BalancesReport as Taken;
use quittance_engine::erasure::Erasure;
use quittance_engine::networks::{ChangeRow, Network as Known};
use quittance_engine::settings::{NAMES, Settings};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::values::Instant;

/// A network with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Network {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: NetworkSettings,
}

/// The settings of a network: texts, numbers, `true` and `false`; `null` is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NetworkSettings(BTreeMap<&'static str, Value>);

impl PartialSchema for NetworkSettings {
    fn schema() -> RefOr<Schema> {
        let value = || {
            let types = [Type::String, Type::Integer, Type::Boolean, Type::Null];
            ObjectBuilder::new().schema_type(SchemaType::from_iter(types))
        };
        let object = NAMES.iter().fold(ObjectBuilder::new(), |object, name| object.property(*name, value()));
        object.description(Some("The settings of a network; `null` is no value.")).into()
    }
}

impl ToSchema for NetworkSettings {}

/// A network with its settings.
#[must_use]
pub fn network(network: &Known, settings: &Settings) -> Network {
    let settings = settings.shown().into_iter().map(|(name, value)| (name, typed(name, &value)));
    Network { id: network.network_id.get(), name: network.name.clone(), settings: NetworkSettings(settings.collect()) }
}

/// The value of a setting in JSON's own types.
fn typed(name: &str, value: &str) -> Value {
    match (name, value) {
        (_, "none") => Value::Null,
        ("invoice_prefix", text) => text.into(),
        (_, "true") => true.into(),
        (_, "false") => false.into(),
        (_, text) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// A row of the history of what is no invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// Its place in the history, from 1.
    pub id: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// The kind of thing: `setting`, `affiliate`, `conversion` and so on.
    pub subject: String,
    /// Which one.
    pub subject_id: String,
    /// What was done with it.
    pub action: String,
    /// From what to what.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// A page of the history of what is no invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangePage {
    /// The changes, oldest first.
    pub changes: Vec<Change>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A row of the history of what is no invoice.
#[must_use]
pub fn change(row: &ChangeRow) -> Change {
    Change {
        id: row.change_no,
        at: row.happened_at.into(),
        actor: row.actor.clone(),
        subject: row.subject.clone(),
        subject_id: row.subject_id.clone(),
        action: row.action.clone(),
        details: super::details(&row.details),
    }
}

/// What an import of opening balances has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BalancesReport {
    /// Balances that were not there.
    pub created: u64,
    /// Balances that were there already.
    pub unchanged: u64,
    /// Rows that were refused.
    pub rejected: usize,
    /// Why each of them was refused.
    pub errors: Vec<RowError>,
}

/// A row of a file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowError {
    /// Its line in the file.
    pub position: u64,
    /// Why.
    pub detail: String,
}

/// What an import of opening balances has done.
#[must_use]
pub fn balances_report(report: &Taken) -> BalancesReport {
    let error = |(line, detail): &(u64, String)| RowError { position: *line, detail: detail.clone() };
    let errors: Vec<RowError> = report.rejections.iter().map(error).collect();
    BalancesReport { created: report.created, unchanged: report.unchanged, rejected: errors.len(), errors }
}

/// A party whose personal data was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erased {
    /// Which.
    pub erased: ErasedParty,
    /// Texts in which its name or address stood: lines, notes, history.
    pub rewritten_texts: u64,
    /// What the erasure cannot reach, one sentence each.
    pub not_reached: Vec<&'static str>,
}

/// Which party was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasedParty {
    /// `affiliate` or `advertiser`.
    pub kind: &'static str,
    /// Its id.
    pub id: i64,
}

impl Erased {
    /// A party that is erased now.
    #[must_use]
    pub fn party(kind: PartyKind, id: i64, erasure: Erasure) -> Erased {
        let Erasure { rewritten, not_reached } = erasure;
        Erased { erased: ErasedParty { kind: kind.as_str(), id }, rewritten_texts: rewritten, not_reached }
    }
}
