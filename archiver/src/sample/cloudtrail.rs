//! AWS `CloudTrail` events of one account, as a trail delivers them.

mod call;
mod identity;

use std::io::{self, Write};

use super::json::Json;
use super::random::Random;
use super::schedule::{Clock, Moment, Schedule, Sessions};
use super::world::{ACCOUNT, REGION, World};
use call::Call;
use identity::Identity;

/// Refused calls, of a thousand.
const DENIED: u64 = 22;
const TLS: &str = "TLS_AES_128_GCM_SHA256";

/// A step of the story.
struct Step {
    call: Call,
    /// Of the operation, if it needs one.
    target: &'static str,
    denied: bool,
    /// The role was taken on by then.
    assumed: bool,
}

const fn step(call: Call, target: &'static str, denied: bool, assumed: bool) -> Step {
    Step { call, target, denied, assumed }
}

/// At a quarter to three somebody takes on the emergency role, reads secrets, and tries to stop the trail.
const STORY: [Step; 14] = [
    step(Call::GetCallerIdentity, "", false, false),
    step(Call::AssumeRole, "PlatformAdmin", true, false),
    step(Call::AssumeRole, "break-glass", false, false),
    step(Call::ListSecrets, "", false, true),
    step(Call::GetSecretValue, "prod/payments/db", false, true),
    step(Call::GetSecretValue, "prod/payments/api-key", false, true),
    step(Call::GetSecretValue, "prod/ledger/db", false, true),
    step(Call::GetSecretValue, "prod/identity/tls", false, true),
    step(Call::CreateAccessKey, "svc-exports", true, true),
    step(Call::DescribeTrails, "", false, true),
    step(Call::StopLogging, "organisation-audit", true, true),
    step(Call::StopLogging, "organisation-audit", true, true),
    step(Call::DeleteTrail, "organisation-audit", true, true),
    step(Call::GetCallerIdentity, "", false, true),
];

const SECONDS: [u64; STORY.len()] = [
    9_667, 9_702, 9_731, 9_764, 9_790, 9_797, 9_803, 9_811, 9_918, 10_024, 10_051, 10_078, 10_113,
    10_190,
];

/// The events of a day that are still to be delivered.
#[derive(Debug)]
pub struct CloudTrail {
    world: World,
    clock: Clock,
    random: Random,
    schedule: Schedule,
    sessions: Sessions,
    json: Json,
    delivered: u64,
}

/// What all members of one event are made from.
struct Event<'a> {
    us: u64,
    call: Call,
    target: String,
    who: Identity<'a>,
    denied: bool,
}

impl CloudTrail {
    pub(super) fn new(world: World, clock: Clock, seed: u64, events: usize) -> Self {
        let schedule = Schedule::new(Random::new(seed, "cloudtrail times"), events, &SECONDS);
        let random = Random::new(seed, "cloudtrail");
        Self {
            world,
            clock,
            random,
            schedule,
            sessions: Sessions::default(),
            json: Json::default(),
            delivered: 0,
        }
    }

    /// Writes the next event alone, without a line feed; false at the end of the day.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_record(&mut self, out: &mut dyn Write) -> io::Result<bool> {
        let Some(moment) = self.schedule.next() else { return Ok(false) };
        out.write_all(self.record(moment).as_bytes())?;
        Ok(true)
    }

    /// Writes the next delivery, `{"Records":[…]}` of at most `most` events, and returns the name that the object has in
    /// the trail's bucket, `.json` without `.gz`. `None` at the end of the day, when nothing was written.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_delivery(
        &mut self,
        out: &mut dyn Write,
        most: usize,
    ) -> io::Result<Option<String>> {
        let mut last = None;
        for moment in self.schedule.by_ref().take(most).collect::<Vec<_>>() {
            out.write_all(if last.is_none() { br#"{"Records":["# } else { b"," })?;
            last = Some(moment.us);
            out.write_all(self.record(moment).as_bytes())?;
        }
        let Some(us) = last else { return Ok(None) };
        out.write_all(b"]}")?;
        self.delivered += 1;
        let date = self.clock.date().strftime("%Y/%m/%d");
        let stamp = self.clock.seconds(us - us % 300_000_000).replace(['-', ':'], "");
        let stamp = stamp.get(..13).unwrap_or_default();
        let unique = Random::new(self.delivered, "delivery").base64(16).replace(['+', '/'], "x");
        Ok(Some(format!(
            "AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{date}/{ACCOUNT}_CloudTrail_{REGION}_{stamp}Z_{unique}.json"
        )))
    }

    fn record(&mut self, moment: Moment) -> &str {
        let Self { world, clock, random, sessions, json, .. } = self;
        let event = match moment.step.and_then(|step| STORY.get(step)) {
            Some(step) => Event {
                us: moment.us,
                call: step.call,
                target: step.target.to_owned(),
                who: Identity::intruder(world, step.assumed),
                denied: step.denied,
            },
            None => ordinary(moment.us, world, random, sessions),
        };
        json.record(|json| event.members(json, clock, random))
    }
}

fn ordinary<'a>(
    us: u64,
    world: &'a World,
    random: &mut Random,
    sessions: &mut Sessions,
) -> Event<'a> {
    let session = sessions.at(us, random, world);
    let (call, who) = match Identity::service_of_aws(random) {
        Some(who) => (Call::AssumeRole, who),
        None => {
            (Call::ordinary(random, session.actor, session.events), Identity::of(session, world))
        }
    };
    let target = call.target(random, world);
    Event { us, call, target, who, denied: call.may_be_denied() && random.chance(DENIED) }
}

impl Event<'_> {
    fn members(&self, json: &mut Json, clock: &Clock, random: &mut Random) {
        let (service, operation) = (self.call.service(), self.call.operation());
        json.text("eventVersion", "1.11");
        json.object("userIdentity", |json| self.who.members(json, clock));
        json.text("eventTime", clock.seconds(self.us));
        json.text("eventSource", format_args!("{service}.amazonaws.com"));
        json.text("eventName", operation);
        json.text("awsRegion", self.call.region());
        json.text("sourceIPAddress", self.who.ip());
        json.text("userAgent", self.who.agent(self.call));
        if self.denied {
            json.text("errorCode", "AccessDenied");
            json.text(
                "errorMessage",
                format_args!(
                    "User: {} is not authorized to perform: {service}:{operation} on resource: {} {}",
                    self.who.arn(),
                    self.call.resource(&self.target),
                    self.call.reason()
                ),
            );
        }
        self.call.request(json, &self.target, &self.who, random);
        if self.denied {
            json.null("responseElements");
        } else {
            self.call.response(
                json,
                &self.target,
                &self.who,
                &clock.seconds(self.us + 3_600_000_000),
                random,
            );
        }
        self.call.additional(json, random);
        json.text("requestID", if service == "s3" { random.base32(16) } else { random.uuid() });
        json.text("eventID", random.uuid());
        json.plain("readOnly", self.call.reads());
        self.call.resources(json, &self.target);
        json.text("eventType", self.call.event_type());
        json.plain("managementEvent", !self.call.is_data());
        json.text("recipientAccountId", ACCOUNT);
        json.text("eventCategory", if self.call.is_data() { "Data" } else { "Management" });
        if !self.who.is_aws() {
            json.object("tlsDetails", |json| {
                json.text("tlsVersion", "TLSv1.3");
                json.text("cipherSuite", TLS);
                json.text(
                    "clientProvidedHostHeader",
                    format_args!("{service}.{}.amazonaws.com", self.call.region()),
                );
            });
        }
    }
}
