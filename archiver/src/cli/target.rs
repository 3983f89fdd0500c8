//! Which archive a command is about: a configuration, or `--to` and a key.

#[cfg_attr(not(feature = "s3"), path = "target/no_bucket.rs")]
mod bucket;

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::state::State;

use super::{EXIT_INPUT, Failure, Machine, output};
use crate::config::Config;
use crate::limits::Limits;
use crate::log::Log;
use crate::policies::{Labels, Policies, labels};
use crate::store::file::FileStore;
use crate::store::{Covered, LockedStore, StoreError, StoreUrl};

/// The environment variable that names a key file.
const KEY_VARIABLE: &str = "STRONGROOM_KEY";

/// Where the archive is and which key opens it.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Target {
    /// Configuration file
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub(super) config: Option<PathBuf>,
    /// Store, as `file:///absolute/path` or `s3://bucket/prefix?option=value`, in place of a configuration
    #[arg(long, value_name = "STORE")]
    pub(super) to: Option<String>,
    /// Key file; else `STRONGROOM_KEY`, else for `file:///p` the file `p.key` beside it
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
}

/// A resolved target.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) config: Option<Config>,
    /// Where the configuration was read from.
    pub(super) config_path: Option<PathBuf>,
    pub(super) limits: Limits,
    pub(super) url: StoreUrl,
    /// The store's address as it was given, with its options.
    pub(super) address: String,
    key: Option<PathBuf>,
}

/// How an archive is made at an address.
pub(super) fn create(to: &str) -> String {
    format!(
        "`strongroom init --environment production --officer ID:ROLE:FILE ... --to {to}` makes an archive, `strongroom init --environment test --to {to}` one to try things out, whose locks last ten minutes at most"
    )
}

/// What every configuration is called where none is named.
const DEFAULT_CONFIG: &str = "strongroom.yaml";

impl Target {
    /// Finds store and key; nothing is opened yet.
    pub(super) fn resolve(&self) -> Result<Place, Failure> {
        let config_path = match (&self.config, &self.to) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(_)) => None,
            (None, None) if Path::new(DEFAULT_CONFIG).exists() => {
                Some(PathBuf::from(DEFAULT_CONFIG))
            }
            (None, None) => {
                let next = "name the archive with `--to file:///path` or `--config FILE`, or try `strongroom quickstart`";
                return Err(Failure::input(
                    "no archive was named, and there is no strongroom.yaml here",
                    next,
                ));
            }
        };
        let config = config_path.as_deref().map(Config::read).transpose()?;
        let named = self
            .to
            .as_deref()
            .or(config.as_ref().map(|config| config.store.as_str()))
            .unwrap_or_default();
        let url: StoreUrl = named.parse()?;
        let address = named.to_owned();
        let sibling = url.file_path().map(|root| PathBuf::from(format!("{}.key", root.display())));
        let from_config = config.as_ref().and_then(|config| config.key_file.clone());
        let variable = std::env::var_os(KEY_VARIABLE).map(PathBuf::from);
        if variable.as_ref().is_some_and(|path| !path.is_absolute()) {
            // It is not repeated: it may be a key that somebody put there by mistake.
            let next =
                "write the key to a file that only its owner can read, and give that file's path";
            return Err(Failure::input(format!("`{KEY_VARIABLE}` is no absolute path"), next));
        }
        let key = self.key.clone().or(from_config).or(variable).or(sibling);
        let limits = config.as_ref().map_or_else(Limits::default, |config| config.limits);
        Ok(Place { config, config_path, limits, url, address, key })
    }
}

impl Place {
    /// Opens the store to write.
    pub(super) fn store(&self, machine: &Machine) -> Result<Arc<dyn LockedStore>, Failure> {
        let (now, fill) = (machine.now, machine.fill);
        let root = match &self.url {
            StoreUrl::File(root) => root,
            StoreUrl::S3(at) => return bucket::open(self, at, now()),
        };
        let opened = FileStore::open(root, Box::new(now), Box::new(move || random(fill)));
        Ok(Arc::new(opened.map_err(|error| self.explain(error))?))
    }

    /// Opens the store to read: nothing in it is touched.
    pub(super) fn store_read_only(
        &self,
        machine: &Machine,
    ) -> Result<Arc<dyn LockedStore>, Failure> {
        let root = match &self.url {
            StoreUrl::File(root) => root,
            StoreUrl::S3(at) => return bucket::open_to_read(at),
        };
        let opened = FileStore::open_read_only(root, Box::new(machine.now));
        Ok(Arc::new(opened.map_err(|error| self.explain(error))?))
    }

    /// Opens the store to set flags on what is in it: who may do that may put nothing there.
    pub(super) fn store_for_flags(
        &self,
        machine: &Machine,
    ) -> Result<Arc<dyn LockedStore>, Failure> {
        match self.url {
            StoreUrl::File(_) => self.store(machine),
            StoreUrl::S3(_) => self.store_read_only(machine),
        }
    }

