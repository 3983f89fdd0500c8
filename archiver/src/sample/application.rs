//! The log of the company's own application: access and audit lines of one JSON shape.

use std::io::{self, Write};

use super::json::Json;
use super::random::{Random, at, word};
use super::schedule::{Actor, Clock, Moment, Schedule, Session, Sessions};
use super::world::{INTRUDER_IP, SERVICES, World};

/// Sign-ins that fail, of a thousand.
const FAILED_LOGINS: u64 = 70;

/// What is asked of the application: method, name of the act, the most frequent first.
const ACTS: [(&str, &str); 8] = [
    ("GET", "read"),
    ("GET", "list"),
    ("POST", "create"),
    ("PUT", "update"),
    ("GET", "search"),
    ("POST", "approve"),
    ("POST", "export"),
    ("DELETE", "delete"),
];
const ROLES: [&str; 5] = ["viewer", "editor", "billing", "support", "admin"];

/// The same night as in `CloudTrail`: three wrong passwords, then an export of all customers, which is refused.
const STORY: [(&str, &str, u64); 5] = [
    ("POST", "login", 401),
    ("POST", "login", 401),
    ("POST", "login", 401),
    ("POST", "login", 200),
    ("POST", "export", 403),
];
const SECONDS: [u64; STORY.len()] = [9_512, 9_519, 9_530, 9_544, 9_601];

/// What all members of one line are made from.
struct Line<'a> {
    us: u64,
    service: &'static str,
    kind: &'static str,
    id: &'a str,
    login: String,
    role: &'static str,
    ip: String,
    agent: &'a str,
    session: String,
    tenant: &'a str,
    method: &'static str,
    act: &'static str,
    status: u64,
}

/// Writes a day of lines.
pub(super) fn write(
    world: &World,
    clock: &Clock,
    seed: u64,
    events: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut random, mut sessions, mut json) =
        (Random::new(seed, "application"), Sessions::default(), Json::default());
    for moment in Schedule::new(Random::new(seed, "application times"), events, &SECONDS) {
        let line = line(moment, world, &mut sessions, &mut random);
        out.write_all(json.record(|json| line.members(json, clock, &mut random)).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn line<'a>(
    moment: Moment,
    world: &'a World,
    sessions: &mut Sessions,
    random: &mut Random,
) -> Line<'a> {
    let us = moment.us;
    if let Some(&(method, act, status)) = moment.step.and_then(|step| STORY.get(step)) {
        let (person, session) = (world.intruder(), Random::new(0, "night").hex(32));
        let (ip, tenant) = (INTRUDER_IP.to_owned(), at(&world.tenants, 0));
        let service = if act == "login" { "identity" } else { "exports" };
        return Line {
            us,
            service,
            kind: "user",
            id: &person.uid,
            login: person.email(),
            role: "support",
            ip,
            agent: &person.browser,
            session,
            tenant,
            method,
            act,
            status,
        };
    }
    let session = sessions.at(us, random, world);
    let fresh = session.events == 1;
    let mut line = by(session, us, world, random);
    if fresh && line.kind == "user" {
        (line.service, line.method, line.act) = ("identity", "POST", "login");
        line.status = if random.chance(FAILED_LOGINS) { 401 } else { 200 };
    }
    line
}

fn by<'a>(session: &Session, us: u64, world: &'a World, random: &mut Random) -> Line<'a> {
    let &(method, act) = random.favour(&ACTS);
    let status = match (random.below(1_000), act) {
        (0..28, _) => 404,
        (28..52, _) => 403,
        (52..70, _) => 422,
        (70..74, _) => 500,
        (_, "create") => 201,
        (_, "delete") => 204,
        _ => 200,
    };
    let (kind, id, login, role, agent) = match session.actor {
        Actor::Person(index) => {
            let person = at(&world.people, index);
            ("user", &person.uid, person.email(), word(&ROLES, index), &person.browser)
        }
        Actor::Service(index) => {
            let service = at(&world.services, index);
            let login = format!("{}@{}", service.name, service.namespace);
            ("service", &service.uid, login, "service", &service.sdk)
        }
    };
    Line {
        us,
        service: word(&SERVICES, random.skewed(SERVICES.len())),
        kind,
        id,
        login,
        role,
        ip: session.ip.clone(),
        agent,
        session: Random::new(session.id, "session").hex(32),
        tenant: at(world.tenants.as_slice(), usize::try_from(session.id % 36).unwrap_or(0))
            .as_str(),
        method,
        act,
        status,
    }
}

impl Line<'_> {
    fn members(&self, json: &mut Json, clock: &Clock, random: &mut Random) {
        let object = format!("{}_{}", self.service.get(..3).unwrap_or_default(), random.suffix(12));
        let names_one = !matches!(self.act, "list" | "search" | "create" | "export" | "login");
        json.text("time", clock.micros(self.us));
        json.text(
            "type",
            if matches!(self.act, "read" | "list" | "search") { "access" } else { "audit" },
        );
        json.text("service", self.service);
        json.text("instance", format_args!("{}-{}", self.service, random.pick(&["a", "b", "c"])));
        json.text("tenant", self.tenant);
        json.object("actor", |json| {
            json.text("kind", self.kind);
            json.text("id", self.id);
            json.text("login", &self.login);
            json.texts("roles", [self.role]);
        });
        json.text("session", &self.session);
        json.text("action", format_args!("{}.{}", self.service, self.act));
        json.object("object", |json| {
            json.text("type", self.service);
            if names_one {
                json.text("id", &object);
            } else {
                json.null("id");
            }
        });
        json.text(
            "result",
            match self.status {
                ..=399 => "ok",
                401 | 403 => "denied",
                _ => "error",
            },
        );
        match self.status {
            ..=399 => json.null("reason"),
            401 => json.text("reason", "wrong password"),
            403 => json.text(
                "reason",
                format_args!("role \"{}\" lacks {}:{}", self.role, self.service, self.act),
            ),
            404 => json.text("reason", "not found"),
            422 => json.text("reason", "validation failed: field \"amount\" must be positive"),
            _ => json.text("reason", "upstream timed out"),
        }
        json.object("request", |json| {
            json.text("id", random.uuid());
            json.text("method", self.method);
            match (self.act, names_one) {
                ("login", _) => json.text("path", "/v1/sessions"),
                (_, true) => json.text("path", format_args!("/v1/{}/{object}", self.service)),
                ("list" | "search", _) => {
                    let page = random.below(40);
                    json.text("path", format_args!("/v1/{}?page={page}", self.service));
                }
                _ => json.text("path", format_args!("/v1/{}", self.service)),
            }
            json.plain("status", self.status);
            json.text("ip", &self.ip);
            json.text("agent", self.agent);
            let most = 1 << random.between(8, 16);
            json.plain("bytes", if self.status == 204 { 0 } else { random.below(most) });
            json.plain("ms", format_args!("{}.{:03}", random.skewed(400), random.below(1_000)));
        });
        json.text("trace", random.hex(32));
    }
}
