//! `quittance demo`: a sample network, a month of its conversions, and what becomes of them.

mod sample;
mod story;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use quittance_engine::Engine;
use quittance_engine::keys::{NewKey, Role};
use serde_json::json;

use crate::clock;
use crate::context::Context;
use crate::failure::Exit;

/// The database's file name in its folder.
const FILE: &str = "quittance.db";

/// A sample network with a month of conversions: made, billed, shown and served.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to put the database [default: a new temporary folder].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The address to serve on.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: String,
    /// Stops after the summary.
    #[arg(long)]
    no_serve: bool,
    /// How many conversions.
    #[arg(long, default_value_t = 50_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    conversions: u32,
}

impl Demo {
    /// Does it.
    ///
    /// # Errors
    /// The folder holds a database already, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        run(self, context.json)
    }
}

fn run(args: &Demo, as_json: bool) -> anyhow::Result<Exit> {
    let folder = folder(args.data_dir.as_ref())?;
    let database = format!("sqlite://{}", folder.join(FILE).display());
    let engine = Engine::open(&database)?;
    let told = story::tell(&engine, args.conversions, as_json)?;
    let admin = clock::secret()?;
    let affiliate = clock::secret()?;
    let key = |role, party| NewKey { role, party, name: "demo".to_owned() };
    engine.create_key(&told.call, &key(Role::Admin, None), &admin)?;
    engine.create_key(&told.call, &key(Role::Affiliate, Some(told.affiliate)), &affiliate)?;
    let url = format!("http://{}", args.listen);
    if as_json {
        println!(
            "{}",
            json!({ "summary": told.json, "database": database, "admin_key": admin, "affiliate_key": affiliate, "url": url })
        );
    } else {
        println!("Keys          admin      {admin}");
        println!("              affiliate  {affiliate}  (of affiliate {})", told.affiliate);
        println!("Database      {database}");
        println!();
        println!("Look closer   quittance --database {database} invoice show {} --conversions", told.invoice);
        println!("              quittance --database {database} verify");
    }
    if args.no_serve {
        return Ok(Exit::Done);
    }
    if !as_json {
        println!();
        println!("Serving       {url}   (Ctrl-C ends it)");
        println!("              {url}/billing/v1/docs   (the native interface, to browse and try)");
        println!("              curl -s {url}/billing/v1/invoices?limit=3 -H 'Authorization: Bearer {admin}'");
        println!(
            "              curl -s {url}/billing/v1/invoices/{}/conversions?limit=3 -H 'Authorization: Bearer {admin}'",
            told.invoice
        );
        println!("              curl -s {url}/billing/v1/invoices -H 'Authorization: Bearer {affiliate}'");
        println!("              curl -s '{url}/api/2/invoices.json?api_key={admin}&row_limit=3'");
        println!("              curl -s '{url}/api/2/invoices.json?api_key={affiliate}&invoice_status=Approved'");
        let eflow = |path: &str, key: &str| {
            println!("              curl -s -X POST {url}/v1/{path}/invoicestable -H 'X-Eflow-API-Key: {key}'");
        };
        eflow("networks/billings/affiliates", &admin);
        eflow("affiliates/billings/affiliates", &affiliate);
        println!("              curl -s '{url}/3.0/admin/partners?api-key={admin}&limit=3'");
        println!("              curl -s '{url}/3.0/balance?api-key={affiliate}'");
    }
    super::serve::serve(engine, &args.listen, super::serve::Surroundings::default())
}

/// The folder of the database: a new one, or one that holds no database yet.
fn folder(given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let Some(folder) = given else {
        return Ok(tempfile::Builder::new().prefix("quittance-demo-").tempdir()?.keep());
    };
    if folder.join(FILE).exists() {
        anyhow::bail!("{} holds a database already; the demo makes its own, so name another folder", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder.clone())
}
