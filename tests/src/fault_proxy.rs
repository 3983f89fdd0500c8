//! An HTTP proxy on loopback that passes requests to a real S3 server and, at one of them, does what
//! networks and stores do at their worst.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What happens to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The connection ends before the server has seen anything.
    ResetBefore,
    /// The server does it, and the connection ends without an answer.
    ResetAfter,
    /// 500 `InternalError`, and nothing was done.
    ErrorBefore,
    /// The server does it, and 500 `InternalError` is answered.
    ErrorAfter,
    /// 503 `SlowDown`, and nothing was done.
    SlowDown,
    /// 400 `ExpiredToken`, and nothing was done.
    ExpiredToken,
    /// The answer's body breaks off in the middle.
    HalfBody,
    /// The headers of a lock never reach the server.
    DropLock,
    /// The condition of a creating put never reaches the server.
    DropCondition,
    /// The answer's `Date` is this many seconds ahead.
    Skew(i64),
}

/// Which requests: by method, a part of the target, and how many of them pass before.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `PUT`, `GET`, `HEAD`.
    pub method: &'static str,
    /// A part of the path and query.
    pub target: &'static str,
    /// How many requests of the kind pass first.
    pub after: usize,
    /// How many meet the trouble then.
    pub times: usize,
    /// What happens.
    pub trouble: Trouble,
}

#[derive(Debug, Default)]
struct Met {
    matching: usize,
    fired: usize,
    requests: Vec<String>,
}

/// A running proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    met: Arc<Mutex<Met>>,
    ended: Arc<AtomicBool>,
}

/// A message as it stands on the wire, taken apart.
struct Message {
    first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl FaultProxy {
    /// Begins to pass requests to `endpoint`, `http://host:port`.
    pub fn start(endpoint: &str, plan: Plan) -> Self {
        let server = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = Arc::<Mutex<Met>>::default();
        let ended = Arc::<AtomicBool>::default();
        let (of_thread, end) = (Arc::clone(&met), Arc::clone(&ended));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (server, plan, met) = (server.clone(), plan.clone(), Arc::clone(&of_thread));
                // A connection that breaks is what this is for.
                thread::spawn(move || {
                    stream.and_then(|stream| serve(stream, &server, &plan, &met))
                });
            }
        });
        Self { port, met, ended }
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The first lines of all requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.met.lock().unwrap().requests.clone()
    }

    /// How many requests met the trouble.
    pub fn fired(&self) -> usize {
        self.met.lock().unwrap().fired
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Passes one request after the other of a connection.
fn serve(mut client: TcpStream, server: &str, plan: &Plan, met: &Mutex<Met>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    while let Some(mut request) = read_message(&mut client, None)? {
        met.lock().unwrap().requests.push(request.first.clone());
        let trouble = trouble(&request, plan, met);
        let method = request.first.split(' ').next().unwrap_or_default().to_owned();
        match trouble {
            Some(Trouble::ResetBefore) => return Ok(()),
            Some(Trouble::ErrorBefore) => {
                answer(&mut client, &method, 500, "InternalError")?;
                continue;
            }
            Some(Trouble::SlowDown) => {
                answer(&mut client, &method, 503, "SlowDown")?;
                continue;
            }
            Some(Trouble::ExpiredToken) => {
                answer(&mut client, &method, 400, "ExpiredToken")?;
                continue;
            }
            Some(Trouble::DropLock) => request.drop_headers("x-amz-object-lock"),
            Some(Trouble::DropCondition) => request.drop_headers("if-none-match"),
            _ => {}
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.set_read_timeout(Some(Duration::from_secs(30)))?;
        upstream.write_all(&request.bytes(request.body.len()))?;
        let Some(mut response) = read_message(&mut upstream, Some(&method))? else { return Ok(()) };
        match trouble {
            Some(Trouble::ResetAfter) => return Ok(()),
            Some(Trouble::ErrorAfter) => {
                answer(&mut client, &method, 500, "InternalError")?;
                continue;
            }
            Some(Trouble::HalfBody) => {
                client.write_all(&response.bytes(response.body.len() / 2))?;
                return Ok(());
            }
            Some(Trouble::Skew(seconds)) => response.skew(seconds),
            _ => {}
        }
        client.write_all(&response.bytes(response.body.len()))?;
    }
    Ok(())
}

/// What the plan has for a request.
fn trouble(request: &Message, plan: &Plan, met: &Mutex<Met>) -> Option<Trouble> {
    let mut words = request.first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    if method != plan.method || !target.contains(plan.target) {
        return None;
    }
    let mut met = met.lock().unwrap();
    met.matching += 1;
    if met.matching <= plan.after || met.fired >= plan.times {
        return None;
    }
    met.fired += 1;
    Some(plan.trouble)
}

/// Answers in the server's place.
fn answer(client: &mut TcpStream, method: &str, status: u16, code: &str) -> io::Result<()> {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>planned</Message></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status} Planned\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    if method == "HEAD" { Ok(()) } else { client.write_all(body.as_bytes()) }
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn drop_headers(&mut self, prefix: &str) {
        self.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with(prefix));
    }

    fn skew(&mut self, seconds: i64) {
        use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("date") {
                let at = DateTimeParser::new().parse_timestamp(value.as_str()).unwrap();
                let later = at + jiff::SignedDuration::from_secs(seconds);
                *value = DateTimePrinter::new().timestamp_to_rfc9110_string(&later).unwrap();
            }
        }
    }

    /// The message with so many bytes of its body.
    fn bytes(&self, of_body: usize) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.first).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body[..of_body]);
        bytes
    }
}

/// Reads a request, or the response to a request of a method; none at the end of the connection.
fn read_message(stream: &mut TcpStream, response_to: Option<&str>) -> io::Result<Option<Message>> {
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
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut message = Message { first, headers, body: Vec::new() };
    let has_body = response_to != Some("HEAD") && !message.first.contains(" 204 ");
    if message.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        message.body = read_chunks(stream)?;
        message.drop_headers("transfer-encoding");
        message.headers.push(("content-length".to_owned(), message.body.len().to_string()));
    } else if has_body {
        if message.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            message.drop_headers("expect");
        }
        let length = message.header("content-length").and_then(|length| length.parse().ok());
        message.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut message.body)?;
    }
    Ok(Some(message))
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
