//! What is done to the objects, and what came of it.

use std::{collections::BTreeMap, fmt};

use strongroom_archiver::verify::Mark;

use crate::archive::Copy;

/// Bytes altered at either end of an object; between them every 61st.
const ENDS: usize = 64;
const STRIDE: usize = 61;

type Objects = BTreeMap<String, Vec<u8>>;

/// One alteration.
#[derive(Clone, Debug)]
pub(crate) enum Case {
    /// One bit of the byte at this place.
    Flip(String, usize),
    /// Cut to this length.
    Cut(String, usize),
    /// A byte more.
    Append(String),
    /// The contents of two objects of one kind.
    Swap(String, String),
    /// The name alone is gone.
    RemoveName(String),
    /// Everything about it is gone.
    Remove(String),
}

impl Case {
    /// The objects that are altered.
    pub(crate) fn keys(&self) -> Vec<&str> {
        match self {
            Self::Flip(key, _)
            | Self::Cut(key, _)
            | Self::Append(key)
            | Self::RemoveName(key)
            | Self::Remove(key) => vec![key],
            Self::Swap(first, second) => vec![first, second],
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Flip(..) => "flip a bit",
            Self::Cut(..) => "cut",
            Self::Append(_) => "append",
            Self::Swap(..) => "swap",
            Self::RemoveName(_) => "remove name",
            Self::Remove(_) => "remove",
        }
    }

    pub(crate) fn apply(&self, copy: &Copy, objects: &Objects) {
        match self {
            Self::Flip(key, place) => {
                let mut bytes = objects[key].clone();
                bytes[*place] ^= 1;
                copy.write(key, &bytes);
            }
            Self::Cut(key, length) => copy.write(key, &objects[key][..*length]),
            Self::Append(key) => copy.write(key, &[&objects[key][..], &[0]].concat()),
            Self::Swap(first, second) => {
                copy.write(first, &objects[second]);
                copy.write(second, &objects[first]);
            }
            Self::RemoveName(key) => copy.remove_name(key),
            Self::Remove(key) => copy.remove(key),
        }
    }

    pub(crate) fn undo(&self, copy: &Copy, objects: &Objects) {
        self.keys().iter().for_each(|key| copy.restore(key, &objects[*key]));
    }
}

/// Everything that is done to an archive of these objects.
pub(crate) fn cases(objects: &Objects, full: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (key, bytes) in objects {
        let length = bytes.len();
        let near = |place: &usize| {
            full || *place < ENDS || *place + ENDS >= length || place.is_multiple_of(STRIDE)
        };
        cases.extend((0..length).filter(near).map(|place| Case::Flip(key.clone(), place)));
        let shortest = if full { 0 } else { length - 1 };
        cases.extend((shortest..length).map(|length| Case::Cut(key.clone(), length)));
        cases.push(Case::Append(key.clone()));
        cases.push(Case::RemoveName(key.clone()));
        cases.push(Case::Remove(key.clone()));
        let others = objects.range::<String, _>((
            std::ops::Bound::Excluded(key.clone()),
            std::ops::Bound::Unbounded,
        ));
        let others =
            others.filter(|(other, content)| kind(other) == kind(key) && *content != bytes);
        cases.extend(others.map(|(other, _)| Case::Swap(key.clone(), other.clone())));
    }
    cases
}

/// The class of an object.
pub(crate) fn kind(key: &str) -> &'static str {
    match key {
        "log/checkpoint" => "hint",
        _ if key.starts_with("log/checkpoints/") => "checkpoint",
        _ if key.starts_with("log/claim/") => "claim",
        _ if key.starts_with("log/tile/entries/") => "bundle",
        _ if key.starts_with("log/tile/") => "tile",
        _ if key.starts_with("segments/") => "segment",
        _ if key.starts_with("manifests/") => "manifest",
        _ if key.starts_with("keys/") => "key",
        _ if key.starts_with("index/page/") => "index page",
        _ if key.starts_with("index/") => "index root",
        _ => "other",
    }
}

/// Whether damage to an object may not be called anything less than a failure.
pub(crate) fn must_fail(key: &str, objects: &Objects) -> bool {
    let newest = || {
        let same_place = |other: &&String| kind(other) == kind(key);
        let width = |key: &str| {
            let digits = key.rsplit(['/', '.']).next().unwrap_or_default();
            digits.parse::<u64>().unwrap_or_default()
        };
        objects.keys().filter(same_place).map(|other| width(other)).max() == Some(width(key))
    };
    match kind(key) {
        "segment" | "manifest" | "key" | "claim" => true,
        "checkpoint" | "bundle" | "tile" => newest(),
        _ => false,
    }
}

/// What was found, and how.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<(&'static str, &'static str), [usize; 6]>,
    only_deep: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    pub(crate) missed: Vec<Case>,
}

const COLUMNS: [&str; 6] =
    ["FAIL", "FAIL deep", "rebuildable", "rebuildable deep", "other", "missed"];

impl Table {
    pub(crate) fn add(&mut self, case: &Case, plain: Option<Mark>, deep: Option<Mark>) {
        let column = match (plain, deep) {
            (Some(Mark::Fail), _) => 0,
            (None, Some(Mark::Fail)) => 1,
            (Some(Mark::Rebuildable), _) => 2,
            (None, Some(Mark::Rebuildable)) => 3,
            (None, None) => 5,
            _ => 4,
        };
        let kind = kind(case.keys()[0]);
        self.rows.entry((kind, case.name())).or_default()[column] += 1;
        if plain.is_none() && deep.is_some() {
            *self.only_deep.entry(kind).or_default().entry(case.name()).or_default() += 1;
        }
        if column == 5 {
            self.missed.push(case.clone());
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12}{:<14}", "object", "alteration")?;
        COLUMNS.iter().try_for_each(|column| write!(f, "{column:>18}"))?;
        for ((kind, alteration), counts) in &self.rows {
            write!(f, "\n{kind:<12}{alteration:<14}")?;
            counts.iter().try_for_each(|count| write!(f, "{count:>18}"))?;
        }
        write!(f, "\n\nfound only by --deep:")?;
        for (kind, alterations) in &self.only_deep {
            write!(f, "\n  {kind}:")?;
            alterations.iter().try_for_each(|(name, count)| write!(f, " {name} ({count})"))?;
        }
        Ok(())
    }
}
