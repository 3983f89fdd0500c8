//! `strongroom hold place`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::entry::{EntryKind, HoldPlace, Standing};
use strongroom_crypto::json::{Value, array, text};
use strongroom_crypto::list::{MAX_LIST_SEGMENTS, SegmentList};
use strongroom_crypto::name::{HoldId, StreamName};
use strongroom_crypto::officer::Signatures;

use super::reading::{Reading, Untimed, nothing};
use crate::act::expires;
use crate::cli::officers::open;
use crate::cli::signing::{Act, Done, Outcome, Signing};
use crate::cli::stream::require_known;
use crate::cli::target::{Place, Target};
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::detail::Detail;
use crate::document::Document;
use crate::hold::{Collateral, Found, Late, Ledger, Matching, Matter, Scope, Search, late};
use crate::log::{Log, instant};
use crate::store::{Covered, LockedStore};

/// Longest notice in bytes: a letter of many pages. All that is sealed of a hold has to fit into a detail.
const MAX_NOTICE_BYTES: u64 = 1 << 16;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The hold's id: it stands in the log for ever, so it must say nothing about anybody
    #[arg(value_name = "ID")]
    hold: HoldId,
    /// Segments of this stream; may be repeated
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<StreamName>,
    /// Of them, segments with events that name this actor anywhere in their record: a whole word, such as an id, a name, an
    /// account or a credential, in capitals or not; where no column says who did it, a part of a word too. What cannot be
    /// read is held. May be repeated
    #[arg(long = "actor", value_name = "NAME")]
    actors: Vec<String>,
    /// Of them, segments with this text in an event, byte for byte; may be repeated
    #[arg(long = "query", value_name = "TEXT")]
    texts: Vec<String>,
    /// Segments with events from then on, by what they say or when they came; the others are read, and named if some of
    /// their events do not say when they happened
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Segments with events up to then, by what they say or when they came
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// This segment too; may be repeated
    #[arg(long = "segment", value_name = "ID")]
    segments: Vec<SegmentId>,
    /// New segments too: all of the streams named, or of every stream, whatever their times
    #[arg(long)]
    standing: bool,
    /// Name streams of which nothing is known yet: with `--standing` what comes is held
    #[arg(long)]
    force: bool,
    /// The matter; it is sealed, and never stands in the log
    #[arg(long, value_name = "TEXT", required_unless_present = "preview")]
    matter: Option<String>,
    /// Whose records they are; sealed like the matter; may be repeated
    #[arg(long = "custodian", value_name = "TEXT")]
    custodians: Vec<String>,
    /// The notice that they were given, a text of at most 64 KiB; sealed like the matter; may be repeated
    #[arg(long = "notice", value_name = "FILE")]
    notices: Vec<PathBuf>,
    /// Show what would be held, and do nothing
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

/// What is in scope.
struct Selection {
    /// What is held, or none if only new segments are.
    list: Option<SegmentList>,
    /// What the list takes in.
    collateral: Collateral,
    /// Which of its events were asked for.
    matching: Matching,
    /// What was ordered away before.
    late: Vec<Late>,
    /// What the hold may miss: nobody knows when some of the events happened.
    untimed: Untimed,
}

impl Selection {
    /// How many events are held that nobody asked for.
    fn beside(&self) -> u64 {
        let Matching { asked, unknown } = self.matching;
        self.collateral.events.saturating_sub(asked).saturating_sub(unknown)
    }

