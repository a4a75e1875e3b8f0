//! `quittance keys`: making, listing and revoking access keys.

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use quittance_domain::ids::{KeyId, UserId};
use quittance_domain::time::{Timestamp, Zone};
use quittance_engine::addresses::AddressRanges;
use quittance_engine::keys::{Key, KeyLimits, NewKey, Role};
use serde_json::{Value, json};

use crate::cli::Nature;
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
    #[arg(long, value_name = "ROLE", value_parser = roles(), required_unless_present = "user")]
    role: Option<Role>,
    /// The user whose key it is: it has the role of that, and stands for the same affiliate, advertiser or manager.
    #[arg(long, value_name = "ID", conflicts_with_all = ["role", "affiliate", "advertiser", "manager"])]
    user: Option<i64>,
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
    /// From when on the key opens nothing: an instant, or a date, which is its first moment: on the day before, the key still
    /// opens. In the network's time zone where it says no other.
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

pub(super) fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|text| Role::parse(&text).ok_or_else(|| format!("{text} is no role")))
}

impl KeysCommand {
    /// What it is.
    pub(crate) fn nature(&self) -> Nature {
        match self {
            KeysCommand::Create(_) => Nature::Acts,
            KeysCommand::List => Nature::Reads,
            KeysCommand::Revoke(_) => Nature::Settles,
        }
    }

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
    /// Who is to hold it.
    fn holder(&self) -> Result<Holder, Usage> {
        match (self.role, self.user) {
            (Some(role), _) => {
                let party = party_of(role, [self.affiliate, self.advertiser, self.manager])?;
                Ok(Holder::Anybody(NewKey { role, party, name: self.name.clone() }))
            }
            (None, Some(user)) => Ok(Holder::User(UserId::new(user))),
            (None, None) => Err(Usage("--role or --user is needed".to_owned())),
        }
    }

    fn limits(&self, zone: &Zone) -> anyhow::Result<KeyLimits> {
        let expires_at = self.expires.as_deref().map(|text| super::instant("expires", text, zone)).transpose()?;
        let allowed = AddressRanges::parse("allow", self.allow.iter().map(String::as_str)).context("--allow")?;
        Ok(KeyLimits { expires_at, allowed })
    }
}

/// Who holds a key.
enum Holder {
    /// Whoever has it, with a role of its own.
    Anybody(NewKey),
    /// A user.
    User(UserId),
}

/// The id that goes with a role, and no other, of an affiliate, an advertiser and a manager.
pub(super) fn party_of(role: Role, [affiliate, advertiser, manager]: [Option<i64>; 3]) -> Result<Option<i64>, Usage> {
    let given = [(Role::Affiliate, affiliate), (Role::Advertiser, advertiser), (Role::Manager, manager)];
    for (of, id) in given {
        match id {
            Some(_) if of != role => {
                return Err(Usage(format!("--{of} goes with --role {of}, not with --role {role}")));
            }
            None if of == role => {
                return Err(Usage(format!("--role {role} needs --{role} ID")));
            }
            _ => {}
        }
    }
    Ok(given.into_iter().find_map(|(_, id)| id))
}

fn create(context: &Context, command: &Create) -> anyhow::Result<()> {
    let holder = command.holder()?;
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let secret = clock::secret()?;
    let limits = command.limits(&engine.zone_of(&call)?)?;
    let id = match holder {
        Holder::Anybody(new) => engine.create_limited_key(&call, &new, &limits, &secret)?,
        Holder::User(user) => engine.create_user_key(&call, user, &command.name, &limits, &secret)?,
    };
    let key = engine.key(&call, id)?;
    if context.json {
        let mut answer = json!({ "id": id.get(), "key": secret, "role": key.role.as_str() });
        add_user(&mut answer, &key);
        add_limits(&mut answer, &key.limits);
        add_party(&mut answer, key.role, key.party_id);
        let said = answer.to_string();
        answer["key"] = Value::Null;
        return output::line_once(&said, &answer.to_string());
    }
    output::line_once(&secret, &format!("key {id} was shown once, and only its hash is kept"))?;
    crate::failure::note(&format!("key {id} with the role {}; keep it, it is not shown again", key.role));
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
        ("user", Side::Right),
        ("name", Side::Left),
        ("created", Side::Left),
        ("last used", Side::Left),
        ("expires", Side::Left),
        ("suspended", Side::Left),
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
            key.user.map_or_else(String::new, |user| user.to_string()),
            key.name,
            seconds(key.created_at),
            key.last_used_at.map_or_else(String::new, seconds),
            key.limits.expires_at.map_or_else(String::new, seconds),
            key.suspended_at.map_or_else(String::new, seconds),
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
    add_user(&mut answer, key);
    add_limits(&mut answer, &key.limits);
    add_party(&mut answer, key.role, key.party_id);
    answer
}

/// Whose key it is, and since when that user is disabled.
fn add_user(answer: &mut Value, key: &Key) {
    if let Some(user) = key.user {
        answer["user_id"] = user.get().into();
        answer["suspended_at"] = key.suspended_at.map(|at| at.to_string()).into();
    }
}

fn add_limits(answer: &mut Value, limits: &KeyLimits) {
    answer["expires_at"] = limits.expires_at.map(|at| at.to_string()).into();
    answer["allowed_addresses"] = limits.allowed.texts().collect::<Vec<_>>().into();
}

/// Whom a key stands for: `affiliate_id`, `advertiser_id` or `manager_id`.
pub(super) fn add_party(answer: &mut Value, role: Role, party: Option<i64>) {
    if let (Some(id), Value::Object(answer)) = (party, answer) {
        answer.insert(format!("{role}_id"), id.into());
    }
}
