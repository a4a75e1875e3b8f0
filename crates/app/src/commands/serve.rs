//! `quittance serve`: the HTTP interfaces, until the process is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderName;
use clap::Args;
use quittance_engine::addresses::AddressRanges;
use quittance_engine::records::Sources;
use quittance_engine::{Call, Engine};
use quittance_http::client::Proxies;
use quittance_http::{AppState, Limits, listen, measure};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock;
use crate::config::{Config, set_limit};
use crate::context::Context;
use crate::failure::{Exit, Usage};
use crate::logs;
use crate::webhooks::{Http, Worker};

/// Where a server listens unless it is told.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// How long requests that are under way may take when the server stops.
const STOP_SECONDS: u64 = 8;
/// How often answers kept for repeats are cleared away once they are too old.
const PURGE_SECONDS: u64 = 600;

/// How often it is noted which keys were used.
const KEY_USES_SECONDS: u64 = 60;
/// How often the schedule is looked at.
const SCHEDULE_SECONDS: u64 = 60;

/// Serves the HTTP interfaces.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to serve on [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", env = "QUITTANCE_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// How logs are written to standard error: text or json [default: text].
    #[arg(long, value_name = "FORMAT", env = "QUITTANCE_LOG_FORMAT", hide_env_values = true)]
    log_format: Option<String>,
    /// Sets a limit, as body_bytes_max=1048576; may be repeated. docs/operations.md lists all.
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// Proxies that are believed whom they stand for: addresses or ranges with commas between.
    #[arg(long, value_name = "RANGES", env = "QUITTANCE_TRUSTED_PROXIES", hide_env_values = true)]
    trusted_proxies: Option<String>,
    /// The header in which they say it [default: X-Forwarded-For].
    #[arg(long, value_name = "NAME", env = "QUITTANCE_PROXY_HEADER", hide_env_values = true)]
    proxy_header: Option<String>,
    /// Addresses that webhooks may have although they are not public: addresses or ranges with commas between.
    #[arg(long, value_name = "RANGES", env = "QUITTANCE_WEBHOOK_ALLOW", hide_env_values = true)]
    webhook_allow: Option<String>,
    /// Checks the configuration and the database, and stops.
    #[arg(long)]
    check: bool,
}

/// What a server is told besides its address.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    limits: Limits,
    proxies: Proxies,
    webhooks: AddressRanges,
    sources: Sources,
}

impl Serve {
    /// Does it.
    ///
    /// # Errors
    /// The database cannot be used, or the address is taken.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let listen = given(&self.listen).or(context.config.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
        let format = given(&self.log_format).or(context.config.log_format.as_deref()).unwrap_or(logs::FORMATS[0]);
        if !logs::FORMATS.contains(&format) {
            return Err(Usage(format!("log_format: {format:?} is none of {}", logs::FORMATS.join(", "))).into());
        }
        let limits = self.limits(context.config.limits)?;
        let webhooks = ranges("webhook_allow", &self.webhook_allow, &context.config.webhook_allow)?;
        let (proxies, sources) = (self.proxies(&context.config)?, context.config.sources.clone());
        let surroundings = Surroundings { limits, proxies, webhooks, sources };
        let engine = context.engine()?;
        if self.check {
            engine.ready()?;
            listen.parse::<std::net::SocketAddr>().with_context(|| format!("listen: {listen}"))?;
            crate::output::line("The configuration and the database are good.")?;
            return Ok(Exit::Done);
        }
        let _traces = logs::start(format)?;
        serve(engine, listen, surroundings)
    }

    /// The proxies in front of the server.
    fn proxies(&self, config: &Config) -> anyhow::Result<Proxies> {
        let none = Proxies::default();
        let header = match given(&self.proxy_header).or(config.proxy_header.as_deref()) {
            None => none.header,
            Some(name) => {
                let wrong = |_| Usage(format!("proxy_header: {name:?} is no name of a header"));
                HeaderName::try_from(name).map_err(wrong)?
            }
        };
        Ok(Proxies { trusted: ranges("trusted_proxies", &self.trusted_proxies, &config.trusted_proxies)?, header })
    }

    /// The limits of the configuration, and over them those of the flags.
    fn limits(&self, mut limits: Limits) -> Result<Limits, Usage> {
        for given in &self.limits {
            let (name, value) =
                given.split_once('=').ok_or_else(|| Usage(format!("--limit {given}: NAME=VALUE is expected")))?;
            set_limit(&mut limits, name.trim(), value).map_err(|detail| Usage(format!("--limit: {detail}")))?;
        }
        Ok(limits)
    }
}

/// A flag or variable that is not empty.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