    fn members(&self, hold: &HoldId) -> [(&'static str, Value); 10] {
        let Collateral { segments, events, bytes } = self.collateral;
        [
            ("bytes", bytes.into()),
            ("collateral_events", self.beside().into()),
            ("events", events.into()),
            ("hold", text(hold)),
            ("late", array(self.late.iter().map(|late| text(late.id)))),
            ("matching_events", self.matching.asked.into()),
            ("segments", segments.into()),
            ("undetermined_events", self.matching.unknown.into()),
            ("untimed", self.untimed.collateral.to_json()),
            ("untimed_segments", array(self.untimed.segments.iter().map(text))),
        ]
    }
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let scope = arguments.scope()?;
    if arguments.preview {
        let place = arguments.target.resolve()?;
        place.key()?;
        let (store, covered) = (place.store_read_only(machine)?, Covered::default());
        let selection = select(&store, &covered, &place, arguments, &scope)?;
        if arguments.signing.json {
            let done = Done::without_entry("hold.place", None, Outcome::Previewed);
            done.json(None, selection.members(&arguments.hold))?;
        } else {
            show(arguments, &selection)?;
        }
        complain(&selection.late);
        selection.untimed.warn();
        output::warn(&covered);
        return Ok(EXIT_DONE);
    }
    arguments.signing.require_no_signature()?;
    let notices = arguments.notices.iter().map(|path| notice(path)).collect::<Result<_, _>>()?;
    let (place, mut log) = open(&arguments.target, machine)?;
    let (store, covered) = (Arc::clone(log.store()), log.covered().clone());
    let selection = select(&store, &covered, &place, arguments, &scope)?;
    if !arguments.signing.json {
        show(arguments, &selection)?;
    }
    complain(&selection.late);
    selection.untimed.warn();
    if selection.list.is_none() && !scope.standing {
        let next = "what is ordered cannot be held any more: `strongroom disposition list` shows the orders";
        return Err(Failure::input(format!("nothing is left for hold `{}`", arguments.hold), next));
    }
    let done = enter(arguments, (scope, notices), &selection, &place, &mut log, machine)?;
    let mut late = selection.late.clone();
    if done.outcome == Outcome::Entered {
        // Whatever was ordered between the two looks at the log came first.
        let ids = selection.list.as_ref().map_or(&[][..], SegmentList::as_slice);
        let meanwhile = self::late(&*store, &covered, log.state(), ids)?;
        complain(&meanwhile);
        late.extend(meanwhile);
    }
    let next = format!("strongroom sweep --duty hold --to {}", place.to());
    let more = Selection { late, ..selection };
    let code = done.report(arguments.signing.json, Some(next), more.members(&arguments.hold))?;
    Ok(if more.late.is_empty() { code } else { EXIT_FINDING })
}

impl Arguments {
    fn scope(&self) -> Result<Scope, Failure> {
        let scope = Scope {
            streams: self.streams.iter().cloned().collect(),
            search: Search {
                actors: self.actors.iter().cloned().collect(),
                texts: self.texts.iter().cloned().collect(),
            },
            from: self.from.map(instant),
            to: self.until.map(instant),
            segments: self.segments.iter().copied().collect(),
            standing: self.standing,
        };
        let next = "name `--stream NAME`, `--from TIME` and `--until TIME`, `--actor NAME`, `--query TEXT`, or `--segment ID`";
        if scope.is_empty() {
            return Err(Failure::input("nothing was named to hold", next));
        }
        if scope.from.zip(scope.to).is_some_and(|(from, to)| from > to) {
            return Err(Failure::input("`--from` lies after `--until`", next));
        }
        if scope.standing && scope.streams.is_empty() && !scope.segments.is_empty() {
            let message = "with `--segment` alone `--standing` would hold every stream";
            return Err(Failure::input(message, "name the streams with `--stream NAME`"));
        }
        if self.matter.as_ref().is_some_and(|matter| matter.trim().is_empty()) {
            return Err(Failure::input("the matter is empty", "say it with `--matter TEXT`"));
        }
        Ok(scope)
    }
}

/// Reads the text of a notice.
fn notice(path: &Path) -> Result<String, Failure> {
    let unusable = |why: String| {
        let message = format!("`{}` is no notice: {why}", path.display());
        Failure::input(message, "name a text with `--notice FILE`")
    };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        let mut file = file.take(MAX_NOTICE_BYTES.saturating_add(1));
        file.read_to_string(&mut text)
    });
    read.map_err(|error| unusable(error.to_string()))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_NOTICE_BYTES) {
        return Err(unusable(format!("it has more than {MAX_NOTICE_BYTES} bytes")));
    }
    if text.trim().is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    Ok(text)
}

