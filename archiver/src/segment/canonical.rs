//! What `CloudTrail` and Kubernetes audit events mean in OCSF 1.6 terms (`crypto/FORMAT.md` section 4.3).
//!
//! Nothing is invented: a column is filled from what the event says, or stays null.

mod columns;

use super::token::Class;

pub(crate) use columns::Columns;

/// Whose events these are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    CloudTrail,
    Kubernetes,
}

/// Type of a canonical column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    Text,
    Int,
    Uuid,
    Time,
}

/// A canonical column, by its place in [`COLUMNS`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Canon(pub(crate) usize);

/// Canonical columns in file order.
pub(crate) const COLUMNS: [(&str, Type); 28] = [
    ("time", Type::Time),
    ("time_form", Type::Int),
    ("source", Type::Text),
    ("class_uid", Type::Int),
    ("activity_id", Type::Int),
    ("type_uid", Type::Int),
    ("status_id", Type::Int),
    ("status_code", Type::Text),
    ("status_detail", Type::Text),
    ("actor_user_uid", Type::Text),
    ("actor_user_name", Type::Text),
    ("actor_user_type", Type::Text),
    ("actor_credential_uid", Type::Text),
    ("actor_on_behalf_of", Type::Text),
    ("api_service", Type::Text),
    ("api_operation", Type::Text),
    ("resource_type", Type::Text),
    ("resource_uid", Type::Text),
    ("resource_name", Type::Text),
    ("src_ip", Type::Text),
    ("src_ip_raw", Type::Text),
    ("user_agent", Type::Text),
    ("request_uid", Type::Text),
    ("request_uid_uuid", Type::Uuid),
    ("original_event_uid", Type::Text),
    ("original_event_uid_uuid", Type::Uuid),
    ("cloud_region", Type::Text),
    ("cloud_account_uid", Type::Text),
];

pub(crate) const TIME: Canon = Canon(0);
pub(crate) const TIME_FORM: Canon = Canon(1);
pub(crate) const SOURCE: Canon = Canon(2);
pub(crate) const CLASS_UID: Canon = Canon(3);
pub(crate) const ACTIVITY_ID: Canon = Canon(4);
pub(crate) const TYPE_UID: Canon = Canon(5);
pub(crate) const STATUS_ID: Canon = Canon(6);

fn canon(name: &str) -> Option<Canon> {
    COLUMNS.iter().position(|(column, _)| *column == name).map(Canon)
}

/// The canonical columns that hold a leaf verbatim.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Home {
    /// One text column.
    Text(Canon),
    /// The first if the text is an IP address, else the second.
    Ip(Canon, Canon),
    /// The second if the text is a UUID, else the first.
    Uid(Canon, Canon),
    /// `time` and `time_form`.
    Time,
}

