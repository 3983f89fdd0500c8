//! Listings, page by page.

use aws_sdk_s3::primitives::DateTime;

use super::answer::{Act, Refusal};
use super::{S3Store, version};
use crate::store::{Listed, ListedVersion, ObjectKey, StoreError, VersionId};

/// Names listed at a time.
const PAGE: i32 = 1_000;

impl S3Store {
    /// What a listing is called in an error.
    fn place_of<'a>(&'a self, prefix: &'a str) -> &'a str {
        if prefix.is_empty() { &self.at.bucket } else { prefix }
    }

    /// Lists current versions in pages of the store.
    pub(super) fn list_current(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        let mut after = start_after.map(|key| self.full(key));
        while listed.len() < limit {
            let wanted = i32::try_from(limit - listed.len()).unwrap_or(PAGE).min(PAGE);
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.at.bucket)
                .prefix(self.full(prefix))
                .set_start_after(after.clone())
                .max_keys(wanted);
            let answer = self
                .ask(request.send())
                .map_err(|error| Refusal::of(&error).error_of(Act::LIST, self.place_of(prefix)))?;
            for object in answer.contents() {
                let Some(full) = object.key() else { continue };
                after = Some(full.to_owned());
                if let Some(key) = self.own(full) {
                    let length = object.size().and_then(|size| u64::try_from(size).ok());
                    listed.push(Listed { key, length: length.unwrap_or(0) });
                }
            }
            if answer.is_truncated() != Some(true) || answer.contents().is_empty() {
                break;
            }
        }
        Ok(listed)
    }

    /// Lists all versions and marks, as [`crate::store::LockedStore::list_versions_after`] says.
    pub(super) fn list_all(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        let mut found = Vec::new();
        let start = Some(start_after).filter(|start| !start.is_empty());
        let (mut key_marker, mut version_marker) = (start.map(|start| self.full(start)), None);
        loop {
            let request = self
                .client
                .list_object_versions()
                .bucket(&self.at.bucket)
                .prefix(self.full(prefix))
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .max_keys(PAGE);
            let answer = self.ask(request.send()).map_err(|error| {
                Refusal::of(&error).error_of(Act::LIST_VERSIONS, self.place_of(prefix))
            })?;
            let versions = answer.versions().iter().map(|one| {
                (one.key(), one.version_id(), one.is_latest(), one.last_modified(), false)
            });
            let markers = answer.delete_markers().iter().map(|one| {
                (one.key(), one.version_id(), one.is_latest(), one.last_modified(), true)
            });
            for (key, id, latest, modified, is_delete_marker) in versions.chain(markers) {
                let Some(key) = key.and_then(|key| self.own(key)) else { continue };
                if key.as_str() <= start_after {
                    continue;
                }
                let version = version(id, &key)?;
                let is_latest = latest == Some(true);
                let order = modified.map_or(0, DateTime::secs);
                found.push((order, ListedVersion { key, version, is_latest, is_delete_marker }));
            }
            if answer.is_truncated() != Some(true) {
                break;
            }
            key_marker = answer.next_key_marker().map(str::to_owned);
            version_marker = answer.next_version_id_marker().map(str::to_owned);
            if key_marker.is_none() {
                break;
            }
        }
        // Stable: of one second, versions stay in the order that the store gave them, newest first.
        found.sort_by(|(a_order, a), (b_order, b)| {
            (&a.key, !a.is_latest, b_order).cmp(&(&b.key, !b.is_latest, a_order))
        });
        Ok(found.into_iter().map(|(_, version)| version).collect())
    }

    /// Whether a version is a mark that hides a name.
    pub(super) fn is_marker(
        &self,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<bool, StoreError> {
        let versions = self.list_all(key.as_str(), "")?;
        Ok(versions
            .iter()
            .any(|one| one.key == *key && one.version == *version && one.is_delete_marker))
    }
}
