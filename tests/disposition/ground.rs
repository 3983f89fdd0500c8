//! Where an archive lies: in a directory, or in a bucket of a server that `tests/run` starts.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::s3::S3Store;
use strongroom_archiver::store::{Lock, LockMode, LockedStore, ObjectKey, StoreUrl, VersionId};
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::say;

use super::bucket::Bucket;

/// The bucket of these tests; each archive has a prefix of its own.
const BUCKET: &str = "strongroom-disposition";

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A kind of store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Directory,
    /// Has permissions and no fence.
    Rgw,
    /// Has a fence and no permissions.
    MiniStack,
}

/// Where one archive lies.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) endpoint: String,
    prefix: String,
}

impl Ground {
    /// A place that nothing has; none, said aloud, where the server does not run.
    pub(crate) fn of(kind: Kind, folder: &Path) -> Option<Self> {
        let (variable, options) = match kind {
            Kind::Directory => {
                let url = format!("file://{}/archive", folder.display());
                return Some(Self { kind, url, endpoint: String::new(), prefix: String::new() });
            }
            Kind::Rgw => ("STRONGROOM_TEST_RGW", "&single_writer=true"),
            Kind::MiniStack => ("STRONGROOM_TEST_MINISTACK", ""),
        };
        let Ok(endpoint) = env::var(variable) else {
            say(&format!("skipped: disposition on {kind:?} (`{variable}` names no endpoint)"));
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}-{number}", std::process::id());
        let url = format!("s3://{BUCKET}/{prefix}?endpoint={endpoint}{options}");
        Some(Self { kind, url, endpoint, prefix })
    }

    pub(crate) fn has_permissions(&self) -> bool {
        self.kind == Kind::Rgw
    }

    /// The store as this program's own client sees it.
    pub(crate) fn store(&self) -> Arc<dyn LockedStore> {
        match self.url.parse().unwrap() {
            StoreUrl::S3(at) => Arc::new(S3Store::connect(&at).unwrap()),
            StoreUrl::File(root) => {
                let entropy = Dice::new(1, 2).into_closure();
                Arc::new(FileStore::open(&root, Box::new(now), entropy).unwrap())
            }
        }
    }

    /// The bucket with the credentials of a duty, where there are such.
    pub(crate) fn bucket(&self, duty: &str) -> Bucket {
        let duty = self.has_permissions().then_some(duty);
        Bucket::open(&self.endpoint, BUCKET, &self.prefix, duty)
    }

    /// The bucket as its owner has it.
    pub(crate) fn owned(&self) -> Bucket {
        Bucket::open(&self.endpoint, BUCKET, &self.prefix, None)
    }

    /// Requires the store itself to refuse to delete a version, to whoever may delete.
    pub(crate) fn must_keep(&self, key: &ObjectKey, version: &VersionId) {
        if self.kind == Kind::Directory {
            self.store().delete_version(key, version).unwrap_err();
        } else {
            assert_eq!(self.bucket("remove").delete(key, version), Err("AccessDenied".into()));
        }
    }

    /// Requires the store itself to refuse an earlier end of a lock, to whoever may lock.
    pub(crate) fn must_not_shorten(&self, key: &ObjectKey, version: &VersionId, until: Timestamp) {
        if self.kind == Kind::Directory {
            let lock = Lock { mode: LockMode::Governance, until };
            self.store().extend_lock(key, version, lock).unwrap_err();
        } else {
            let refused = self.bucket("lock").relock(key, version, until);
            assert_eq!(refused, Err("AccessDenied".into()));
        }
    }

    /// Deletes a version past this program, as whoever may delete.
    pub(crate) fn delete(&self, key: &ObjectKey, version: &VersionId) {
        if self.kind == Kind::Directory {
            self.store().delete_version(key, version).unwrap();
        } else {
            self.bucket("remove").delete(key, version).unwrap();
        }
    }

    /// Puts bytes past this program, without a lock; their version.
    pub(crate) fn plant(&self, key: &ObjectKey, bytes: &'static [u8]) -> VersionId {
        if self.kind == Kind::Directory {
            use strongroom_archiver::store::PutOptions;
            use strongroom_crypto::Digest;
            let sha256 = Digest::of(bytes);
            let how = PutOptions { lock: None, create_only: false, sha256 };
            return self.store().put(key, bytes, &how).unwrap();
        }
        self.bucket("archive").put(key, bytes);
        self.versions(key).remove(0)
    }

    /// The versions of a name.
    pub(crate) fn versions(&self, key: &ObjectKey) -> Vec<VersionId> {
        let listed = self.store().list_versions(key.as_str()).unwrap();
        listed.into_iter().filter(|one| one.key == *key).map(|one| one.version).collect()
    }

    /// Requires a name to have nothing: no version, no delete marker, no unfinished upload.
    pub(crate) fn must_have_nothing(&self, key: &ObjectKey) {
        assert_eq!(self.versions(key), []);
        if self.kind != Kind::Directory {
            assert_eq!(self.owned().left(key), [0; 3]);
        }
    }
}
