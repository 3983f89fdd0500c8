//! Buckets of every kind, as their owner makes them with another client.

use std::env;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled,
    ObjectLockRetentionMode, ObjectLockRule, VersioningConfiguration,
};
use aws_sdk_s3::{Client, Config};
use tokio::runtime::{Builder, Runtime};

use super::{Bench, Server};

/// The owner of buckets on a server.
pub(crate) struct Owner {
    server: Server,
    runtime: Runtime,
    client: Client,
}

impl Owner {
    /// Of a server that runs.
    pub(crate) fn on(server: Server) -> Option<Self> {
        let key = |name| env::var(name).unwrap();
        let (id, secret) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new(id, secret, None, None, "tests"))
            .region(Region::new("us-east-1"))
            .endpoint_url(server.endpoint()?)
            .force_path_style(true)
            .build();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { server, runtime, client: Client::from_conf(config) })
    }

    /// An archive's place in a bucket, which is made if it is not there. A name stands for one kind
    /// of bucket: a server lets its users have so many of them.
    pub(crate) fn bench(&self, bucket: &str, locks: bool) -> Bench {
        let make = self.client.create_bucket().bucket(bucket).object_lock_enabled_for_bucket(locks);
        if let Err(error) = self.runtime.block_on(make.send()) {
            let code = error.code().unwrap_or_default().to_owned();
            assert!(code.starts_with("BucketAlready"), "{error:?}");
        }
        Bench::in_bucket(self.server, bucket).unwrap()
    }

    /// Turns versioning on or suspends it; false if the server refuses.
    pub(crate) fn set_versioning(&self, bucket: &str, on: bool) -> bool {
        let status =
            if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
        let versioning = VersioningConfiguration::builder().status(status).build();
        let request = self.client.put_bucket_versioning().bucket(bucket);
        self.runtime.block_on(request.versioning_configuration(versioning).send()).is_ok()
    }

    /// Gives every object that asks for no lock one of a day.
    pub(crate) fn lock_by_default(&self, bucket: &str) {
        let mode = ObjectLockRetentionMode::Governance;
        let retention = DefaultRetention::builder().mode(mode).days(1).build();
        let rule = ObjectLockRule::builder().default_retention(retention).build();
        let configuration = ObjectLockConfiguration::builder()
            .object_lock_enabled(ObjectLockEnabled::Enabled)
            .rule(rule)
            .build();
        let request = self.client.put_object_lock_configuration().bucket(bucket);
        self.runtime.block_on(request.object_lock_configuration(configuration).send()).unwrap();
    }

    /// Sets the bucket's policy.
    pub(crate) fn put_policy(&self, bucket: &str, policy: &str) {
        let request = self.client.put_bucket_policy().bucket(bucket).policy(policy);
        self.runtime.block_on(request.send()).unwrap();
    }
}
