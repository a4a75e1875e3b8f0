//! The lists of an account, one after the other, page by page.

use std::collections::BTreeSet;

use quittance_domain::time::Day;
use quittance_engine::ingest::IngestCounts;
use quittance_engine::{Call, Engine};
use serde_json::Value;

use super::answer::ask;
use super::place::{Place, UnderWay};
use super::write::{self, Written};
use super::{Dialect, Error, Event, Fetch, Options, Outcome, Page, Paging, Resource, Result, Source, Want};

/// An account's address as it is used and kept: without slashes at its end, and without what belongs to the paths.
///
/// # Errors
/// It is no address, or holds more than that.
pub fn base(source: Source, address: &str) -> Result<String> {
    let wrong = || Error::Address(without_credentials(address));
    let trimmed = address.trim().trim_end_matches('/');
    let trimmed = trimmed.strip_suffix(source.0.trailing()).unwrap_or(trimmed).trim_end_matches('/');
    let (scheme, rest) = trimmed.split_once("://").ok_or_else(wrong)?;
    let scheme = scheme.to_ascii_lowercase();
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let plain = |c: char| c.is_ascii_graphic() && !"@?#\"<>\\^`{|}".contains(c);
    if !["http", "https"].contains(&scheme.as_str()) || host.is_empty() || !rest.chars().all(plain) {
        return Err(wrong());
    }
    let host = host.to_ascii_lowercase();
    Ok(path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}")))
}

/// An address without what may be a secret: who is named before the host, and the query.
fn without_credentials(address: &str) -> String {
    let plain = address.split(['?', '#']).next().unwrap_or_default();
    match (plain.split_once("://"), plain.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => plain.to_owned(),
    }
}

/// A pull while it goes on.
pub(super) struct Pulling<'a> {
    pub(super) engine: &'a Engine,
    pub(super) call: &'a Call,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) options: &'a Options,
    pub(super) fetch: &'a mut dyn Fetch,
    pub(super) tell: &'a mut dyn FnMut(Event),
    pub(super) outcome: Outcome,
    /// The account has answered before.
    pub(super) answered: bool,
}

/// Where in a list, or in a window of it, reading is.
struct Cursor {
    page: u64,
    read: u64,
    days: (Day, Day),
    changed_from: Option<Day>,
}

