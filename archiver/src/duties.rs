//! Who may do what with the bucket: `infra/duties.yaml` as the program reads it, and the policies that
//! follow from it.
//!
//! Duties are credentials, not processes: one principal may have several. The table is the one source of the policies under `infra/aws`, of what `doctor --duty`
//! tries, and of what an error names as missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use strongroom_crypto::json::{Members, Value, array, object, text};

use crate::store::S3Url;

/// The table.
const TABLE: &str = include_str!("../../infra/duties.yaml");
/// The version of policies' language.
const LANGUAGE: &str = "2012-10-17";

/// What credentials are for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// Seals segments and keeps the log.
    Archive,
    /// Moves locks later.
    Lock,
    /// Sets and lifts legal-hold flags.
    Hold,
    /// Deletes what may be deleted.
    Remove,
    /// Reads, and changes nothing.
    Verify,
    /// Reads and decrypts.
    Audit,
}

/// A word that names no duty.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a duty (archive, lock, hold, remove, verify or audit), found `{0}`")]
pub struct UnknownDuty(String);

/// `infra/duties.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Of the form of the table.
    pub version: u64,
    /// The prefixes of an archive.
    pub areas: Vec<String>,
    /// What each duty may do.
    duties: Rights,
    /// What nobody may do.
    pub denied: Vec<Actions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rights {
    archive: Right,
    lock: Right,
    hold: Right,
    remove: Right,
    verify: Right,
    audit: Right,
}

/// What one duty may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// In words.
    pub does: String,
    /// How far ahead it may lock.
    pub longest_lock: Longest,
    /// Actions on the bucket.
    pub bucket: Vec<String>,
    /// Actions on objects.
    pub objects: Vec<Actions>,
    /// Actions on the key that wraps keys.
    #[serde(default)]
    pub key: Vec<String>,
}

/// How far ahead locks may reach.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Longest {
    /// It locks nothing.
    None,
    /// A settling period and a day.
    Settle,
    /// The longest lock that any policy may demand.
    Max,
}

impl fmt::Display for Longest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Settle => "settle",
            Self::Max => "max",
        })
    }
}

/// Actions on objects below prefixes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// What.
    pub actions: Vec<String>,
    /// Where; an empty prefix is everywhere.
    pub below: Vec<String>,
}

/// What policies are about, beside the duty.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The bucket and prefix.
    pub at: &'a S3Url,
    /// The settling period.
    pub settle: Duration,
    /// The longest lock of any policy.
    pub max_lock: Duration,
    /// The ARN of the key that wraps keys, if a service keeps it.
    pub kms_key: Option<&'a str>,
}

impl Duty {
    /// Every duty, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Archive, Self::Lock, Self::Hold, Self::Remove, Self::Verify, Self::Audit];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Lock => "lock",
            Self::Hold => "hold",
            Self::Remove => "remove",
            Self::Verify => "verify",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Duty {
    type Err = UnknownDuty;

    fn from_str(word: &str) -> Result<Self, UnknownDuty> {
        let duty = Self::ALL.into_iter().find(|duty| duty.as_str() == word);
        duty.ok_or_else(|| UnknownDuty(word.chars().take(40).collect()))
    }
}

/// The table of this program.
///
/// # Errors
///
/// What is wrong with it: a test reads it, so that no release has this error.
pub fn table() -> Result<&'static Table, String> {
    static READ: OnceLock<Result<Table, String>> = OnceLock::new();
    let read = READ.get_or_init(|| serde_saphyr::from_str(TABLE).map_err(|e| e.to_string()));
    read.as_ref().map_err(Clone::clone)
}

impl Table {
    /// What a duty may do.
    pub const fn right(&self, duty: Duty) -> &Right {
        match duty {
            Duty::Archive => &self.duties.archive,
            Duty::Lock => &self.duties.lock,
            Duty::Hold => &self.duties.hold,
            Duty::Remove => &self.duties.remove,
            Duty::Verify => &self.duties.verify,
            Duty::Audit => &self.duties.audit,
        }
    }

