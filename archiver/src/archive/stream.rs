//! One stream of a run: its files in order, its open segments in a row.

use std::sync::atomic::Ordering;

use strongroom_crypto::SegmentId;
use strongroom_crypto::keys::DataKey;

use super::inputs::{Job, prefix_mac};
use super::upload::Identity;
use super::{ArchiveError, Pending, Run, lock};
use crate::batch::{Placed, Row, Way};
use crate::config::Stream;
use crate::segment::{NewRecord, OpenSegment, Shape, Shaper};
use crate::source::{Follow, Framed, Options, PREFIX_BYTES, Reader};

/// Bytes between two looks at the stop flag and two reports of progress.
const TICK_BYTES: u64 = 1 << 20;

/// A stream being read.
struct Work<'r, 'a> {
    run: &'r Run<'a>,
    stream: &'r Stream,
    index: usize,
    received_us: i64,
    row: Row,
    shaper: Shaper,
    identities: Vec<Identity>,
    /// Stored segments, by their place in the row.
    stored: Vec<(u64, Pending)>,
    read: u64,
}

impl Run<'_> {
    /// Reads what is new in a stream, seals and stores it, and queues it for the claim.
    pub(super) fn stream(&self, index: usize) -> Result<(), ArchiveError> {
        let Some(stream) = self.request.streams.get(index) else { return Ok(()) };
        let jobs = self.jobs(stream)?;
        let received_us = lock(&self.log).now()?.unix_ms() * 1_000;
        let mut work = Work {
            run: self,
            stream,
            index,
            received_us,
            row: Row::new(received_us.div_euclid(86_400_000_000)),
            shaper: Shaper::default(),
            identities: Vec::new(),
            stored: Vec::new(),
            read: 0,
        };
        for job in jobs {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            work.file(&job)?;
        }
        while let Some(placed) = work.row.take_next() {
            work.store(placed)?;
        }
        work.hand_over()?;
        lock(&self.shared).report.events_read += work.read;
        Ok(())
    }

    fn open_segment(&self, stream: &str, received_us: i64) -> Result<OpenSegment, ArchiveError> {
        let mut entropy = lock(&self.entropy);
        let ms = u64::try_from(received_us / 1_000).unwrap_or(0);
        let id = SegmentId::new(ms, &mut **entropy)
            .map_err(|error| ArchiveError::Format(error.to_string()))?;
        let key = DataKey::generate(&mut **entropy);
        Ok(OpenSegment::new(self.keyring.archive_id(), id, stream, key))
    }
}

impl Work<'_, '_> {
    /// Reads a file on. What is wrong with it is reported; the run goes on with the others.
    fn file(&mut self, job: &Job) -> Result<(), ArchiveError> {
        let Some(source) = self.stream.sources.get(job.source) else { return Ok(()) };
        let now_ms = u64::try_from(self.received_us / 1_000).unwrap_or(0);
        let max_age_ms =
            u64::try_from(self.run.request.limits.max_age.as_millis()).unwrap_or(u64::MAX);
        let options = Options {
            format: source.format,
            start_rule: source.start_rule.clone(),
            max_record: self.run.request.limits.max_record_bytes,
            follow: source.follow.then_some(Follow { now_ms, max_age_ms }),
        };
        let mut reader = match Reader::open(&job.path, &job.inspected, job.start, &options) {
            Ok(reader) => reader,
            Err(error) => {
                self.run.failure(&job.path.display().to_string(), &error);
                return Ok(());
            }
        };
        let prefix = job
            .inspected
            .prefix
            .get(..job.inspected.prefix.len().min(PREFIX_BYTES))
            .unwrap_or_default();
        self.identities.push(Identity {
            origin: job.origin.clone(),
            generation: job.generation,
            prefix_len: prefix.len(),
            prefix_mac: prefix_mac(&self.run.origin_key, prefix),
        });
        let (mut way, mut at, mut ticked) = (Way::default(), job.start, job.start);
        let complete = loop {
            match self.record(job, &mut reader, &mut way, &mut at) {
                Ok(true) => {}
                Ok(false) => break true,
                Err(ArchiveError::Source(error)) => {
                    self.run.failure(&job.path.display().to_string(), &error);
                    break false;
                }
                Err(error) => return Err(error),
            }
            if at >= ticked + TICK_BYTES {
                self.run.progress.read(at - ticked);
                ticked = at;
                if self.run.stop.load(Ordering::Relaxed) {
                    break true;
                }
            }
        };
        if complete {
            self.end_file(job, &mut reader, &mut way, &mut at)?;
        }
        self.run.progress.read(at - ticked);
        Ok(())
    }