    /// Makes the store if it is not there.
    pub(super) fn create_store(&self, machine: &Machine) -> Result<Arc<dyn LockedStore>, Failure> {
        let (now, fill) = (machine.now, machine.fill);
        let root = match &self.url {
            StoreUrl::File(root) => root,
            StoreUrl::S3(at) => return bucket::create(at),
        };
        let created = FileStore::create(root, Box::new(now), Box::new(move || random(fill)));
        Ok(Arc::new(created.map_err(|error| match error {
            StoreError::Invalid { detail } => {
                Failure::input(detail, "name a new or empty directory with `--to`")
            }
            error => error.into(),
        })?))
    }

    fn explain(&self, error: StoreError) -> Failure {
        match error {
            StoreError::NotFound { .. } => self.missing(""),
            error => error.into(),
        }
    }

    /// There is no archive here, and perhaps a reason.
    fn missing(&self, why: &str) -> Failure {
        let next = match self.url {
            StoreUrl::File(_) => create(&self.to()),
            StoreUrl::S3(_) => format!("check bucket and prefix; {}", create(&self.to())),
        };
        Failure::input(format!("no archive at `{}`{why}", self.url), next)
    }

    /// The policies of an archive, with the labels that the configuration gives its streams.
    pub(super) fn policies(&self, log: &Log) -> Result<Policies, Failure> {
        self.policies_of(&**log.store(), log.covered(), log.state())
    }

    /// The same of a state that was read.
    pub(super) fn policies_of(
        &self,
        store: &dyn LockedStore,
        covered: &Covered,
        state: &State,
    ) -> Result<Policies, Failure> {
        Ok(Policies::load(store, covered, state, self.labels())?)
    }

    /// The labels that the configuration gives its streams.
    pub(super) fn labels(&self) -> Labels {
        self.config.as_ref().map(|config| labels(&config.streams)).unwrap_or_default()
    }

    /// The store's address as a shell takes it.
    pub(super) fn to(&self) -> String {
        output::word(&self.address)
    }

    /// The key file, if one is named: asked before a store is, for a store may be far away.
    pub(super) fn key(&self) -> Result<&Path, Failure> {
        self.key.as_deref().ok_or_else(|| {
            let next = format!(
                "name it with `--key FILE`, `{KEY_VARIABLE}` or `keys.kek` in the configuration"
            );
            Failure::input("no key file was named", next)
        })
    }

    /// Reads the key file.
    pub(super) fn keys(&self) -> Result<Arc<KeyFile>, Failure> {
        let key = self.key()?;
        let path = key.display();
        let next = "give the archive's key with `--key FILE` or `STRONGROOM_KEY`; without it nothing can be sealed or read";
        let mut file = std::fs::File::open(key).map_err(|error| {
            Failure::input(format!("cannot read key file `{path}`: {error}"), next)
        })?;
        let about = file.metadata()?;
        // What root gives to a group is for its members alone: so does a pod's user come by a secret.
        let given =
            about.uid() == 0 && std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0);
        let others = if given { 0o037 } else { 0o077 };
        if about.mode() & others != 0 {
            let next = format!("run `chmod 600 {path}`, and think about who may have read it");
            return Err(Failure::input(format!("key file `{path}` can be read by others"), next));
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(|error| {
            Failure::input(format!("cannot read key file `{path}`: {error}"), next)
        })?;
        let keys = KeyFile::parse(&text)
            .map_err(|error| Failure::input(format!("`{path}` is no key file: {error}"), next))?;
        Ok(Arc::new(keys))
    }

    /// Refuses a key file that would be stored with what it opens.
    pub(super) fn check_key_place(&self) -> Result<(), Failure> {
        let key = self.key()?;
        if self.url.file_path().is_some_and(|root| key.starts_with(root)) {
            return Err(Failure::input(
                "the key must not lie inside the store that it opens",
                "name another place with `--key FILE`",
            ));
        }
        if let Some(folder) = key.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            let message = format!("there is no directory `{}` for the key file", folder.display());
            return Err(Failure::input(
                message,
                "make it, or name another place with `--key FILE`",
            ));
        }
        Ok(())
    }

    /// Writes a new key file, which nobody else may read; an existing one is never overwritten.
    pub(super) fn write_keys(&self, keys: &KeyFile) -> Result<(), Failure> {
        let key = self.key()?;
        let wrong = |error: std::io::Error| Failure {
            code: EXIT_INPUT,
            message: format!("cannot write key file `{}`: {error}", key.display()),
            next: Some("name another place with `--key FILE`".to_owned()),
        };
        // Under another name first: what a crash leaves is never half a key in the key's place.
        let mut staged = key.to_owned().into_os_string();
        staged.push(".new");
        let staged = PathBuf::from(staged);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&staged)
            .map_err(wrong)?;
        file.write_all(keys.to_text().as_bytes()).map_err(wrong)?;
        // Whatever is sealed under these keys is lost without them: they are on disk first.
        file.sync_all().map_err(wrong)?;
        let linked = std::fs::hard_link(&staged, key);
        std::fs::remove_file(&staged).map_err(wrong)?;
        linked.map_err(wrong)?;
        let parent =
            key.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(wrong)
    }
}

pub(super) fn random(fill: fn(&mut [u8])) -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// The verifier key of the key file's log.
pub(super) fn vkey(place: &Place) -> Result<String, Failure> {
    Ok(place.keys()?.log().verifier().to_string())
}
