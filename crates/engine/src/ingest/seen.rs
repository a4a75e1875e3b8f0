//! Which rows of one input have named an id before: two rows of one id may be two conversions.
//!
//! Of a whole file only what a revision needs is kept, sixteen bytes a row: the newest rows in memory, the older ones
//! in a temporary file as sorted runs, which are looked into where a row changes what another one may have said.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::revision::describes;

use super::Positioned;

/// How many rows are kept in memory before they go into a run: as many as a table of a million places holds.
const RECENT_ROWS: usize = 900_000;
/// How many rows of a run are read at a time.
const BLOCK_ROWS: usize = 128;
/// A row takes its id's hash and its place.
const ROW_BYTES: usize = 16;

/// A row of the same input that named an id before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EarlierRow {
    /// Its place in the input.
    pub(super) position: u64,
    /// It says when the tracker changed it.
    pub(super) dated: bool,
}

impl EarlierRow {
    fn of(Positioned { position, record }: &Positioned) -> EarlierRow {
        EarlierRow { position: *position, dated: record.updated_at.is_some() }
    }

    fn packed(self) -> u64 {
        self.position << 1 | u64::from(self.dated)
    }

    fn unpacked(packed: u64) -> EarlierRow {
        EarlierRow { position: packed >> 1, dated: packed & 1 == 1 }
    }
}

/// Where the rows of an input that came before are found.
pub(super) enum Rows<'a> {
    /// In what was kept of a whole file.
    File(&'a Seen),
    /// In the batch itself.
    Batch {
        /// The batch.
        records: &'a [Positioned],
        /// The first row of each id, once one was asked for.
        first: OnceCell<HashMap<&'a str, EarlierRow>>,
    },
}

impl<'a> Rows<'a> {
    pub(super) fn of_batch(records: &'a [Positioned]) -> Rows<'a> {
        Rows::Batch { records, first: OnceCell::new() }
    }

    /// The first row of the input that says something of the conversion that a record is of, where it comes before it.
    pub(super) fn before(&self, record: &ConversionRecord, position: u64) -> std::io::Result<Option<EarlierRow>> {
        let first = match self {
            Rows::File(seen) => seen.first(&record.conversion_id)?,
            Rows::Batch { records, first } => {
                let first = first.get_or_init(|| {
                    let mut first = HashMap::with_capacity(records.len());
                    for row in records.iter().filter(|row| describes(&row.record)) {
                        first.entry(&*row.record.conversion_id).or_insert_with(|| EarlierRow::of(row));
                    }
                    first
                });
                first.get(&*record.conversion_id).copied()
            }
        };
        Ok(first.filter(|row| row.position < position))
    }

    /// A place as whoever sent the input finds it.
    pub(super) fn place(&self, position: u64) -> String {
        match self {
            Rows::File(_) => format!("line {position}"),
            Rows::Batch { .. } => format!("the record at position {position}"),
        }
    }
}

/// The rows of a file so far.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Runs>);

#[derive(Debug, Default)]
struct Runs {
    recent: HashMap<u64, u64>,
    file: Option<File>,
    written: u64,
    runs: Vec<Run>,
}

/// Rows in the order of their hashes.
#[derive(Debug)]
struct Run {
    /// The first hash of each block.
    blocks: Vec<u64>,
    rows: Kept,
}

#[derive(Debug)]
enum Kept {
    /// From this byte of the temporary file on; so many rows.
    File { start: u64, rows: usize },
    /// Where there is no room for temporary files.
    Memory(Vec<(u64, u64)>),
}

impl Seen {
    /// Remembers rows that are on their way to be ingested.
    pub(super) fn add<'r>(&self, rows: impl Iterator<Item = &'r Positioned>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.filter(|row| describes(&row.record)) {
            let packed = EarlierRow::of(row).packed();
            runs.recent.entry(hash(&row.record.conversion_id)).or_insert(packed);
            if runs.recent.len() >= RECENT_ROWS {
                runs.sort_away();
            }
        }
    }

    fn first(&self, id: &str) -> std::io::Result<Option<EarlierRow>> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = hash(id);
        for at in 0..runs.runs.len() {
            if let Some(packed) = runs.in_run(at, hash)? {
                return Ok(Some(EarlierRow::unpacked(packed)));
            }
        }
        Ok(runs.recent.get(&hash).copied().map(EarlierRow::unpacked))
    }
}

