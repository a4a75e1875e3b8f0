//! `quittance users`: the people who use the interfaces.

use clap::{Args, Subcommand};
use quittance_domain::ids::UserId;
use quittance_engine::keys::Role;
use quittance_engine::users::{NewUser, User, UserEdit, UserFilter};
use serde_json::{Value, json};

use super::keys::{add_party, party_of, roles};
use crate::cli::Nature;
use crate::context::Context;
use crate::failure::Exit;
use crate::output::{self, Side, Table};

/// How many users are read at a time.
const PAGE: i64 = 1_000;

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Makes a user. `keys create --user ID` gives it a key.
    Create(Create),
    /// Lists the users, also disabled ones.
    List,
    /// Disables a user: all its keys stop at once.
    Disable(One),
    /// Enables a user that is disabled: its keys work again.
    Enable(One),
    /// Erases what is personal of a user, disables it for good and revokes its keys. This cannot be undone.
    Erase(One),
}

/// A user to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its address: no other user of the network has it.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// Its name.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it may do: as of a key.
    #[arg(long, value_name = "ROLE", value_parser = roles())]
    role: Role,
    /// The affiliate that it stands for; with the role affiliate.
    #[arg(long, value_name = "ID", conflicts_with_all = ["advertiser", "manager"])]
    affiliate: Option<i64>,
    /// The advertiser that it stands for; with the role advertiser.
    #[arg(long, value_name = "ID", conflicts_with = "manager")]
    advertiser: Option<i64>,
    /// The manager that it stands for; with the role manager.
    #[arg(long, value_name = "ID")]
    manager: Option<i64>,
}

/// A user.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id.
    id: i64,
}

impl UsersCommand {
    /// What it is.
    pub(crate) fn nature(&self) -> Nature {
        if matches!(self, UsersCommand::List) { Nature::Reads } else { Nature::Settles }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            UsersCommand::Create(command) => create(context, command)?,
            UsersCommand::List => list(context)?,
            UsersCommand::Disable(one) => set_active(context, one, false)?,
            UsersCommand::Enable(one) => set_active(context, one, true)?,
            UsersCommand::Erase(one) => erase(context, one)?,
        }
        Ok(Exit::Done)
    }
}

fn create(context: &Context, command: &Create) -> anyhow::Result<()> {
    let party = party_of(command.role, [command.affiliate, command.advertiser, command.manager])?;
    let engine = context.engine()?;
    let new = NewUser { email: command.email.clone(), name: command.name.clone(), role: command.role, party };
    let user = engine.create_user(&context.call(&engine)?, &new)?;
    answer(context, &user, "is made")
}

fn set_active(context: &Context, one: &One, active: bool) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let edit = UserEdit { active: Some(active), ..UserEdit::default() };
    let user = engine.edit_user(&context.call(&engine)?, UserId::new(one.id), &edit, &|_| true)?;
    answer(context, &user, if active { "is active" } else { "is disabled" })
}

fn erase(context: &Context, one: &One) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let user = engine.erase_user(&context.call(&engine)?, UserId::new(one.id))?;
    answer(context, &user, "is erased")
}

fn answer(context: &Context, user: &User, what: &str) -> anyhow::Result<()> {
    context.answer(&to_json(user), || format!("user {} {what}\n", user.id))
}

fn list(context: &Context) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let (mut users, mut after) = (Vec::new(), Some(0));
    while let Some(start) = after {
        let found = engine.users(&call, &UserFilter::default(), start, PAGE)?;
        users.extend(found.rows);
        after = found.next;
    }
    if context.json {
        let users: Vec<Value> = users.iter().map(to_json).collect();
        return output::json(&json!({ "users": users }));
    }
    let columns = [
        ("id", Side::Right),
        ("role", Side::Left),
        ("of", Side::Right),
        ("status", Side::Left),
        ("name", Side::Left),
        ("email", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for user in users {
        table.row([
            user.id.to_string(),
            user.role.to_string(),
            user.party_id.map_or_else(String::new, |id| id.to_string()),
            status(&user).to_owned(),
            user.name,
            user.email.unwrap_or_default(),
        ]);
    }
    table.print()
}

fn status(user: &User) -> &'static str {
    if user.active { "active" } else { "disabled" }
}

fn to_json(user: &User) -> Value {
    let mut answer = json!({
        "id": user.id.get(),
        "email": user.email,
        "name": user.name,
        "role": user.role.as_str(),
        "status": status(user),
        "created_at": user.created_at.to_string(),
        "updated_at": user.updated_at.to_string(),
    });
    add_party(&mut answer, user.role, user.party_id);
    answer
}
