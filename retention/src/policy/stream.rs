//! One stream of the file.

use jiff::SignedDuration;
use jiff::civil::Date;
use strongroom_crypto::name::ClassName;

use super::check::Context;
use super::citation::{self, Cited};
use super::complaint::{Code, Complaints, Place};
use super::file::{Setting, period_or};
use super::reader::{Field, Fields};
use super::{
    Backfill, Clock, LockDemand, Match, PersonalData, PersonalField, StreamRule, matching,
};

/// The keys of a stream.
pub(super) const STREAM: &[&str] = &[
    "id",
    "title",
    "record_class",
    "match",
    "clock",
    "zone",
    "segment",
    "residency",
    "lock",
    "grace",
    "pre_approved",
    "backfill",
    "personal_data",
    "citations",
];
/// The keys of `clock`, where it is an event.
pub(super) const CLOCK: &[&str] = &["event"];
/// The keys of `segment`.
pub(super) const SEGMENT: &[&str] = &["max_span", "split_by"];
/// The keys of `backfill`.
pub(super) const BACKFILL: &[&str] = &["received_before", "count_from", "rationale"];
/// The keys of `personal_data`.
pub(super) const PERSONAL_DATA: &[&str] = &["fields", "shred", "not_part_of_required_record"];
/// The keys of an item of `personal_data.fields`.
pub(super) const PERSONAL_FIELD: &[&str] = &["value", "subject"];

/// A segment longer than a month outlives the period key that its events are under.
const MAX_SPAN: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A stream as the file has it, with the places that later checks point at.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) rule: StreamRule,
    pub(super) cited: Vec<Cited<'a>>,
    /// Whether every rule that it cites is known.
    pub(super) is_whole: bool,
    pub(super) id: Place,
    pub(super) class: Place,
    pub(super) matches: Place,
    pub(super) lock: Place,
    pub(super) personal: Place,
}

/// Where a key stands; the mapping where it does not.
fn place_of(fields: &Fields<'_>, key: &str) -> Place {
    fields.get(key).map_or_else(|| fields.place.clone(), |field| field.place())
}

/// None where the stream has no keys at all.
pub(super) fn read<'a>(
    field: &Field<'_>,
    setting: &Setting,
    context: &Context<'a>,
    complaints: &mut Complaints,
) -> Option<Stream<'a>> {
    let fields = field.fields(STREAM, complaints)?;
    let id = fields.require("id", complaints);
    let id = id.and_then(|field| field.word(Code::WrongValue, complaints)).unwrap_or_default();
    let title = fields.require("title", complaints);
    let title = title.and_then(|field| field.text(complaints)).unwrap_or_default().to_owned();
    let (record_class, class) = read_class(&fields, complaints)?;
    let zone = fields.get("zone").and_then(|field| field.zone(complaints));
    let clock = read_clock(&fields, complaints);
    let grace = fields.get("grace").is_some();
    let grace = if grace { period_or(&fields, "grace", "P0D", complaints) } else { None };
    let pre_approved = fields.get("pre_approved").and_then(|field| field.flag(complaints));
    let mut rule = StreamRule {
        id,
        title,
        record_class,
        class,
        matches: read_match(&fields, complaints),
        clock,
        zone: zone.unwrap_or_else(|| setting.defaults.zone.clone()),
        max_span: read_max_span(&fields, complaints),
        residency: read_residency(&fields, &setting.places, complaints),
        lock: read_lock(&fields, complaints),
        grace: grace.unwrap_or(setting.defaults.grace),
        pre_approved: pre_approved.unwrap_or(false),
        backfill: fields.get("backfill").and_then(|field| read_backfill(&field, complaints)),
        personal_data: fields.get("personal_data").and_then(|f| read_personal(&f, complaints)),
        citations: Vec::new(),
    };
    let (cited, is_whole) = read_citations(&fields, &rule, setting, context, complaints);
    rule.citations = cited.iter().map(|cited| cited.citation.clone()).collect();
    Some(Stream {
        rule,
        cited,
        is_whole,
        id: place_of(&fields, "id"),
        class: place_of(&fields, "record_class"),
        matches: place_of(&fields, "match"),
        lock: place_of(&fields, "lock"),
        personal: place_of(&fields, "personal_data"),
    })
}

fn read_class(fields: &Fields<'_>, complaints: &mut Complaints) -> Option<(String, ClassName)> {
    let field = fields.require("record_class", complaints);
    let text = field.as_ref().and_then(|field| field.name(complaints)).unwrap_or_default();
    let class: Option<ClassName> = text.to_lowercase().parse().ok();
    if let Some(field) = field.filter(|_| class.is_none() && !text.is_empty()) {
        let write = "1 to 63 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit";
        let message = format!("`{text}` is not a record class");
        complaints.add(Code::ClassSpelling, &field.place(), message, write);
    }
    let class = class.or_else(|| "unclassified".parse().ok())?;
    Some((text.to_owned(), class))
}

fn read_match(fields: &Fields<'_>, complaints: &mut Complaints) -> Match {
    let write = "`match: {stream: [name]}` or `match: {labels: {key: value}}`";
    let field = fields.demand("match", Code::EmptyMatch, write, complaints);
    field.map(|field| matching::read(&field, write, complaints)).unwrap_or_default()
}

fn read_clock(fields: &Fields<'_>, complaints: &mut Complaints) -> Clock {
    let Some(field) = fields.get("clock") else { return Clock::EventTime };
    if !field.is_map() {
        field.choice(&[("event_time", ())], complaints);
        return Clock::EventTime;
    }
    let event = field.fields(CLOCK, complaints).and_then(|fields| {
        let event = fields.require("event", complaints)?;
        event.word(Code::WrongValue, complaints)
    });
    event.map_or(Clock::EventTime, Clock::Event)
}