    /// Every action on the bucket that the table speaks of, each once, in its order.
    pub fn bucket_actions(&self) -> Vec<&str> {
        let mut actions: Vec<&str> = Vec::new();
        for action in Duty::ALL.into_iter().flat_map(|duty| &self.right(duty).bucket) {
            if !actions.contains(&action.as_str()) {
                actions.push(action);
            }
        }
        actions
    }

    /// Every action on objects that the table speaks of, each once, in its order.
    pub fn object_actions(&self) -> Vec<&str> {
        let allowed = Duty::ALL.into_iter().flat_map(|duty| &self.right(duty).objects);
        let allowed = allowed.flat_map(|one| &one.actions);
        let mut actions: Vec<&str> = Vec::new();
        for action in allowed.chain(self.denied.iter().flat_map(|one| &one.actions)) {
            if !actions.contains(&action.as_str()) {
                actions.push(action);
            }
        }
        actions
    }

    /// Whether a duty may do something with objects below a prefix.
    pub fn allows(&self, duty: Duty, action: &str, area: &str) -> bool {
        let names = |one: &Actions| {
            one.actions.iter().any(|known| known == action)
                && one.below.iter().any(|below| area.starts_with(below))
        };
        self.right(duty).objects.iter().any(names) && !self.denied.iter().any(names)
    }

    /// The policy of a principal on one duty.
    pub fn identity_policy(&self, duty: Duty, place: &Place<'_>) -> Value {
        let mut statements = self.allow(duty, place, None);
        statements.extend(self.longest_lock(&[duty], place, None));
        statements.extend(self.deny(place, None));
        policy(statements)
    }

    /// The policy of the bucket: what each duty's principals may do, what they may not whoever else
    /// allows it, and what nobody may.
    pub fn bucket_policy(&self, principals: &[(Duty, String)], place: &Place<'_>) -> Value {
        let mut statements = Vec::new();
        for duty in Duty::ALL {
            let named = principals.iter().filter(|(of, _)| *of == duty);
            let named: Vec<&str> = named.map(|(_, principal)| principal.as_str()).collect();
            if !named.is_empty() {
                statements.extend(self.allow(duty, place, Some(&aws(&named))));
            }
        }
        let mut by_duties: BTreeMap<Vec<Duty>, Vec<&str>> = BTreeMap::new();
        let names: BTreeSet<&str> = principals.iter().map(|(_, name)| name.as_str()).collect();
        for name in names {
            let duties = Duty::ALL.into_iter();
            let has = |duty: &Duty| principals.iter().any(|(of, p)| of == duty && p == name);
            by_duties.entry(duties.filter(has).collect()).or_default().push(name);
        }
        for (duties, names) in &by_duties {
            statements.extend(self.longest_lock(duties, place, Some(&aws(names))));
            statements.extend(self.only(duties, place, &aws(names)));
        }
        statements.extend(self.deny(place, Some(&"*".into())));
        policy(statements)
    }

    /// Denies to lock for longer than any of these duties may.
    fn longest_lock(
        &self,
        duties: &[Duty],
        place: &Place<'_>,
        principal: Option<&Value>,
    ) -> Option<Value> {
        let longest = duties.iter().filter_map(|duty| match self.right(*duty).longest_lock {
            Longest::None => None,
            Longest::Settle => Some(place.settle.saturating_add(Duration::from_hours(24))),
            Longest::Max => Some(place.max_lock),
        });
        let further =
            object([("s3:object-lock-remaining-retention-days", text(days(longest.max()?)))]);
        let members = vec![
            ("Sid", text(format_args!("{}LongestLock", titles(duties)))),
            ("Effect", "Deny".into()),
            ("Action", array(["s3:PutObject", "s3:PutObjectRetention"])),
            ("Resource", resources(place.at, &[String::new()])),
            ("Condition", object([("NumericGreaterThan", further)])),
        ];
        Some(statement(members, principal))
    }

    /// Every prefix that the table speaks of.
    fn places(&self) -> BTreeSet<&String> {
        let denied = self.denied.iter().flat_map(|one| &one.below).filter(|one| !one.is_empty());
        self.areas.iter().chain(denied).collect()
    }

