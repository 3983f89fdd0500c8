//! A store in an S3 bucket with Object Lock and versioning.
//!
//! Objects are put by one request each, with lock, digest and condition in its headers: some stores
//! drop the lock of a multipart upload. What a store cannot do is no error of one request but a
//! property, and `doctor` names it. A store without a fence (`If-None-Match` on a versioned bucket)
//! is written by one declared writer only, which looks before it puts.

mod answer;
mod bucket;
mod client;
mod listing;
mod permission;
mod probe;
mod uploads;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::delete_object::builders::DeleteObjectFluentBuilder;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::put_object_retention::builders::PutObjectRetentionFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention,
    ObjectLockRetentionMode,
};
use bytes::Buf as _;
use jiff::Timestamp;
use strongroom_crypto::{Digest, b64, hex};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use self::answer::{Act, Refusal};
use self::client::{OnlyRefused, Traffic};
use self::permission::Guard;
pub use self::permission::Permission;
use super::counted::Counts;
use super::{
    Head, Listed, ListedVersion, Lock, LockMode, LockedStore, MAX_OBJECT_BYTES, ObjectKey,
    PutOptions, S3Url, StoreError, VersionId,
};

/// Where an object's own digest is kept beside it.
const DIGEST: &str = "sha256";
/// A body that breaks off is asked for again this often.
const BODY_TRIES: u32 = 4;
/// The first pause before a repetition; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(100);
/// Locks remembered between looking at them and moving them.
const SEEN: usize = 1_024;

/// A store in a bucket.
pub struct S3Store {
    url: String,
    at: S3Url,
    runtime: Runtime,
    client: Client,
    /// The same, which repeats only what was refused for being too much: for puts that must create,
    /// whose outcome the caller looks up.
    once: Client,
    traffic: &'static Traffic,
    slots: Semaphore,
    /// The locks of versions as they were seen last.
    seen: Mutex<HashMap<(ObjectKey, VersionId), Option<Lock>>>,
    /// Where locks and holds may be read: the first part of keys, and which.
    readable: Mutex<BTreeSet<(String, Guard)>>,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").field("url", &self.url).finish_non_exhaustive()
    }
}

impl S3Store {
    /// Connects; nothing is asked of the store yet.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the system gives no threads, `Invalid` if there is no region.
    pub fn connect(at: &S3Url) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable {
                detail: format!("cannot start threads: {error}"),
                may_be_stored: false,
            })?;
        // One for each store of the process, which has few.
        let traffic: &'static Traffic = Box::leak(Box::default());
        let client = runtime.block_on(client::client(&at.access, traffic))?;
        let once = client.config().to_builder().retry_classifier(OnlyRefused);
        Ok(Self {
            url: at.to_string(),
            runtime,
            once: Client::from_conf(once.build()),
            client,
            traffic,
            slots: Semaphore::new(at.access.requests),
            at: at.clone(),
            seen: Mutex::default(),
            readable: Mutex::default(),
        })
    }

    /// The bucket and how it is reached.
    pub fn place(&self) -> &S3Url {
        &self.at
    }

    fn ask<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            // The semaphore is never closed; without it the request is merely not bounded.
            let _slot = self.slots.acquire().await.ok();
            request.await
        })
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.at.prefix)
    }

    /// The key within the archive; none for names that no archive makes.
    fn own(&self, full: &str) -> Option<ObjectKey> {
        ObjectKey::new(full.strip_prefix(self.at.prefix.as_str())?).ok()
    }

    fn see(&self, key: &ObjectKey, version: &VersionId, lock: Option<Lock>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN {
            seen.clear();
        }
        seen.insert((key.clone(), version.clone()), lock);
    }

    /// A version's lock as it was seen last, or as it is.
    fn lock_of(&self, key: &ObjectKey, version: &VersionId) -> Result<Option<Lock>, StoreError> {
        let place = (key.clone(), version.clone());
        let known = self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        match known {
            Some(lock) => Ok(lock),
            None => match self.head(key, Some(version))? {
                Some(head) => Ok(head.lock),
                None => Err(not_found(key, version)),
            },
        }
    }

    fn get_request(&self, key: &ObjectKey, version: Option<&VersionId>) -> GetObjectFluentBuilder {
        let request = self.client.get_object().bucket(&self.at.bucket).key(self.full(key.as_str()));
        request.set_version_id(version.map(|version| version.as_str().to_owned()))
    }

    fn lock_request(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> PutObjectRetentionFluentBuilder {
        let mode = match lock.mode {
            LockMode::Governance => ObjectLockRetentionMode::Governance,
            LockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let retention =
            ObjectLockRetention::builder().mode(mode).retain_until_date(date(lock.until)).build();
        let request = self.client.put_object_retention().bucket(&self.at.bucket);
        request.key(self.full(key.as_str())).version_id(version.as_str()).retention(retention)
    }

    fn delete_request(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> DeleteObjectFluentBuilder {
        let request =
            self.client.delete_object().bucket(&self.at.bucket).key(self.full(key.as_str()));
        request.set_version_id(version.map(|version| version.as_str().to_owned()))
    }

    /// Why a request without a body to its answer was refused: a read of one byte has one.
    fn explain(&self, key: &ObjectKey, version: Option<&VersionId>, bare: Refusal) -> Refusal {
        let request = self.get_request(key, version).range("bytes=0-0");
        match self.ask(request.send()) {
            Ok(_) => bare,
            Err(error) => Refusal::of(&error),
        }
    }

    /// Reads a part, or all; again if it breaks off.
    fn read(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        range: Option<(u64, u64)>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let request = self
                .get_request(key, version)
                .set_range(range.map(|(first, last)| format!("bytes={first}-{last}")));
            let answer = self.ask(async {
                let answer = match request.send().await {
                    Ok(answer) => answer,
                    Err(error) => return Err(Some(Refusal::of(&error))),
                };
                let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
                if length.is_none_or(|length| length > MAX_OBJECT_BYTES) {
                    return Ok(None);
                }
                let is_part = answer.content_range().is_some();
                match answer.body.collect().await {
                    Ok(body) if Some(body.remaining() as u64) == length => {
                        let bytes = body.to_vec();
                        // A store may give all, though a part was asked for.
                        Ok(Some(match range {
                            Some(range) if !is_part => part(&bytes, range),
                            _ => bytes,
                        }))
                    }
                    _ => Err(None),
                }
            });
            match answer {
                Ok(Some(bytes)) => return Ok(Some(bytes)),
                Ok(None) => return Err(StoreError::corrupt(key, "it is larger than any object")),
                Err(Some(refusal)) => return refusal.absent(key, version),
                Err(None) if tries < BODY_TRIES => thread::sleep(PAUSE * (1 << tries)),
                Err(None) => {
                    return Err(StoreError::Unavailable {
                        detail: format!("reading `{key}`: the answer broke off {tries} times"),
                        may_be_stored: false,
                    });
                }
            }
        }
    }
}

/// A part of an object, by its first and last byte.
fn part(bytes: &[u8], (first, last): (u64, u64)) -> Vec<u8> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(place(first)..place(last.saturating_add(1))).unwrap_or_default().to_vec()
}

