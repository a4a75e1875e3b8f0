//! The file of refused rows that a command leaves behind.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::failure::note;
use crate::output::grouped;

/// How many refused rows are named on standard error; the file has all.
pub(crate) const REJECTED_SHOWN: u64 = 10;

/// A file of refused rows. It is made with the first one; that of an earlier command is removed.
pub(crate) struct Rejected {
    path: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
    failure: Option<csv::Error>,
    /// How many rows there were.
    pub(crate) count: u64,
}

impl Rejected {
    /// One at a path.
    pub(crate) fn at(path: PathBuf) -> Rejected {
        // What an earlier command left would be taken for this one's.
        let _ = std::fs::remove_file(&path);
        Rejected { path, writer: None, failure: None, count: 0 }
    }

    /// Adds a row; the header is written with the first one. What cannot be written is said at the end.
    pub(crate) fn add(&mut self, header: impl FnOnce() -> csv::ByteRecord, row: &csv::ByteRecord) {
        self.count += 1;
        if self.failure.is_none() {
            self.failure = self.write(header, row).err();
        }
    }

    fn write(&mut self, header: impl FnOnce() -> csv::ByteRecord, row: &csv::ByteRecord) -> Result<(), csv::Error> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = BufWriter::new(File::create(&self.path)?);
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                writer.write_byte_record(&header())?;
                self.writer.insert(writer)
            }
        };
        writer.write_byte_record(row)
    }

    /// Ends the file, and says where it is.
    ///
    /// # Errors
    /// A row could not be written.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        if let Some(error) = self.failure.take() {
            return Err(error).with_context(|| format!("{} cannot be written", self.path.display()));
        }
        if let Some(writer) = self.writer.take() {
            let mut file = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
            file.flush()?;
            note(&format!("{} rejected rows are in {}", grouped(self.count), self.path.display()));
        }
        Ok(())
    }
}
