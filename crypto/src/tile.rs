//! The log as static files: C2SP tlog-tiles v0.1.0, tile height 8, SHA-256.
//!
//! A hash tile at level L holds up to 256 roots of complete subtrees of 256^L leaves; an entry bundle
//! holds the up to 256 entries below one tile of level 0. Everything but the right edge is full and
//! never changes again.

mod reader;

pub use reader::{TileReadError, TileReader};

use std::{fmt, str::FromStr};

use crate::{decimal, digest::Digest, merkle::HashSource};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// The highest level a tile can have: 256^8 leaves no longer fit the 64-bit size of a tree.
pub const MAX_TILE_LEVEL: u8 = 7;

/// The longest entry a bundle can hold, in bytes: its length stands in two bytes.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Why a tile, a bundle or the name of one was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TileError {
    /// Not the path of a tile or bundle, or not its one spelling.
    #[error("`{path}` is not the path of a tile or an entry bundle")]
    Path {
        /// What was found.
        path: String,
    },
    /// No tree has this tile.
    #[error("no tree has a tile at level {level}, index {index} of width {width}")]
    Coordinate {
        /// The level; 0 for bundles.
        level: u8,
        /// The position within the level.
        index: u64,
        /// The number of hashes or entries.
        width: u16,
    },
    /// A tile of the wrong length.
    #[error("tile of {width} hashes has {found} bytes")]
    TileLength {
        /// How many hashes it must hold.
        width: u16,
        /// How many bytes it has.
        found: usize,
    },
    /// A bundle that is truncated, padded or holds another number of entries.
    #[error("bundle of {width} entries is malformed")]
    Bundle {
        /// How many entries it must hold.
        width: u16,
    },
    /// An entry that does not fit a bundle.
    #[error("entry of {found} bytes exceeds the {MAX_ENTRY_BYTES} that a bundle can hold")]
    EntryLength {
        /// How long it is.
        found: usize,
    },
}

/// Names one tile or entry bundle that some tree can have: the level is at most
/// [`MAX_TILE_LEVEL`], the width 1 to 256, and its last leaf index fits 64 bits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TileCoordinate {
    /// `None` for entry bundles.
    level: Option<u8>,
    index: u64,
    width: u16,
}

impl TileCoordinate {
    /// The hash tile at `level` and `index` with `width` hashes.
    ///
    /// # Errors
    ///
    /// Refuses what no tree can have.
    pub fn hashes(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        Self::new(Some(level), index, width)
    }

    /// The entry bundle at `index` with `width` entries.
    ///
    /// # Errors
    ///
    /// Refuses what no tree can have.
    pub fn entries(index: u64, width: u16) -> Result<Self, TileError> {
        Self::new(None, index, width)
    }

    fn new(level: Option<u8>, index: u64, width: u16) -> Result<Self, TileError> {
        let base = level.unwrap_or(0);
        let end = index.checked_mul(TILE_WIDTH.into()).and_then(|n| n.checked_add(width.into()));
        let most = u64::MAX.checked_shr(u32::from(base).saturating_mul(8));
        let fits = end.zip(most).is_some_and(|(end, most)| end <= most);
        if base <= MAX_TILE_LEVEL && (1..=TILE_WIDTH).contains(&width) && fits {
            Ok(Self { level, index, width })
        } else {
            Err(TileError::Coordinate { level: base, index, width })
        }
    }

    /// The level of a hash tile; `None` for an entry bundle.
    pub fn level(&self) -> Option<u8> {
        self.level
    }

    /// The position within the level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The number of hashes or entries, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether this is an entry bundle.
    pub fn is_entries(&self) -> bool {
        self.level.is_none()
    }

    /// Whether it is full, and so never changes again.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile or bundle at the same place: a reader may use it where a partial one is gone.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The indices, within its level, of the hashes or entries it holds.
    pub fn range(&self) -> std::ops::Range<u64> {
        // INVARIANT: the constructor checked that the end fits.
        let start = self.index.saturating_mul(TILE_WIDTH.into());
        start..start.saturating_add(self.width.into())
    }

