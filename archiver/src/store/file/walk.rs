//! Listing names and versions from the directories.

use std::{collections::BTreeSet, fs, path::Path};

use super::FileStore;
use super::durable::{failed, is_absent};
use super::layout::version_entry;
use crate::store::name::is_segment;
use crate::store::{Listed, ListedVersion, ObjectKey, StoreError};

/// One entry of a directory, by its path below the root.
struct Item {
    /// With a `/` at the end for a directory, so that items sort as the keys in them do.
    path: String,
    kind: Kind,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Directory,
    File,
    /// A version or its record, which makes the directory's path a key.
    Version,
}

/// Which keys are wanted.
struct Wanted<'a> {
    prefix: &'a str,
    start_after: Option<&'a str>,
    limit: usize,
}

impl Wanted<'_> {
    fn wants(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.start_after.is_none_or(|after| key > after)
    }

    /// Whether a directory, `/` included, can have a wanted key below it.
    fn enters(&self, directory: &str) -> bool {
        let on_the_way = directory.starts_with(self.prefix) || self.prefix.starts_with(directory);
        let past = |after: &str| directory > after || after.starts_with(directory);
        on_the_way && self.start_after.is_none_or(past)
    }

    /// Whether an entry of a directory, `/` included, can be part of a wanted key: told by its name
    /// alone, for a directory may have very many.
    fn looks_at(&self, directory: &str, name: &str) -> bool {
        self.prefix.strip_prefix(directory).is_none_or(|rest| match rest.split_once('/') {
            Some((next, _)) => name == next,
            None => name.starts_with(rest),
        })
    }
}

impl FileStore {
    pub(super) fn list_current(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        self.walk(self.layout.root(), "", &Wanted { prefix, start_after, limit }, &mut listed)?;
        Ok(listed)
    }

    fn walk(
        &self,
        directory: &Path,
        below: &str,
        wanted: &Wanted<'_>,
        listed: &mut Vec<Listed>,
    ) -> Result<(), StoreError> {
        for Item { path, kind } in items(directory, below, wanted)? {
            if listed.len() >= wanted.limit {
                return Ok(());
            }
            if kind == Kind::Directory && wanted.enters(&path) {
                self.walk(&self.layout.root().join(&path), &path, wanted, listed)?;
            } else if kind == Kind::File && wanted.wants(&path) {
                // A key that is too long, or that was deleted meanwhile, is not listed.
                let Ok(key) = ObjectKey::new(path) else { continue };
                let Some(current) = self.current(&key)? else { continue };
                listed.push(Listed { key, length: current.length });
            }
        }
        Ok(())
    }

    pub(super) fn list_all(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        let wanted = Wanted { prefix, start_after: Some(start_after), limit: usize::MAX };
        // Names that something else put there have no versions, and versions whose name something
        // else removed have no name: both trees are read.
        let mut keys = BTreeSet::new();
        gather(self.layout.root(), "", &wanted, &mut keys)?;
        gather(&self.layout.versions_root(), "", &wanted, &mut keys)?;
        let mut all = Vec::new();
        for key in keys {
            self.list_key(&key, &mut all)?;
        }
        Ok(all)
    }

    fn list_key(&self, key: &ObjectKey, all: &mut Vec<ListedVersion>) -> Result<(), StoreError> {
        let current = self.current(key)?.map(|current| current.version);
        let linked = self.versions(key)?.linked;
        let others = linked.into_iter().filter(|version| Some(version) != current.as_ref());
        let others: Vec<_> = others.map(|version| (version, false)).collect();
        let latest = current.map(|version| (version, true));
        all.extend(latest.into_iter().chain(others).map(|(version, is_latest)| ListedVersion {
            key: key.clone(),
            version,
            is_latest,
            is_delete_marker: false,
        }));
        Ok(())
    }
}

/// Collects the keys below a directory of names or of versions.
fn gather(
    directory: &Path,
    below: &str,
    wanted: &Wanted<'_>,
    keys: &mut BTreeSet<ObjectKey>,
) -> Result<(), StoreError> {
    for Item { path, kind } in items(directory, below, wanted)? {
        match kind {
            Kind::Directory if wanted.enters(&path) => {
                let name = path.strip_prefix(below).unwrap_or(&path);
                gather(&directory.join(name), &path, wanted, keys)?;
            }
            Kind::File if wanted.wants(&path) => keys.extend(ObjectKey::new(path)),
            Kind::Version => {
                let key = below.strip_suffix('/').filter(|key| wanted.wants(key));
                keys.extend(key.and_then(|key| ObjectKey::new(key).ok()));
            }
            Kind::Directory | Kind::File => {}
        }
    }
    Ok(())
}

/// The entries of a directory that can be part of a key, in the order of the keys.
fn items(directory: &Path, below: &str, wanted: &Wanted<'_>) -> Result<Vec<Item>, StoreError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error, "list", directory)),
    };
    let mut items = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&error, "list", directory))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !wanted.looks_at(below, &name) {
            continue;
        }
        let file_type = entry.file_type().map_err(|error| failed(&error, "list", directory))?;
        if file_type.is_file() && version_entry(&name).is_some() {
            items.push(Item { path: format!("{below}{name}"), kind: Kind::Version });
        } else if !is_segment(&name) {
            // The store's own files, or something that no key can name.
        } else if file_type.is_dir() {
            items.push(Item { path: format!("{below}{name}/"), kind: Kind::Directory });
        } else if file_type.is_file() {
            items.push(Item { path: format!("{below}{name}"), kind: Kind::File });
        }
    }
    items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(items)
}