    /// Denies what none of these duties needs: some stores let whoever put an object do more with it.
    fn only(&self, duties: &[Duty], place: &Place<'_>, principal: &Value) -> Vec<Value> {
        let mut by_areas: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for action in self.object_actions() {
            let allows = |area: &str| duties.iter().any(|duty| self.allows(*duty, action, area));
            let places = self.places();
            let mut areas: Vec<String> =
                places.iter().filter(|area| !allows(area)).map(|area| (*area).clone()).collect();
            if areas.len() == places.len() {
                areas = vec![String::new()];
            }
            if !areas.is_empty() {
                by_areas.entry(areas).or_default().push(action);
            }
        }
        let titles = titles(duties);
        let denied = by_areas.into_iter().enumerate().map(|(number, (areas, actions))| {
            let members = vec![
                ("Sid", text(format_args!("{titles}Only{number}"))),
                ("Effect", "Deny".into()),
                ("Action", array(actions)),
                ("Resource", resources(place.at, &areas)),
            ];
            statement(members, Some(principal))
        });
        denied.collect()
    }

    /// The statements of a duty.
    fn allow(&self, duty: Duty, place: &Place<'_>, principal: Option<&Value>) -> Vec<Value> {
        let right = self.right(duty);
        let with = |members: Vec<(&str, Value)>| statement(members, principal);
        let sid = |what: &str| text(format_args!("{}{what}", title(duty)));
        let mut statements = vec![with(vec![
            ("Sid", sid("Bucket")),
            ("Effect", "Allow".into()),
            ("Action", array(right.bucket.iter().map(String::as_str))),
            ("Resource", bucket(place.at)),
        ])];
        for (number, allowed) in right.objects.iter().enumerate() {
            statements.push(with(vec![
                ("Sid", sid(&format!("Objects{number}"))),
                ("Effect", "Allow".into()),
                ("Action", array(allowed.actions.iter().map(String::as_str))),
                ("Resource", resources(place.at, &allowed.below)),
            ]));
        }
        // A key has a policy of its own: a bucket's cannot speak of it.
        if let (Some(key), None, false) = (place.kms_key, principal, right.key.is_empty()) {
            statements.push(with(vec![
                ("Sid", sid("Key")),
                ("Effect", "Allow".into()),
                ("Action", array(right.key.iter().map(String::as_str))),
                ("Resource", key.into()),
            ]));
        }
        statements
    }

    /// The statements of what nobody may do.
    fn deny(&self, place: &Place<'_>, principal: Option<&Value>) -> Vec<Value> {
        let denied = self.denied.iter().enumerate().map(|(number, denied)| {
            let members = vec![
                ("Sid", text(format_args!("Never{number}"))),
                ("Effect", "Deny".into()),
                ("Action", array(denied.actions.iter().map(String::as_str))),
                ("Resource", denied_on(denied, place)),
            ];
            statement(members, principal)
        });
        denied.collect()
    }
}

/// Whole days that cover a length of time.
fn days(time: Duration) -> u64 {
    time.as_secs().div_ceil(24 * 60 * 60)
}

fn policy(statements: Vec<Value>) -> Value {
    object([("Statement", array(statements)), ("Version", LANGUAGE.into())])
}

fn statement(members: Vec<(&str, Value)>, principal: Option<&Value>) -> Value {
    let mut statement = Members::default();
    for (name, value) in members {
        statement.insert(name, value);
    }
    if let Some(principal) = principal {
        statement.insert("Principal", principal.clone());
    }
    Value::Object(statement)
}

fn aws(principals: &[&str]) -> Value {
    object([("AWS", array(principals.iter().copied()))])
}

fn bucket(at: &S3Url) -> Value {
    text(format_args!("arn:aws:s3:::{}", at.bucket))
}

fn resources(at: &S3Url, below: &[String]) -> Value {
    let one =
        |below: &String| text(format_args!("arn:aws:s3:::{}/{}{below}*", at.bucket, at.prefix));
    array(below.iter().map(one))
}

/// Where something is denied: some stores judge a request for many objects by the bucket.
fn denied_on(denied: &Actions, place: &Place<'_>) -> Value {
    let of_all = denied.below.iter().any(String::is_empty);
    let bucket = of_all.then(|| bucket(place.at));
    let Value::Array(below) = resources(place.at, &denied.below) else { return Value::Null };
    array(bucket.into_iter().chain(below))
}

