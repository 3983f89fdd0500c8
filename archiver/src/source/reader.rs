//! Reading one file: the edge between its bytes and the framing of them.

use super::decode::{Compression, decoder, failure};
use super::frame::{Eof, Framed, Framer, Step};
use super::inspect::{ENCODED_CHUNK_BYTES, Inspected, open_regular};
use super::{Format, MAX_RECORD_BYTES, SourceError, StartRule};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How many decoded bytes are read at once. Large enough for the cost of a system call to vanish,
/// small enough to stay in the processor's cache until the records in it are done with.
const CHUNK_BYTES: usize = 256 * 1024;

/// How to read a file.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its format; [`Format::Auto`] goes by what its inspection told.
    pub format: Format,
    /// Groups the lines of [`Format::Text`]; other formats have no use for it.
    pub start_rule: Option<StartRule>,
    /// Records over this many bytes are cut into parts.
    pub max_record: usize,
    /// Set for files that are written to: a record without its end waits for it.
    pub follow: Option<Follow>,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: Format::Auto, start_rule: None, max_record: MAX_RECORD_BYTES, follow: None }
    }
}

/// How long a record may wait for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The time of the run, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How long ago a file was last written for nothing more to be expected of it, in milliseconds.
    pub max_age_ms: u64,
}

/// One record, as it stands in the decoded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where `raw` begins in the decoded file.
    pub offset: u64,
    /// The bytes between the record before and this one, which no record owns.
    pub lead: &'a [u8],
    /// The record.
    pub raw: &'a [u8],
    /// What `raw` is held to be.
    pub parse: Framed,
}

/// The end of a range of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The bytes after the last record that belong to the range.
    pub tail: Vec<u8>,
    /// Where the range ends in the decoded file, and the next one starts.
    pub end_offset: u64,
}