    /// The bytes of this hash tile in the tree behind `source`. For a bundle: of the tile of level 0
    /// above it.
    ///
    /// # Errors
    ///
    /// Fails when the source does.
    pub fn tile_bytes<S: HashSource>(&self, source: &S) -> Result<Vec<u8>, S::Error> {
        let level = self.level.unwrap_or(0).saturating_mul(8);
        let hashes = self.range().map(|index| source.subtree(level, index));
        Ok(encode_tile(&hashes.collect::<Result<Vec<_>, _>>()?))
    }
}

impl fmt::Display for TileCoordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}/")?,
            None => f.write_str("tile/entries/")?,
        }
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1_000);
            rest /= 1_000;
            if rest == 0 {
                break;
            }
        }
        let last = groups.split_first().map(|(last, leading)| {
            leading.iter().rev().try_for_each(|group| write!(f, "x{group:03}/"))?;
            write!(f, "{last:03}")
        });
        last.transpose()?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TileCoordinate {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let refuse = || TileError::Path { path: path.chars().take(MAX_PATH_CHARS).collect() };
        let parsed = parse_path(path).ok_or_else(refuse)?;
        // One spelling: leading zero groups and the like do not print back.
        if parsed.to_string() == path { Ok(parsed) } else { Err(refuse()) }
    }
}

/// How much of a refused path an error repeats, in characters: more than the longest real path.
const MAX_PATH_CHARS: usize = 64;

fn parse_path(path: &str) -> Option<TileCoordinate> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, u16::try_from(decimal::parse(width)?).ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    if level == "entries" {
        return TileCoordinate::entries(index, width).ok();
    }
    let level = u8::try_from(decimal::parse(level)?).ok()?;
    TileCoordinate::hashes(level, index, width).ok()
}

/// What must be written when the log grows from `old_size` to `new_size`, given that everything for
/// `old_size` exists: each tile and bundle completed in between, and the right edge of `new_size`
/// where it moved. Bundles first, then tiles from the leaves up; nothing when the log did not grow.
pub fn tiles_for(old_size: u64, new_size: u64) -> Vec<TileCoordinate> {
    let mut out = Vec::new();
    grown(None, old_size, new_size, &mut out);
    let (mut old, mut new) = (old_size, new_size);
    for level in 0..=MAX_TILE_LEVEL {
        grown(Some(level), old, new, &mut out);
        old >>= 8;
        new >>= 8;
    }
    out
}

/// One level, which grows from `old` to `new` hashes.
fn grown(level: Option<u8>, old: u64, new: u64, out: &mut Vec<TileCoordinate>) {
    if new <= old {
        return;
    }
    let full = (old >> 8..new >> 8).map(|index| (index, TILE_WIDTH));
    // INVARIANT: a remainder by 256 fits.
    let rest = u16::try_from(new & 255).unwrap_or(0);
    let partial = (rest != 0).then_some((new >> 8, rest));
    let tiles = full.chain(partial);
    out.extend(tiles.filter_map(|(index, width)| TileCoordinate::new(level, index, width).ok()));
}

/// The bytes of a tile: its hashes, one after the other.
pub fn encode_tile(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(Digest::as_bytes).copied().collect()
}

/// Reads a tile of exactly `width` hashes. What it says is not yet believed: see [`TileReader`].
///
/// # Errors
///
/// Refuses any other length.
pub fn decode_tile(bytes: &[u8], width: u16) -> Result<Vec<Digest>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(TileError::TileLength { width, found: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Digest::from_bytes).collect())
}

/// The bytes of an entry bundle: each entry after its length in two bytes, big-endian.
///
/// # Errors
///
/// Refuses an entry over [`MAX_ENTRY_BYTES`].
pub fn encode_bundle<T: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, TileError> {
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len());
        let length = length.map_err(|_| TileError::EntryLength { found: entry.len() })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// Reads a bundle of exactly `width` entries. What it says is not yet believed: see
