//! The configuration: `quittance.toml`, over it the environment, over that the flags.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use quittance_engine::records::{Sources, nearest};
use quittance_engine::settings::meant;
use quittance_http::limits::{LIMITS, Limits};

use crate::cli::GlobalArgs;
use crate::failure::Usage;
use crate::sources;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "quittance.toml";
/// The database that is used where none is named.
const DEFAULT_DATABASE: &str = "sqlite://quittance.db";
/// The keys of the file that are texts, and then its tables.
const KEYS: [&str; 9] = [
    "database",
    "network",
    "listen",
    "log_format",
    "trusted_proxies",
    "proxy_header",
    "webhook_allow",
    LIMITS_TABLE,
    IMPORT_TABLE,
];
/// The table of the limits.
const LIMITS_TABLE: &str = "limits";
/// The table of the sources of records, each a table in it.
const IMPORT_TABLE: &str = "import";
/// The variables of the environment. Clap reads them, together with the flags.
const VARIABLES: [&str; 9] = [
    "QUITTANCE_CONFIG",
    "QUITTANCE_DATABASE_URL",
    "QUITTANCE_LISTEN",
    "QUITTANCE_LOG_FORMAT",
    "QUITTANCE_NETWORK",
    "QUITTANCE_PROXY_HEADER",
    "QUITTANCE_PULL_KEY",
    "QUITTANCE_TRUSTED_PROXIES",
    "QUITTANCE_WEBHOOK_ALLOW",
];
/// What the variable of a limit begins with; its name follows in capitals.
const LIMIT_VARIABLE: &str = "QUITTANCE_LIMITS_";

/// The configuration of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The URL of the database.
    pub(crate) database: String,
    /// The name of the network that commands are about.
    pub(crate) network: Option<String>,
    /// The address to serve on, where the file has one.
    pub(crate) listen: Option<String>,
    /// How logs are written, where the file says it.
    pub(crate) log_format: Option<String>,
    /// The proxies that are believed, with commas between, where the file has some.
    pub(crate) trusted_proxies: Option<String>,
    /// The header in which they tell of clients, where the file says it.
    pub(crate) proxy_header: Option<String>,
    /// The addresses that webhooks may have although they are not public, with commas between, where the file has some.
    pub(crate) webhook_allow: Option<String>,
    /// The limits of a server, of the file and the environment.
    pub(crate) limits: Limits,
    /// The sources of records that can be named: those that are known, and those of the file.
    pub(crate) sources: Sources,
}

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
struct File {
    database: Option<String>,
    network: Option<String>,
    listen: Option<String>,
    log_format: Option<String>,
    trusted_proxies: Option<String>,
    proxy_header: Option<String>,
    webhook_allow: Option<String>,
    limits: Limits,
    sources: Sources,
}

/// Puts the configuration together.
///
/// # Errors
/// The file cannot be read or has a wrong key or value; a variable of the environment is misspelt.
pub(crate) fn load(args: &GlobalArgs) -> anyhow::Result<Config> {
    let variables = || std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    check_variables(variables().map(|(name, _)| name))?;
    let file = match &args.config {
        Some(path) => read(path)?,
        None if Path::new(DEFAULT_FILE).exists() => read(&PathBuf::from(DEFAULT_FILE))?,
        None => File::default(),
    };
    // An empty variable is as good as none: that is how many deployments leave one out.
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let mut limits = file.limits;
    for (name, value) in variables() {
        if let Some(limit) = name.strip_prefix(LIMIT_VARIABLE).filter(|_| !value.is_empty()) {
            let set = set_limit(&mut limits, &limit.to_lowercase(), &value.to_string_lossy());
            set.map_err(|detail| Usage(format!("{name}: {detail}")))?;
        }
    }
    Ok(Config {
        database: given(&args.database).or(file.database).unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
        network: given(&args.network).or(file.network),
        listen: file.listen,
        log_format: file.log_format,
        trusted_proxies: file.trusted_proxies,
        proxy_header: file.proxy_header,
        webhook_allow: file.webhook_allow,
        limits,
        sources: file.sources,
    })
}

/// Sets a limit by its name and a text.
///
/// # Errors
/// There is no such limit, or the text is not a number that it may be.
pub(crate) fn set_limit(limits: &mut Limits, name: &str, text: &str) -> Result<(), String> {
    let value = text.trim().parse().map_err(|_| format!("{name}: {text:?} is not a whole number"))?;
    limits.set(name, value).map_err(|refused| {
        let known: Vec<&str> = LIMITS.iter().map(|limit| limit.name).collect();
        refused.unwrap_or_else(|| format!("there is no limit {name:?}: {}", meant(name, &known)))
    })
}

fn read(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {shown}"))?;
    parse(&text).map_err(|detail| Usage(format!("{shown}: {detail}")).into())
}

