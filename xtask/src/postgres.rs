//! A throw-away PostgreSQL cluster: found or installed, started on a free port, removed afterwards whatever happens.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// The variable in which the tests find the cluster's URL.
pub(crate) const VARIABLE: &str = "QUITTANCE_TEST_POSTGRES";

/// Whether a commit reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// No: the tests kill clients, not the server, and are faster so.
    Off,
    /// Yes: for measurements.
    Full,
}

/// A running cluster. Dropping it stops and removes it.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    server: Child,
}

/// The user that PostgreSQL runs as: it refuses root.
fn unprivileged() -> anyhow::Result<Option<String>> {
    if output("id", &["-u"])? != "0" {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if output("id", &["-u", user]).is_ok() {
            return Ok(Some(user.to_owned()));
        }
    }
    bail!("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

fn output(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).stderr(Stdio::null()).output()?;
    ensure!(output.status.success(), "{program} failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The folder of `initdb`: under Debian's, the newest, else on the path.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    versions.sort();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    versions.pop().map(|(_, bin)| bin).or_else(on_path)
}

/// Installs PostgreSQL where this is allowed without asking.
fn install() -> Option<PathBuf> {
    let root = output("id", &["-u"]).is_ok_and(|id| id == "0");
    if !root || output("apt-get", &["--version"]).is_err() {
        return None;
    }
    println!("installing PostgreSQL with apt-get");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let _ = apt(&["update"]);
    let installed = apt(&["install", "-y", "--no-install-recommends", "postgresql"]);
    installed.then(binaries).flatten()
}

impl Cluster {
    /// Starts a cluster; `None` where there is no PostgreSQL and it cannot be installed.
    ///
    /// # Errors
    /// In CI a missing PostgreSQL is an error; anywhere, one that does not start.
    pub(crate) fn start(durability: Durability) -> anyhow::Result<Option<Cluster>> {
        let Some(bin) = binaries().or_else(install) else {
            println!("PostgreSQL is missing: install it with `apt-get install postgresql`, or put initdb on the path");
            ensure!(std::env::var_os("CI").is_none(), "PostgreSQL is missing, and this is CI");
            return Ok(None);
        };
        let user = unprivileged()?;
        let folder = std::env::temp_dir().join(format!("quittance-postgres-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        if let Some(user) = &user {
            run(Command::new("chown").arg(user).arg(&folder))?;
        }
        let data = folder.join("data");
        let initdb = bin.join("initdb");
        let mut command = as_user(user.as_deref(), &initdb, &folder);
        command.args(["-A", "trust", "-U", "quittance", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        run(command.stdout(Stdio::null()))?;
        // Another process may take the port between our look and the server's start; then it is tried again.
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let server = serve(&bin, user.as_deref(), &folder, port, durability)?;
            let mut cluster = Cluster { folder: folder.clone(), port, server };
            cluster.watch()?;
            if cluster.wait_until_ready(&bin)? {
                return Ok(Some(cluster));
            }
            std::mem::forget(cluster);
        }
        bail!("PostgreSQL did not start: see {}", folder.join("log").display())
    }

    /// The URL of its maintenance database, as a superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://quittance@127.0.0.1:{}/postgres", self.port)
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }

    fn wait_until_ready(&mut self, bin: &Path) -> anyhow::Result<bool> {
        for _ in 0..600 {
            if self.server.try_wait()?.is_some() {
                return Ok(false);
            }
            let mut ready = Command::new(bin.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status()?.success() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(false)
    }

    /// A second process removes the cluster when this one is killed.
    fn watch(&self) -> anyhow::Result<()> {
        let script = format!(
            "while kill -0 {} 2>/dev/null; do sleep 1; done; kill -QUIT {} 2>/dev/null; sleep 1; rm -rf '{}'",
            std::process::id(),
            self.server.id(),
            self.folder.display()
        );
        let mut watchdog = Command::new("setsid");
        watchdog.args(["sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        watchdog.spawn()?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown.
        let _ = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn serve(bin: &Path, user: Option<&str>, folder: &Path, port: u16, durability: Durability) -> anyhow::Result<Child> {
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = as_user(user, &bin.join("postgres"), folder);
    command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=200".to_owned(),
        "shared_buffers=512MB".to_owned(),
        "max_wal_size=8GB".to_owned(),
    ];
    if durability == Durability::Off {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
        settings.extend(encryption(folder, user)?);
    }
    for setting in &settings {
        command.args(["-c", setting]);
    }
    let error = log.try_clone()?;
    command.stdin(Stdio::null()).stdout(log).stderr(error).spawn().context("postgres")
}

/// The certificate that the tests know. PostgreSQL wants the key for itself.
fn encryption(folder: &Path, user: Option<&str>) -> anyhow::Result<[String; 3]> {
    let certificates = crate::root().join("crates/testkit/tls");
    for name in ["server.pem", "server.key"] {
        let copy = folder.join(name);
        std::fs::copy(certificates.join(name), &copy)?;
        std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        if let Some(user) = user {
            run(Command::new("chown").arg(user).arg(&copy))?;
        }
    }
    let file = |name: &str| folder.join(name).display().to_string();
    Ok([
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file("server.pem")),
        format!("ssl_key_file={}", file("server.key")),
    ])
}

/// A command as an unprivileged user, in a folder that this user can read.
fn as_user(user: Option<&str>, program: &Path, folder: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), "--clear-groups", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(folder).env("HOME", folder);
    command
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