fn not_found(key: &ObjectKey, version: &VersionId) -> StoreError {
    StoreError::NotFound { detail: format!("`{key}` has no version {version}") }
}

/// A lock's date for the store, in whole seconds and never earlier than asked.
fn date(until: Timestamp) -> DateTime {
    let second = until.as_second();
    DateTime::from_secs(if until.subsec_nanosecond() > 0 { second + 1 } else { second })
}

fn version(id: Option<&str>, key: &ObjectKey) -> Result<VersionId, StoreError> {
    id.and_then(|id| VersionId::new(id).ok()).ok_or_else(|| StoreError::NotAsAsked {
        key: key.clone(),
        detail: "it has no usable version: is versioning on in this bucket?".to_owned(),
    })
}

impl LockedStore for S3Store {
    fn put(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        if Digest::of(bytes) != how.sha256 {
            return Err(StoreError::invalid(format!("`{key}`: the digest is of other bytes")));
        }
        if let Some(lock) = how.lock {
            lock.check(self.now()?)?;
        }
        let fenced = !self.at.access.single_writer;
        if how.create_only && !fenced && self.head(key, None)?.is_some() {
            return Err(StoreError::AlreadyExists { key: key.clone() });
        }
        let client = if how.create_only { &self.once } else { &self.client };
        let mut request = client
            .put_object()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .metadata(DIGEST, how.sha256.to_string())
            .body(ByteStream::from(bytes.to_vec()));
        if self.at.access.checksum {
            request = request.checksum_sha256(b64::encode(how.sha256.as_bytes()));
        }
        if how.create_only && fenced {
            request = request.if_none_match("*");
        }
        if let Some(lock) = how.lock {
            let mode = match lock.mode {
                LockMode::Governance => ObjectLockMode::Governance,
                LockMode::Compliance => ObjectLockMode::Compliance,
            };
            request =
                request.object_lock_mode(mode).object_lock_retain_until_date(date(lock.until));
        }
        match self.ask(request.send()) {
            Ok(answer) => version(answer.version_id(), key),
            Err(error) => {
                let act = if how.lock.is_some() { Act::STORE_LOCKED } else { Act::STORE };
                Err(Refusal::of(&error).error(act, key))
            }
        }
    }