/// [`TileReader::check_bundle`].
///
/// # Errors
///
/// Refuses truncation, bytes left over and any other number of entries.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let malformed = TileError::Bundle { width };
    let mut entries = Vec::new();
    let mut rest = bytes;
    for _ in 0..width {
        let (length, tail) = rest.split_first_chunk::<2>().ok_or_else(|| malformed.clone())?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, tail) = tail.split_at_checked(length).ok_or_else(|| malformed.clone())?;
        entries.push(entry);
        rest = tail;
    }
    if rest.is_empty() { Ok(entries) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paths(old: u64, new: u64) -> Vec<String> {
        tiles_for(old, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let cases = [
            (TileCoordinate::hashes(0, 0, 256), "tile/0/000"),
            (TileCoordinate::hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
            (TileCoordinate::hashes(1, 0, 1), "tile/1/000.p/1"),
            (TileCoordinate::entries(1_000, 112), "tile/entries/x001/000.p/112"),
            (TileCoordinate::entries(999, 256), "tile/entries/999"),
        ];
        for (coordinate, path) in cases {
            let coordinate = coordinate.unwrap();
            assert_eq!(coordinate.to_string(), path);
            assert_eq!(path.parse::<TileCoordinate>().unwrap(), coordinate);
        }
    }

    #[test]
    fn another_spelling_of_a_path_is_refused() {
        for path in [
            "",
            "tile/0/",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/-1/000",
            "tile/data/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/1/",
            "/tile/0/000",
            "tile/7/256.p/1",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(path.parse::<TileCoordinate>().is_err(), "{path}");
        }
        assert!(TileCoordinate::hashes(7, 0, 256).is_err(), "256^8 leaves are one too many");
        assert!(TileCoordinate::hashes(7, 0, 255).is_ok());
        assert!(TileCoordinate::hashes(0, u64::MAX, 1).is_err());
        assert!(TileCoordinate::hashes(0, 0, 0).is_err());
        assert!(TileCoordinate::hashes(0, 0, 257).is_err());
    }

    #[test]
    fn growing_from_nothing_writes_the_examples_of_the_specification() {
        assert_eq!(paths(0, 256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        let all = paths(0, 70_000);
        let count = |prefix: &str, full: bool| {
            all.iter()
                .filter(|path| path.starts_with(prefix) && path.contains(".p/") != full)
                .count()
        };
        assert_eq!((count("tile/0/", true), count("tile/0/", false)), (273, 1));
        assert_eq!((count("tile/1/", true), count("tile/1/", false)), (1, 1));
        assert_eq!((count("tile/2/", true), count("tile/2/", false)), (0, 1));
        assert_eq!((count("tile/entries/", true), count("tile/entries/", false)), (273, 1));
        for partial in ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"] {
            assert!(all.iter().any(|path| path == partial), "{partial}");
        }
        assert!(paths(7, 7).is_empty());
        assert!(paths(8, 7).is_empty());
        assert_eq!(paths(256, 257), ["tile/entries/001.p/1", "tile/0/001.p/1"]);
    }

    #[test]
    fn growing_in_steps_leaves_every_full_tile_and_the_edge_of_each_size() {
        let sizes = [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000, 131_073];
        let mut written = BTreeSet::new();
        for pair in sizes.windows(2) {
            written.extend(tiles_for(pair[0], pair[1]));
            let wanted: BTreeSet<_> = tiles_for(0, pair[1]).into_iter().collect();
            assert!(written.is_superset(&wanted), "{pair:?}");
        }
        let last = u64::MAX;
        assert_eq!(paths(last - 1, last).len(), 2, "the largest tree moves only its lowest edge");
    }

    #[test]
    fn bundles_survive_the_round_trip_and_nothing_malformed_is_read() {
        let longest = vec![7; MAX_ENTRY_BYTES];
        let entries: [&[u8]; 3] = [b"", b"one", &longest];
        let bytes = encode_bundle(entries).unwrap();
        assert_eq!(&bytes[..7], b"\0\0\0\x03one");
        assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
        assert!(decode_bundle(&bytes, 2).is_err(), "bytes left over");
        assert!(decode_bundle(&bytes, 4).is_err(), "an entry is missing");
        assert!(decode_bundle(&bytes[..bytes.len() - 1], 3).is_err(), "truncated");
        assert!(decode_bundle(&bytes[..1], 1).is_err(), "half a length");
        assert!(encode_bundle([vec![0; MAX_ENTRY_BYTES + 1]]).is_err());
        assert!(decode_tile(&[0; 64], 2).is_ok());
        for length in [0, 32, 63, 65, 96] {
            assert!(decode_tile(&vec![0; length], 2).is_err(), "{length}");
        }
    }
}