/// Reads the records of one file. The leads and raw bytes of the records and the tails of the ranges,
/// put together, are the decoded file from the starting offset on.
///
/// A reader holds at most one record, the bytes before it and some 256 KiB read ahead.
pub struct Reader {
    path: PathBuf,
    compression: Compression,
    source: Box<dyn Read + Send>,
    framer: Framer,
    buffer: Vec<u8>,
    /// Where the bytes not yet handed out begin in the buffer.
    head: usize,
    /// Where they end.
    filled: usize,
    /// The decoded offset of `head`.
    at: u64,
    /// The decoded offset to hand out from. Formats that can only be framed from the beginning are
    /// read from there, and what lies before this offset is passed over.
    from: u64,
    /// The decoded offset the file is known to end at.
    expected: u64,
    /// What the end of the file means for its last record.
    at_end: Eof,
    /// The source has no more bytes.
    ended: bool,
    /// How many bytes remain after the last record of the file, once that is known.
    tail: Option<usize>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.path)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens an inspected file, to hand out what begins at the decoded offset `start`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no longer the one inspected.
    pub fn open(
        path: &Path,
        inspected: &Inspected,
        start: u64,
        options: &Options,
    ) -> Result<Self, SourceError> {
        let io = |error| SourceError::io(path, error);
        let changed = || SourceError::Changed { path: path.to_path_buf() };
        let compression = inspected.compression;
        let (mut file, metadata) = open_regular(path)?;
        if !inspected.is_still(&mut file, &metadata).map_err(io)? {
            return Err(changed());
        }
        let plain = compression == Compression::Plain;
        let expected = if plain { metadata.len() } else { inspected.decoded_len };
        let unread = expected.checked_sub(start).ok_or_else(changed)?;
        let growing = plain && options.follow.is_some_and(|follow| follow.expects_more(&metadata));
        let format = match options.format {
            // One line without an end is whatever it turns out to be once it has one.
            Format::Auto if growing && inspected.unended_line => Format::Text,
            Format::Auto => inspected.format,
            format => format,
        };
        let framer = Framer::new(format, options.start_rule.clone(), options.max_record);
        let (source, framer, at): (Box<dyn Read + Send>, _, _) = if unread == 0 {
            (Box::new(io::empty()), framer.resume(false), start)
        } else if plain && format.can_begin_anywhere() && start > 0 {
            let in_line = seek_after_byte(&mut file, start).map_err(io)? != b'\n';
            (Box::new(file.take(unread)), framer.resume(in_line), start)
        } else {
            file.rewind().map_err(io)?;
            let source = if plain {
                Box::new(file.take(expected))
            } else {
                decoder(BufReader::with_capacity(ENCODED_CHUNK_BYTES, file), compression)
                    .map_err(|error| failure(path, compression, 0, error))?
            };
            (source, framer, 0)
        };
        let at_end = if growing { Eof::Growing } else { Eof::Final };
        let path = path.to_path_buf();
        let reader = Self::new(path, compression, source, framer, at_end, expected);
        Ok(Self { at, from: start, ..reader })
    }

    /// Reads a source from its first byte.
    fn new(
        path: PathBuf,
        compression: Compression,
        source: Box<dyn Read + Send>,
        framer: Framer,
        at_end: Eof,
        expected: u64,
    ) -> Self {
        Self {
            path,
            compression,
            source,
            framer,
            buffer: vec![0; CHUNK_BYTES],
            head: 0,
            filled: 0,
            at: 0,
            from: 0,
            expected,
            at_end,
            ended: false,
            tail: None,
        }
    }

    /// The next record, or nothing at the end of what can be read in this run.
    ///
    /// # Errors
    ///
    /// The file cannot be read on, or is no longer what it was. What was handed out before stands.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        let (lead, raw, parse) = loop {
            let window = self.buffer.get(self.head..self.filled).unwrap_or_default();
            let eof = if self.ended { self.at_end } else { Eof::NotYet };
            match self.framer.next(window, eof) {
                Step::More if !self.ended => self.fill()?,
                Step::More => return Ok(None),
                Step::End { tail } => {
                    self.tail = Some(tail);
                    return Ok(None);
                }
                Step::Record { lead, raw, parse } => {
                    self.pass(lead.saturating_add(raw));
                    let passed_over = self.at < self.from || (self.at == self.from && raw > 0);
                    if !passed_over {
                        break (lead, raw, parse);
                    }
                }
            }
        };
        // A record that begins before the offset to start from was handed out in part; the rest of
        // it is kept, but is no record of its own.
        let unseen = usize::try_from(self.at.saturating_sub(self.from)).unwrap_or(usize::MAX);
        let parse = if unseen < raw { Framed::Broken } else { parse };
        let raw = raw.min(unseen);
        let lead = lead.min(unseen.saturating_sub(raw));
        let end = self.head;
        let middle = end.saturating_sub(raw);
        Ok(Some(Record {
            offset: self.at.saturating_sub(raw as u64),
            lead: self.buffer.get(middle.saturating_sub(lead)..middle).unwrap_or_default(),
            raw: self.buffer.get(middle..end).unwrap_or_default(),
            parse,
        }))
    }

    /// Ends a range after the last record handed out; reading goes on with the next range.
    ///
    /// A range ends with the line break of its last line, so that the next one begins with a line:
    /// from the offset alone, an empty line that was archived could not be told from one that was
    /// not. After the last record it ends with all that the file still holds.
    pub fn end_range(&mut self) -> End {
        let count = match self.tail.take() {
            Some(count) => {
                self.framer.take_tail(count);
                count
            }
            None => self.framer.take_line_break(),
        };
        self.pass(count);
        let unseen = usize::try_from(self.at.saturating_sub(self.from)).unwrap_or(usize::MAX);
        let begin = self.head.saturating_sub(count.min(unseen));
        End {
            tail: self.buffer.get(begin..self.head).unwrap_or_default().to_vec(),
            end_offset: self.at.max(self.from),
        }
    }

    /// Moves past bytes that are done with.
    fn pass(&mut self, count: usize) {
        self.head = self.head.saturating_add(count);
        self.at = self.at.saturating_add(count as u64);
    }

    /// Reads more bytes behind those that are not done with.
    fn fill(&mut self) -> Result<(), SourceError> {
        self.buffer.copy_within(self.head..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.head);
        self.head = 0;
        if self.buffer.len().saturating_sub(self.filled) < CHUNK_BYTES / 2 {
            let grown = self.buffer.len().saturating_add(CHUNK_BYTES.max(self.buffer.len() / 2));
            self.buffer.resize(grown, 0);
        }
        let known = self.at.saturating_add(self.filled as u64);
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = match self.source.read(free) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(failure(&self.path, self.compression, known, error)),
        };
        self.filled = self.filled.saturating_add(count);
        if count > 0 {
            return Ok(());
        }
        if known == self.expected {
            self.ended = true;
            return Ok(());
        }
        let path = self.path.clone();
        Err(if self.compression == Compression::Plain {
            SourceError::Shrunk { path, expected_bytes: self.expected, found_bytes: known }
        } else {
            SourceError::Changed { path }
        })
    }
}

