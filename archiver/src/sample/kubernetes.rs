//! Kubernetes audit events (`audit.k8s.io/v1`), as an API server logs them.

use std::io::{self, Write};

use super::json::Json;
use super::random::{Random, at};
use super::schedule::{Actor, Clock, Moment, Schedule, Session, Sessions};
use super::world::{INTRUDER_IP, NAMESPACES, Person, SERVICES, World};

/// Refused requests and requests for what is not there, of a thousand.
const FORBIDDEN: u64 = 14;
const NOT_FOUND: u64 = 10;
/// Changes whose request is logged in full, of a thousand.
const IN_FULL: u64 = 350;

/// A resource of the API.
#[derive(Debug)]
struct Resource {
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
}

const fn resource(
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
) -> Resource {
    Resource { name, group, version, kind }
}

/// The most frequent first.
const RESOURCES: [Resource; 9] = [
    resource("pods", "", "v1", "Pod"),
    resource("leases", "coordination.k8s.io", "v1", "Lease"),
    resource("configmaps", "", "v1", "ConfigMap"),
    resource("endpointslices", "discovery.k8s.io", "v1", "EndpointSlice"),
    resource("deployments", "apps", "v1", "Deployment"),
    resource("secrets", "", "v1", "Secret"),
    resource("jobs", "batch", "v1", "Job"),
    resource("serviceaccounts", "", "v1", "ServiceAccount"),
    resource("rolebindings", "rbac.authorization.k8s.io", "v1", "RoleBinding"),
];
const SECRETS: Resource = resource("secrets", "", "v1", "Secret");
const PODS: Resource = resource("pods", "", "v1", "Pod");
/// The most frequent first.
const VERBS: [&str; 7] = ["get", "watch", "update", "list", "patch", "create", "delete"];

/// The same night as in `CloudTrail`: secrets of the payments, then a shell in one of its pods, refused.
const STORY: [(&Resource, &str, &str, u64); 5] = [
    (&SECRETS, "list", "", 200),
    (&SECRETS, "get", "payments-db", 200),
    (&SECRETS, "get", "payments-api-key", 200),
    (&PODS, "exec", "payments-7c9d5f4b8-x2x2x", 403),
    (&SECRETS, "delete", "payments-api-key", 403),
];
const SECONDS: [u64; STORY.len()] = [9_852, 9_861, 9_866, 9_955, 9_981];

/// Who asks.
enum User<'a> {
    Person(&'a Person, &'static str),
    Service(&'a super::world::Service),
    Node(&'a str),
    Controller(&'static str),
}

/// What all members of one event are made from.
struct Event<'a> {
    us: u64,
    user: User<'a>,
    ip: String,
    verb: &'static str,
    resource: &'a Resource,
    namespace: &'static str,
    name: String,
    code: u64,
}

/// Writes a day of events, one a line.
pub(super) fn write(
    world: &World,
    clock: &Clock,
    seed: u64,
    events: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut random, mut sessions, mut json) =
        (Random::new(seed, "kubernetes"), Sessions::default(), Json::default());
    for moment in Schedule::new(Random::new(seed, "kubernetes times"), events, &SECONDS) {
        let event = event(moment, world, &mut sessions, &mut random);
        out.write_all(json.record(|json| event.members(json, clock, &mut random)).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn event<'a>(
    moment: Moment,
    world: &'a World,
    sessions: &mut Sessions,
    random: &mut Random,
) -> Event<'a> {
    let us = moment.us;
    if let Some(&(resource, verb, name, code)) = moment.step.and_then(|step| STORY.get(step)) {
        let (user, ip, name) =
            (User::Person(world.intruder(), "platform"), INTRUDER_IP.to_owned(), name.to_owned());
        return Event { us, user, ip, verb, resource, namespace: "payments", name, code };
    }
    let session = sessions.at(us, random, world);
    let (user, namespace) = user(session, world, random);
    let resource = match user {
        User::Node(_) => {
            if random.chance(600) {
                at(&RESOURCES, 1)
            } else {
                &PODS
            }
        }
        _ => random.favour(&RESOURCES),
    };
    let verb = match user {
        User::Node(_) if resource.name == "leases" => "update",
        User::Person(..) => {
            random.pick(&["get", "get", "list", "list", "watch", "patch", "delete", "create"])
        }
        _ => *random.favour(&VERBS),
    };
    let name = match resource.name {
        "pods" => random.favour(&world.pods).clone(),
        "leases" => random.favour(&world.nodes).clone(),
        "endpointslices" => format!("{}-{}", random.pick(&SERVICES), random.suffix(5)),
        _ => format!(
            "{}-{}",
            random.pick(&SERVICES),
            random.pick(&["config", "worker", "api", "db"])
        ),
    };
    let refused = matches!(user, User::Person(..) | User::Service(_)) && random.chance(FORBIDDEN);
    let missing = verb == "get" && random.chance(NOT_FOUND);
    let code = if refused {
        403
    } else if missing {
        404
    } else if verb == "create" {
        201
    } else {
        200
    };
    Event { us, user, ip: session.ip.clone(), verb, resource, namespace, name, code }
}

/// People and programs of the company, and the cluster's own.
fn user<'a>(session: &Session, world: &'a World, random: &mut Random) -> (User<'a>, &'static str) {
    let own = [
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "system:serviceaccount:kube-system:replicaset-controller",
    ];
    match session.actor {
        Actor::Person(index) => {
            let person = at(&world.people, index);
            let group = if person.team == "platform" { "platform" } else { "developers" };
            (User::Person(person, group), random.pick(&NAMESPACES))
        }
        Actor::Service(_) if random.chance(300) => {
            (User::Node(random.favour(&world.nodes).as_str()), "kube-system")
        }
        Actor::Service(_) if random.chance(250) => {
            (User::Controller(random.pick(&own)), random.pick(&NAMESPACES))
        }
        Actor::Service(index) => {
            let service = at(&world.services, index);
            (User::Service(service), service.namespace)
        }
    }
}

