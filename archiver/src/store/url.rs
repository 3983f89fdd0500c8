//! The address of a store.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::StoreError;

/// Most requests that one store may have in flight.
const MAX_REQUESTS: usize = 256;
/// Longest time that a request may take.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

/// Where a store is. One spelling per store: no `.` or `..`, no doubled or trailing slash kept, and
/// how it is reached is no part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreUrl {
    /// `file:///absolute/path`: a directory of this machine.
    File(PathBuf),
    /// `s3://bucket/prefix?option=value&…`.
    S3(S3Url),
}

/// A prefix of a bucket, and how to reach it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: String,
    /// Put before every key; empty, or ends with a slash.
    pub prefix: String,
    /// How to reach it.
    pub access: S3Access,
}

/// How a bucket is reached: the options of an `s3://` address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct S3Access {
    /// `endpoint=URL`: a store other than AWS.
    pub endpoint: Option<String>,
    /// `region=NAME`; else the one of the environment or profile.
    pub region: Option<String>,
    /// `profile=NAME`; else the one of the environment.
    pub profile: Option<String>,
    /// `path_style=true`: the bucket stands in the path and not in the host's name. The default with
    /// an endpoint.
    pub path_style: bool,
    /// `checksum=sha256|none`: whether puts send `x-amz-checksum-sha256`.
    pub checksum: bool,
    /// `single_writer=true`: the store has no fence, and whoever says this sees to it that there is
    /// never more than one writer.
    pub single_writer: bool,
    /// `timeout=SECONDS` of one request.
    pub timeout: Duration,
    /// `requests=N` in flight at a time.
    pub requests: usize,
}

impl Default for S3Access {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            profile: None,
            path_style: false,
            checksum: true,
            single_writer: false,
            timeout: Duration::from_mins(1),
            requests: 16,
        }
    }
}

fn refuse(text: &str, why: &str) -> StoreError {
    StoreError::invalid(format!("store `{}`: {why}", text.escape_debug()))
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return S3Url::parse(rest).map(Self::S3).map_err(|why| refuse(text, &why));
        }
        let Some(rest) = text.strip_prefix("file:") else {
            return Err(refuse(text, "expected file:///path or s3://bucket/prefix"));
        };
        file(rest).map(Self::File).map_err(|why| refuse(text, why))
    }
}

fn file(rest: &str) -> Result<PathBuf, &'static str> {
    let path = rest
        .strip_prefix("//")
        .filter(|path| path.starts_with('/'))
        .ok_or("expected an absolute path after three slashes, file:///path")?;
    if path.contains(['%', '?', '#']) {
        return Err("the path is taken as it is written and may not contain `%`, `?` or `#`");
    }
    if path.contains(char::is_control) {
        return Err("the path contains a control character");
    }
    let segments = segments(path)?;
    if segments.is_empty() {
        return Err("the root directory is not a store");
    }
    Ok(PathBuf::from(format!("/{}", segments.join("/"))))
}

fn segments(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("the path may not contain `.` or `..`");
    }
    Ok(path.split('/').filter(|segment| !segment.is_empty()).collect())
}

impl S3Url {
    fn parse(rest: &str) -> Result<Self, String> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, path) = place.split_once('/').unwrap_or((place, ""));
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) {
            return Err(
                "expected a bucket of 3 to 63 lower-case letters, digits, `.` and `-`".into()
            );
        }
        let segments = segments(path)?;
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !segments.iter().all(|segment| segment.chars().all(safe)) {
            return Err("the prefix may contain letters, digits, `.`, `_`, `-` and `/`".into());
        }
        let mut prefix = segments.join("/");
        if !prefix.is_empty() {
            prefix.push('/');
        }
        let mut access = S3Access::default();
        let mut path_style = None;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            access.set(name, value, &mut path_style)?;
        }
        access.path_style = path_style.unwrap_or(access.endpoint.is_some());
        Ok(Self { bucket: bucket.to_owned(), prefix, access })
    }
}