    fn head(&self, key: &ObjectKey, asked: Option<&VersionId>) -> Result<Option<Head>, StoreError> {
        let request = self
            .client
            .head_object()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .set_version_id(asked.map(|version| version.as_str().to_owned()));
        let answer = match self.ask(request.send()) {
            Ok(answer) => answer,
            Err(error) => {
                let mut refusal = Refusal::of(&error);
                if refusal.status.is_some_and(|status| matches!(status, 400 | 403)) {
                    refusal = self.explain(key, asked, refusal);
                }
                return if refusal.is_absent(asked) {
                    Ok(None)
                } else {
                    Err(refusal.error(Act::LOOK, key))
                };
            }
        };
        let lock = match (answer.object_lock_mode(), answer.object_lock_retain_until_date()) {
            (Some(mode), Some(until)) => Some(Lock {
                mode: mode.as_str().parse()?,
                until: Timestamp::from_second(until.secs())
                    .map_err(|_| StoreError::corrupt(key, "its lock has no date"))?,
            }),
            _ => None,
        };
        let recorded = answer.metadata().and_then(|metadata| metadata.get(DIGEST));
        let found = version(answer.version_id().or(asked.map(VersionId::as_str)), key)?;
        let hold = answer.object_lock_legal_hold_status() == Some(&ObjectLockLegalHoldStatus::On);
        self.require_readable(key, &found, lock.is_some(), hold)?;
        self.see(key, &found, lock);
        Ok(Some(Head {
            version: found,
            length: answer.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            sha256: recorded.and_then(|text| hex::decode_array(text).ok()).map(Digest::from_bytes),
            lock,
            hold,
        }))
    }

    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(key, version, None)
    }

    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if len > MAX_OBJECT_BYTES {
            return Err(StoreError::invalid(format!("{len} bytes are more than any object has")));
        }
        let Some(last) = len.checked_sub(1).map(|last| offset.saturating_add(last)) else {
            return Ok(self.head(key, version)?.map(|_| Vec::new()));
        };
        self.read(key, version, Some((offset, last)))
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.list_current(prefix, start_after, limit)
    }

    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        self.list_all(prefix, start_after)
    }

    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        lock.check(self.now()?)?;
        // The store refuses a shorter lock; that a mode never changes is our rule.
        if let Some(found) = self.lock_of(key, version)? {
            if found.mode != lock.mode || date(lock.until).secs() < found.until.as_second() {
                let detail = format!(
                    "`{key}` is locked {} until {}, which may not become {} until {}",
                    found.mode, found.until, lock.mode, lock.until
                );
                return Err(StoreError::Denied { detail });
            }
            if date(lock.until).secs() == found.until.as_second() {
                return Ok(());
            }
        }
        let done = self.ask(self.lock_request(key, version, lock).send());
        done.map(|_| ()).map_err(|error| Refusal::of(&error).error(Act::LOCK, key))
    }

    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError> {
        // Some stores hold what is not there.
        if self.head(key, Some(version))?.is_none() {
            return Err(not_found(key, version));
        }
        let status =
            if on { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
        let request = self
            .client
            .put_object_legal_hold()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .version_id(version.as_str())
            .legal_hold(ObjectLockLegalHold::builder().status(status).build());
        match self.ask(request.send()) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::of(&error).error(Act::HOLD, key)),
        }
    }

    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        // A delete that names no version, or one that is not there, is success to a store.
        if let Some(head) = self.head(key, Some(version))? {
            if head.hold {
                return Err(StoreError::Held { key: key.clone() });
            }
            if let Some(lock) = head.lock
                && lock.until > self.now()?
            {
                return Err(StoreError::Locked { key: key.clone(), until: lock.until });
            }
        } else if !self.is_marker(key, version)? {
            return Err(not_found(key, version));
        }
        let done = self.ask(self.delete_request(key, Some(version)).send());
        done.map(|_| ()).map_err(|error| Refusal::of(&error).error(Act::DELETE, key))
    }

    fn abort_uploads(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.abort_all(key)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.traffic.clock.now() {
            return Ok(now);
        }
        let request = self.client.head_bucket().bucket(&self.at.bucket);
        // A refusal tells the time as well as success does.
        let answer = self.ask(request.send());
        self.traffic.clock.now().ok_or_else(|| match answer {
            Ok(_) => StoreError::Unavailable {
                detail: "the store does not tell its time".to_owned(),
                may_be_stored: false,
            },
            Err(error) => Refusal::of(&error).error_of(Act::LIST, &self.at.bucket),
        })
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn sent(&self) -> Option<Counts> {
        Some(self.traffic.sent.counts())
    }
}