fn read_max_span(fields: &Fields<'_>, complaints: &mut Complaints) -> SignedDuration {
    let write = "`segment: {max_span: PT24H}`";
    let span = fields.demand("segment", Code::NoMaxSpan, write, complaints).and_then(|field| {
        let segment = field.fields(SEGMENT, complaints)?;
        if let Some(split) = segment.get("split_by") {
            for item in split.items(complaints) {
                item.choice(&[("residency", ())], complaints);
            }
        }
        let field = segment.demand("max_span", Code::NoMaxSpan, write, complaints)?;
        field.duration(MAX_SPAN, complaints)
    });
    span.unwrap_or(SignedDuration::ZERO)
}

fn read_residency(
    fields: &Fields<'_>,
    places: &[String],
    complaints: &mut Complaints,
) -> Vec<String> {
    let Some(field) = fields.get("residency") else { return places.to_vec() };
    let before = complaints.errors.len();
    let mut words = field.words(Code::NoPlace, Code::NoPlace, complaints);
    words.retain(|word| places.is_empty() || places.contains(word));
    if words.is_empty() && complaints.errors.len() == before {
        let message = "no bucket may hold it";
        let write = match places {
            [] => "the places that it may be stored in, or leave `residency` out".to_owned(),
            _ => format!("one of the places of `defaults.residency`: {}", places.join(", ")),
        };
        complaints.add(Code::NoPlace, &field.place(), message, write);
    }
    words
}

fn read_lock(fields: &Fields<'_>, complaints: &mut Complaints) -> LockDemand {
    let choices = [("governance", LockDemand::Governance), ("compliance", LockDemand::Compliance)];
    match fields.get("lock") {
        None => LockDemand::Governance,
        // One that is wrong causes no second complaint.
        Some(field) => field.choice(&choices, complaints).unwrap_or(LockDemand::Compliance),
    }
}

fn read_backfill(field: &Field<'_>, complaints: &mut Complaints) -> Option<Backfill> {
    let code = Code::BackfillIncomplete;
    let fields = field.fields(BACKFILL, complaints)?;
    let date = fields.demand("received_before", code, "the date that it ends on", complaints);
    let date = date.and_then(|field| field.date(complaints));
    if let Some(count) = fields.demand("count_from", code, "`event_time`", complaints) {
        count.choice(&[("event_time", ())], complaints);
    }
    let rationale = fields.demand("rationale", code, "why old events may end sooner", complaints);
    let rationale = rationale.and_then(|field| field.text(complaints));
    Some(Backfill {
        received_before: date.unwrap_or(Date::MAX),
        rationale: rationale.unwrap_or_default().to_owned(),
    })
}

fn read_personal(field: &Field<'_>, complaints: &mut Complaints) -> Option<PersonalData> {
    let fields = field.fields(PERSONAL_DATA, complaints)?;
    let items = fields.require("fields", complaints).map(|field| field.items(complaints));
    let items = items.unwrap_or_default();
    let values = items.iter().filter_map(|item| {
        let item = item.fields(PERSONAL_FIELD, complaints)?;
        let value = item.require("value", complaints).and_then(|f| read_path(&f, complaints));
        let subject = item.require("subject", complaints).and_then(|f| read_path(&f, complaints));
        Some(PersonalField { value: value?, subject: subject? })
    });
    let values: Vec<PersonalField> = values.collect();
    let shred = fields.require("shred", complaints);
    let shred = shred.and_then(|f| f.choice(&[("none", false), ("per_subject", true)], complaints));
    let outside = fields.get("not_part_of_required_record");
    let outside = outside.map(|field| field.items(complaints)).unwrap_or_default();
    Some(PersonalData {
        fields: values,
        shred_per_subject: shred.unwrap_or(false),
        not_part_of_required_record: outside
            .iter()
            .filter_map(|item| read_path(item, complaints))
            .collect(),
    })
}

fn read_path(field: &Field<'_>, complaints: &mut Complaints) -> Option<String> {
    let text = field.text(complaints)?;
    if !text.starts_with("$.") && !text.starts_with("$[") {
        let message = format!("`{text}` is not a path");
        complaints.add(Code::WrongValue, &field.place(), message, "a path like `$.user.id`");
        return None;
    }
    Some(text.to_owned())
}

fn read_citations<'a>(
    fields: &Fields<'_>,
    rule: &StreamRule,
    setting: &Setting,
    context: &Context<'a>,
    complaints: &mut Complaints,
) -> (Vec<Cited<'a>>, bool) {
    let write = "the rules that say how long, like `- {reg: pci-dss-10-5-1}`";
    let Some(field) = fields.demand("citations", Code::NoCitation, write, complaints) else {
        return (Vec::new(), false);
    };
    let items = field.items(complaints);
    if items.is_empty() {
        complaints.add(Code::NoCitation, &field.place(), "no rule is cited", write);
    }
    let mut cited: Vec<Cited<'a>> = Vec::new();
    for item in &items {
        let Some(next) = citation::read(item, rule, setting, context, complaints) else { continue };
        if cited.iter().any(|cited| cited.rule.id == next.rule.id) {
            let message = format!("`{}` is cited twice", next.rule.id);
            complaints.add(Code::CitedTwice, &next.place, message, "it once");
        } else {
            cited.push(next);
        }
    }
    let is_whole = !items.is_empty() && cited.len() == items.len();
    (cited, is_whole)
}