    /// Moves one record into its segment; false at the end of the file.
    fn record(
        &mut self,
        job: &Job,
        reader: &mut Reader,
        way: &mut Way,
        at: &mut u64,
    ) -> Result<bool, ArchiveError> {
        let Some(record) = reader.next_record()? else { return Ok(false) };
        let shape = match record.parse {
            Framed::Json => self.shaper.shape(record.raw),
            Framed::Text | Framed::Broken => Shape { template: None, json: false, time_us: None },
        };
        let rejected = match record.parse {
            Framed::Json => !shape.json,
            Framed::Broken => true,
            Framed::Text => false,
        };
        let (run, stream, received_us) = (self.run, &self.stream.name, self.received_us);
        let placed =
            self.row.place(way, shape.time_us, |_| run.open_segment(stream, received_us))?;
        let range = placed.segment.range(&job.origin, job.generation, *at);
        placed.segment.append(
            &self.shaper,
            shape,
            &NewRecord {
                range,
                received_us,
                offset: record.offset,
                lead: record.lead,
                raw: record.raw,
                rejected,
            },
        )?;
        *at = record.offset + u64::try_from(record.raw.len()).unwrap_or(0);
        self.read += 1;
        while let Some(mut full) = self.row.take_full(&run.request.limits, run.memory) {
            if way.is_at(full.order) {
                let end = reader.end_range();
                let range = full.segment.range(&job.origin, job.generation, *at);
                full.segment.set_tail(range, end.tail);
                *at = end.end_offset;
            }
            self.store(full)?;
        }
        Ok(true)
    }

    /// Gives the bytes after the last record to the segment that has the last range, or to a new one if there were no records.
    fn end_file(
        &mut self,
        job: &Job,
        reader: &mut Reader,
        way: &mut Way,
        at: &mut u64,
    ) -> Result<(), ArchiveError> {
        let end = reader.end_range();
        if end.end_offset == *at {
            return Ok(());
        }
        *at = end.end_offset;
        let (run, stream, received_us) = (self.run, &self.stream.name, self.received_us);
        let start = end.end_offset - u64::try_from(end.tail.len()).unwrap_or(0);
        let placed = match self.row.current(way) {
            Some(placed) => placed,
            None => self.row.place(way, None, |_| run.open_segment(stream, received_us))?,
        };
        let range = placed.segment.range(&job.origin, job.generation, start);
        placed.segment.set_tail(range, end.tail);
        Ok(())
    }

    fn store(&mut self, placed: Placed) -> Result<(), ArchiveError> {
        let order = placed.order;
        let received_day = self.received_us.div_euclid(86_400_000_000);
        let pending =
            self.run.store(self.index, placed, &self.shaper, received_day, &self.identities)?;
        self.stored.push((order, pending));
        if self.row.is_empty() && self.shaper.is_full() {
            self.shaper = Shaper::default();
        }
        self.hand_over()
    }

    /// Queues what no open segment has to precede.
    fn hand_over(&mut self) -> Result<(), ArchiveError> {
        let first_open = self.row.first_open().unwrap_or(u64::MAX);
        self.stored.sort_by_key(|(order, _)| *order);
        let ready = self.stored.iter().take_while(|(order, _)| *order < first_open).count();
        let ready = self.stored.drain(..ready).map(|(_, pending)| pending).collect();
        self.run.queue(ready)
    }
}