/// The ranges of addresses that a flag or the file names, with commas between.
fn ranges(name: &str, flag: &Option<String>, file: &Option<String>) -> anyhow::Result<AddressRanges> {
    let text = given(flag).or(file.as_deref()).unwrap_or("");
    let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    Ok(AddressRanges::parse(name, texts).map_err(|error| Usage(format!("{name}: {error}")))?)
}

/// Serves over an engine until SIGTERM or Ctrl-C.
///
/// # Errors
/// The address is taken or not valid.
pub(crate) fn serve(engine: Engine, listen: &str, surroundings: Surroundings) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(listen_until_stopped(engine, listen, surroundings))?;
    // A use case that is still running has its transaction; it commits or is rolled back with the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(Exit::Done)
}

async fn listen_until_stopped(engine: Engine, listen: &str, surroundings: Surroundings) -> anyhow::Result<()> {
    let Surroundings { limits, proxies, webhooks, sources } = surroundings;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another server there?"))?;
    let metrics = measure::record().ok();
    let state = AppState::new(Arc::new(engine), Arc::new(clock::now), limits, metrics).behind(proxies);
    let state = state.knowing(sources).with_secrets(Arc::new(|| clock::secret().ok()));
    tracing::info!(address = %listener.local_addr()?, "serving");
    tokio::spawn(purge(state.clone()));
    tokio::spawn(schedule(state.clone()));
    tokio::spawn(note_key_uses(state.clone()));
    let worker = Worker::start(Arc::clone(&state.engine), Arc::new(Http::open(webhooks)), Arc::clone(&state.clock));
    let (told, stopping) = tokio::sync::oneshot::channel();
    let until_told = async {
        until_told().await;
        let _ = told.send(());
    };
    let uses = state.clone();
    tokio::select! {
        () = listen::serve(listener, routes(state), limits, until_told) => {}
        () = grace(stopping) => tracing::warn!("requests that took too long were ended"),
    }
    drop(worker);
    note(&uses).await;
    tracing::info!("stopped");
    Ok(())
}

/// All interfaces.
fn routes(state: AppState) -> axum::Router {
    let routes = quittance_api::routes(state);
    #[cfg(feature = "otlp")]
    let routes = crate::traces::continued(routes);
    routes
}

/// Waits for SIGTERM or Ctrl-C.
async fn until_told() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
}

/// Ends when the server was told to stop and the time for what is under way is over.
async fn grace(stopping: tokio::sync::oneshot::Receiver<()>) {
    if stopping.await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_secs(STOP_SECONDS)).await;
}

async fn purge(state: AppState) {
    loop {
        tokio::time::sleep(Duration::from_secs(PURGE_SECONDS)).await;
        let now = (state.clock)();
        if let Err(problem) = state.run(move |engine| engine.purge_idempotency(now)).await {
            tracing::warn!(detail = %problem.detail, "old answers could not be cleared away");
        }
        let purged = state.run(move |engine| {
            engine.purge_deliveries(now)?;
            engine.purge_events(now)
        });
        if let Err(problem) = purged.await {
            tracing::warn!(detail = %problem.detail, "old events could not be cleared away");
        }
    }
}

/// Notes when keys were last used, once a minute.
async fn note_key_uses(state: AppState) {
    loop {
        tokio::time::sleep(Duration::from_secs(KEY_USES_SECONDS)).await;
        note(&state).await;
    }
}

async fn note(state: &AppState) {
    let uses = state.key_uses.take();
    if let Err(problem) = state.run(move |engine| engine.note_key_uses(&uses)).await {
        tracing::warn!(detail = %problem.detail, "when keys were used could not be noted");
    }
}

/// Who does what is due, in the history.
const SCHEDULER: &str = "schedule";

/// Does what is due of every network, again and again. Several servers may do the same: each run is made once.
async fn schedule(state: AppState) {
    loop {
        let now = (state.clock)();
        let networks = state.run(move |engine| engine.networks()).await.unwrap_or_default();
        for network in networks {
            let call = Call { network: network.network_id, actor: SCHEDULER.to_owned(), now, claimed: None };
            match state.run(move |engine| engine.bill_due(&call, &mut |_| {})).await {
                Ok(report) => {
                    for run in report.runs {
                        let run_id = run.run_id.map_or(0, |id| id.get());
                        tracing::info!(network = %network.name, run_id, invoices = run.invoices(), "billed by schedule");
                    }
                }
                Err(problem) => {
                    tracing::error!(network = %network.name, detail = %problem.detail, "the schedule could not be kept");
                }
            }
        }
        match state.run(Engine::waiting_for_webhooks).await {
            Ok(waiting) => metrics::gauge!(measure::names::WEBHOOK_EVENTS).set(waiting as f64),
            Err(problem) => tracing::warn!(detail = %problem.detail, "what waits for webhooks could not be counted"),
        }
        tokio::time::sleep(Duration::from_secs(SCHEDULE_SECONDS)).await;
    }
}
