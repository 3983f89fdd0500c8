//! One stream of a run: its files in order, its open segments in a row.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::keys::DataKey;
use strongroom_retention::facts::Times;

use super::inputs::{Job, prefix_mac};
use super::upload::Identity;
use super::{ArchiveError, Pending, Run, lock};
use crate::batch::{Placed, Row, Way};
use crate::config::Stream;
use crate::segment::{NewRecord, OpenSegment, Shaper};
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
    /// Stored segments that an open one has to precede, by their place in the row.
    stored: Vec<(u64, Pending)>,
    read: u64,
}

/// A file being read.
struct Reading<'j> {
    job: &'j Job,
    reader: Reader,
    /// Its way along the row.
    way: Way,
    /// The decoded bytes up to here are in segments.
    at: u64,
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
            row: self.row(stream, received_us)?,
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

    /// An empty row for a receipt then, bounded by the policy that the stream's seals will name.
    fn row(&self, stream: &Stream, received_us: i64) -> Result<Row, ArchiveError> {
        let bug = |error: &dyn Display| ArchiveError::Format(error.to_string());
        let name = stream.name.parse().map_err(|error| bug(&error))?;
        let now = Timestamp::from_microsecond(received_us).map_err(|error| bug(&error))?;
        let sealing = self.policies.sealing(&name, None, Times::at(now), now);
        let skew = self.policies.future_skew(sealing.as_ref().map(|sealing| sealing.policy));
        Ok(Row::new(received_us, skew, sealing.map(|sealing| sealing.max_span)))
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
        let reader = match Reader::open(&job.path, &job.inspected, job.start, &options) {
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
            prefix_mac: prefix_mac(&self.run.origin_key, &self.stream.name, prefix),
        });
        let mut file = Reading { job, reader, way: Way::default(), at: job.start };
        let mut ticked = job.start;
        let complete = loop {
            match self.record(&mut file) {
                Ok(true) => {}
                Ok(false) => break true,
                Err(ArchiveError::Source(error)) => {
                    self.run.failure(&job.path.display().to_string(), &error);
                    break false;
                }
                Err(error) => return Err(error),
            }
            if file.at >= ticked + TICK_BYTES {
                self.run.progress.read(file.at - ticked);
                ticked = file.at;
                self.hurry(&mut file)?;
                if self.run.stop.load(Ordering::Relaxed) {
                    break true;
                }
            }
        };
        if complete {
            self.end_file(&mut file)?;
        }
        self.run.progress.read(file.at - ticked);
        Ok(())
    }

    /// Moves one record into its segment; false at the end of the file.
    fn record(&mut self, file: &mut Reading<'_>) -> Result<bool, ArchiveError> {
        let Some(record) = file.reader.next_record()? else { return Ok(false) };
        let shape = match record.parse {
            Framed::Json => self.shaper.shape(record.raw),
            Framed::Text | Framed::Broken => self.shaper.unframed(record.raw),
        };
        let rejected = match record.parse {
            Framed::Json => !shape.json,
            Framed::Broken => true,
            Framed::Text => false,
        };
        let (run, stream, received_us) = (self.run, &self.stream.name, self.received_us);
        let placed = self
            .row
            .place(&mut file.way, shape.time_us, |_| run.open_segment(stream, received_us))?;
        let range = placed.segment.range(&file.job.origin, file.job.generation, file.at);
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
        file.at = record.offset + u64::try_from(record.raw.len()).unwrap_or(0);
        self.read += 1;
        self.store_full(file)?;
        Ok(true)
    }

    /// Gives the bytes after the last record to the segment that has the last range, or to a new one if there were no records.
    fn end_file(&mut self, file: &mut Reading<'_>) -> Result<(), ArchiveError> {
        let end = file.reader.end_range();
        if end.end_offset == file.at {
            return Ok(());
        }
        file.at = end.end_offset;
        let (run, stream, received_us) = (self.run, &self.stream.name, self.received_us);
        let start = end.end_offset - u64::try_from(end.tail.len()).unwrap_or(0);
        let placed = match self.row.current(&file.way) {
            Some(placed) => placed,
            None => {
                self.row.place(&mut file.way, None, |_| run.open_segment(stream, received_us))?
            }
        };
        let range = placed.segment.range(&file.job.origin, file.job.generation, start);
        placed.segment.set_tail(range, end.tail);
        self.store_full(file)
    }

    /// Stores the segments that have reached a bound.
    fn store_full(&mut self, file: &mut Reading<'_>) -> Result<(), ArchiveError> {
        while let Some(full) = self.row.take_full(&self.run.request.limits, self.run.memory) {
            self.close(full, file)?;
        }
        Ok(())
    }

    /// Stores a segment while a file is read: one that took its last record ends where the file was read to.
    fn close(&mut self, mut full: Placed, file: &mut Reading<'_>) -> Result<(), ArchiveError> {
        if file.way.is_at(full.order) {
            let end = file.reader.end_range();
            if end.end_offset > file.at {
                let range = full.segment.range(&file.job.origin, file.job.generation, file.at);
                full.segment.set_tail(range, end.tail);
                file.at = end.end_offset;
            }
        }
        self.store(full)
    }

    /// A stored segment has to be claimed before its lock is old: the open ones that it waits for are stored now, however few
    /// rows they have.
    fn hurry(&mut self, file: &mut Reading<'_>) -> Result<(), ArchiveError> {
        let oldest =
            self.stored.iter().map(|(order, pending)| (pending.settle_until, *order)).min();
        if let Some((settle_until, order)) = oldest
            && self.run.is_waiting_long(settle_until)?
        {
            while self.row.first_open().is_some_and(|open| open < order) {
                let Some(open) = self.row.take_next() else { break };
                self.close(open, file)?;
            }
        }
        self.run.queue(Vec::new())
    }

    fn store(&mut self, placed: Placed) -> Result<(), ArchiveError> {
        let (order, over) = (placed.order, placed.over);
        let received_day = self.received_us.div_euclid(86_400_000_000);
        let mut pending =
            self.run.store(self.index, placed, &self.shaper, received_day, &self.identities)?;
        pending.gain.over_max_span = u64::from(over);
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