impl Pulling<'_> {
    /// Reads every list.
    pub(super) fn all(&mut self) -> Result<()> {
        for resource in self.dialect.resources() {
            match resource {
                Resource::Conversions => self.conversions()?,
                _ => self.entries(*resource)?,
            }
        }
        Ok(())
    }

    /// The next page, how many rows were sent for it, and whether it is the last one.
    fn page(&mut self, resource: Resource, at: &Cursor, before: &Page) -> Result<(Page, u64, bool)> {
        let most = self.dialect.rows(resource);
        let rows = self.options.rows.map_or(most, |rows| rows.min(most));
        let key = &self.options.key;
        let want =
            Want { resource, page: at.page, read: at.read, rows, days: at.days, changed_from: at.changed_from, key };
        let mut request = self.dialect.request(&want);
        request.url = format!("{}{}", self.options.base, request.url);
        let body = ask(self.dialect, &request, self.fetch, self.tell, &mut self.answered)?;
        let unexpected = |reason: &str| Error::Unexpected { url: request.url.clone(), reason: reason.to_owned() };
        let mut page = self.dialect.page(resource, &body).map_err(|reason| unexpected(&reason))?;
        let sent = page.rows.len() as u64;
        let read = at.read + sent;
        let last = match (self.dialect.paging(), page.total) {
            (Paging::Numbered, Some(total)) => read >= total,
            (Paging::Counted, Some(total)) => read > total,
            (_, None) => sent < rows,
        };
        if self.dialect.paging() == Paging::Counted && page.rows.first() == before.rows.last() && sent > 0 {
            page.rows.remove(0);
        }
        if !page.rows.is_empty() && page.rows == before.rows {
            return Err(unexpected("the same page comes again and again"));
        }
        let ended = page.rows.is_empty();
        Ok((page, sent, last || ended))
    }

    /// Adds what became of a page, and tells it.
    fn take(&mut self, resource: Resource, rows: &[Value], written: Written) {
        let mut counts = written.counts;
        counts.rejected += written.rejected.len() as u64;
        for (row, reason) in written.rejected {
            let record = rows.get(row).map(Value::to_string).unwrap_or_default();
            (self.tell)(Event::Rejected { resource, record, reason });
        }
        self.outcome.count(resource, counts);
        let of_it = self.outcome.pulled.iter().find(|pulled| pulled.resource == resource);
        let rows = of_it.map_or(0, |pulled| pulled.counts.total());
        (self.tell)(Event::Read { resource, rows });
    }

    /// A whole list of parties or offers.
    fn entries(&mut self, resource: Resource) -> Result<()> {
        let today = self.options.zone.day_of(self.call.now);
        let mut at = Cursor { page: 1, read: 0, days: (today, today), changed_from: None };
        let mut before = Page::default();
        let mut unnumbered = BTreeSet::new();
        self.outcome.count(resource, IngestCounts::default());
        loop {
            let (page, sent, last) = self.page(resource, &at, &before)?;
            let entries: Vec<_> = page.rows.iter().map(|row| self.dialect.entry(resource, row)).collect();
            let entries = write::Entries { resource, entries, unnumbered: &mut unnumbered };
            let (written, advertisers) = entries.write(self.engine, self.call)?;
            self.take(resource, &page.rows, written);
            if advertisers > 0 {
                let counts = IngestCounts { created: advertisers, ..IngestCounts::default() };
                self.outcome.count(Resource::Advertisers, counts);
            }
            if last {
                break;
            }
            at.page += 1;
            at.read += sent;
            before = page;
        }
        if !unnumbered.is_empty() {
            let count = unnumbered.len();
            (self.tell)(Event::Note(format!(
                "{count} advertisers have ids that are no numbers: their offers and conversions are read without an \
                 advertiser"
            )));
        }
        Ok(())
    }

    /// The conversions, window by window.
    fn conversions(&mut self) -> Result<()> {
        let source = format!("{} {}", self.dialect.name(), self.options.base);
        let resource = Resource::Conversions.as_str();
        let kept = self.engine.pull_place(self.call, &source, resource)?;
        // What cannot be read was written by a later version; reading anew does no harm.
        let mut place: Place = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let mut reach = self.dialect.reach();
        reach.window_days = self.options.window_days.unwrap_or(reach.window_days);
        let mut under_way = place.begin(self.call.now, &self.options.zone, self.options.since, reach);
        self.outcome.count(Resource::Conversions, IngestCounts::default());
        loop {
            self.window(&source, &mut place, &mut under_way)?;
            let ended = under_way.next_window();
            self.keep(&source, &mut place, &under_way, ended)?;
            if ended {
                return Ok(());
            }
        }
    }

    fn window(&mut self, source: &str, place: &mut Place, under_way: &mut UnderWay) -> Result<()> {
        let mut before = Page::default();
        loop {
            let at = Cursor {
                page: under_way.page,
                read: under_way.read,
                days: under_way.days(),
                changed_from: under_way.changed_from(),
            };
            let (page, sent, last) = self.page(Resource::Conversions, &at, &before)?;
            let said: Vec<_> = page.rows.iter().map(|row| self.dialect.conversion(row)).collect();
            let zone = &self.options.zone;
            let written = write::conversions(self.engine, self.call, &said, zone, self.options.create_missing)?;
            self.take(Resource::Conversions, &page.rows, written);
            if last {
                return Ok(());
            }
            under_way.next_page(sent);
            self.keep(source, place, under_way, false)?;
            before = page;
        }
    }

    fn keep(&self, source: &str, place: &mut Place, under_way: &UnderWay, ended: bool) -> Result<()> {
        place.keep(under_way, ended);
        let text = serde_json::to_string(place).map_err(|error| Error::Unexpected {
            url: self.options.base.clone(),
            reason: format!("how far it was read cannot be kept: {error}"),
        })?;
        Ok(self.engine.keep_pull_place(self.call, source, Resource::Conversions.as_str(), &text)?)
    }
}
