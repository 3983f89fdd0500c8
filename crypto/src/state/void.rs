//! What becomes of an entry, and every reason for which one has no effect.

use crate::{
    digest::Digest,
    id::SegmentId,
    json::JsonError,
    keys::{KeyId, Role},
    name::{ClassName, EventName, HoldId, OrderId, Shard, StreamName},
    officer::{OfficerError, RegistryError},
    origin::OriginHandle,
    state::page::PageRef,
    time::Instant,
};

/// What becomes of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It took effect.
    Valid,
    /// It is a leaf without effect.
    Void(Void),
    /// A type or version that this program does not know. It had no effect here; if it is
    /// critical, nothing may be decided from the state any more.
    Unknown {
        /// Whether it is critical.
        crit: bool,
    },
}

/// Why an entry is void.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Void {
    /// Not the structure of its type.
    #[error("entry is malformed: {0}")]
    Malformed(JsonError),
    /// A second `log.open`.
    #[error("the log is open already")]
    OpenAgain,
    /// Its clock is too far behind.
    #[error("entry of {at} lies over 24 hours before the latest of {latest}")]
    ClockBehind {
        /// The entry's time.
        at: Instant,
        /// The greatest time so far.
        latest: Instant,
    },
    /// An act of officers that is dated back.
    #[error("an act of officers of {at} lies before the latest entry of {latest}")]
    ActBehind {
        /// The entry's time.
        at: Instant,
        /// The greatest time so far.
        latest: Instant,
    },
    /// None of the signer's active keys may append the type.
    #[error("key `{signer}` may not append `{kind}`")]
    Signer {
        /// The signer.
        signer: KeyId,
        /// The type.
        kind: String,
    },
    /// Locks cannot have been extended that far.
    #[error("locks cannot have been extended until {until}, at most until {latest}")]
    Extended {
        /// What the entry says.
        until: Instant,
        /// Its own time and a settling period.
        latest: Instant,
    },
    /// A key that is or was registered already.
    #[error("key `{id}` was registered for role `{role}` before")]
    KeyKnown {
        /// The key.
        id: KeyId,
        /// The role.
        role: Role,
    },
    /// A key that can't be revoked, for it is not active.
    #[error("key `{id}` is not active in role `{role}`")]
    KeyNotActive {
        /// The key.
        id: KeyId,
        /// The role.
        role: Role,
    },
    /// A seal of nothing: it could be valid any number of times.
    #[error("segment `{id}` covers no byte of any origin")]
    NothingCovered {
        /// The segment.
        id: SegmentId,
    },
    /// A range that does not begin where the folded position ends.
    #[error("origin `{origin}` generation {generation} stands at {expected}, not {found}")]
    Position {
        /// The origin.
        origin: OriginHandle,
        /// The generation.
        generation: u64,
        /// Where it stands.
        expected: u64,
        /// Where the range begins.
        found: u64,
    },
    /// A generation that is neither known nor the next one.
    #[error("the next generation of origin `{origin}` is {expected}, not {found}")]
    Generation {
        /// The origin.
        origin: OriginHandle,
        /// The only new one possible.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// An id that is live.
    #[error("segment `{id}` is sealed already")]
    Sealed {
        /// The segment.
        id: SegmentId,
    },
    /// An id that was abandoned.
    #[error("segment `{id}` was abandoned")]
    Abandoned {
        /// The segment.
        id: SegmentId,
    },
    /// A seal after its settling lock: the object may be gone.
    #[error("segment `{id}` is sealed at {at}, but its settling lock ended at {settle_until}")]
    Settled {
        /// The segment.
        id: SegmentId,
        /// When the entry was made.
        at: Instant,
        /// When the lock ended.
        settle_until: Instant,
    },
    /// Other holds than those that stand.
    #[error("segment `{id}` was sealed under holds that are not those of the log")]
    Holds {
        /// The segment.
        id: SegmentId,
    },
    /// A policy that the log does not know.
    #[error("segment `{id}` was sealed under policy {policy}, which the log does not know")]
    SealPolicy {
        /// The segment.
        id: SegmentId,
        /// The policy.
        policy: Digest,
    },
    /// Signatures that do not authorise it.
    #[error(transparent)]
    Officers(OfficerError),
    /// Signatures that do not count any more.
    #[error("entry of {at} is signed until {expires_at}")]
    Expired {
        /// The entry's time.
        at: Instant,
        /// Until when they counted.
        expires_at: Instant,
    },
    /// More than the log can keep.
    #[error("the log has {limit} {what}, which is the most")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// Officers who do not make a registry of this archive.
    #[error(transparent)]
    Registry(RegistryError),
    /// A registry that is not the next.
    #[error("the next registry of officers is {expected}, not {found}")]
    OfficersNumber {
        /// The next number.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// A policy older than the newest.
    #[error("policy version {found} is not greater than {latest}")]
    PolicyVersion {
        /// The version of the newest.
        latest: u64,
        /// The one found.
        found: u64,
    },
    /// A policy made without knowing the newest.
    #[error("policy {policy} does not supersede the newest of the log")]
    Supersedes {
        /// The policy.
        policy: Digest,
    },
    /// An id of a hold that ended.
    #[error("hold `{hold}` was released, place one with another id")]
    HoldReleased {
        /// The hold.
        hold: HoldId,
    },
    /// A hold that can't be released.
    #[error("hold `{hold}` is not active")]
    HoldNotActive {
        /// The hold.
        hold: HoldId,
    },
    /// An event in the future.
    #[error("an event of {happened} cannot be known at {at}")]
    NotYetHappened {
        /// When it is said to have happened.
        happened: Instant,
        /// The entry's time.
        at: Instant,
    },
    /// An event that does not fit what is known.
    #[error("`{event}` of stream `{stream}` cannot be `{kind}` by what is known")]
    Clock {
        /// The stream.
        stream: StreamName,
        /// The event.
        event: EventName,
        /// What the entry says it does.
        kind: &'static str,
    },
    /// An id of an order that is open.
    #[error("order `{order}` is open already")]
    OrderOpen {
        /// The order.
        order: OrderId,
    },
    /// A certificate of no order.
    #[error("order `{order}` is not open")]
    OrderNotOpen {
        /// The order.
        order: OrderId,
    },
    /// An order before its time.
    #[error("order `{order}` of {at} is of segments kept until {keep_until}")]
    KeptLonger {
        /// The order.
        order: OrderId,
        /// The latest date of its segments.
        keep_until: Instant,
        /// The entry's time.
        at: Instant,
    },
    /// An order that other holds were looked at for.
    #[error("ordered under hold epoch {found}, the log is at {expected}")]
    HoldEpoch {
        /// The log's.
        expected: u64,
        /// The order's.
        found: u64,
    },
    /// An order under a policy that does not rule.
    #[error("policy {policy} is not in force at {at}")]
    NotInForce {
        /// The policy.
        policy: Digest,
        /// The entry's time.
        at: Instant,
    },
    /// An order of a log that is longer than this one.
    #[error("order `{order}` is of a log of {found} entries, and this one has {most}")]
    OrderSize {
        /// The order.
        order: OrderId,
        /// The log's size.
        most: u64,
        /// The order's.
        found: u64,
    },
    /// An order of what changed since the officers looked.
    #[error("segment `{id}` was sealed, or a clock of its stream set, by entry {size} or later")]
    Unseen {
        /// The segment.
        id: SegmentId,
        /// How many entries the officers saw.
        size: u64,
    },
    /// An officer said no.
    #[error("an officer rejected statement {statement}: prepare another one")]
    Rejected {
        /// The statement.
        statement: Digest,
    },
    /// A release of less than a hold holds.
    #[error("hold `{hold}` was placed last by entry {placed}: release it as it is now")]
    HoldWidened {
        /// The hold.
        hold: HoldId,
        /// Which entry placed it last.
        placed: u64,
    },
    /// A clock event that replaces another than the last.
    #[error(
        "what is known of event `{event}` of stream `{stream}` is of {}: say that it replaces that",
        .last.map_or_else(|| "no entry".to_owned(), |index| format!("entry {index}"))
    )]
    ClockReplaced {
        /// The stream.
        stream: StreamName,
        /// The event.
        event: EventName,
        /// Which entry said it.
        last: Option<u64>,
    },
    /// An order that does not say what its list says.
    #[error("order `{order}` and its segments differ in `{member}`")]
    OrderDiffers {
        /// The order.
        order: OrderId,
        /// The member.
        member: &'static str,
    },
    /// An order of a segment that is not there.
    #[error("segment `{id}` is not live")]
    NotLive {
        /// The segment.
        id: SegmentId,
    },
    /// A segment whose disposal officers have to approve.
    #[error("nobody signed, and the policy does not approve disposals of class `{class}`")]
    NotPreApproved {
        /// The class.
        class: ClassName,
    },
    /// A segment that another order names.
    #[error("segment `{id}` is in order `{order}` already")]
    Ordered {
        /// The segment.
        id: SegmentId,
        /// The order.
        order: OrderId,
    },
    /// A segment under a hold.
    #[error("segment `{id}` is under hold `{hold}`")]
    Held {
        /// The segment.
        id: SegmentId,
        /// The hold.
        hold: HoldId,
    },
    /// Locks by another policy than the newest.
    #[error("locks by policy {policy}, which is not the newest")]
    LockedPolicy {
        /// The policy.
        policy: Digest,
    },
    /// Locks of segments that are not there yet, or fewer than there were.
    #[error("segments are locked below {found}, not between {least} and {most}")]
    LockedSize {
        /// What was said before.
        least: u64,
        /// The entry's own index.
        most: u64,
        /// What the entry says.
        found: u64,
    },
    /// A window that is not its shard's next.
    #[error("the next window of shard {shard} is {expected}, not {found}")]
    Window {
        /// The shard.
        shard: Shard,
        /// Its next number.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

/// Why it can't be said yet what becomes of an entry; the state is as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Undecided {
    /// The id may be that of a segment in one of these pages, which are not loaded.
    #[error("{} pages of live segments have to be loaded", .0.len())]
    Pages(Vec<PageRef>),
    /// These lists of segments are not at hand.
    #[error("{} lists of segments have to be at hand", .0.len())]
    Lists(Vec<Digest>),
    /// The ranges are absent or others. The manifest of the segment names them.
    #[error("the ranges of segment `{id}` with digest {ranges_sha256} have to be at hand")]
    Ranges {
        /// The segment.
        id: SegmentId,
        /// Their digest.
        ranges_sha256: Digest,
    },
}
