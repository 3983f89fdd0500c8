//! A request or an answer as it stands on the wire, taken apart.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use jiff::{
    SignedDuration, Timestamp,
    fmt::rfc2822::{DateTimeParser, DateTimePrinter},
};

/// The date of a lock, in the headers of a request and of an answer.
const LOCK_DATE: &str = "x-amz-object-lock-retain-until-date";

/// The first line, the headers and the body.
pub(super) struct Message {
    first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// Reads a request; none at the end of the connection.
    pub(super) fn read_request(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let Some(mut request) = Self::read_head(stream)? else { return Ok(None) };
        if request.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            request.drop_headers("expect");
        }
        request.read_body(stream)?;
        Ok(Some(request))
    }

    /// Reads the answer to a request; none at the end of the connection.
    pub(super) fn read_answer(stream: &mut TcpStream, request: &Self) -> io::Result<Option<Self>> {
        let Some(mut answer) = Self::read_head(stream)? else { return Ok(None) };
        // Whatever the headers of such an answer say, nothing follows them.
        if request.asked().0 != "HEAD" && !answer.first.contains(" 204 ") {
            answer.read_body(stream)?;
        }
        Ok(Some(answer))
    }

    /// An answer in the server's place.
    pub(super) fn refusal(request: &Self, status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>planned</Message></Error>"
        );
        let length = ("content-length".to_owned(), body.len().to_string());
        let kind = ("content-type".to_owned(), "application/xml".to_owned());
        let body = if request.asked().0 == "HEAD" { Vec::new() } else { body.into_bytes() };
        Self { first: format!("HTTP/1.1 {status} Planned"), headers: vec![kind, length], body }
    }

    /// The answer to a put that made a version.
    pub(super) fn success() -> Self {
        let headers = [("content-length", "0"), ("x-amz-version-id", "made-up-by-the-proxy")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { first: "HTTP/1.1 200 Planned".to_owned(), headers, body: Vec::new() }
    }

    /// The method and the target of a request.
    pub(super) fn asked(&self) -> (&str, &str) {
        let mut words = self.first.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn drop_headers(&mut self, prefix: &str) {
        self.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with(prefix));
    }

    /// Moves the date of a lock, if there is one.
    pub(super) fn move_lock(&mut self, seconds: i64) {
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case(LOCK_DATE) {
                let until: Timestamp = value.parse().unwrap();
                *value = (until + SignedDuration::from_secs(seconds)).to_string();
            }
        }
    }

    /// Moves the time that an answer tells.
    pub(super) fn move_date(&mut self, seconds: i64) {
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("date") {
                let at = DateTimeParser::new().parse_timestamp(value.as_str()).unwrap();
                let later = at + SignedDuration::from_secs(seconds);
                *value = DateTimePrinter::new().timestamp_to_rfc9110_string(&later).unwrap();
            }
        }
    }

    /// Takes the later half of the names out of a listing: most names here sort by number or time.
    pub(super) fn forget_newer_names(&mut self) {
        let text = String::from_utf8(std::mem::take(&mut self.body)).unwrap();
        let [open, close] = if text.contains("<ListVersionsResult") {
            ["<Version>", "</Version>"]
        } else {
            ["<Contents>", "</Contents>"]
        };
        let starts: Vec<usize> = text.match_indices(open).map(|(at, _)| at).collect();
        let end = text.rfind(close).map_or(0, |at| at + close.len());
        let kept = starts.get(starts.len() / 2).map_or("", |start| &text[..*start]);
        self.body = [kept, &text[end..]].concat().into_bytes();
        self.set_length();
    }

    fn set_length(&mut self) {
        self.drop_headers("transfer-encoding");
        self.drop_headers("content-length");
        self.headers.push(("content-length".to_owned(), self.body.len().to_string()));
    }

    /// The message as it goes on.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.first).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The message up to the middle of its body, or of its head where it has none.
    pub(super) fn half(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        let head = bytes.len() - self.body.len();
        bytes.truncate(if self.body.is_empty() { head / 2 } else { head + self.body.len() / 2 });
        bytes
    }

    fn read_head(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Ok(Some(Self { first, headers, body: Vec::new() }))
    }

    fn read_body(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            self.body = read_chunks(stream)?;
            self.set_length();
        } else {
            let length = self.header("content-length").and_then(|length| length.parse().ok());
            self.body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut self.body)?;
        }
        Ok(())
    }
}

fn read_chunks(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        let size = usize::from_str_radix(text.split(';').next().unwrap_or("0"), 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