/// Where the text of a leaf goes, by the names of the columns.
#[derive(Clone, Copy, Debug)]
enum To {
    Text(&'static str),
    Ip(&'static str, &'static str),
    Uid(&'static str, &'static str),
}

const CLOUDTRAIL: [(&str, To); 17] = [
    (r#"$["sourceIPAddress"]"#, To::Ip("src_ip", "src_ip_raw")),
    (r#"$["requestID"]"#, To::Uid("request_uid", "request_uid_uuid")),
    (r#"$["eventID"]"#, To::Uid("original_event_uid", "original_event_uid_uuid")),
    (r#"$["userIdentity"]["arn"]"#, To::Text("actor_user_uid")),
    (r#"$["userIdentity"]["userName"]"#, To::Text("actor_user_name")),
    (r#"$["userIdentity"]["type"]"#, To::Text("actor_user_type")),
    (r#"$["userIdentity"]["accessKeyId"]"#, To::Text("actor_credential_uid")),
    (
        r#"$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]"#,
        To::Text("actor_on_behalf_of"),
    ),
    (r#"$["eventSource"]"#, To::Text("api_service")),
    (r#"$["eventName"]"#, To::Text("api_operation")),
    (r#"$["errorCode"]"#, To::Text("status_code")),
    (r#"$["errorMessage"]"#, To::Text("status_detail")),
    (r#"$["resources"][0]["type"]"#, To::Text("resource_type")),
    (r#"$["resources"][0]["ARN"]"#, To::Text("resource_uid")),
    (r#"$["userAgent"]"#, To::Text("user_agent")),
    (r#"$["awsRegion"]"#, To::Text("cloud_region")),
    (r#"$["recipientAccountId"]"#, To::Text("cloud_account_uid")),
];

/// The one leaf that is copied although it is a number.
const CODE: &str = r#"$["responseStatus"]["code"]"#;

const KUBERNETES: [(&str, To); 12] = [
    (r#"$["sourceIPs"][0]"#, To::Ip("src_ip", "src_ip_raw")),
    (r#"$["auditID"]"#, To::Uid("request_uid", "request_uid_uuid")),
    (r#"$["user"]["uid"]"#, To::Text("actor_user_uid")),
    (r#"$["user"]["username"]"#, To::Text("actor_user_name")),
    (r#"$["impersonatedUser"]["username"]"#, To::Text("actor_on_behalf_of")),
    (r#"$["verb"]"#, To::Text("api_operation")),
    (r#"$["objectRef"]["resource"]"#, To::Text("resource_type")),
    (r#"$["objectRef"]["uid"]"#, To::Text("resource_uid")),
    (r#"$["objectRef"]["name"]"#, To::Text("resource_name")),
    (CODE, To::Text("status_code")),
    (r#"$["responseStatus"]["message"]"#, To::Text("status_detail")),
    (r#"$["userAgent"]"#, To::Text("user_agent")),
];

impl Kind {
    const ALL: [Self; 2] = [Self::CloudTrail, Self::Kubernetes];

    /// Leaves that tell whose event it is.
    fn marks(self) -> [&'static str; 3] {
        match self {
            Self::CloudTrail => {
                [r#"$["eventVersion"]"#, r#"$["eventSource"]"#, r#"$["eventName"]"#]
            }
            Self::Kubernetes => [r#"$["auditID"]"#, r#"$["stage"]"#, r#"$["verb"]"#],
        }
    }

    fn copied(self) -> &'static [(&'static str, To)] {
        match self {
            Self::CloudTrail => &CLOUDTRAIL,
            Self::Kubernetes => &KUBERNETES,
        }
    }

    /// Every leaf that decides about a canonical column.
    fn paths(self) -> impl Iterator<Item = &'static str> {
        let copied = self.copied().iter().map(|(path, _)| *path);
        let others = [time_path(self), native_id_paths(self)].into_iter().flatten().copied();
        copied.chain(self.marks()).chain(derived_paths(self)).chain(others)
    }

    /// Whether `path` leads to a leaf that decides about a canonical column, or is one.
    pub(crate) fn leads(self, path: &str) -> bool {
        let below = |rest: &str| rest.is_empty() || rest.starts_with('[');
        self.paths().any(|known| known.strip_prefix(path).is_some_and(below))
    }
}

/// Tells whose event has these leaf paths, if we know.
pub(crate) fn recognise(paths: &[String]) -> Option<Kind> {
    let has = |name: &str| paths.iter().any(|path| path == name);
    Kind::ALL.into_iter().find(|kind| kind.marks().into_iter().all(has))
}

/// The leaf that is an event's time.
pub(crate) fn time_path(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::CloudTrail => &[r#"$["eventTime"]"#],
        Kind::Kubernetes => &[r#"$["stageTimestamp"]"#, r#"$["requestReceivedTimestamp"]"#],
    }
}

/// The leaves whose values together are an event's native id.
pub(crate) fn native_id_paths(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::CloudTrail => &[r#"$["eventID"]"#],
        Kind::Kubernetes => &[r#"$["auditID"]"#, r#"$["stage"]"#],
    }
}

/// The home of a leaf, if its value is a canonical column's.
pub(crate) fn home(kind: Kind, path: &str, class: Class) -> Option<Home> {
    if class != Class::Text && path != CODE {
        return None;
    }
    let (_, to) = kind.copied().iter().find(|(known, _)| *known == path)?;
    Some(match *to {
        To::Text(column) => Home::Text(canon(column)?),
        To::Ip(address, other) => Home::Ip(canon(address)?, canon(other)?),
        To::Uid(other, uuid) => Home::Uid(canon(other)?, canon(uuid)?),
    })
}

/// Leaves that the derived columns are computed from, in the order of [`derive()`]'s argument.
pub(crate) fn derived_paths(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::CloudTrail => [
            r#"$["eventName"]"#,
            r#"$["readOnly"]"#,
            r#"$["errorCode"]"#,
            r#"$["responseElements"]["ConsoleLogin"]"#,
        ],
        Kind::Kubernetes => [r#"$["verb"]"#, CODE, "", ""],
    }
}

/// The columns that are computed rather than copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Derived {
    pub(crate) source: &'static str,
    pub(crate) class_uid: i32,
    pub(crate) activity_id: i32,
    pub(crate) status_id: i32,
}

/// OCSF API Activity.
const API_ACTIVITY: i32 = 6003;
/// OCSF Authentication.
const AUTHENTICATION: i32 = 3002;
const STATUS_UNKNOWN: i32 = 0;
const STATUS_SUCCESS: i32 = 1;
const STATUS_FAILURE: i32 = 2;
const STATUS_OTHER: i32 = 99;

/// Computes the derived columns from the texts of the leaves of [`derived_paths`].
pub(crate) fn derive(kind: Kind, leaves: [Option<&[u8]>; 4]) -> Derived {
    match kind {
        Kind::CloudTrail => cloudtrail(leaves),
        Kind::Kubernetes => kubernetes(leaves),
    }
}

fn cloudtrail([name, read_only, error_code, console_login]: [Option<&[u8]>; 4]) -> Derived {
    let name = name.unwrap_or_default();
    let failed = if error_code.is_some() { STATUS_FAILURE } else { STATUS_SUCCESS };
    let (class_uid, activity_id, status_id) = if name == b"ConsoleLogin" {
        let status = match (error_code, console_login) {
            (None, Some(b"Success")) => STATUS_SUCCESS,
            (Some(_), _) | (None, Some(b"Failure")) => STATUS_FAILURE,
            (None, Some(_)) => STATUS_OTHER,
            (None, None) => STATUS_UNKNOWN,
        };
        (AUTHENTICATION, 1, status)
    } else {
        (API_ACTIVITY, api_activity(name, read_only == Some(b"true")), failed)
    };
    Derived { source: "aws_cloudtrail", class_uid, activity_id, status_id }
}

/// OCSF API Activity: 1 Create, 2 Read, 3 Update, 4 Delete, 99 Other.
fn api_activity(name: &[u8], read_only: bool) -> i32 {
    const VERBS: [(&[u8], i32); 12] = [
        (b"Create", 1),
        (b"Run", 1),
        (b"Put", 3),
        (b"Update", 3),
        (b"Modify", 3),
        (b"Attach", 3),
        (b"Detach", 3),
        (b"Set", 3),
        (b"Add", 3),
        (b"Delete", 4),
        (b"Terminate", 4),
        (b"Remove", 4),
    ];
    if read_only {
        return 2;
    }
    VERBS.iter().find(|(verb, _)| name.starts_with(verb)).map_or(99, |&(_, id)| id)
}

fn kubernetes([verb, code, ..]: [Option<&[u8]>; 4]) -> Derived {
    let activity_id = match verb.unwrap_or_default() {
        b"create" => 1,
        b"get" | b"list" | b"watch" => 2,
        b"update" | b"patch" => 3,
        b"delete" | b"deletecollection" => 4,
        _ => 99,
    };
    // The code's class is its first digit; below 400 is success (informational and redirects included). What is no
    // status code of HTTP is an outcome that OCSF has no word for.
    let status_id = match code {
        None => STATUS_UNKNOWN,
        Some([b'1'..=b'3', b'0'..=b'9', b'0'..=b'9']) => STATUS_SUCCESS,
        Some([b'4' | b'5', b'0'..=b'9', b'0'..=b'9']) => STATUS_FAILURE,
        Some(_) => STATUS_OTHER,
    };
    Derived { source: "kubernetes_audit", class_uid: API_ACTIVITY, activity_id, status_id }
}

/// Tells whether a text is an IPv4 or IPv6 address.
pub(crate) fn is_ip(text: &[u8]) -> bool {
    text.first().is_some_and(|&b| b.is_ascii_hexdigit() || b == b':')
        && std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_places_name_the_right_columns() {
        let fixed = [
            (TIME, "time"),
            (TIME_FORM, "time_form"),
            (SOURCE, "source"),
            (CLASS_UID, "class_uid"),
        ];
        let more = [(ACTIVITY_ID, "activity_id"), (TYPE_UID, "type_uid"), (STATUS_ID, "status_id")];
        for (place, name) in fixed.into_iter().chain(more) {
            assert_eq!(canon(name), Some(place));
        }
    }

    #[test]
    fn a_column_has_one_leaf_of_a_kind() {
        for kind in Kind::ALL {
            let mut taken = Vec::new();
            for (path, _) in kind.copied() {
                match home(kind, path, Class::Text).unwrap() {
                    Home::Text(column) => taken.push(column),
                    Home::Ip(a, b) | Home::Uid(a, b) => taken.extend([a, b]),
                    Home::Time => panic!("{path}"),
                }
            }
            let count = taken.len();
            taken.sort_by_key(|column| column.0);
            taken.dedup();
            assert_eq!(taken.len(), count, "{kind:?}");
        }
    }

    #[test]
    fn a_path_leads_to_leaves_below_it() {
        for (path, leads) in [
            (r#"$["userIdentity"]"#, true),
            (r#"$["userIdentity"]["sessionContext"]"#, true),
            (r#"$["userIdentity"]["arn"]"#, true),
            (r#"$["userIdentity"]["arn"]["x"]"#, false),
            (r#"$["user"]"#, false),
            (r#"$["responseElements"]"#, true),
            (r#"$["requestParameters"]"#, false),
        ] {
            assert_eq!(Kind::CloudTrail.leads(path), leads, "{path}");
        }
    }

    #[test]
    fn the_outcome_is_that_of_the_status_code() {
        for (code, status) in [
            ("100", STATUS_SUCCESS),
            ("200", STATUS_SUCCESS),
            ("399", STATUS_SUCCESS),
            ("400", STATUS_FAILURE),
            ("599", STATUS_FAILURE),
            ("600", STATUS_OTHER),
            ("0", STATUS_OTHER),
            ("-200", STATUS_OTHER),
            ("2e2", STATUS_OTHER),
            ("4.5", STATUS_OTHER),
            ("20", STATUS_OTHER),
            ("2000", STATUS_OTHER),
        ] {
            let derived = derive(Kind::Kubernetes, [None, Some(code.as_bytes()), None, None]);
            assert_eq!(derived.status_id, status, "{code}");
        }
    }

    #[test]
    fn a_silent_source_has_no_outcome() {
        let derived = derive(Kind::Kubernetes, [Some(b"get"), None, None, None]);
        assert_eq!((derived.status_id, derived.activity_id), (STATUS_UNKNOWN, 2));
        let login = derive(Kind::CloudTrail, [Some(b"ConsoleLogin"), None, None, Some(b"Failure")]);
        assert_eq!((login.class_uid, login.status_id), (AUTHENTICATION, STATUS_FAILURE));
        let silent = derive(Kind::CloudTrail, [Some(b"ConsoleLogin"), None, None, None]);
        assert_eq!(silent.status_id, STATUS_UNKNOWN);
    }
}
