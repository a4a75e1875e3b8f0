//! A server that webhooks are sent to: it remembers what it gets, and answers as it is told.
#![allow(unreachable_pub, dead_code, clippy::unwrap_used, reason = "shared by tests")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that has come whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its headers, in lower case.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: String,
    /// It was answered with success.
    pub taken: bool,
}

impl Received {
    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// What is done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer with this status and body.
    Status(u16, String),
    /// A redirect.
    Redirect(String),
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is closed.
    Close,
}

/// The server. It ends with the test.
pub struct Receiver {
    /// Its URL, without a path.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers each request as the function says of its number, counted from 0, and its path.
    pub fn start(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (log, reply) = (Arc::clone(&received), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &log, &*reply));
            }
        });
        Receiver { url, received }
    }

    /// What it has got so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Notes something that came another way.
    pub fn note(&self, received: Received) {
        self.received.lock().unwrap().push(received);
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Received>>, reply: &dyn Fn(usize, &str) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    // A client that was killed ends in the middle of a request: nothing of that counts.
    while let Some((path, headers, body)) = request(&mut reader) {
        let answer = {
            let mut log = log.lock().unwrap();
            let answer = reply(log.len(), &path);
            let taken = matches!(answer, Reply::Status(200..=299, _));
            log.push(Received { path, headers, body, taken });
            answer
        };
        let head = match &answer {
            Reply::Status(status, body) => {
                format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
            Reply::Redirect(to) => format!("HTTP/1.1 302 x\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
            Reply::Hang => {
                // Until the client gives up.
                let _ = reader.read(&mut [0]);
                return;
            }
            Reply::Close => return,
        };
        if writer.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, HashMap<String, String>, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((path, headers, String::from_utf8(body).ok()?))
}
