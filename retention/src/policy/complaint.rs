//! What is wrong with a policy file: a code, the place, and what to write instead.

use std::fmt;

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        /// What kind of mistake it is. Codes keep their meaning for ever.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All of them, in the order of `POLICY.md`.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// What it says, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

codes! {
    UnknownKey = "P001", "a key that the language does not have";
    VersionNotIncreased = "P002", "a version that is not greater than that of the policy before";
    SupersedesMissing = "P003", "`supersedes` is not the digest of the policy before";
    EffectivePast = "P004", "an effective date in the past";
    CatalogueNotPinned = "P005", "the catalogue is not pinned by its SHA-256";
    NotAZone = "P006", "not a time zone of the IANA database";
    NotAYearEnd = "P007", "not a day of every year";
    NotAPeriod = "P008", "not a period, or not a duration";
    NotTwoPersons = "P009", "a disposal that two different roles do not approve";
    StreamTwice = "P010", "two streams with the same id";
    NoCitation = "P011", "a stream that cites no rule";
    EmptyMatch = "P012", "a stream that matches by nothing";
    SameMatch = "P013", "two streams with the same match";
    NoMaxSpan = "P014", "a stream without `segment.max_span`";
    UnknownRegulation = "P015", "a rule that is not in the catalogue";
    Rescinded = "P016", "a rule that was rescinded";
    CustomaryRule = "P017", "a customary rule without `customary_ok`";
    BelowMinimum = "P018", "a minimum below that of the rule";
    EventStarted = "P019", "a rule that an event starts, on a stream without such a clock";
    NoNumber = "P020", "a rule that wants a number which the policy does not give";
    NoRationale = "P021", "a number without a rationale";
    GovernanceLock = "P022", "a governance lock where a rule demands WORM";
    BeyondMaxLock = "P023", "a period longer than `max_lock`";
    ShreddedRecord = "P024", "values of a WORM record that can be shredded";
    NoDeletionDuty = "P025", "personal data without a rule that ends its keeping";
    DecisionIncomplete = "P026", "a decision with one approver, or to be reviewed in the past";
    PersonNamed = "P027", "a person's address or name";
    FileTooLarge = "P028", "a file over 1 MiB";
    NotYaml = "P029", "not one YAML document, or a tab in it";
    KeyTwice = "P030", "a key that stands twice";
    Anchored = "P031", "an anchor, alias, merge key or tag";
    Unquoted = "P032", "a plain word that YAML readers take for a number, a date or a truth value";
    KeyMissing = "P033", "a key that must stand there";
    WrongValue = "P034", "a value that the key does not take";
    LookAlike = "P035", "a character that looks like another or like nothing";
    NoPlace = "P036", "a residency that leaves no place";
    RuleUnchecked = "P037", "a rule whose text was not checked, without `accepted_by`";
    BackfillIncomplete = "P038", "a backfill without its date, count or rationale";
    ClassSpelling = "P039", "a record class that is none, or that is written in two ways";
    Overlap = "P040", "two streams with matches that overlap";
    CitedTwice = "P041", "a rule that a stream cites twice";
    PeriodUncited = "P042", "a period that the cited rule has no place for";
    AboveMaximum = "P043", "a maximum above that of the rule";
    HardConflict = "C1", "a minimum that ends after a maximum";
    Exempted = "C2", "a maximum that yields to the law behind a minimum (advice)";
    ForeignLaw = "C3", "a minimum of non-EU law against a GDPR maximum, not decided";
    ZeroWidth = "C4", "a minimum that is the maximum too, with time for grace or approval";
    WindowTooSmall = "C5", "no time between minimum and maximum to do the disposal";
    ShorterThanSubject = "C6", "an audit trail that is kept shorter than its subject record";
    BelowRecommended = "A1", "less than what is recommended (advice)";
    AboveRecommended = "A2", "more than what is recommended (advice)";
    NoMinimum = "A3", "a stream that no rule gives a minimum (advice)";
    OtherEvent = "A4", "a rule that another event than the stream's starts (advice)";
    MayOverlap = "A5", "a stream and a set of labels that one source could match both (advice)";
    BeyondStores = "A6", "a period that ends after 2106-02-07, when the dates of locks do (advice)";
}

impl Code {
    /// Whether a policy may stand in spite of it.
    pub const fn is_advice(self) -> bool {
        matches!(
            self,
            Self::Exempted
                | Self::BelowRecommended
                | Self::AboveRecommended
                | Self::NoMinimum
                | Self::OtherEvent
                | Self::MayOverlap
                | Self::BeyondStores
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake. Printed after the file's name and a colon it is what editors can jump to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    /// Which kind.
    pub code: Code,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key that it is about, from the top: `streams[0].lock`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub write: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, line, column, path, message, write } = self;
        write!(f, "{line}:{column}: {code} {path}: {message}; write {write}")
    }
}

/// Where something stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) path: String,
}

/// Most complaints of a kind that are kept: far more than anybody reads.
const MAX_COMPLAINTS: usize = 1_000;

/// Collects everything that is wrong, so that one run shows it all.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    pub(super) errors: Vec<Complaint>,
    pub(super) advice: Vec<Complaint>,
}

impl Complaints {
    pub(super) fn add(
        &mut self,
        code: Code,
        place: &Place,
        message: impl Into<String>,
        write: impl Into<String>,
    ) {
        let Place { line, column, path } = place.clone();
        let (message, write) = (message.into(), write.into());
        let list = if code.is_advice() { &mut self.advice } else { &mut self.errors };
        if list.len() < MAX_COMPLAINTS {
            list.push(Complaint { code, line, column, path, message, write });
        }
    }

    /// Whether something at or below a place was complained about already.
    pub(super) fn stand_within(&self, place: &Place) -> bool {
        self.errors.iter().any(|complaint| complaint.path.starts_with(&place.path))
    }

    /// Puts what there is into the order of the file.
    pub(super) fn sort(&mut self) {
        for list in [&mut self.errors, &mut self.advice] {
            let order = |complaint: &Complaint| (complaint.line, complaint.column, complaint.code);
            list.sort_by_key(order);
            // What the text as a whole was refused for is not told of the key again.
            list.dedup_by(|next, before| before.path == "file" && order(next) == order(before));
        }
    }
}
