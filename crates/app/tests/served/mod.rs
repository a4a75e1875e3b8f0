//! A server over a database, in a process of its own.
#![allow(unreachable_pub, dead_code, clippy::unwrap_used, reason = "shared by tests")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, ended when dropped.
pub struct Server {
    /// Its address: `127.0.0.1:40123`.
    pub address: String,
    process: Child,
}

impl Server {
    /// Serves a database by its URL.
    pub fn start(url: &str) -> Server {
        Server::start_with(url, &[])
    }

    /// The same with further arguments.
    pub fn start_with(url: &str, args: &[&str]) -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut process = Command::new(env!("CARGO_BIN_EXE_quittance"))
            .env_remove("QUITTANCE_DATABASE_URL")
            .args(["--database", url, "serve", "--listen", &address])
            .args(args)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Asked again and again until it listens; that it does is what the test needs, not how soon.
        while TcpStream::connect(&address).is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "the server ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        Server { address, process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
