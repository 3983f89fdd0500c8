//! What `CloudTrail` and Kubernetes audit events mean in OCSF 1.6 terms (`crypto/FORMAT.md` section 4.3).
//!
//! Nothing is invented: a column is filled from what the event says, or stays null.

use super::token::Class;

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
pub(crate) const COLUMNS: [(&str, Type); 26] = [
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
];

/// Columns without a leaf of their own to be home to, beside the list above.
pub(crate) const EXTRA: [(&str, Type); 2] =
    [("cloud_region", Type::Text), ("cloud_account_uid", Type::Text)];

/// Number of canonical columns.
pub(crate) const COUNT: usize = COLUMNS.len() + EXTRA.len();

pub(crate) const TIME: Canon = Canon(0);
pub(crate) const TIME_FORM: Canon = Canon(1);
pub(crate) const SOURCE: Canon = Canon(2);
pub(crate) const CLASS_UID: Canon = Canon(3);
pub(crate) const ACTIVITY_ID: Canon = Canon(4);
pub(crate) const TYPE_UID: Canon = Canon(5);
pub(crate) const STATUS_ID: Canon = Canon(6);

/// All canonical columns: name and type.
pub(crate) fn columns() -> impl Iterator<Item = (&'static str, Type)> {
    COLUMNS.into_iter().chain(EXTRA)
}

fn canon(name: &str) -> Option<Canon> {
    columns().position(|(column, _)| column == name).map(Canon)
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

impl Home {
    /// The columns that it may fill.
    pub(crate) fn columns(self) -> impl Iterator<Item = Canon> {
        let (first, second) = match self {
            Self::Text(column) => (column, None),
            Self::Ip(first, second) | Self::Uid(first, second) => (first, Some(second)),
            Self::Time => (TIME, Some(TIME_FORM)),
        };
        std::iter::once(first).chain(second)
    }
}

/// Tells whose event has these leaf paths, if we know.
pub(crate) fn recognise<'a>(paths: &(impl Iterator<Item = &'a str> + Clone)) -> Option<Kind> {
    let has = |name: &str| paths.clone().any(|path| path == name);
    if has(r#"$["eventVersion"]"#) && has(r#"$["eventSource"]"#) && has(r#"$["eventName"]"#) {
        Some(Kind::CloudTrail)
    } else if has(r#"$["auditID"]"#) && has(r#"$["stage"]"#) && has(r#"$["verb"]"#) {
        Some(Kind::Kubernetes)
    } else {
        None
    }
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
    let column = |name| canon(name).map(Home::Text);
    let pair =
        |first, second, make: fn(Canon, Canon) -> Home| Some(make(canon(first)?, canon(second)?));
    match (kind, path) {
        (Kind::Kubernetes, r#"$["responseStatus"]["code"]"#) => return column("status_code"),
        _ if class != Class::Text => return None,
        _ => {}
    }
    match kind {
        Kind::CloudTrail => match path {
            r#"$["sourceIPAddress"]"# => pair("src_ip", "src_ip_raw", Home::Ip),
            r#"$["requestID"]"# => pair("request_uid", "request_uid_uuid", Home::Uid),
            r#"$["eventID"]"# => pair("original_event_uid", "original_event_uid_uuid", Home::Uid),
            r#"$["userIdentity"]["arn"]"# => column("actor_user_uid"),
            r#"$["userIdentity"]["userName"]"# => column("actor_user_name"),
            r#"$["userIdentity"]["type"]"# => column("actor_user_type"),
            r#"$["userIdentity"]["accessKeyId"]"# => column("actor_credential_uid"),
            r#"$["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]"# => {
                column("actor_on_behalf_of")
            }
            r#"$["eventSource"]"# => column("api_service"),
            r#"$["eventName"]"# => column("api_operation"),
            r#"$["errorCode"]"# => column("status_code"),
            r#"$["errorMessage"]"# => column("status_detail"),
            r#"$["resources"][0]["type"]"# => column("resource_type"),
            r#"$["resources"][0]["ARN"]"# => column("resource_uid"),
            r#"$["userAgent"]"# => column("user_agent"),
            r#"$["awsRegion"]"# => column("cloud_region"),
            r#"$["recipientAccountId"]"# => column("cloud_account_uid"),
            _ => None,
        },
        Kind::Kubernetes => match path {
            r#"$["sourceIPs"][0]"# => pair("src_ip", "src_ip_raw", Home::Ip),
            r#"$["auditID"]"# => pair("request_uid", "request_uid_uuid", Home::Uid),
            r#"$["user"]["uid"]"# => column("actor_user_uid"),
            r#"$["user"]["username"]"# => column("actor_user_name"),
            r#"$["impersonatedUser"]["username"]"# => column("actor_on_behalf_of"),
            r#"$["verb"]"# => column("api_operation"),
            r#"$["objectRef"]["resource"]"# => column("resource_type"),
            r#"$["objectRef"]["uid"]"# => column("resource_uid"),
            r#"$["objectRef"]["name"]"# => column("resource_name"),
            r#"$["responseStatus"]["message"]"# => column("status_detail"),
            r#"$["userAgent"]"# => column("user_agent"),
            _ => None,
        },
    }
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
        Kind::Kubernetes => [r#"$["verb"]"#, r#"$["responseStatus"]["code"]"#, "", ""],
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
    // The code's class is its first digit; below 400 is success (informational and redirects included).
    let status_id = match code {
        None => STATUS_UNKNOWN,
        Some([b'1'..=b'3', _, _]) => STATUS_SUCCESS,
        Some([b'4' | b'5', _, _]) => STATUS_FAILURE,
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
        assert_eq!(columns().count(), COUNT);
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
