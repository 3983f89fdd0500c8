//! The policy file from its top down to the streams.

use jiff::SignedDuration;
use jiff::civil::Date;
use strongroom_crypto::Digest;

use super::check::Context;
use super::complaint::{Code, Complaints};
use super::reader::{Field, Fields};
use super::stream::{self, Stream};
use super::{Defaults, Disposal, Policy, Transition, conflict, matching};
use crate::period::{MonthDay, Period, Zone};

/// The keys at the top.
pub(super) const FILE: &[&str] = &["schema", "metadata", "catalogue", "defaults", "streams"];
/// The keys of `metadata`.
pub(super) const METADATA: &[&str] =
    &["name", "version", "supersedes", "effective", "transition", "owner", "review_by"];
/// The keys of `catalogue`.
pub(super) const CATALOGUE: &[&str] = &["file", "digest"];
/// The keys of `defaults`.
pub(super) const DEFAULTS: &[&str] = &[
    "zone",
    "fiscal_year_end",
    "max_future_skew",
    "max_lock",
    "grace",
    "review_sla",
    "sweep_every",
    "residency",
    "disposal",
];
/// The keys of `defaults.disposal`.
pub(super) const DISPOSAL: &[&str] = &["approval", "roles", "approval_ttl", "certificate_retain"];

/// An event further ahead than a day has a wrong clock.
const MAX_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// Greatest integer that every JSON reader keeps exactly: the version stands in the log.
const MAX_VERSION: u64 = (1 << 53) - 1;

/// How a catalogue is pinned.
const PIN: &str =
    "`digest: sha256:` and 64 lower-case hex digits, as `policy regulations` prints it";

/// What the streams are read with.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) defaults: Defaults,
    /// The places that the archive's buckets lie in; empty where nobody said.
    pub(super) places: Vec<String>,
    /// The civil date of now.
    pub(super) today: Date,
}

/// Reads a file. What is wrong is complained about and has a value that causes no second complaint.
pub(super) fn read(
    root: &Field<'_>,
    context: &Context<'_>,
    complaints: &mut Complaints,
) -> Option<Policy> {
    let file = root.fields(FILE, complaints)?;
    if let Some(schema) = file.require("schema", complaints) {
        schema.choice(&[("strongroom.policy/v1", ())], complaints);
    }
    let metadata = file.require("metadata", complaints);
    let catalogue = file.demand("catalogue", Code::CatalogueNotPinned, PIN, complaints);
    let defaults = file.require("defaults", complaints);
    let streams = file.require("streams", complaints);
    if let Some(field) = &catalogue {
        check_catalogue(field, context, complaints);
    }
    let setting = defaults.and_then(|field| read_setting(&field, context, complaints));
    let today = setting.as_ref().map(|setting| setting.today);
    let head = metadata.and_then(|field| read_head(&field, today, context, complaints));
    let (setting, streams) = (setting?, streams?);
    let streams = read_streams(&streams, &setting, context, complaints);
    let head = head?;
    Some(Policy {
        name: head.name,
        owner: head.owner,
        version: head.version,
        supersedes: head.supersedes,
        effective: head.effective,
        transition: head.transition,
        review_by: head.review_by,
        catalogue: context.catalogue.digest(),
        defaults: setting.defaults,
        streams: streams.into_iter().map(|stream| stream.rule).collect(),
    })
}

fn check_catalogue(field: &Field<'_>, context: &Context<'_>, complaints: &mut Complaints) {
    let Some(fields) = field.fields(CATALOGUE, complaints) else { return };
    if let Some(file) = fields.get("file") {
        file.text(complaints);
    }
    let digest = fields.demand("digest", Code::CatalogueNotPinned, PIN, complaints);
    let Some(digest) = digest else { return };
    let Some(pinned) = digest_of(&digest, Code::CatalogueNotPinned, PIN, complaints) else {
        return;
    };
    if pinned != context.catalogue.digest() {
        let message = "the digest is not that of the catalogue at hand";
        let write =
            format!("`sha256:{}`, or give its own with `--catalogue`", context.catalogue.digest());
        complaints.add(Code::CatalogueNotPinned, &digest.place(), message, write);
    }
}

