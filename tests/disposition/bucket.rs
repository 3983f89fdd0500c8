//! A bucket as clients that are not Strongroom see it: what it refuses, and what is left in it.

use std::env;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockRetention, ObjectLockRetentionMode};
use aws_sdk_s3::{Client, Config};
use jiff::Timestamp;
use strongroom_archiver::store::{ObjectKey, VersionId};
use tokio::runtime::{Builder, Runtime};

/// The variables that hold the credentials of whoever owns the buckets.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// An archive's place in a bucket, used with the credentials of a duty.
pub(crate) struct Bucket {
    runtime: Runtime,
    client: Client,
    name: String,
    prefix: String,
}

/// The variables with which `tests/servers/rgw` knows a duty's user.
pub(crate) fn credentials(duty: &str) -> [(&'static str, String); 2] {
    KEYS.map(|name| (name, format!("{}-{duty}", env::var(name).unwrap())))
}

impl Bucket {
    /// With the owner's credentials, or those of a duty.
    pub(crate) fn open(endpoint: &str, name: &str, prefix: &str, duty: Option<&str>) -> Self {
        let [id, secret] = match duty {
            Some(duty) => credentials(duty).map(|(_, value)| value),
            None => KEYS.map(|name| env::var(name).unwrap()),
        };
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new(id, secret, None, None, "tests"))
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (name, prefix) = (name.to_owned(), prefix.to_owned());
        Self { runtime, client: Client::from_conf(config), name, prefix }
    }

    fn full(&self, key: &ObjectKey) -> String {
        format!("{}/{key}", self.prefix)
    }

    /// Sets the bucket's policy.
    pub(crate) fn set_policy(&self, policy: &str) {
        let request = self.client.put_bucket_policy().bucket(&self.name).policy(policy);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// Deletes a version; the code of a refusal.
    pub(crate) fn delete(&self, key: &ObjectKey, version: &VersionId) -> Result<(), String> {
        let request = self.client.delete_object().bucket(&self.name).key(self.full(key));
        code(self.runtime.block_on(request.version_id(version.as_str()).send()).map(drop))
    }

    /// Sets another end of a version's lock; the code of a refusal.
    pub(crate) fn relock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        until: Timestamp,
    ) -> Result<(), String> {
        let lock = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Governance)
            .retain_until_date(DateTime::from_secs(until.as_second()))
            .build();
        let request = self.client.put_object_retention().bucket(&self.name).key(self.full(key));
        let request = request.version_id(version.as_str()).retention(lock);
        code(self.runtime.block_on(request.send()).map(drop))
    }

    /// Puts bytes without a lock.
    pub(crate) fn put(&self, key: &ObjectKey, bytes: &'static [u8]) {
        let request = self.client.put_object().bucket(&self.name).key(self.full(key));
        self.runtime.block_on(request.body(ByteStream::from_static(bytes)).send()).unwrap();
    }

    /// Begins an upload in parts, with one part, and does not complete it.
    pub(crate) fn begin_upload(&self, key: &ObjectKey) {
        let request = self.client.create_multipart_upload().bucket(&self.name).key(self.full(key));
        let begun = self.runtime.block_on(request.send()).unwrap();
        let part = self.client.upload_part().bucket(&self.name).key(self.full(key));
        let part = part.upload_id(begun.upload_id().unwrap()).part_number(1);
        let part = part.body(ByteStream::from_static(b"a part"));
        self.runtime.block_on(part.send()).unwrap();
    }

    /// Hides a name under a delete marker.
    pub(crate) fn hide(&self, key: &ObjectKey) {
        let request = self.client.delete_object().bucket(&self.name).key(self.full(key));
        self.runtime.block_on(request.send()).unwrap();
    }

    /// Removes the bucket's policy.
    pub(crate) fn drop_policy(&self) {
        let request = self.client.delete_bucket_policy().bucket(&self.name);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// How many versions, delete markers and unfinished uploads a name has.
    pub(crate) fn left(&self, key: &ObjectKey) -> [usize; 3] {
        let key = self.full(key);
        let listed = self.client.list_object_versions().bucket(&self.name).prefix(&key);
        let listed = self.runtime.block_on(listed.send()).unwrap();
        let uploads = self.client.list_multipart_uploads().bucket(&self.name).prefix(&key);
        let uploads = self.runtime.block_on(uploads.send()).unwrap();
        let own = |found: Option<&str>| found == Some(key.as_str());
        [
            listed.versions().iter().filter(|one| own(one.key())).count(),
            listed.delete_markers().iter().filter(|one| own(one.key())).count(),
            uploads.uploads().iter().filter(|one| own(one.key())).count(),
        ]
    }
}

fn code<E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<(), E>) -> Result<(), String> {
    answer.map_err(|error| error.code().map_or_else(|| format!("{error:?}"), str::to_owned))
}