impl S3Access {
    fn set(
        &mut self,
        name: &str,
        value: &str,
        path_style: &mut Option<bool>,
    ) -> Result<(), String> {
        let wrong = |expected: &str| format!("option `{name}={value}`: expected {expected}");
        let flag = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(wrong("true or false")),
        };
        let text = || if value.is_empty() { Err(wrong("a value")) } else { Ok(value.to_owned()) };
        match name {
            "endpoint" if value.starts_with("http://") || value.starts_with("https://") => {
                self.endpoint = Some(value.to_owned());
            }
            "endpoint" => return Err(wrong("http://host:port or https://host")),
            "region" => self.region = Some(text()?),
            "profile" => self.profile = Some(text()?),
            "path_style" => *path_style = Some(flag()?),
            "single_writer" => self.single_writer = flag()?,
            "checksum" => {
                self.checksum = match value {
                    "sha256" => true,
                    "none" => false,
                    _ => return Err(wrong("sha256 or none")),
                };
            }
            "timeout" => {
                let timeout = value.parse().ok().map(Duration::from_secs);
                let bounds = Duration::from_secs(1)..=MAX_TIMEOUT;
                self.timeout = timeout
                    .filter(|timeout| bounds.contains(timeout))
                    .ok_or_else(|| wrong("1 to 3600 seconds"))?;
            }
            "requests" => {
                let requests = value.parse().ok().filter(|n| (1..=MAX_REQUESTS).contains(n));
                self.requests = requests.ok_or_else(|| wrong("1 to 256"))?;
            }
            _ => {
                return Err(format!(
                    "unknown option `{name}`; there are endpoint, region, profile, path_style, checksum, single_writer, timeout and requests"
                ));
            }
        }
        Ok(())
    }
}

impl StoreUrl {
    /// The directory, for a store that is one.
    pub fn file_path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::S3(_) => None,
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::S3(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}/{}", self.bucket, self.prefix);
        write!(f, "s3://{}", place.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_has_one_spelling() {
        for text in ["file:///var/lib/a b", "file:///var/lib/a b/", "file:////var//lib/a b"] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), "file:///var/lib/a b");
            assert_eq!(url.file_path(), Some(Path::new("/var/lib/a b")));
        }
    }

    #[test]
    fn an_s3_url_has_one_spelling_however_it_is_reached() {
        for text in [
            "s3://bucket/a/b",
            "s3://bucket//a/b/",
            "s3://bucket/a/b?region=eu-central-1&requests=4",
            "s3://bucket/a/b?endpoint=http://127.0.0.1:9000&single_writer=true&timeout=5",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), "s3://bucket/a/b");
            assert_eq!(url.file_path(), None);
            assert_eq!(url.to_string().parse::<StoreUrl>().unwrap().to_string(), "s3://bucket/a/b");
        }
        assert_eq!("s3://bucket".parse::<StoreUrl>().unwrap().to_string(), "s3://bucket");
    }

    #[test]
    fn a_store_with_an_endpoint_is_addressed_by_path() {
        let style = |text: &str| match text.parse().unwrap() {
            StoreUrl::S3(url) => (url.access.path_style, url.access.checksum),
            StoreUrl::File(_) => panic!("a file"),
        };
        assert_eq!(style("s3://bucket"), (false, true));
        assert_eq!(style("s3://bucket?endpoint=https://s3.example.com"), (true, true));
        let both = "s3://bucket?path_style=false&endpoint=https://s3.example.com&checksum=none";
        assert_eq!(style(both), (false, false));
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        let said = |text: &str| text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(said("file:relative").contains("three slashes"));
        assert!(said("file://host/path").contains("three slashes"));
        assert!(said("/var/lib").contains("expected file:///path"));
        assert!(said("file:///a/../b").contains(".."));
        assert!(said("file:///a%20b").contains('%'));
        assert!(said("file:///").contains("root directory"));
        assert!(said("file:///a\nb").contains("control"));
        assert!(said("s3://B/a").contains("bucket of 3"));
        assert!(said("s3://bucket/../a").contains(".."));
        assert!(said("s3://bucket/a b").contains("prefix"));
        assert!(said("s3://bucket?endpoint=localhost").contains("http://host:port"));
        assert!(said("s3://bucket?single_writer=yes").contains("true or false"));
        assert!(said("s3://bucket?timeout=0").contains("1 to 3600"));
        assert!(said("s3://bucket?region=").contains("a value"));
        assert!(said("s3://bucket?acl=public").contains("unknown option `acl`"));
    }
}