fn titles(duties: &[Duty]) -> String {
    duties.iter().map(|duty| title(*duty)).collect()
}

/// The duty's name as a statement's id begins.
fn title(duty: Duty) -> String {
    let mut letters = duty.as_str().chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreUrl;

    #[test]
    fn the_table_is_whole() {
        let table = table().unwrap();
        assert_eq!(table.version, 1);
        for duty in Duty::ALL {
            assert_eq!(duty.as_str().parse::<Duty>(), Ok(duty));
            for allowed in &table.right(duty).objects {
                let known = |below: &String| below.is_empty() || table.areas.contains(below);
                assert!(allowed.below.iter().all(known), "{duty}: {allowed:?}");
            }
        }
        assert!("owner".parse::<Duty>().is_err());
    }

    #[test]
    fn what_is_denied_is_allowed_to_nobody() {
        let table = table().unwrap();
        for duty in Duty::ALL {
            for area in &table.areas {
                assert!(!table.allows(duty, "s3:BypassGovernanceRetention", area), "{duty} {area}");
                assert!(!table.allows(duty, "s3:DeleteObject", area), "{duty} {area}");
            }
        }
        let removers: Vec<Duty> = Duty::ALL
            .into_iter()
            .filter(|duty| table.allows(*duty, "s3:DeleteObjectVersion", "segments/"))
            .collect();
        assert_eq!(removers, [Duty::Remove]);
        assert!(!table.allows(Duty::Remove, "s3:DeleteObjectVersion", "log/"));
    }

    #[test]
    fn who_enters_refusals_may_store_what_stands_beside_them_and_lock_none_of_it() {
        let table = table().unwrap();
        for duty in [Duty::Archive, Duty::Remove] {
            assert!(table.allows(duty, "s3:PutObject", "records/"), "{duty}");
            assert!(!table.allows(duty, "s3:PutObjectRetention", "records/"), "{duty}");
        }
    }

    #[test]
    fn a_policy_names_places_and_the_longest_lock() {
        let StoreUrl::S3(at) = "s3://bucket/a/b".parse().unwrap() else { panic!() };
        let (settle, max_lock) = (Duration::from_hours(168), Duration::from_hours(24 * 3_650));
        let place = Place { at: &at, settle, max_lock, kms_key: Some("arn:key") };
        let table = table().unwrap();
        let shown = |value: Value| String::from_utf8(value.to_canonical()).unwrap();
        let archive = shown(table.identity_policy(Duty::Archive, &place));
        assert!(archive.contains("\"arn:aws:s3:::bucket/a/b/segments/*\""), "{archive}");
        assert!(archive.contains("{\"s3:object-lock-remaining-retention-days\":\"8\"}"));
        assert!(archive.contains("\"Resource\":\"arn:key\""), "{archive}");
        let lock = shown(table.identity_policy(Duty::Lock, &place));
        assert!(lock.contains("{\"s3:object-lock-remaining-retention-days\":\"3650\"}"), "{lock}");
        let bucket = shown(table.bucket_policy(&[(Duty::Verify, "arn:v".to_owned())], &place));
        assert!(bucket.contains("{\"AWS\":[\"arn:v\"]}"), "{bucket}");
        let never = "\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/a/b/*\"],\"Sid\":\"Never0\"";
        assert!(bucket.contains(never), "{bucket}");
        assert!(!bucket.contains("arn:key"), "{bucket}");
        // Who has two duties is denied what neither needs.
        let both = [(Duty::Verify, "arn:v".to_owned()), (Duty::Remove, "arn:v".to_owned())];
        let both = shown(table.bucket_policy(&both, &place));
        assert!(both.contains("\"Sid\":\"RemoveVerifyOnly0\""), "{both}");
        assert!(!both.contains("\"Sid\":\"VerifyOnly0\""), "{both}");
        let both = [(Duty::Archive, "arn:v".to_owned()), (Duty::Lock, "arn:v".to_owned())];
        let both = shown(table.bucket_policy(&both, &place));
        assert!(both.contains("\"Sid\":\"ArchiveLockLongestLock\""), "{both}");
        assert!(both.contains("days\":\"3650\"") && !both.contains("days\":\"8\""), "{both}");
    }
}