/// A digest written as `sha256:` and its hex digits.
fn digest_of(
    field: &Field<'_>,
    code: Code,
    write: &str,
    complaints: &mut Complaints,
) -> Option<Digest> {
    let text = field.spelled(complaints)?;
    let digest = text.strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
    if digest.is_none() {
        complaints.add(code, &field.place(), format!("`{text}` is not a digest"), write);
    }
    digest
}

struct Head {
    name: String,
    owner: String,
    version: u64,
    supersedes: Option<Digest>,
    effective: Date,
    transition: Transition,
    review_by: Option<Date>,
}

fn read_head(
    field: &Field<'_>,
    today: Option<Date>,
    context: &Context<'_>,
    complaints: &mut Complaints,
) -> Option<Head> {
    let fields = field.fields(METADATA, complaints)?;
    let name = fields.require("name", complaints);
    let name = name.and_then(|field| field.word(Code::WrongValue, complaints));
    let owner = fields.require("owner", complaints);
    let owner = owner.and_then(|field| field.word(Code::PersonNamed, complaints));
    let version = read_version(&fields, context, complaints);
    let supersedes = read_supersedes(&fields, version, context, complaints);
    let effective = fields.require("effective", complaints);
    let effective_date = effective.as_ref().and_then(|field| field.date(complaints));
    if let (Some(field), Some(date), Some(today)) = (&effective, effective_date, today)
        && date < today
    {
        let message = format!("`{date}` is in the past");
        let write = format!("`{today}` or a later date");
        complaints.add(Code::EffectivePast, &field.place(), message, write);
    }
    let transition = fields.get("transition").map(|field| {
        let choices = [
            ("current", Transition::Current),
            ("unexpired_on_effective_date", Transition::UnexpiredOnEffectiveDate),
            ("records_made_from", Transition::RecordsMadeFrom),
        ];
        field.choice(&choices, complaints)
    });
    let review = fields.get("review_by");
    let review_by = review.as_ref().and_then(|field| field.date(complaints));
    if let (Some(field), Some(date), Some(from)) = (&review, review_by, effective_date)
        && date <= from
    {
        let message = format!("`{date}` is not after the policy takes effect");
        complaints.add(Code::WrongValue, &field.place(), message, "a later date");
    }
    Some(Head {
        name: name?,
        owner: owner.unwrap_or_default(),
        version: version?,
        supersedes,
        effective: effective_date?,
        transition: transition.unwrap_or(Some(Transition::Current))?,
        review_by,
    })
}

fn read_version(
    fields: &Fields<'_>,
    context: &Context<'_>,
    complaints: &mut Complaints,
) -> Option<u64> {
    let field = fields.require("version", complaints)?;
    let version = field.spelled(complaints)?;
    let number: Option<u64> = version.parse().ok().filter(|n: &u64| n.to_string() == version);
    let least = context.previous.map_or(1, |(version, _)| version.saturating_add(1));
    if number.is_none_or(|number| number < least || number > MAX_VERSION) {
        let message = format!("`{version}` does not come after the policy before");
        let write = format!("`{least}`");
        complaints.add(Code::VersionNotIncreased, &field.place(), message, write);
    }
    number
}

fn read_supersedes(
    fields: &Fields<'_>,
    version: Option<u64>,
    context: &Context<'_>,
    complaints: &mut Complaints,
) -> Option<Digest> {
    let code = Code::SupersedesMissing;
    let write = match context.previous {
        Some((_, digest)) => format!("`supersedes: sha256:{digest}`"),
        None => "`supersedes: sha256:` and the digest of the policy before".to_owned(),
    };
    let first = context.previous.is_none() && version.is_none_or(|version| version <= 1);
    let Some(field) = fields.get("supersedes") else {
        if !first {
            complaints.add(code, &fields.place, "`supersedes` is missing", write);
        }
        return None;
    };
    let digest = digest_of(&field, code, &write, complaints)?;
    if context.previous.is_some_and(|(_, previous)| previous != digest) {
        let message = "not the digest of the policy before";
        complaints.add(code, &field.place(), message, write);
    }
    Some(digest)
}

