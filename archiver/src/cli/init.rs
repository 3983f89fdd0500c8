//! `strongroom init`

use std::sync::Arc;

use clap::Args;
use strongroom_crypto::ArchiveId;
use strongroom_crypto::json::{object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::Environment;
use strongroom_crypto::officer::{Registry, RegistryError};

use super::target::{Place, Target};
use super::{EXIT_DONE, Failure, Machine, output};
use crate::config::parse_duration;
use crate::limits::Limits;
use crate::log::{About, Keyring, Log};
use crate::store::StoreUrl;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// What the archive is for: `test` caps every lock at ten minutes and says so in every verdict
    #[arg(long, value_name = "test|production")]
    environment: String,
    /// How long new objects stay locked (ISO 8601); in a test archive at most PT10M
    #[arg(long, value_name = "DURATION")]
    settle: Option<String>,
    /// Who decides, each as `ID:ROLE:FILE` with an OpenSSH public key (ssh-ed25519): at least three
    /// in two roles, outside a test archive
    #[arg(long = "officer", value_name = "ID:ROLE:FILE")]
    officers: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let environment: Environment = arguments.environment.parse().map_err(|_| {
        let message = format!("unknown environment `{}`", arguments.environment);
        Failure::input(message, "use `--environment test` or `--environment production`")
    })?;
    let officers = registry(&arguments.officers, environment)?;
    let place = arguments.target.resolve()?;
    place.key()?;
    let (least, most, range) = match environment {
        Environment::Test => (Limits::SETTLE.0, Limits::TEST_LOCK, "PT1S to PT10M"),
        Environment::Production => (Limits::PRODUCTION_SETTLE, Limits::SETTLE.1, "PT1H to P365D"),
    };
    let settle = match &arguments.settle {
        None => place.limits.settle.clamp(least, most),
        Some(text) => parse_duration(text)
            .filter(|settle| (least..=most).contains(settle))
            .ok_or_else(|| {
                Failure::input(format!("`--settle {text}` is not usable"), format!("give {range}"))
            })?,
    };
    let log = create(&place, &About { environment, officers, settle }, machine)?;
    let (store, key) = (place.url.to_string(), place.key()?.display().to_string());
    let vkey = super::target::vkey(&place)?;
    if arguments.json {
        output::json(&object([
            ("archive_id", text(log.state().archive_id())),
            ("environment", text(log.state().environment())),
            ("key", key.into()),
            ("log_open_sha256", text(log.state().log_open_sha256())),
            ("store", store.into()),
            ("vkey", vkey.into()),
        ]))?;
        return Ok(EXIT_DONE);
    }
    output::line(format!(
        "archive  {} (environment: {})",
        log.state().archive_id(),
        match environment {
            Environment::Test => "test, no lock lasts longer than ten minutes",
            Environment::Production => "production",
        }
    ))?;
    output::line(format!("store    {store}"))?;
    output::line(format!(
        "key      {key}  opens and signs everything: back it up, where the store's readers cannot see it"
    ))?;
    output::line(format!("vkey     {vkey}"))?;
    output::line(format!("log.open {}", log.state().log_open_sha256()))?;
    output::line(
        "         Give your auditor the vkey and log.open: all later trust begins with them.",
    )?;
    if log.state().officers().is_empty() {
        output::line(
            "officers none: until there are some nobody can hold, approve a policy or a disposal; `strongroom officers list` says how they get in",
        )?;
    }
    let archive = place.config_path.as_ref().map_or_else(
        || match place.url {
            StoreUrl::File(_) => format!("--to {} --stream NAME PATH...", place.to()),
            StoreUrl::S3(_) => format!("--to {} --key {key} --stream NAME PATH...", place.to()),
        },
        |config| format!("--config {}", config.display()),
    );
    output::line(format!("next     strongroom archive {archive}"))?;
    Ok(EXIT_DONE)
}

/// The officers that were named, if they are enough.
fn registry(named: &[String], environment: Environment) -> Result<Registry, Failure> {
    let officers = named.iter().map(|text| super::signing::officer(text));
    let next = "name at least three in two roles with `--officer ID:ROLE:FILE`";
    let refused = |error: RegistryError| Failure::input(error.to_string(), next);
    let registry = Registry::new(officers.collect::<Result<_, _>>()?).map_err(refused)?;
    let enough = registry.is_empty() && environment == Environment::Test;
    if !enough {
        registry.check_enough(environment).map_err(refused)?;
    }
    Ok(registry)
}

/// Makes keys, store and log. Each step may be the last before a crash: the next call goes on from there.
pub(super) fn create(place: &Place, about: &About, machine: &Machine) -> Result<Log, Failure> {
    let mut fill = machine.fill;
    let taken = || {
        let next = format!(
            "archive to it with `strongroom archive --to {} --stream NAME PATH...`",
            place.to()
        );
        Failure::input(format!("there is an archive at `{}` already", place.url), next)
    };
    place.check_key_place()?;
    // The store first: a directory that cannot be one gets no key beside it.
    let store = place.create_store(machine)?;
    if Log::is_open(&*store)? {
        return Err(taken());
    }
    Log::require_nothing(&*store)?;
    if !place.key()?.exists() {
        place.write_keys(&KeyFile::generate(ArchiveId::generate(&mut fill), &mut fill))?;
    } else if !Keyring::new(Arc::clone(&store), place.keys()?).has_origin()? {
        // One key for two logs would make each look like a fork of the other.
        let next = "name another place for the new key with `--key FILE`; remove this one only if no archive was ever made with it";
        let message =
            format!("`{}` is there already: it is another archive's key", place.key()?.display());
        return Err(Failure::input(message, next));
    }
    Log::create(store, place.keys()?, about, &mut fill)?.ok_or_else(taken)
}
