//! `userIdentity`: on whose behalf a call is made.

use super::super::json::Json;
use super::super::random::{Random, at};
use super::super::schedule::{Actor, Clock, Session};
use super::super::world::{ACCOUNT, INTRUDER_IP, Person, Service, World};
use super::call::Call;

/// Calls by services of AWS itself, of a thousand.
const BY_AWS: u64 = 45;
/// The intruder's own key, older than any role session.
const OLD_KEY: &str = "AKIAEXAMPLE7OLDKEY42";
/// The session key that the emergency role gave.
const ROLE_KEY: &str = "ASIAEXAMPLE7NIGHT042";
/// When that role was taken on, µs since midnight.
const ROLE_SINCE_US: u64 = 9_731_000_000;

/// Who calls.
#[derive(Debug)]
pub(super) enum Identity<'a> {
    /// A person through single sign-on.
    Person { person: &'a Person, session: Session },
    /// A program under its role.
    Service { service: &'a Service, session: Session },
    /// AWS for a customer.
    Aws { name: &'static str },
    /// The one of the story: an IAM user, then the emergency role.
    Intruder { person: &'a Person, assumed: bool },
}

impl<'a> Identity<'a> {
    pub(super) fn of(session: &Session, world: &'a World) -> Self {
        let session = session.clone();
        match session.actor {
            Actor::Person(index) => Self::Person { person: at(&world.people, index), session },
            Actor::Service(index) => Self::Service { service: at(&world.services, index), session },
        }
    }

    pub(super) fn intruder(world: &'a World, assumed: bool) -> Self {
        Self::Intruder { person: world.intruder(), assumed }
    }

    /// Now and then AWS takes on a role that a customer gave it.
    pub(super) fn service_of_aws(random: &mut Random) -> Option<Self> {
        let names = ["ec2", "lambda", "ecs-tasks", "cloudtrail"];
        random.chance(BY_AWS).then(|| Self::Aws { name: random.pick(&names) })
    }

    pub(super) fn is_aws(&self) -> bool {
        matches!(self, Self::Aws { .. })
    }

    pub(super) fn members(&self, json: &mut Json, clock: &Clock) {
        match self {
            Self::Aws { name } => {
                json.text("type", "AWSService");
                json.text("invokedBy", format_args!("{name}.amazonaws.com"));
            }
            Self::Intruder { person, assumed: false } => {
                json.text("type", "IAMUser");
                json.text("principalId", "AIDAEXAMPLE7CONTRACTOR");
                json.text("arn", self.arn());
                json.text("accountId", ACCOUNT);
                json.text("accessKeyId", OLD_KEY);
                json.text("userName", &person.name);
            }
            _ => self.role_members(json, clock),
        }
    }

    fn role_members(&self, json: &mut Json, clock: &Clock) {
        let (role_id, since_us, mfa) = match self {
            Self::Person { person, session } => {
                (person.role_id.as_str(), session.started_us, session.id % 10 != 0)
            }
            Self::Service { service, session } => {
                (service.role_id.as_str(), session.started_us, false)
            }
            Self::Intruder { .. } | Self::Aws { .. } => {
                ("AROAEXAMPLE7BREAKGLASS", ROLE_SINCE_US, false)
            }
        };
        json.text("type", "AssumedRole");
        json.text("principalId", format_args!("{role_id}:{}", self.session_name()));
        json.text("arn", self.arn());
        json.text("accountId", ACCOUNT);
        json.text("accessKeyId", self.access_key());
        json.object("sessionContext", |json| {
            json.object("sessionIssuer", |json| {
                json.text("type", "Role");
                json.text("principalId", role_id);
                json.text("arn", self.role_arn());
                json.text("accountId", ACCOUNT);
                json.text("userName", self.role());
            });
            json.object("attributes", |json| {
                json.text("creationDate", clock.seconds(since_us));
                json.text("mfaAuthenticated", mfa);
            });
        });
    }

    pub(super) fn arn(&self) -> String {
        match self {
            Self::Intruder { person, assumed: false } => {
                format!("arn:aws:iam::{ACCOUNT}:user/{}", person.name)
            }
            _ => format!(
                "arn:aws:sts::{ACCOUNT}:assumed-role/{}/{}",
                self.role(),
                self.session_name()
            ),
        }
    }

    /// The role's own name.
    fn role(&self) -> String {
        match self {
            Self::Person { person, .. } => person.sso_role(),
            Self::Service { service, .. } => format!("app-{}", service.name),
            Self::Intruder { .. } | Self::Aws { .. } => "break-glass".to_owned(),
        }
    }

    fn role_arn(&self) -> String {
        match self {
            Self::Person { .. } => {
                format!(
                    "arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/{}",
                    self.role()
                )
            }
            _ => format!("arn:aws:iam::{ACCOUNT}:role/{}", self.role()),
        }
    }

    /// What stands behind the role's name in an ARN.
    pub(super) fn session_name(&self) -> String {
        match self {
            Self::Person { person, .. } => person.email(),
            Self::Service { service, session } if session.id % 2 == 0 => service.pod.clone(),
            Self::Service { session, .. } => format!("i-0{:016x}", session.id),
            Self::Intruder { person, .. } => person.name.clone(),
            Self::Aws { name } => (*name).to_owned(),
        }
    }

    fn access_key(&self) -> String {
        match self {
            Self::Person { session, .. } | Self::Service { session, .. } => {
                format!("ASIA{}", Random::new(session.id, "access key").base32(16))
            }
            Self::Intruder { .. } | Self::Aws { .. } => ROLE_KEY.to_owned(),
        }
    }

    pub(super) fn ip(&self) -> String {
        match self {
            Self::Person { session, .. } | Self::Service { session, .. } => session.ip.clone(),
            Self::Intruder { .. } => INTRUDER_IP.to_owned(),
            Self::Aws { name } => format!("{name}.amazonaws.com"),
        }
    }

    pub(super) fn agent(&self, call: Call) -> String {
        match self {
            Self::Person { person, session } if session.id % 3 == 0 || call.in_browser() => {
                person.browser.clone()
            }
            Self::Person { person, .. } => person.cli.clone(),
            Self::Service { service, .. } => service.sdk.clone(),
            Self::Intruder { .. } => {
                "aws-cli/1.18.69 Python/3.8.10 Linux/5.4.0-42-generic botocore/1.16.19".to_owned()
            }
            Self::Aws { name } => format!("{name}.amazonaws.com"),
        }
    }
}
