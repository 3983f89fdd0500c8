//! What was archived once can be read for ever.

use std::{collections::BTreeMap, fs, io::Read as _};

use flate2::read::MultiGzDecoder;
use strongroom_archiver::log::root_key;
use strongroom_archiver::segment::Layout;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{Entry, EntryKind};
use strongroom_crypto::manifest::Manifest;
use strongroom_crypto::merkle::{empty_root, root_at, root_of};
use strongroom_crypto::record::{LeafHasher, RecordRef};
use strongroom_crypto::state::State;
use strongroom_crypto::tile::{TileCoordinate, TileReader};

use super::archive::{Golden, Opened, files_below, folder};
use super::make::ROOT;

/// The committed archive stays small.
const MAX_BYTES: usize = 64 << 10;

/// The root over a segment's records and tails.
pub(crate) fn root(golden: &Golden, stream: &str, opened: &Opened) -> Digest {
    let mut hasher = LeafHasher::new(&opened.key, golden.state.archive_id(), stream);
    let mut leaves = Vec::new();
    let mut ends: Vec<u64> = opened.ranges.iter().map(|range| range.start).collect();
    for (number, row) in (0..).zip(&opened.rows) {
        let range = &opened.ranges[row.range];
        assert_eq!(ends[row.range] + row.lead.len() as u64, row.offset, "a gap or an overlap");
        ends[row.range] = row.offset + row.raw.len() as u64;
        let record = RecordRef {
            received_us: row.received_us.cast_unsigned(),
            origin: &range.origin,
            generation: range.generation,
            offset: row.offset,
            lead: &row.lead,
            raw: &row.raw,
        };
        leaves.push(hasher.event(number, &record).unwrap());
    }
    let mut order: Vec<usize> = (0..opened.ranges.len()).collect();
    order.sort_by_key(|at| (&opened.ranges[*at].origin, opened.ranges[*at].generation));
    for (number, at) in (leaves.len() as u64..).zip(order) {
        let (range, end) = (&opened.ranges[at], ends[at]);
        assert_eq!(end + range.tail.len() as u64, range.end, "a range does not end where it says");
        leaves
            .push(hasher.tail(number, &range.origin, range.generation, end, &range.tail).unwrap());
    }
    root_of(leaves)
}

#[test]
fn the_log_folds_to_its_checkpoint() {
    let golden = Golden::open();
    let tree = golden.tree();
    assert_eq!(golden.head.size, golden.state.size());
    assert_eq!(golden.head.root, tree.root());
    assert_eq!((golden.claims.len(), golden.seals.len(), golden.head.size), (3, 3, 6));
    let bundle = TileCoordinate::entries(0, 6).unwrap();
    let fetch = |tile: &TileCoordinate| -> Result<Vec<u8>, String> {
        Ok(golden.object(&format!("log/{tile}")))
    };
    let tiles = TileReader::open(golden.head.size, &golden.head.root, fetch).unwrap();
    let bytes = golden.object(&format!("log/{bundle}"));
    assert_eq!(tiles.check_bundle(&bundle, &bytes).unwrap(), golden.leaves());
    assert_eq!(root_at(&tree, 0).unwrap(), empty_root());
    assert_eq!(
        format!("{}", golden.state.log_open_sha256()),
        Digest::of(golden.leaves()[0]).to_string()
    );
    assert_eq!(golden.state.store(), format!("file://{ROOT}/store"));
}

#[test]
fn every_record_is_what_it_was() {
    let golden = Golden::open();
    let mut origins: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut layouts = Vec::new();
    for sealed in &golden.seals {
        let opened = golden.decrypt(sealed, golden.segment(sealed)).unwrap();
        assert_eq!(root(&golden, sealed.seal.stream.as_str(), &opened), sealed.seal.events.root);
        assert_eq!(opened.rows.len() as u64, sealed.seal.events.count);
        layouts.push(opened.layout);
        for row in &opened.rows {
            let bytes = origins.entry(opened.ranges[row.range].origin.clone()).or_default();
            assert_eq!(bytes.len(), usize::try_from(row.offset).unwrap() - row.lead.len());
            bytes.extend(row.lead.iter().chain(&row.raw));
        }
        for range in &opened.ranges {
            origins.entry(range.origin.clone()).or_default().extend(&range.tail);
        }
    }
    assert_eq!(layouts, [Layout::Raw, Layout::Shredded, Layout::Raw]);
    let inputs = folder().join("inputs");
    let mut audit = Vec::new();
    MultiGzDecoder::new(fs::File::open(inputs.join("audit.log.gz")).unwrap())
        .read_to_end(&mut audit)
        .unwrap();
    let app = fs::read(inputs.join("app.log")).unwrap();
    assert_eq!(origins.keys().collect::<Vec<_>>(), ["file:app.log", "file:audit.log.gz"]);
    assert!(origins.into_values().eq([app, audit]), "the bytes differ from the inputs");
}

#[test]
fn manifests_and_snapshots_say_what_the_log_says() {
    let golden = Golden::open();
    for sealed in &golden.seals {
        let bytes = golden.manifest_bytes(sealed);
        assert_eq!(Digest::of(&bytes), sealed.seal.manifest_sha256);
        let manifest = Manifest::parse(&bytes).unwrap();
        manifest.check_seal(&sealed.seal).unwrap();
        assert_eq!(manifest.encode(), bytes);
        assert_eq!(
            (&manifest.ranges, manifest.archive_id),
            (&sealed.ranges, golden.state.archive_id())
        );
        assert_eq!(Digest::of(&golden.segment(sealed)), manifest.sha256);
    }
    let mut windows = 0;
    for (index, leaf) in (0..).zip(golden.leaves()) {
        let EntryKind::WindowClose(close) = Entry::parse(leaf).unwrap().into_kind() else {
            continue;
        };
        let root = golden.store.get(&root_key(index).unwrap(), None).unwrap().unwrap();
        let state = State::load(&root, close.index_sha256.unwrap()).unwrap();
        assert_eq!((state.size(), state.live_segments()), (index, close.segments));
        windows += 1;
    }
    assert_eq!(windows, 2);
}

#[test]
fn the_committed_archive_is_small_and_of_no_machine() {
    let files = files_below(&folder());
    let bytes: usize = files.values().map(Vec::len).sum();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    let store = format!("file://{ROOT}/store");
    for (path, bytes) in &files {
        let path = path.to_str().unwrap();
        assert!(
            !path.split('/').any(|part| part.starts_with('.') || part == "target"),
            "git may leave out {path}"
        );
        let text = String::from_utf8_lossy(bytes);
        let elsewhere = text.replace(&store, "");
        for word in ["file:///", "/tmp/", env!("CARGO_MANIFEST_DIR")] {
            assert!(!elsewhere.contains(word), "{path} names `{word}`");
        }
    }
}
