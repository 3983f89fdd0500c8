//! `PostgreSQL`'s `jsonlog` with the messages of pgaudit.

use std::collections::HashMap;
use std::io::{self, Write};

use super::json::Json;
use super::random::{Random, at};
use super::schedule::{Actor, Clock, Moment, Schedule, Session, Sessions};
use super::world::{INTRUDER_IP, World};

/// Statements that are refused, and sign-ins that fail, of a thousand.
const REFUSED: u64 = 9;
const FAILED_LOGINS: u64 = 60;

/// A step of the story.
#[derive(Clone, Copy, Debug)]
enum Step {
    FailedLogin,
    Login,
    Read(&'static str),
    Refused(&'static str),
}

/// The same night as in `CloudTrail`: with the password read there into the database.
const STORY: [Step; 6] = [
    Step::FailedLogin,
    Step::FailedLogin,
    Step::Login,
    Step::Read("select id, holder, iban from payments.accounts limit 5000"),
    Step::Read(
        "select account_id, amount_cents, currency from payments.transactions order by created_at desc limit 5000",
    ),
    Step::Refused("delete from payments.history"),
];
const SECONDS: [u64; STORY.len()] = [9_873, 9_877, 9_884, 9_890, 9_897, 9_905];

/// A backend process and its client.
#[derive(Clone, Debug)]
struct Backend {
    user: String,
    database: String,
    application: String,
    host: String,
    port: u64,
    pid: u64,
    started_us: u64,
    lines: u64,
    statements: u64,
}

/// Writes a day of log lines.
pub(super) fn write(
    world: &World,
    clock: &Clock,
    seed: u64,
    events: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut log = Log {
        world,
        clock,
        random: Random::new(seed, "postgresql"),
        sessions: Sessions::default(),
        backends: HashMap::new(),
        json: Json::default(),
    };
    for moment in Schedule::new(Random::new(seed, "postgresql times"), events, &SECONDS) {
        out.write_all(log.line(moment).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

struct Log<'a> {
    world: &'a World,
    clock: &'a Clock,
    random: Random,
    sessions: Sessions,
    /// By session id; looked up, never walked, so that the order of a hash map does not show.
    backends: HashMap<u64, Backend>,
    json: Json,
}

/// What a line says.
struct Said {
    us: u64,
    severity: &'static str,
    /// The process title.
    title: &'static str,
    /// SQLSTATE, where something failed.
    state: Option<&'static str>,
    message: String,
    statement: Option<String>,
    writes: bool,
}

impl Log<'_> {
    fn line(&mut self, moment: Moment) -> &str {
        let us = moment.us;
        let (backend, said) = match moment.step.and_then(|step| STORY.get(step)) {
            Some(step) => self.of_story(us, *step),
            None => self.ordinary(us),
        };
        let (clock, random) = (self.clock, &mut self.random);
        self.json.record(|json| backend.members(json, &said, clock, random))
    }

    fn of_story(&mut self, us: u64, step: Step) -> (Backend, Said) {
        let night = self.backends.entry(0).or_insert_with(|| Backend {
            user: "payments_rw".to_owned(),
            database: "payments".to_owned(),
            application: "psql".to_owned(),
            host: INTRUDER_IP.to_owned(),
            port: 51_442,
            pid: 30_007,
            started_us: us,
            lines: 0,
            statements: 0,
        });
        night.lines += 1;
        let said = match step {
            Step::FailedLogin => night.failed_login(us),
            Step::Login => night.authorized(us),
            Step::Read(statement) => night.audited(us, "READ", "SELECT", "", statement),
            Step::Refused(statement) => refused(us, "DELETE", "payments.history", statement),
        };
        (night.clone(), said)
    }

    fn ordinary(&mut self, us: u64) -> (Backend, Said) {
        let Self { world, random, sessions, backends, .. } = self;
        let session = sessions.at(us, random, world);
        let fresh = session.events == 1;
        let backend =
            backends.entry(session.id).or_insert_with(|| Backend::of(session, world, random));
        backend.lines += 1;
        let person = matches!(session.actor, Actor::Person(_));
        let said = if fresh && person && random.chance(FAILED_LOGINS) {
            backend.failed_login(us)
        } else if fresh {
            backend.authorized(us)
        } else {
            statement(backend, us, person, world, random)
        };
        (backend.clone(), said)
    }
}

fn statement(
    backend: &mut Backend,
    us: u64,
    person: bool,
    world: &World,
    random: &mut Random,
) -> Said {
    let table = random.favour(&world.tables).as_str();
    let kind = if person { random.skewed(5) } else { random.skewed(4) };
    let (class, command, text) = match kind {
        0 => (
            "READ",
            "SELECT",
            format!(
                "select id, status, amount_cents, currency, updated_at from {table} where account_id = $1 and status = any($2) order by updated_at desc limit {}",
                random.pick(&["20", "50", "200"])
            ),
        ),
        1 => (
            "WRITE",
            "UPDATE",
            format!(
                "update {table} set status = $1, updated_at = now(), revision = revision + 1 where id = $2 and revision = $3"
            ),
        ),
        2 => (
            "WRITE",
            "INSERT",
            format!(
                "insert into {table} (id, account_id, amount_cents, currency) values ($1, $2, $3, $4) returning id"
            ),
        ),
        3 => ("WRITE", "DELETE", format!("delete from {table} where id = $1 and status = 'draft'")),
        _ => (
            "DDL",
            "ALTER TABLE",
            format!("alter table {table} add column \"note_{}\" text", random.hex(4)),
        ),
    };
    if random.chance(REFUSED) {
        return refused(us, command, table, &text);
    }
    backend.audited(us, class, command, table, &text)
}

fn refused(us: u64, title: &'static str, table: &str, statement: &str) -> Said {
    let name = table.rsplit('.').next().unwrap_or(table);
    Said {
        us,
        severity: "ERROR",
        title,
        state: Some("42501"),
        message: format!("permission denied for table {name}"),
        statement: Some(statement.to_owned()),
        writes: false,
    }
}

impl Backend {
    fn of(session: &Session, world: &World, random: &mut Random) -> Self {
        let (user, database, application) = match session.actor {
            Actor::Person(index) => (
                at(&world.people, index).name.replace('.', "_"),
                "reporting".to_owned(),
                "psql".to_owned(),
            ),
            Actor::Service(index) => {
                let name = at(&world.services, index).name;
                (format!("{name}_rw"), name.to_owned(), format!("{name}-api"))
            }
        };
        Self {
            user,
            database,
            application,
            host: session.ip.clone(),
            port: random.between(32_768, 60_999),
            pid: random.between(1_000, 65_000),
            started_us: session.started_us,
            lines: 0,
            statements: 0,
        }
    }

    fn failed_login(&self, us: u64) -> Said {
        Said {
            us,
            severity: "FATAL",
            title: "authentication",
            state: Some("28P01"),
            message: format!("password authentication failed for user \"{}\"", self.user),
            statement: None,
            writes: false,
        }
    }

    fn authorized(&self, us: u64) -> Said {
        Said {
            us,
            severity: "LOG",
            title: "authentication",
            state: None,
            message: format!(
                "connection authorized: user={} database={} application_name={} SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)",
                self.user, self.database, self.application
            ),
            statement: None,
            writes: false,
        }
    }

    /// A message of pgaudit: CSV, so that quotes in the statement are doubled.
    fn audited(
        &mut self,
        us: u64,
        class: &str,
        command: &'static str,
        table: &str,
        statement: &str,
    ) -> Said {
        self.statements += 1;
        let kind = if table.is_empty() { "" } else { "TABLE" };
        let quoted = statement.replace('"', "\"\"");
        Said {
            us,
            severity: "LOG",
            title: command,
            state: None,
            message: format!(
                "AUDIT: SESSION,{},1,{class},{command},{kind},{table},\"{quoted}\",<not logged>",
                self.statements
            ),
            statement: None,
            writes: class != "READ",
        }
    }

    fn members(&self, json: &mut Json, said: &Said, clock: &Clock, random: &mut Random) {
        json.text("timestamp", clock.log_millis(said.us));
        json.text("user", &self.user);
        json.text("dbname", &self.database);
        json.plain("pid", self.pid);
        json.text("remote_host", &self.host);
        json.plain("remote_port", self.port);
        json.text("session_id", format_args!("{:x}.{:x}", clock.epoch(self.started_us), self.pid));
        json.plain("line_num", self.lines);
        json.text("ps", said.title);
        json.text("session_start", clock.log_seconds(self.started_us));
        json.text("vxid", format_args!("{}/{}", self.pid % 128, said.us / 40_000));
        json.plain("txid", if said.writes { 700_000_000 + said.us / 900_000 } else { 0 });
        json.text("error_severity", said.severity);
        if let Some(state) = said.state {
            json.text("state_code", state);
        }
        json.text("message", &said.message);
        if let Some(statement) = &said.statement {
            json.text("statement", statement);
        }
        json.text(
            "application_name",
            if said.title == "authentication" { "" } else { &self.application },
        );
        json.text("backend_type", "client backend");
        json.plain(
            "query_id",
            if said.title == "authentication" { 0 } else { random.next().cast_signed() },
        );
    }
}