fn parse(text: &str) -> Result<File, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())?;
    let mut file = File::default();
    for (key, value) in table {
        let slot = match (key.as_str(), &value) {
            ("database", _) => &mut file.database,
            ("network", _) => &mut file.network,
            ("listen", _) => &mut file.listen,
            ("log_format", _) => &mut file.log_format,
            ("trusted_proxies", _) => &mut file.trusted_proxies,
            ("proxy_header", _) => &mut file.proxy_header,
            ("webhook_allow", _) => &mut file.webhook_allow,
            (LIMITS_TABLE, toml::Value::Table(limits)) => {
                read_limits(limits, &mut file.limits)?;
                continue;
            }
            (LIMITS_TABLE, _) => return Err(format!("{key}: a table of limits is expected")),
            (IMPORT_TABLE, toml::Value::Table(table)) => {
                sources::read(table, &mut file.sources).map_err(|detail| format!("{key}.{detail}"))?;
                continue;
            }
            (IMPORT_TABLE, _) => return Err(format!("{key}: a table for each source is expected, [import.NAME]")),
            _ => return Err(format!("there is no key {key:?}: {}", meant(&key, &KEYS))),
        };
        match value {
            toml::Value::String(text) if !text.is_empty() => *slot = Some(text),
            _ => return Err(format!("{key}: a text in quotes is expected, not empty")),
        }
    }
    Ok(file)
}

fn read_limits(table: &toml::Table, limits: &mut Limits) -> Result<(), String> {
    table.iter().try_for_each(|(name, value)| set_limit(limits, name, &value.to_string()))
}

/// Refuses variables that are one of ours but for a letter or two, or the beginning of one. Others that begin alike are left alone:
/// container platforms make such for their own purposes.
fn check_variables(names: impl Iterator<Item = String>) -> Result<(), Usage> {
    let ours = |name: &str| VARIABLES.contains(&name) || name.starts_with(LIMIT_VARIABLE);
    let unknown = names.filter(|name| name.starts_with("QUITTANCE_") && !ours(name));
    for name in unknown {
        let near = VARIABLES.iter().map(|known| known.to_lowercase()).collect::<Vec<_>>();
        let begun = || near.iter().map(String::as_str).find(|known| known.starts_with(&name.to_lowercase()));
        if let Some(near) = nearest(&name, near.iter().map(String::as_str)).or_else(begun) {
            let detail = format!("the environment has {name}: did you mean {}?", near.to_uppercase());
            return Err(Usage(detail));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let file = parse("database = \"sqlite:///var/lib/q.db\"\nnetwork = \"Main\"\n").unwrap();
        assert_eq!(file.database.as_deref(), Some("sqlite:///var/lib/q.db"));
        assert_eq!(file.network.as_deref(), Some("Main"));
        assert_eq!(parse("").unwrap(), File::default());
    }

    #[test]
    fn the_limits_of_a_server_are_read() {
        let file = parse("listen = \"[::1]:80\"\nlog_format = \"json\"\n[limits]\nrequests_burst = 7\n").unwrap();
        assert_eq!(file.limits, Limits { requests_burst: 7, ..Limits::default() });
        assert_eq!((file.listen.as_deref(), file.log_format.as_deref()), (Some("[::1]:80"), Some("json")));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert_eq!(parse("databse = \"x\"").unwrap_err(), "there is no key \"databse\": did you mean database?");
        assert!(parse("colour = 1").unwrap_err().contains("known are database, network"));
        assert!(parse("[limits]\nbody_byte_max = 1").unwrap_err().ends_with("did you mean body_bytes_max?"));
        assert!(parse("limits = 1").unwrap_err().starts_with("limits: a table"));
        assert!(parse("[limits]\nlist_threads = \"4\"").unwrap_err().contains("not a whole number"));
        assert!(parse("[limits]\nlist_threads = 0").unwrap_err().contains("not between 1 and 64"));
        assert!(parse("database = 1").unwrap_err().starts_with("database: a text in quotes"));
        assert!(parse("database = ").is_err());
    }

    #[test]
    fn misspelt_variables_are_refused_and_foreign_ones_left_alone() {
        let check = |name: &str| check_variables(std::iter::once(name.to_owned())).map_err(|error| error.to_string());
        let refused = check("QUITTANCE_DATABSE_URL").unwrap_err();
        assert!(refused.ends_with("did you mean QUITTANCE_DATABASE_URL?"), "{refused}");
        assert!(check("QUITTANCE_DATABASE").unwrap_err().ends_with("did you mean QUITTANCE_DATABASE_URL?"));
        for fine in
            ["QUITTANCE_DATABASE_URL", "QUITTANCE_LISTEN", "QUITTANCE_PORT_8080_TCP", "QUITTANCE_SERVICE_HOST", "PATH"]
        {
            check(fine).unwrap();
        }
    }
}