/// A period that the file may leave out. One that is wrong counts as nothing.
pub(super) fn period_or(
    fields: &Fields<'_>,
    key: &str,
    default: &str,
    complaints: &mut Complaints,
) -> Option<Period> {
    match fields.get(key) {
        None => default.parse().ok(),
        Some(field) => field.period(complaints).or(Some(Period::ZERO)),
    }
}

fn read_setting(
    field: &Field<'_>,
    context: &Context<'_>,
    complaints: &mut Complaints,
) -> Option<Setting> {
    let fields = field.fields(DEFAULTS, complaints)?;
    let zone = fields.require("zone", complaints).and_then(|field| field.zone(complaints));
    let zone = zone.unwrap_or_else(Zone::utc);
    let fiscal_year_end = fields.get("fiscal_year_end").and_then(|field| {
        field.parsed(Code::NotAYearEnd, "a day of every year like `12-31`, not `02-29`", complaints)
    });
    let skew = fields.get("max_future_skew");
    let skew = skew.and_then(|field| field.duration(MAX_SKEW, complaints));
    let max_lock = fields.require("max_lock", complaints);
    let max_lock = max_lock.and_then(|field| field.period(complaints));
    let places = fields.get("residency");
    let places = places.map(|field| field.words(Code::NoPlace, Code::NoPlace, complaints));
    let disposal = fields.require("disposal", complaints);
    let disposal = disposal.and_then(|field| read_disposal(&field, complaints));
    Some(Setting {
        today: zone.date(context.now),
        places: places.unwrap_or_default(),
        defaults: Defaults {
            zone,
            fiscal_year_end: fiscal_year_end.unwrap_or(MonthDay::YEAR_END),
            max_future_skew: skew.unwrap_or(Defaults::MAX_FUTURE_SKEW),
            max_lock: max_lock.or_else(|| "P9999Y".parse().ok())?,
            grace: period_or(&fields, "grace", "P30D", complaints)?,
            review_sla: period_or(&fields, "review_sla", "P14D", complaints)?,
            sweep_every: period_or(&fields, "sweep_every", "P1D", complaints)?,
            disposal: disposal.unwrap_or_else(|| Disposal {
                roles: Vec::new(),
                approval_ttl: Period::ZERO,
                certificate_retain: Period::ZERO,
            }),
        },
    })
}

fn read_disposal(field: &Field<'_>, complaints: &mut Complaints) -> Option<Disposal> {
    let code = Code::NotTwoPersons;
    let fields = field.fields(DISPOSAL, complaints)?;
    let write = "`approval: two_person`";
    if let Some(approval) = fields.demand("approval", code, write, complaints) {
        let text = approval.spelled(complaints);
        if let Some(text) = text.filter(|text| *text != "two_person") {
            complaints.add(code, &approval.place(), format!("`{text}` is not enough"), write);
        }
    }
    let write = "two different roles like `[records-manager, legal]`";
    let roles = fields.demand("roles", code, write, complaints);
    let words = roles.as_ref().map(|field| field.words(Code::PersonNamed, code, complaints));
    if let (Some(field), Some(words)) = (&roles, &words)
        && words.len() != 2
        && !complaints.stand_within(&field.place())
    {
        let message = format!("{} roles, not two", words.len());
        complaints.add(code, &field.place(), message, write);
    }
    Some(Disposal {
        roles: words.unwrap_or_default(),
        approval_ttl: period_or(&fields, "approval_ttl", "P30D", complaints)?,
        certificate_retain: period_or(&fields, "certificate_retain", "P6Y", complaints)?,
    })
}

fn read_streams<'a>(
    field: &Field<'_>,
    setting: &Setting,
    context: &Context<'a>,
    complaints: &mut Complaints,
) -> Vec<Stream<'a>> {
    let items = field.items(complaints);
    if items.is_empty() {
        let message = "no stream is named";
        complaints.add(Code::KeyMissing, &field.place(), message, "one stream at least");
    }
    let read = |item: &Field<'_>| stream::read(item, setting, context, complaints);
    let streams: Vec<Stream<'_>> = items.iter().filter_map(read).collect();
    for stream in &streams {
        conflict::check(stream, setting, complaints);
    }
    matching::check(&streams, complaints);
    conflict::check_relations(&streams, complaints);
    streams
}