impl Runs {
    /// Makes a run of the recent rows.
    fn sort_away(&mut self) {
        let mut rows: Vec<(u64, u64)> = self.recent.drain().collect();
        rows.sort_unstable();
        let blocks = rows.chunks(BLOCK_ROWS).filter_map(|block| block.first()).map(|(hash, _)| *hash).collect();
        let rows = self.write(&rows).unwrap_or(Kept::Memory(rows));
        self.runs.push(Run { blocks, rows });
    }

    fn write(&mut self, rows: &[(u64, u64)]) -> std::io::Result<Kept> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile()?);
        }
        let Some(file) = &mut self.file else { return Err(std::io::Error::other("no temporary file")) };
        let start = self.written;
        file.seek(SeekFrom::Start(start))?;
        let mut out = std::io::BufWriter::new(&mut *file);
        for (hash, packed) in rows {
            out.write_all(&hash.to_le_bytes())?;
            out.write_all(&packed.to_le_bytes())?;
        }
        out.flush()?;
        drop(out);
        self.written += (rows.len() * ROW_BYTES) as u64;
        Ok(Kept::File { start, rows: rows.len() })
    }

    fn in_run(&mut self, at: usize, hash: u64) -> std::io::Result<Option<u64>> {
        let Some(run) = self.runs.get(at) else { return Ok(None) };
        let Some(block) = run.blocks.partition_point(|first| *first <= hash).checked_sub(1) else { return Ok(None) };
        let from = block * BLOCK_ROWS;
        let (start, rows) = match &run.rows {
            Kept::Memory(rows) => {
                let found = rows.binary_search_by_key(&hash, |(hash, _)| *hash);
                return Ok(found.ok().and_then(|place| rows.get(place)).map(|(_, packed)| *packed));
            }
            Kept::File { start, rows } => (*start, BLOCK_ROWS.min(rows - from)),
        };
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut bytes = vec![0; rows * ROW_BYTES];
        file.seek(SeekFrom::Start(start + (from * ROW_BYTES) as u64))?;
        file.read_exact(&mut bytes)?;
        let found = bytes.chunks_exact(ROW_BYTES).find(|row| row[..8] == hash.to_le_bytes());
        Ok(found.and_then(|row| row[8..].try_into().ok()).map(u64::from_le_bytes))
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use quittance_domain::ids::OfferId;
    use quittance_domain::time::Timestamp;

    use super::*;

    fn row(position: u64, id: &str) -> Positioned {
        let record = ConversionRecord {
            conversion_id: id.into(),
            offer_id: Some(OfferId::new(1)),
            ..ConversionRecord::default()
        };
        Positioned { position, record }
    }

    #[test]
    fn the_first_row_of_an_id_is_found_wherever_it_is_kept() {
        let seen = Seen::default();
        let mut dated = row(1, "dated");
        dated.record.updated_at = Some(Timestamp::from_micros(0));
        seen.add(std::iter::once(&dated));
        for part in 0..3_u64 {
            let rows: Vec<Positioned> =
                (0..500).map(|i| row(2 + part * 500 + i, &format!("c{}", part * 500 + i))).collect();
            seen.add(rows.iter());
            // One run in the file, one in memory, and the rest not sorted away.
            let mut runs = seen.0.lock().unwrap();
            match part {
                0 => runs.sort_away(),
                1 => {
                    let mut rows: Vec<(u64, u64)> = runs.recent.drain().collect();
                    rows.sort_unstable();
                    let blocks = rows.chunks(BLOCK_ROWS).map(|block| block[0].0).collect();
                    runs.runs.push(Run { blocks, rows: Kept::Memory(rows) });
                }
                _ => {}
            }
        }
        assert!(matches!(seen.0.lock().unwrap().runs[0].rows, Kept::File { rows: 501, .. }));
        let rows = Rows::File(&seen);
        for i in 0..1_500 {
            let again = row(10_000, &format!("c{i}"));
            let found = rows.before(&again.record, again.position).unwrap();
            assert_eq!(found, Some(EarlierRow { position: 2 + i, dated: false }));
        }
        let found = rows.before(&dated.record, 9).unwrap();
        assert_eq!(found, Some(EarlierRow { position: 1, dated: true }));
        assert_eq!(rows.before(&dated.record, 1).unwrap(), None, "it is no row before itself");
        assert_eq!(rows.before(&row(9, "other").record, 9).unwrap(), None);
    }
}
