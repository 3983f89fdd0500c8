//! Makes the golden archive: a fixed clock, fixed entropy, two runs over two streams.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use strongroom_archiver::archive::{Request, Silent, archive};
use strongroom_archiver::config::{Source, Stream};
use strongroom_archiver::limits::Limits;
use strongroom_archiver::log::{About, Keyring, Log};
use strongroom_archiver::source::Format;
use strongroom_archiver::store::file::FileStore;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::Shard;
use strongroom_crypto::{ArchiveId, Digest};

use super::{officers::registry, vectors_folder};

/// Where the archive is made; its log names this place for ever.
pub(crate) const ROOT: &str = "/tmp/strongroom-golden";
/// When it is made: 2026-01-02T12:00:00Z.
const BIRTH_MS: i64 = 1_767_355_200_000;
/// Events of the shredded stream: enough for its layout to be the smaller one.
const EVENTS: u64 = 400;

/// Bytes that look random and are the same each time.
fn fill(counter: &AtomicU64, out: &mut [u8]) {
    for chunk in out.chunks_mut(32) {
        let block = counter.fetch_add(1, Ordering::Relaxed);
        let digest = Digest::of(format!("golden {block}").as_bytes());
        chunk.copy_from_slice(&digest.as_bytes()[..chunk.len()]);
    }
}

/// One line of a Kubernetes audit log.
fn event(number: u64) -> String {
    let id = Digest::of(&number.to_be_bytes()).to_string();
    let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..32]].join("-");
    let verb = ["get", "list", "create", "delete"][usize::try_from(number % 4).unwrap()];
    let code = if number.is_multiple_of(17) { 403 } else { 200 };
    let (minute, second, micros) = (number / 60 % 60, number % 60, number * 7_919 % 1_000_000);
    let at = format!("2026-01-02T03:{minute:02}:{second:02}.{micros:06}Z");
    format!(
        "{{\"auditID\":\"{id}\",\"stage\":\"ResponseComplete\",\"verb\":\"{verb}\",\
         \"user\":{{\"username\":\"system:serviceaccount:a:web\"}},\
         \"objectRef\":{{\"resource\":\"pods\",\"name\":\"web-{number}\"}},\
         \"responseStatus\":{{\"code\":{code}}},\"stageTimestamp\":\"{at}\"}}\n"
    )
}

/// The audit log: events, one of them cut off in the middle.
fn audit_log() -> String {
    let broken = "{\"auditID\":\"cut o\n";
    (0..EVENTS).map(|n| if n == 100 { format!("{broken}{}", event(n)) } else { event(n) }).collect()
}

fn stream(name: &str, folder: &Path, file: &str) -> Stream {
    let paths = vec![folder.join(file)];
    let source =
        Source { paths, format: Format::Auto, start_rule: None, follow: false, origin: None };
    Stream { name: name.to_owned(), labels: BTreeMap::new(), sources: vec![source] }
}

/// Copies what is not the store's own bookkeeping: names that begin with a dot stay behind.
fn copy_plain(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with('.') {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_plain(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Makes the archive and commits it with its key and inputs.
pub(crate) fn make() {
    let root = Path::new(ROOT);
    fs::remove_dir_all(root).ok();
    let inputs = root.join("inputs");
    fs::create_dir_all(&inputs).unwrap();
    let now = Arc::new(AtomicI64::new(BIRTH_MS));
    let counter = Arc::new(AtomicU64::new(0));
    // A quarter of a second passes whenever somebody looks.
    let clock = move || Timestamp::from_millisecond(now.fetch_add(250, Ordering::Relaxed)).unwrap();
    let ids = AtomicU64::new(0);
    let random = move || ids.fetch_add(1, Ordering::Relaxed);
    let store = Arc::new(
        FileStore::create(&root.join("store"), Box::new(clock), Box::new(random)).unwrap(),
    );
    let mut entropy = move |out: &mut [u8]| fill(&counter, out);
    let keys = Arc::new(KeyFile::generate(ArchiveId::generate(&mut entropy), &mut entropy));
    let about = About { officers: registry(), ..About::test(Duration::from_mins(10)) };
    let mut log =
        Log::create(store.clone(), Arc::clone(&keys), &about, &mut entropy).unwrap().unwrap();
    let keyring = Keyring::new(store, Arc::clone(&keys));

    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(audit_log().as_bytes()).unwrap();
    fs::write(inputs.join("audit.log.gz"), packed.finish().unwrap()).unwrap();
    for lines in ["started\n  \u{2713} ready\r\n", "stopped\nno line feed at the end"] {
        let mut app =
            fs::OpenOptions::new().create(true).append(true).open(inputs.join("app.log")).unwrap();
        app.write_all(lines.as_bytes()).unwrap();
        let streams = vec![
            stream("app", &inputs, "app.log"),
            stream("kubernetes-audit", &inputs, "audit.log.gz"),
        ];
        let request = Request {
            streams,
            limits: Limits::default(),
            threads: 1,
            shard: Shard::WHOLE,
            store_root: None,
        };
        archive(&mut log, &keyring, &request, &mut entropy, &AtomicBool::new(false), &Silent)
            .unwrap();
    }

    let folder = vectors_folder().join("archive");
    fs::remove_dir_all(&folder).ok();
    copy_plain(&root.join("store"), &folder.join("store"));
    copy_plain(&inputs, &folder.join("inputs"));
    fs::write(folder.join("archive.key"), keys.to_text().as_bytes()).unwrap();
    fs::write(folder.join("archive.vkey"), format!("{}\n", keys.log().verifier())).unwrap();
}
