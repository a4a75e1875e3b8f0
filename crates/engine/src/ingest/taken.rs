//! Inputs that were imported whole before: what they say was said before, and puts nothing back.
//!
//! An input is known by the digest of its uncompressed bytes, which is known at its end. So that most need not be read
//! twice, the digest of the first bytes is looked for first: only an input that begins like a known one is read ahead.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use quittance_domain::time::Timestamp;
use quittance_store::inputs::{self, Input};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::{Call, Engine};

/// How many of the first bytes an input is looked for by.
const HEAD_BYTES: u64 = 64 * 1024;
/// How many bytes are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// A digest as text.
fn text(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where what was read of an input is told at its end.
#[derive(Debug, Default)]
pub(super) struct ReadWhole(Mutex<Option<Input>>);

impl ReadWhole {
    pub(super) fn tell(&self, input: Input) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(input);
    }

    /// The input, where it was read to its end.
    pub(super) fn input(&self) -> Option<Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An input on its way, which is digested as it is read.
pub(super) struct Digesting<'a> {
    inner: Box<dyn Read + Send + 'a>,
    head: String,
    digest: Sha256,
    bytes: u64,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<'a> Digesting<'a> {
    /// Begins with an input. Of one whose start is known the rest is read ahead: from `again`, where it can be read a second
    /// time, else into a temporary file. Answers also when the same was imported whole before.
    pub(super) fn begin(
        engine: &Engine,
        call: &Call,
        mut input: Box<dyn Read + Send + 'a>,
        again: Option<Box<dyn Read + 'a>>,
    ) -> Result<(Digesting<'a>, Option<Timestamp>)> {
        let failed = |error: std::io::Error| Error::invalid("", format!("the input cannot be read: {error}"));
        let mut head_bytes = Vec::new();
        // What comes before a place that cannot be read is good: it is told when the reader comes there.
        if let Err(error) = input.by_ref().take(HEAD_BYTES).read_to_end(&mut head_bytes) {
            input = Box::new(Broken(Some(error)));
        }
        let head = text(Sha256::new_with_prefix(&head_bytes));
        let known = engine.store.read(|tx| inputs::with_head(tx, call.network, &head))?;
        let begun = |rest: Box<dyn Read + Send + 'a>, head_bytes: Vec<u8>| Digesting {
            inner: Box::new(std::io::Cursor::new(head_bytes).chain(rest)),
            head: head.clone(),
            digest: Sha256::new(),
            bytes: 0,
        };
        if known.is_empty() {
            return Ok((begun(input, head_bytes), None));
        }
        let (digest, rest) = match again {
            Some(whole) => (digest_of(whole).unwrap_or_default(), input),
            None => {
                let mut digest = Sha256::new_with_prefix(&head_bytes);
                let (rest, broken) = spooled(input, &mut digest).map_err(failed)?;
                (text(digest), Box::new(rest.chain(Broken(broken))) as Box<dyn Read + Send + 'a>)
            }
        };
        let before = known.into_iter().find(|(known, _)| *known == digest).map(|(_, at)| at);
        Ok((begun(rest, head_bytes), before))
    }

    /// What was read, after its end.
    pub(super) fn end(mut self) -> std::io::Result<Input> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(Input { head: self.head, digest: text(self.digest), bytes: self.bytes })
    }
}

fn digest_of(mut whole: impl Read) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = whole.read(&mut buffer)?;
        if read == 0 {
            return Ok(text(digest));
        }
        digest.update(&buffer[..read]);
    }
}

/// The end of an input, where it cannot be read any further.
struct Broken(Option<std::io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The rest of a stream in a temporary file, digested, and why it ends early.
fn spooled(mut rest: impl Read, digest: &mut Sha256) -> std::io::Result<(File, Option<std::io::Error>)> {
    let mut file = tempfile::tempfile()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let broken = loop {
        match rest.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => {
                digest.update(&buffer[..read]);
                std::io::Write::write_all(&mut file, &buffer[..read])?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Some(error),
        }
    };
    file.seek(SeekFrom::Start(0))?;
    Ok((file, broken))
}

/// What a file that can be read at any place is known by, and when it was imported whole before.
pub(super) fn of_file(engine: &Engine, call: &Call, file: &mut File) -> Result<(Input, Option<Timestamp>)> {
    let failed = |error: std::io::Error| Error::invalid("", format!("the input cannot be read: {error}"));
    let mut read = || {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let digest = digest_of(&mut *file)?;
        let bytes = file.stream_position()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Input { head: text(Sha256::new_with_prefix(&head)), digest, bytes })
    };
    let input = read().map_err(failed)?;
    let known = engine.store.read(|tx| inputs::with_head(tx, call.network, &input.head))?;
    let before = known.into_iter().find(|(digest, _)| *digest == input.digest).map(|(_, at)| at);
    Ok((input, before))
}

/// Remembers an input that was imported whole.
pub(super) fn remember(engine: &Engine, call: &Call, input: &Input) -> Result<()> {
    engine.store.write(|tx| Ok(inputs::add(tx, call.network, input, call.now)?))
}