impl Follow {
    /// Whether a file was written so lately that its last record may not be all there.
    fn expects_more(self, metadata: &Metadata) -> bool {
        let seconds_ms = metadata.mtime().saturating_mul(1000);
        let modified = seconds_ms.saturating_add(metadata.mtime_nsec() / 1_000_000);
        let modified_ms = u64::try_from(modified).unwrap_or(0);
        self.now_ms.saturating_sub(modified_ms) <= self.max_age_ms
    }
}

/// Moves to an offset that is not zero, and returns the byte before it.
fn seek_after_byte(file: &mut File, offset: u64) -> io::Result<u8> {
    file.seek(SeekFrom::Start(offset.saturating_sub(1)))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::inspect;
    use flate2::write::GzEncoder;
    use std::fs;
    use std::io::Write;

    /// A file of its own for each test, gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, content: &[u8]) -> Self {
            let name = format!("strongroom-reader-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, content).unwrap();
            Self(path)
        }

        fn open(&self, start: u64, options: &Options) -> Result<Reader, SourceError> {
            Reader::open(&self.0, &inspect(&self.0, options.format)?, start, options)
        }

        fn read(&self, start: u64, options: &Options) -> (Vec<Kept>, End) {
            rest(&mut self.open(start, options).unwrap())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_file(&self.0));
        }
    }

    /// A record that outlives its reader.
    #[derive(Clone, Debug, PartialEq)]
    struct Kept {
        offset: u64,
        lead: Vec<u8>,
        raw: Vec<u8>,
        parse: Framed,
    }

    fn next(reader: &mut Reader) -> Option<Kept> {
        reader.next_record().unwrap().map(|record| Kept {
            offset: record.offset,
            lead: record.lead.to_vec(),
            raw: record.raw.to_vec(),
            parse: record.parse,
        })
    }

    fn rest(reader: &mut Reader) -> (Vec<Kept>, End) {
        let records = std::iter::from_fn(|| next(reader)).collect();
        (records, reader.end_range())
    }

    /// Puts a range together again, and checks that each record is where it says it is.
    fn joined(start: u64, records: &[Kept], end: &End) -> Vec<u8> {
        let mut data = Vec::new();
        for record in records {
            data.extend_from_slice(&record.lead);
            assert_eq!(record.offset, start + data.len() as u64);
            data.extend_from_slice(&record.raw);
        }
        data.extend_from_slice(&end.tail);
        assert_eq!(end.end_offset, start + data.len() as u64);
        data
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn format(format: Format) -> Options {
        Options { format, ..Options::default() }
    }

    const SAMPLES: [(Format, &[u8], usize); 6] = [
        (Format::Ndjson, b"\xef\xbb\xbf{\"a\":1}\r\n\n{\"b\":2}\n{\"c\":\"\xff\"}", 3),
        (Format::Text, b"one\n\n\r\ntwo\r\n\0\0\n\nend", 7),
        (Format::Array, b" [ {\"a\":1} , 12,\n[3] ]\n", 3),
        (Format::CloudTrail, b"{\"Records\":[{\"a\":1},{\"b\":2}]}\n{\"Records\":[{\"c\":1}]}", 3),
        (Format::EventList, b"{\"kind\":\"EventList\",\"items\":[{\"a\":1},{}],\"x\":[1]}", 2),
        (Format::Document, b"{\n \"a\":1\n}\n{\"b\":2}{} nonsense\nx", 5),
    ];

    fn variants(name: &str, data: &[u8]) -> [Scratch; 3] {
        let (half, other) = data.split_at(data.len() / 2);
        [
            Scratch::new(&format!("{name}-plain"), data),
            Scratch::new(&format!("{name}-gzip"), &[gzip(half), gzip(other)].concat()),
            Scratch::new(&format!("{name}-zstd"), &zstd::encode_all(data, 1).unwrap()),
        ]
    }

    #[test]
    fn every_offset_can_be_read_on_from() {
        for (kind, data, count) in SAMPLES {
            for (place, file) in variants(&format!("offset-{kind}"), data).iter().enumerate() {
                let (all, end) = file.read(0, &format(kind));
                assert_eq!(all.len(), count, "{kind}");
                assert_eq!(joined(0, &all, &end), data, "{kind}");
                for start in 0..=data.len() as u64 {
                    let (records, end) = file.read(start, &format(kind));
                    let left = &data[usize::try_from(start).unwrap()..];
                    assert_eq!(joined(start, &records, &end), left, "{kind} {place} {start}");
                    let same = |record: &&Kept| {
                        all.iter().any(|one| {
                            (one.offset, &one.raw, one.parse)
                                == (record.offset, &record.raw, record.parse)
                        })
                    };
                    // What is no record of the whole file is the remainder of one.
                    let other: Vec<_> = records.iter().filter(|record| !same(record)).collect();
                    assert!(other.len() <= 1, "{kind} {place} {start}: {other:?}");
                    assert!(other.iter().all(|record| record.parse == Framed::Broken));
                }
            }
        }
    }

    #[test]
    fn ranges_can_end_after_any_record_and_join_without_a_gap() {
        for (kind, data, count) in SAMPLES {
            for file in variants(&format!("range-{kind}"), data) {
                let (all, _) = file.read(0, &format(kind));
                for cut in 0..=count {
                    let mut reader = file.open(0, &format(kind)).unwrap();
                    let first: Vec<_> = (0..cut).map_while(|_| next(&mut reader)).collect();
                    let middle = reader.end_range();
                    let head = joined(0, &first, &middle);
                    let start = middle.end_offset;
                    let (on, end) = rest(&mut reader);
                    let (again, end_again) = file.read(start, &format(kind));
                    assert_eq!((&on, &end), (&again, &end_again), "{kind} after {cut}");
                    assert_eq!([head, joined(start, &on, &end)].concat(), data);
                    let offsets = |records: &[Kept]| -> Vec<u64> {
                        records.iter().map(|record| record.offset).collect()
                    };
                    assert_eq!(offsets(&[first, on].concat()), offsets(&all), "{kind} after {cut}");
                }
            }
        }
    }

    #[test]
    fn a_line_of_100_mib_is_cut_without_being_held() {
        const LENGTH: u64 = 100 << 20;
        let line = io::repeat(b'x').take(LENGTH).chain(b"\n{}\n".as_slice());
        let framer = Framer::new(Format::Ndjson, None, 1 << 20);
        let source = Box::new(line);
        let path = PathBuf::from("line");
        let mut reader =
            Reader::new(path, Compression::Plain, source, framer, Eof::Final, LENGTH + 4);
        let mut parts = 0;
        while let Some(record) = reader.next_record().unwrap() {
            if record.parse == Framed::Broken {
                parts += 1;
                assert_eq!(record.raw.len(), 1 << 20);
            } else {
                assert_eq!((record.offset, record.raw), (LENGTH + 1, b"{}".as_slice()));
            }
        }
        assert_eq!(parts, 100);
        assert!(reader.buffer.len() < 4 << 20);
        assert_eq!(reader.end_range(), End { tail: b"\n".to_vec(), end_offset: LENGTH + 4 });
    }

    #[test]
    fn the_format_is_told_from_the_content() {
        for (content, count) in [
            ("{\"a\":1}\n{\"b\":2}\n", 2),
            ("{\"Records\":[{},{},{}]}", 3),
            ("[INFO] a\n[INFO] b\n", 2),
            ("{\n\"a\": 1\n}", 1),
            ("", 0),
        ] {
            for file in variants("auto", content.as_bytes()) {
                let (records, end) = file.read(0, &Options::default());
                assert_eq!(records.len(), count, "{content}");
                assert_eq!(joined(0, &records, &end), content.as_bytes());
            }
        }
    }

    #[test]
    fn a_start_rule_groups_lines_from_any_offset() {
        let data = b"1 a\n b\n\n2 c\n d";
        let rule = Some("^[0-9]".parse().unwrap());
        let options = Options { start_rule: rule, ..format(Format::Text) };
        for file in variants("rule", data) {
            for start in 0..=data.len() as u64 {
                let (records, end) = file.read(start, &options);
                let left = &data[usize::try_from(start).unwrap()..];
                assert_eq!(joined(start, &records, &end), left, "{start}");
            }
            assert_eq!(file.read(0, &options).0.len(), 2);
        }
    }

    #[test]
    fn a_followed_file_keeps_its_unended_line_until_it_is_old() {
        let file = Scratch::new("follow", b"{\"a\":1}\n{\"b\":");
        let modified = fs::metadata(&file.0).unwrap().mtime();
        let written_ms = u64::try_from(modified).unwrap() * 1000 + 999;
        let at = |now_ms| Options {
            follow: Some(Follow { now_ms, max_age_ms: 1000 }),
            ..Options::default()
        };
        let (records, end) = file.read(0, &at(written_ms));
        assert_eq!((records.len(), end.end_offset, end.tail.as_slice()), (1, 8, b"\n".as_slice()));
        let (records, end) = file.read(8, &at(written_ms));
        assert_eq!((records.len(), end), (0, End { tail: Vec::new(), end_offset: 8 }));
        let (records, end) = file.read(8, &at(written_ms + 5000));
        assert_eq!((records.len(), end.end_offset), (1, 13));
        let single = Scratch::new("follow-single", b"{\"Records\":[{}]}");
        assert_eq!(single.read(0, &at(written_ms)).1.end_offset, 0, "it may go on");
        assert_eq!(single.read(0, &at(u64::MAX)).0[0].raw, b"{}");
    }

    #[test]
    fn a_line_that_was_cut_by_the_end_of_its_file_goes_on_as_its_remainder() {
        let file = Scratch::new("torn", b"{\"a\":1}\r\n{\"b\":2}\r");
        let (_, end) = file.read(0, &format(Format::Ndjson));
        assert_eq!((end.end_offset, end.tail.as_slice()), (17, b"\r".as_slice()));
        fs::write(&file.0, b"{\"a\":1}\r\n{\"b\":2}\r\n{\"c\":3}").unwrap();
        let (records, end) = file.read(17, &format(Format::Ndjson));
        assert_eq!((records.len(), records[0].parse), (1, Framed::Json));
        fs::write(&file.0, b"{\"a\":1}\r\n{\"b\":2}\r\n{\"c\":3}, more\n{}\n").unwrap();
        let (records, _) = file.read(end.end_offset, &format(Format::Ndjson));
        assert_eq!(records[0].raw, b", more");
        assert_eq!((records[0].parse, records[1].parse), (Framed::Broken, Framed::Json));
    }

    #[test]
    fn damaged_compressed_files_are_refused_before_the_first_record() {
        let whole = gzip(b"{\"a\":1}\n{\"b\":2}\n");
        let cut = whole.get(..whole.len() - 9).unwrap();
        let file = Scratch::new("truncated", cut);
        let error = inspect(&file.0, Format::Auto).unwrap_err();
        assert!(matches!(error, SourceError::Truncated { .. }), "{error}");
        assert!(error.to_string().contains("ends in the middle of its gzip data, after "));
        assert!(error.next_step().contains("`--format binary`"));
        let file = Scratch::new("corrupt", &[whole, b"garbage".to_vec()].concat());
        for format in [Format::Auto, Format::Text] {
            let error = inspect(&file.0, format).unwrap_err();
            assert!(matches!(&error, SourceError::Corrupt { after_bytes: 16, .. }), "{error}");
            assert_eq!(error.next_step(), "give `--format binary` to keep the file as it is");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_kept_as_it_is_when_asked_for() {
        let whole = gzip(b"{\"a\":1}\n{\"b\":2}\n");
        let damaged = [&whole[..whole.len() - 9], b"\ngarbage\n"].concat();
        let options = Options { max_record: 10, ..format(Format::Binary) };
        for data in [whole, damaged] {
            let file = Scratch::new("binary", &data);
            for start in 0..=data.len() {
                let (records, end) = file.read(start as u64, &options);
                assert_eq!(joined(start as u64, &records, &end), &data[start..]);
                assert_eq!(records.len(), (data.len() - start).div_ceil(10));
                assert!(records.iter().all(|record| record.parse == Framed::Text));
            }
        }
    }

    #[test]
    fn a_key_file_is_refused_whatever_it_is_called_and_however_it_is_packed() {
        let text = b"strongroom-key-v1\narchive ";
        let packed = [text.to_vec(), gzip(text), zstd::encode_all(&text[..], 1).unwrap()];
        for content in packed {
            let file = Scratch::new("key", &content);
            for format in [Format::Auto, Format::Text, Format::Binary] {
                let error = inspect(&file.0, format).unwrap_err();
                assert!(matches!(error, SourceError::KeyFile { .. }), "{format}: {error}");
                assert!(error.next_step().starts_with("move it out"));
            }
        }
        let file = Scratch::new("no-key", b"strongroom-key-v10\n");
        assert!(inspect(&file.0, Format::Auto).is_ok());
    }

    #[test]
    fn what_is_packed_in_a_way_that_is_not_known_is_named() {
        for (content, name) in [
            (b"BZh91AY&SY".as_slice(), Some("bzip2")),
            (b"\xfd7zXZ\0", Some("xz")),
            (b"BZh, said the log\n", None),
            (b"{}\n", None),
        ] {
            let file = Scratch::new("packed", content);
            assert_eq!(inspect(&file.0, Format::Auto).unwrap().packed_as, name);
        }
    }

    #[test]
    fn a_file_that_is_no_longer_the_one_inspected_is_refused() {
        let file = Scratch::new("changed", b"first\nsecond\n");
        let inspected = inspect(&file.0, Format::Auto).unwrap();
        let open = || Reader::open(&file.0, &inspected, 6, &Options::default());
        fs::write(&file.0, b"first\nsecond\nthird\n").unwrap();
        assert_eq!(rest(&mut open().unwrap()).0.len(), 2, "it grew");
        fs::write(&file.0, b"other\nsecond\nthird\n").unwrap();
        assert!(matches!(open(), Err(SourceError::Changed { .. })));
        fs::write(&file.0, b"first\n").unwrap();
        assert!(matches!(open(), Err(SourceError::Changed { .. })));
        fs::remove_file(&file.0).unwrap();
        assert!(matches!(open(), Err(SourceError::Missing { .. })));
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error() {
        let file = Scratch::new("shrunk", "line\n".repeat(200_000).as_bytes());
        let mut reader = file.open(0, &Options::default()).unwrap();
        assert!(reader.next_record().unwrap().is_some());
        File::options().write(true).open(&file.0).unwrap().set_len(5).unwrap();
        let error = loop {
            match reader.next_record() {
                Ok(record) => assert!(record.is_some(), "the end came without an error"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SourceError::Shrunk { expected_bytes: 1_000_000, .. }), "{error}");
        assert!(reader.next_record().is_err(), "and stays one");
    }

    #[test]
    fn a_pipe_or_a_directory_is_not_read() {
        assert!(matches!(
            inspect(Path::new("/dev/null"), Format::Auto),
            Err(SourceError::NotRegular { .. })
        ));
        assert!(matches!(
            inspect(&std::env::temp_dir(), Format::Auto),
            Err(SourceError::NotRegular { .. })
        ));
    }
}