impl User<'_> {
    fn name(&self) -> String {
        match self {
            Self::Person(person, _) => person.email(),
            Self::Service(service) => {
                format!("system:serviceaccount:{}:{}", service.namespace, service.name)
            }
            Self::Node(node) => format!("system:node:{node}"),
            Self::Controller(name) => (*name).to_owned(),
        }
    }

    fn members(&self, json: &mut Json, random: &mut Random) {
        json.text("username", self.name());
        match self {
            Self::Person(person, group) => {
                json.text("uid", &person.uid);
                json.texts("groups", [&format!("oidc:{group}"), "system:authenticated"]);
            }
            Self::Service(service) => {
                json.text("uid", &service.uid);
                let namespace = format!("system:serviceaccounts:{}", service.namespace);
                json.texts(
                    "groups",
                    ["system:serviceaccounts", &namespace, "system:authenticated"],
                );
                json.object("extra", |json| {
                    json.texts(
                        "authentication.kubernetes.io/credential-id",
                        [format!("JTI={}", random.uuid())],
                    );
                    json.texts("authentication.kubernetes.io/node-name", [&service.node]);
                    json.texts("authentication.kubernetes.io/pod-name", [&service.pod]);
                });
            }
            Self::Node(_) => json.texts("groups", ["system:nodes", "system:authenticated"]),
            Self::Controller(_) => json.texts("groups", ["system:authenticated"]),
        }
    }

    fn agent(&self) -> String {
        match self {
            Self::Person(person, _) => person.kubectl.clone(),
            Self::Service(service) => {
                format!("{}/v0.0.0 (linux/amd64) kubernetes/$Format", service.name)
            }
            Self::Node(_) => "kubelet/v1.33.4 (linux/amd64) kubernetes/74cdb42".to_owned(),
            Self::Controller(_) => {
                "kube-controller-manager/v1.33.4 (linux/amd64) kubernetes/74cdb42".to_owned()
            }
        }
    }
}

