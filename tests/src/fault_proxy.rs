//! An HTTP proxy on loopback that passes requests to a real S3 server and, at some of them, does what
//! networks and stores do at their worst.

mod message;

use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use self::message::Message;

/// Longest wait for a part of a request or of an answer: either side is on this machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long late requests and answers take: longer than `timeout=1` in a store's address.
const LATE: Duration = Duration::from_millis(1_400);

/// What happens to a request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
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
    /// 403 `AccessDenied`, and nothing was done.
    Denied,
    /// The server does it, and the connection ends in the middle of the answer.
    HalfAnswer,
    /// The same, but the connection stays open and nothing more comes.
    Stall,
    /// The server does it at once, and the answer comes late.
    LateAnswer,
    /// The server does it late, and then it is answered.
    LateRequest,
    /// Success is answered, and nothing was done.
    Swallow,
    /// The headers of a lock never reach the server.
    DropLock,
    /// The condition of a creating put never reaches the server.
    DropCondition,
    /// The date of a lock is so many seconds later, in a request or an answer that has one.
    LockDate(i64),
    /// A listing is without the newer half of its names.
    StaleList,
    /// The answer's `Date` is this many seconds ahead.
    Skew(i64),
}

/// Which requests meet which trouble.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// `PUT`, `GET`, `HEAD`; empty for all.
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

#[derive(Clone, Copy, Debug, Default)]
struct Met {
    matching: usize,
    fired: usize,
}

/// A running proxy; it ends when this is dropped, and then everything has reached the server that will.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    met: Arc<Mutex<Vec<Met>>>,
    requests: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

/// What a connection knows.
#[derive(Clone)]
struct Way {
    server: String,
    plans: Vec<Plan>,
    met: Arc<Mutex<Vec<Met>>>,
    /// Method and target of every request that came.
    requests: Arc<Mutex<Vec<String>>>,
}

impl FaultProxy {
    /// Begins to pass requests to `endpoint`, `http://host:port`.
    pub fn start(endpoint: &str, plans: &[Plan]) -> Self {
        let server = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = Arc::new(Mutex::new(vec![Met::default(); plans.len()]));
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (of_way, plans) = (Arc::clone(&requests), plans.to_vec());
        let way = Way { server, plans, met: Arc::clone(&met), requests: of_way };
        let ended = Arc::<AtomicBool>::default();
        let end = Arc::clone(&ended);
        let listening = thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    break;
                }
                // A connection that breaks is what this is for.
                let way = way.clone();
                let serve = move || stream.and_then(|stream| way.serve(stream)).ok();
                connections.push(thread::spawn(serve));
            }
            for connection in connections {
                drop(connection.join());
            }
        });
        Self { port, met, requests, ended, listening: Some(listening) }
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Method and target of every request that came, in order.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests met the trouble of each plan.
    pub fn fired(&self) -> Vec<usize> {
        self.met.lock().unwrap().iter().map(|met| met.fired).collect()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        drop(self.listening.take().map(JoinHandle::join));
    }
}

impl Way {
    /// Passes one request after the other of a connection.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        while let Some(mut request) = Message::read_request(&mut client)? {
            let (method, target) = request.asked();
            self.requests.lock().unwrap().push(format!("{method} {target}"));
            let trouble = self.trouble(&request);
            let planned = |status, code| Message::refusal(&request, status, code);
            let early = match trouble {
                Some(Trouble::ResetBefore) => return Ok(()),
                Some(Trouble::ErrorBefore) => Some(planned(500, "InternalError")),
                Some(Trouble::SlowDown) => Some(planned(503, "SlowDown")),
                Some(Trouble::ExpiredToken) => Some(planned(400, "ExpiredToken")),
                Some(Trouble::Denied) => Some(planned(403, "AccessDenied")),
                Some(Trouble::Swallow) => Some(Message::success()),
                _ => None,
            };
            if let Some(answer) = early {
                client.write_all(&answer.bytes())?;
                continue;
            }
            match trouble {
                Some(Trouble::DropLock) => request.drop_headers("x-amz-object-lock"),
                Some(Trouble::DropCondition) => request.drop_headers("if-none-match"),
                Some(Trouble::LockDate(seconds)) => request.move_lock(seconds),
                Some(Trouble::LateRequest) => thread::sleep(LATE),
                _ => {}
            }
            let Some(mut answer) = self.ask(&request)? else { return Ok(()) };
            match trouble {
                Some(Trouble::ResetAfter) => return Ok(()),
                Some(Trouble::HalfAnswer) => return client.write_all(&answer.half()),
                Some(Trouble::Stall) => {
                    client.write_all(&answer.half())?;
                    // Until the client has had enough.
                    return Message::read_request(&mut client).map(drop);
                }
                Some(Trouble::ErrorAfter) => {
                    answer = Message::refusal(&request, 500, "InternalError");
                }
                Some(Trouble::LateAnswer) => thread::sleep(LATE),
                Some(Trouble::LockDate(seconds)) => answer.move_lock(seconds),
                Some(Trouble::StaleList) => answer.forget_newer_names(),
                Some(Trouble::Skew(seconds)) => answer.move_date(seconds),
                _ => {}
            }
            client.write_all(&answer.bytes())?;
        }
        Ok(())
    }

    /// Asks the server; it may end the connection without an answer.
    fn ask(&self, request: &Message) -> io::Result<Option<Message>> {
        let mut upstream = TcpStream::connect(&self.server)?;
        upstream.set_read_timeout(Some(PATIENCE))?;
        upstream.write_all(&request.bytes())?;
        Message::read_answer(&mut upstream, request)
    }

    /// What the first plan has for a request that has anything.
    fn trouble(&self, request: &Message) -> Option<Trouble> {
        let mut all = self.met.lock().unwrap();
        let mut found = None;
        for (plan, met) in self.plans.iter().zip(all.iter_mut()) {
            let (method, target) = request.asked();
            let of_plan = plan.method.is_empty() || plan.method == method;
            if !of_plan || !target.contains(plan.target) {
                continue;
            }
            met.matching += 1;
            if found.is_none() && met.matching > plan.after && met.fired < plan.times {
                met.fired += 1;
                found = Some(plan.trouble);
            }
        }
        found
    }
}
