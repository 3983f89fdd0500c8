//! Uploads in parts that were begun and never completed: no listing of objects shows them, and until
//! they are aborted whoever began one may complete it.

use super::S3Store;
use super::answer::{Act, Refusal};
use crate::store::{ObjectKey, StoreError};

/// Uploads listed at a time.
const PAGE: i32 = 1_000;

impl S3Store {
    /// Aborts the uploads of a name and looks again.
    pub(super) fn abort_all(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let found = self.unfinished(key)?;
        for upload in &found {
            let request = self.client.abort_multipart_upload().bucket(&self.at.bucket);
            let request = request.key(self.full(key.as_str())).upload_id(upload);
            if let Err(error) = self.ask(request.send()) {
                let refusal = Refusal::of(&error);
                // Somebody else ended it, or the answer to the first try was lost.
                if refusal.code != "NoSuchUpload" {
                    return Err(refusal.error(Act::ABORT, key));
                }
            }
        }
        if !found.is_empty() && !self.unfinished(key)?.is_empty() {
            return Err(StoreError::Conflict { key: key.clone() });
        }
        Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
    }

    /// The ids of a name's uploads. A prefix has those of other names too.
    fn unfinished(&self, key: &ObjectKey) -> Result<Vec<String>, StoreError> {
        let full = self.full(key.as_str());
        let (mut found, mut key_marker, mut upload_marker) = (Vec::new(), None, None);
        loop {
            let request = self
                .client
                .list_multipart_uploads()
                .bucket(&self.at.bucket)
                .prefix(&full)
                .set_key_marker(key_marker)
                .set_upload_id_marker(upload_marker)
                .max_uploads(PAGE);
            let answer = self
                .ask(request.send())
                .map_err(|error| Refusal::of(&error).error(Act::LIST_UPLOADS, key))?;
            let own = answer.uploads().iter().filter(|one| one.key() == Some(full.as_str()));
            found.extend(own.filter_map(|one| one.upload_id().map(str::to_owned)));
            key_marker = answer.next_key_marker().map(str::to_owned);
            upload_marker = answer.next_upload_id_marker().map(str::to_owned);
            if answer.is_truncated() != Some(true) || key_marker.is_none() {
                return Ok(found);
            }
        }
    }
}
