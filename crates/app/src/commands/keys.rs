//! `quittance keys`: making, listing and revoking access keys.

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use quittance_domain::ids::KeyId;
use quittance_domain::time::{Timestamp, Zone, parse_instant};
use quittance_engine::addresses::AddressRanges;
use quittance_engine::keys::{Key, KeyLimits, NewKey, Role};
use serde_json::{Value, json};

use crate::clock;
use crate::context::Context;
use crate::failure::{Exit, Usage};
use crate::output::{self, Side, Table};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Makes a key and prints it: this once, since only its hash is kept.
    Create(Create),
    /// Lists the keys, also revoked ones.
    List,
    /// Revokes a key at once and for good.
    Revoke(Revoke),
}

/// A key to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What its holder may do.
    ///
    /// admin: everything. finance: all billing, no keys. manager: the parties that this manager looks after. viewer:
    /// reads. affiliate, advertiser: own visible documents only. tracker: sends conversions only.
    #[arg(long, value_name = "ROLE", value_parser = roles())]
    role: Role,
    /// The affiliate that the key is for; with the role affiliate.
    #[arg(long, value_name = "ID", conflicts_with_all = ["advertiser", "manager"])]
    affiliate: Option<i64>,
    /// The advertiser that the key is for; with the role advertiser.
    #[arg(long, value_name = "ID", conflicts_with = "manager")]
    advertiser: Option<i64>,
    /// The manager that the key is for; with the role manager.
    #[arg(long, value_name = "ID")]
    manager: Option<i64>,
    /// What the key is for; shown in lists and in the history of invoices.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,
    /// From when on the key opens nothing: a date or an instant, in the network's time zone where it says no other.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// An address, or a range such as 192.0.2.0/24 or 2001:db8::/32, that the key may be used from; several times for several.
    #[arg(long, value_name = "ADDRESS")]
    allow: Vec<String>,
}

/// A key to revoke.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its id.
    id: i64,
}

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|text| Role::parse(&text).ok_or_else(|| format!("{text} is no role")))
}

impl KeysCommand {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            KeysCommand::Create(command) => create(context, command)?,
            KeysCommand::List => list(context)?,
            KeysCommand::Revoke(command) => revoke(context, command)?,
        }
        Ok(Exit::Done)
    }
}

impl Create {
    /// The id that goes with the role, and no other.
    fn party(&self) -> Result<Option<i64>, Usage> {
        let given =
            [(Role::Affiliate, self.affiliate), (Role::Advertiser, self.advertiser), (Role::Manager, self.manager)];
        for (role, id) in given {
            match id {
                Some(_) if role != self.role => {
                    return Err(Usage(format!("--{role} goes with --role {role}, not with --role {}", self.role)));
                }
                None if role == self.role => {
                    return Err(Usage(format!("--role {role} needs --{role} ID")));
                }
                _ => {}
            }
        }
        Ok(given.into_iter().find_map(|(_, id)| id))
    }

    fn limits(&self, zone: &Zone) -> anyhow::Result<KeyLimits> {
        let expires_at =
            self.expires.as_deref().map(|text| parse_instant(text, zone).context("--expires")).transpose()?;
        let allowed = AddressRanges::parse("allow", self.allow.iter().map(String::as_str)).context("--allow")?;
        Ok(KeyLimits { expires_at, allowed })
    }
}

fn create(context: &Context, command: &Create) -> anyhow::Result<()> {
    let party = command.party()?;
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let secret = clock::secret()?;
    let new = NewKey { role: command.role, party, name: command.name.clone() };
    let limits = command.limits(&engine.zone_of(&call)?)?;
    let id = engine.create_limited_key(&call, &new, &limits, &secret)?;
    if context.json {
        let mut answer = json!({ "id": id.get(), "key": secret, "role": command.role.as_str() });
        add_limits(&mut answer, &limits);
        add_party(&mut answer, command.role, party);
        return output::json(&answer);
    }
    output::line(&secret)?;
    crate::failure::note(&format!("key {id} with the role {}; keep it, it is not shown again", command.role));
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let keys = engine.keys(&context.call(&engine)?)?;
    if context.json {
        let keys: Vec<Value> = keys.iter().map(to_json).collect();
        return output::json(&json!({ "keys": keys }));
    }
    let columns = [
        ("id", Side::Right),
        ("role", Side::Left),
        ("of", Side::Right),
        ("name", Side::Left),
        ("created", Side::Left),
        ("last used", Side::Left),
        ("expires", Side::Left),
        ("revoked", Side::Left),
        ("from", Side::Left),
    ];
    let mut table = Table::new(&columns);
    let seconds = |at: Timestamp| Timestamp::from_micros(at.micros() - at.micros().rem_euclid(1_000_000)).to_string();
    for key in keys {
        table.row([
            key.id.to_string(),
            key.role.to_string(),
            key.party_id.map_or_else(String::new, |id| id.to_string()),
            key.name,
            seconds(key.created_at),
            key.last_used_at.map_or_else(String::new, seconds),
            key.limits.expires_at.map_or_else(String::new, seconds),
            key.revoked_at.map_or_else(String::new, seconds),
            key.limits.allowed.texts().collect::<Vec<_>>().join(" "),
        ]);
    }
    table.print()
}

fn revoke(context: &Context, command: &Revoke) -> anyhow::Result<()> {
    let engine = context.engine()?;
    engine.revoke_key(&context.call(&engine)?, KeyId::new(command.id))?;
    if context.json {
        return output::json(&json!({ "id": command.id, "revoked": true }));
    }
    output::line(&format!("revoked key {}", command.id))
}

fn to_json(key: &Key) -> Value {
    let mut answer = json!({
        "id": key.id.get(),
        "role": key.role.as_str(),
        "name": key.name,
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
        "last_used_at": key.last_used_at.map(|at| at.to_string()),
    });
    add_limits(&mut answer, &key.limits);
    add_party(&mut answer, key.role, key.party_id);
    answer
}

fn add_limits(answer: &mut Value, limits: &KeyLimits) {
    answer["expires_at"] = limits.expires_at.map(|at| at.to_string()).into();
    answer["allowed_addresses"] = limits.allowed.texts().collect::<Vec<_>>().into();
}

/// Whom a key stands for: `affiliate_id`, `advertiser_id` or `manager_id`.
fn add_party(answer: &mut Value, role: Role, party: Option<i64>) {
    if let (Some(id), Value::Object(answer)) = (party, answer) {
        answer.insert(format!("{role}_id"), id.into());
    }
}