/// Finds what is in scope, and what of it comes too late.
fn select(
    store: &Arc<dyn LockedStore>,
    covered: &Covered,
    place: &Place,
    arguments: &Arguments,
    scope: &Scope,
) -> Result<Selection, Failure> {
    let keys = &place.keys()?;
    let (ledger, events) = Ledger::read(&**store, keys, covered)?;
    let hold = &arguments.hold;
    if ledger.histories().get(hold).is_some_and(|history| history.released.is_some()) {
        let message = format!("hold `{hold}` was released");
        return Err(Failure::input(message, "an id is used once: choose another"));
    }
    if !arguments.force {
        let next = "`strongroom status` shows the streams; give `--config FILE` if it is a new one, or `--force` with `--standing` to hold what comes";
        let archive = (&**store, covered, ledger.state());
        require_known(&arguments.streams, place, archive, next)?;
    }
    let mut segments = scope.select(ledger.state());
    let unknown =
        scope.segments.iter().find(|id| segments.iter().all(|segment| segment.segment_id != **id));
    if let Some(id) = unknown {
        let next = "`strongroom status --segments` shows the live segments";
        return Err(Failure::input(format!("segment `{id}` is not live in this archive"), next));
    }
    let reading = Reading { store, covered, keys, scope };
    let asked: BTreeSet<SegmentId> = segments.iter().map(|one| one.segment_id).collect();
    let found = if scope.search.is_empty() { None } else { Some(reading.search(&asked)?) };
    if let Some(Found { matching, unread, .. }) = &found {
        let named =
            |id| matching.contains_key(id) || unread.contains(id) || scope.segments.contains(id);
        segments.retain(|segment| named(&segment.segment_id));
    }
    let ids: Vec<SegmentId> = segments.iter().map(|segment| segment.segment_id).collect();
    let untimed = reading.untimed(ledger.state(), &events)?;
    if ids.is_empty() && !scope.standing {
        return Err(nothing(scope, found.as_ref(), &untimed));
    }
    if ids.is_empty() && found.is_some() {
        let why = nothing(scope, found.as_ref(), &Untimed::default());
        output::complain(&why.message, why.next.as_deref());
    }
    let late = late(&**store, covered, ledger.state(), &ids)?;
    segments.retain(|segment| late.iter().all(|late| late.id != segment.segment_id));
    if segments.len() > MAX_LIST_SEGMENTS {
        let message = format!("{} segments are more than a list has", segments.len());
        let next = "narrow it with `--stream` or `--from` and `--until`, and place the rest under the same id: a hold widens";
        return Err(Failure::input(message, next));
    }
    let collateral = Collateral::of(&segments, &events);
    let list = SegmentList::new(segments.iter().map(|segment| segment.segment_id).collect());
    let matching = scope.matching(&segments, &events, &found.unwrap_or_default());
    Ok(Selection { list, collateral, matching, late, untimed })
}

fn show(arguments: &Arguments, selection: &Selection) -> Result<(), Failure> {
    let Collateral { segments, events, bytes } = selection.collateral;
    output::line(format!(
        "hold        {} over {}, {}, {}: one held event holds the whole segment",
        arguments.hold,
        output::counted(segments, "segment", "segments"),
        output::counted(events, "event", "events"),
        output::size(bytes)
    ))?;
    let asked = output::counted(selection.matching.asked, "event", "events");
    let beside = output::count(selection.beside());
    output::line(format!("asked for   {asked}; {beside} held beside"))?;
    if selection.matching.unknown > 0 {
        let events = output::counted(selection.matching.unknown, "event", "events");
        output::line(format!(
            "not known   {events}: their segments reach beyond the times asked for, or cannot be read"
        ))?;
    }
    if arguments.standing {
        output::line(format!("standing    {}", super::list::standing(&arguments.streams)))?;
    }
    Ok(())
}

fn complain(late: &[Late]) {
    for Late { id, index, order } in late {
        let message = format!("segment `{id}`: too late, ordered at entry {index}");
        output::complain(&message, Some(&format!("it is in order `{order}`; the rest is held")));
    }
}

/// Stores what the entry names, and has it signed.
fn enter(
    arguments: &Arguments,
    (scope, notices): (Scope, Vec<String>),
    selection: &Selection,
    place: &Place,
    log: &mut Log,
    machine: &Machine,
) -> Result<Done, Failure> {
    let keys = place.keys()?;
    let mut fill = machine.fill;
    let standing =
        scope.standing.then(|| Standing { streams: scope.streams.iter().cloned().collect() });
    let matter = Matter {
        matter: arguments.matter.clone().unwrap_or_default(),
        custodians: arguments.custodians.clone(),
        notices,
        scope,
    };
    // A crash here leaves documents that no entry names.
    let list = selection.list.as_ref().map(|list| Document::List.store(log, &list.encode()));
    let list = list.transpose()?;
    let detail = Detail::Hold.store(log, &keys, &matter.to_json().to_canonical(), &mut fill)?;
    let kind = EntryKind::HoldPlace(HoldPlace {
        detail: Some(detail),
        expires_at: expires(log)?,
        hold: arguments.hold.clone(),
        list,
        signatures: Signatures::default(),
        standing,
    });
    arguments.signing.enter(&mut Act { log, place, kind: &kind, machine })
}