impl Event<'_> {
    fn members(&self, json: &mut Json, clock: &Clock, random: &mut Random) {
        let changes = matches!(self.verb, "create" | "update" | "patch");
        let in_full =
            changes && self.code < 400 && self.resource.name != "secrets" && random.chance(IN_FULL);
        json.text("kind", "Event");
        json.text("apiVersion", "audit.k8s.io/v1");
        json.text("level", if in_full { "Request" } else { "Metadata" });
        json.text("auditID", random.uuid());
        let started = self.verb == "watch" && random.chance(500);
        json.text("stage", if started { "ResponseStarted" } else { "ResponseComplete" });
        json.text("requestURI", self.uri(random));
        json.text("verb", if self.verb == "exec" { "create" } else { self.verb });
        json.object("user", |json| self.user.members(json, random));
        json.texts("sourceIPs", [&self.ip]);
        json.text("userAgent", self.user.agent());
        json.object("objectRef", |json| self.object(json));
        json.object("responseStatus", |json| self.status(json));
        if in_full {
            json.object("requestObject", |json| self.request(json, random));
        }
        // A watch lasts; everything else takes milliseconds. Nothing was received the day before.
        let taken = if started { random.between(800, 4_000) } else { random.between(900, 40_000) };
        json.text("requestReceivedTimestamp", clock.micros(self.us.saturating_sub(taken)));
        json.text("stageTimestamp", clock.micros(self.us));
        json.object("annotations", |json| {
            json.text("authorization.k8s.io/decision", if self.code == 403 { "forbid" } else { "allow" });
            match (&self.user, self.code) {
                (_, 403) => json.text("authorization.k8s.io/reason", ""),
                (User::Service(service), _) => json.text(
                    "authorization.k8s.io/reason",
                    format_args!(
                        "RBAC: allowed by RoleBinding \"{0}/{1}\" of Role \"{0}\" to ServiceAccount \"{0}/{2}\"",
                        service.name, service.namespace, service.namespace
                    ),
                ),
                (User::Person(_, group), _) => json.text(
                    "authorization.k8s.io/reason",
                    format_args!("RBAC: allowed by ClusterRoleBinding \"{group}\" of ClusterRole \"edit\" to Group \"oidc:{group}\""),
                ),
                _ => json.text("authorization.k8s.io/reason", ""),
            }
        });
    }

    fn has_name(&self) -> bool {
        !matches!(self.verb, "list" | "watch")
    }

    fn uri(&self, random: &mut Random) -> String {
        let Resource { name, group, version, .. } = self.resource;
        let base = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let path = format!("{base}/namespaces/{}/{name}", self.namespace);
        match self.verb {
            "list" => format!("{path}?limit=500"),
            "watch" => format!(
                "{path}?allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}&watch=true",
                90_000_000 + random.below(1 << 22),
                random.between(300, 599)
            ),
            "create" => format!("{path}?fieldManager=kubectl-client-side-apply"),
            "exec" => format!(
                "{path}/{}/exec?command=sh&container=app&stdin=true&stdout=true&tty=true",
                self.name
            ),
            _ => format!("{path}/{}", self.name),
        }
    }

    fn object(&self, json: &mut Json) {
        json.text("resource", self.resource.name);
        json.text("namespace", self.namespace);
        if self.has_name() {
            json.text("name", &self.name);
        }
        if !self.resource.group.is_empty() {
            json.text("apiGroup", self.resource.group);
        }
        json.text("apiVersion", self.resource.version);
        if self.verb == "exec" {
            json.text("subresource", "exec");
        }
    }

    fn status(&self, json: &mut Json) {
        json.object("metadata", |_| {});
        let (resource, group) = (self.resource.name, self.resource.group);
        if self.code >= 400 {
            json.text("status", "Failure");
            let full =
                if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
            if self.code == 403 {
                let verb = if self.verb == "exec" { "create" } else { self.verb };
                let part = if self.verb == "exec" { "/exec" } else { "" };
                json.text(
                    "message",
                    format_args!(
                        "{full} \"{}\" is forbidden: User \"{}\" cannot {verb} resource \"{resource}{part}\" in API group \"{group}\" in the namespace \"{}\"",
                        self.name,
                        self.user.name(),
                        self.namespace
                    ),
                );
                json.text("reason", "Forbidden");
            } else {
                json.text("message", format_args!("{full} \"{}\" not found", self.name));
                json.text("reason", "NotFound");
            }
            json.object("details", |json| {
                json.text("name", &self.name);
                if !group.is_empty() {
                    json.text("group", group);
                }
                json.text("kind", resource);
            });
        }
        json.plain("code", self.code);
    }

    fn request(&self, json: &mut Json, random: &mut Random) {
        json.text("kind", self.resource.kind);
        let group = self.resource.group;
        let version = self.resource.version;
        json.text(
            "apiVersion",
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        );
        json.object("metadata", |json| {
            json.text("name", &self.name);
            json.text("namespace", self.namespace);
            json.text("uid", random.uuid());
            json.text("resourceVersion", 90_000_000 + random.below(1 << 22));
            json.object("labels", |json| {
                json.text("app.kubernetes.io/name", random.pick(&SERVICES));
                json.text("pod-template-hash", random.hex(10));
            });
        });
        json.object("spec", |json| {
            json.plain("replicas", random.between(1, 12));
            json.text(
                "image",
                format_args!(
                    "registry.example.com/{}@sha256:{}",
                    random.pick(&SERVICES),
                    random.hex(64)
                ),
            );
        });
    }
}
