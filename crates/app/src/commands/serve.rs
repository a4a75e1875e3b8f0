//! `quittance serve`: the HTTP interfaces, until the process is told to stop.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use metrics_exporter_prometheus::PrometheusBuilder;
use quittance_engine::{Call, Engine};
use quittance_http::{AppState, Limits, listen};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::clock;
use crate::context::Context;
use crate::failure::Exit;

/// How long requests that are under way may take when the server stops.
const STOP_SECONDS: u64 = 8;
/// How often answers kept for repeats are cleared away once they are too old.
const PURGE_SECONDS: u64 = 600;

/// How often the schedule is looked at.
const SCHEDULE_SECONDS: u64 = 60;

/// Serves the HTTP interfaces.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to serve on.
    #[arg(
        long,
        default_value = "127.0.0.1:8080",
        value_name = "ADDR",
        env = "QUITTANCE_LISTEN",
        hide_env_values = true
    )]
    listen: String,
    /// How logs are written to standard error.
    #[arg(long, default_value = "text", value_parser = ["text", "json"], env = "QUITTANCE_LOG_FORMAT", hide_env_values = true)]
    log_format: String,
    /// Checks the configuration and the database, and stops.
    #[arg(long)]
    check: bool,
}

impl Serve {
    /// Does it.
    ///
    /// # Errors
    /// The database cannot be used, or the address is taken.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let engine = context.engine()?;
        if self.check {
            engine.ready()?;
            self.listen.parse::<std::net::SocketAddr>().with_context(|| format!("--listen: {}", self.listen))?;
            crate::output::line("The configuration and the database are good.")?;
            return Ok(Exit::Done);
        }
        log(&self.log_format);
        serve(engine, &self.listen)
    }
}

/// Logs to standard error; `RUST_LOG` sets how much.
fn log(format: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Only the first subscriber of a process counts, and there is only one.
    let _ = if format == "json" { subscriber.json().try_init() } else { subscriber.try_init() };
}

/// Serves over an engine until SIGTERM or Ctrl-C.
///
/// # Errors
/// The address is taken or not valid.
pub(crate) fn serve(engine: Engine, listen: &str) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(listen_until_stopped(engine, listen))?;
    // A use case that is still running has its transaction; it commits or is rolled back with the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(Exit::Done)
}

async fn listen_until_stopped(engine: Engine, listen: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another server there?"))?;
    let metrics = PrometheusBuilder::new().install_recorder().ok();
    let limits = Limits::default();
    let state = AppState::new(Arc::new(engine), Arc::new(clock::now), limits, metrics);
    tracing::info!(address = %listener.local_addr()?, "serving");
    tokio::spawn(purge(state.clone()));
    tokio::spawn(schedule(state.clone()));
    let (told, stopping) = tokio::sync::oneshot::channel();
    let until_told = async {
        until_told().await;
        let _ = told.send(());
    };
    tokio::select! {
        () = listen::serve(listener, quittance_api::routes(state), limits, until_told) => {}
        () = grace(stopping) => tracing::warn!("requests that took too long were ended"),
    }
    tracing::info!("stopped");
    Ok(())
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
        tokio::time::sleep(Duration::from_secs(SCHEDULE_SECONDS)).await;
    }
}
