//! The company that the sample day happens in. All of it is invented: names, `example.com`, the addresses of RFC 5737
//! and 10/8, and an account id from AWS's own documentation.

use super::random::{Random, at, word};

/// People on the payroll; with the services they make the actors of the day.
const PEOPLE: usize = 340;
/// Pods that are running.
const PODS: usize = 1_200;
/// Objects in the buckets.
const OBJECTS: usize = 4_000;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "eu-central-1";

const FIRST: [&str; 30] = [
    "alma", "bruno", "carla", "dario", "elif", "fatou", "goran", "hanna", "ismael", "jana",
    "kenji", "leila", "marek", "nadia", "oscar", "petra", "quentin", "rania", "stefan", "tessa",
    "ulrike", "viktor", "wanda", "xavier", "yara", "zoltan", "aiko", "bela", "chloe", "dmitri",
];
const LAST: [&str; 28] = [
    "adler",
    "bianchi",
    "costa",
    "dahl",
    "eriksen",
    "fontaine",
    "gruber",
    "horvat",
    "ivanova",
    "jensen",
    "kaya",
    "lindqvist",
    "moreau",
    "nakamura",
    "okafor",
    "pereira",
    "quist",
    "rossi",
    "sandoval",
    "takahashi",
    "ueda",
    "vermeer",
    "weiss",
    "xu",
    "yilmaz",
    "zimmer",
    "brandt",
    "sato",
];
const TEAMS: [&str; 6] = ["platform", "payments", "data", "support", "security", "finance"];
pub(super) const SERVICES: [&str; 20] = [
    "payments",
    "orders",
    "ledger",
    "identity",
    "gateway",
    "search",
    "inventory",
    "billing",
    "notifier",
    "reports",
    "risk",
    "documents",
    "cart",
    "shipping",
    "pricing",
    "catalog",
    "returns",
    "loyalty",
    "exports",
    "scheduler",
];
pub(super) const NAMESPACES: [&str; 10] = [
    "payments",
    "orders",
    "identity",
    "catalog",
    "platform",
    "kube-system",
    "monitoring",
    "ingress",
    "data",
    "staging",
];
const STAGES: [&str; 3] = ["prod", "staging", "dev"];

/// Whose night it is: a contractor with an old access key, an address nobody else uses, and an eye for secrets.
pub(super) const INTRUDER: &str = "nils.brandt";
/// The address of that night; of TEST-NET-1, which nobody else in the sample has.
pub(super) const INTRUDER_IP: &str = "192.0.2.77";

/// Someone who works here.
#[derive(Debug)]
pub(super) struct Person {
    /// `first.last`.
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) team: &'static str,
    /// Unique id of the role that single sign-on gives, as AWS writes it.
    pub(super) role_id: String,
    /// The address at home; the office has 10/8.
    pub(super) ip: String,
    pub(super) browser: String,
    pub(super) cli: String,
    pub(super) kubectl: String,
}

impl Person {
    pub(super) fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// The permission set of the team.
    pub(super) fn role(&self) -> &'static str {
        match self.team {
            "platform" => "PlatformAdmin",
            "security" => "SecurityAudit",
            "finance" | "support" => "ReadOnly",
            _ => "Developer",
        }
    }

    /// The role's name as single sign-on makes it.
    pub(super) fn sso_role(&self) -> String {
        let suffix = match self.role() {
            "PlatformAdmin" => "4b1f6a0c9d27e835",
            "SecurityAudit" => "90c3d7e2a4185bf6",
            "ReadOnly" => "1de85a77c0f4639b",
            _ => "c72e094bd5a1f386",
        };
        format!("AWSReservedSSO_{}_{suffix}", self.role())
    }
}

/// A program with an identity of its own.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
    pub(super) uid: String,
    pub(super) role_id: String,
    pub(super) pod: String,
    pub(super) node: String,
    pub(super) ip: String,
    pub(super) sdk: String,
}

/// Everything that is the same for all sources of a day.
#[derive(Debug)]
pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) services: Vec<Service>,
    pub(super) buckets: Vec<String>,
    pub(super) objects: Vec<String>,
    pub(super) secrets: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) instances: Vec<String>,
    pub(super) pods: Vec<String>,
    pub(super) nodes: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) tenants: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let random = &mut Random::new(seed, "world");
        let nodes: Vec<String> = (0..24).map(|_| node(random)).collect();
        let service =
            |random: &mut Random| format!("{}-{}", random.pick(&SERVICES), random.pick(&STAGES));
        let pods: Vec<String> = (0..PODS)
            .map(|_| format!("{}-{}-{}", random.pick(&SERVICES), random.hex(9), random.suffix(5)))
            .collect();
        Self {
            people: (0..PEOPLE).map(|number| person(random, number)).collect(),
            services: (0..60).map(|number| program(random, number, &nodes)).collect(),
            buckets: (0..48)
                .map(|_| format!("example-{}-{}", service(random), random.hex(4)))
                .collect(),
            objects: (0..OBJECTS).map(|_| object(random)).collect(),
            secrets: SERVICES
                .iter()
                .flat_map(|service| {
                    ["db", "api-key", "tls"].map(|kind| format!("prod/{service}/{kind}"))
                })
                .collect(),
            keys: (0..16).map(|_| random.uuid()).collect(),
            instances: (0..160).map(|_| format!("i-0{}", random.hex(16))).collect(),
            tables: tables(),
            tenants: (0..36).map(|_| format!("t-{}", random.hex(8))).collect(),
            nodes,
            pods,
        }
    }

    /// The contractor of the story; works by day like everyone else.
    pub(super) fn intruder(&self) -> &Person {
        at(&self.people, 0)
    }
}

fn person(random: &mut Random, number: usize) -> Person {
    // Steps of a prime over the pairs of names: no pair comes twice.
    let pair = number * 397 % (FIRST.len() * LAST.len());
    let name = match number {
        0 => INTRUDER.to_owned(),
        _ => format!("{}.{}", word(&FIRST, pair), word(&LAST, pair / FIRST.len())),
    };
    let net = random.pick(&["198.51.100", "203.0.113"]);
    let (chrome, minor, patch) =
        (random.between(128, 142), random.between(20, 33), random.below(30));
    let platform = random.pick(&[
        "Macintosh; Intel Mac OS X 10_15_7",
        "Windows NT 10.0; Win64; x64",
        "X11; Linux x86_64",
    ]);
    Person {
        name,
        uid: random.uuid(),
        team: if number == 0 { "data" } else { random.pick(&TEAMS) },
        role_id: format!("AROA{}", random.base32(17)),
        ip: format!("{net}.{}", random.between(1, 254)),
        browser: format!(
            "Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome}.0.0.0 Safari/537.36"
        ),
        cli: format!(
            "aws-cli/2.{minor}.{patch} md/awscrt#0.27.{} ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.{} md/pyimpl#CPython m/E,Z,b cfg/retry-mode#standard md/installer#exe md/prompt#off",
            random.below(7),
            random.below(9)
        ),
        kubectl: format!(
            "kubectl/v1.{}.{} (linux/amd64) kubernetes/{}",
            random.between(31, 34),
            random.below(8),
            random.hex(7)
        ),
    }
}

fn program(random: &mut Random, number: usize, nodes: &[String]) -> Service {
    let name = word(&SERVICES, number);
    let sdk = match number % 3 {
        0 => format!(
            "Boto3/1.40.{} md/Botocore#1.40.{0} ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.12.7",
            random.below(60)
        ),
        1 => format!(
            "aws-sdk-go-v2/1.39.{} ua/2.1 os/linux lang/go#1.25.{} md/GOOS#linux md/GOARCH#amd64",
            random.below(6),
            random.below(4)
        ),
        _ => format!(
            "aws-sdk-java/2.35.{} md/io#sync md/http#Apache ua/2.1 os/Linux#6.1 lang/java#21.0.{}",
            random.below(20),
            random.below(9)
        ),
    };
    Service {
        name,
        // A service of the same name runs in several namespaces.
        namespace: word(&NAMESPACES, number / 2 + number / SERVICES.len()),
        uid: random.uuid(),
        role_id: format!("AROA{}", random.base32(17)),
        pod: format!("{name}-{}-{}", random.hex(9), random.suffix(5)),
        node: random.favour(nodes).clone(),
        ip: format!(
            "10.{}.{}.{}",
            random.between(20, 23),
            random.below(64),
            random.between(4, 250)
        ),
        sdk,
    }
}

fn node(random: &mut Random) -> String {
    format!(
        "ip-10-{}-{}-{}.{REGION}.compute.internal",
        random.between(20, 23),
        random.below(64),
        random.between(4, 250)
    )
}

fn object(random: &mut Random) -> String {
    let folder = random.pick(&["exports", "invoices", "events", "backups", "images"]);
    let kind = random.pick(&["parquet", "json.gz", "pdf", "csv", "jpg"]);
    format!(
        "{folder}/{}/{:02}/{:02}/{}.{kind}",
        random.between(2_024, 2_026),
        random.between(1, 12),
        random.between(1, 28),
        random.hex(16)
    )
}

fn tables() -> Vec<String> {
    let parts = ["accounts", "transactions", "items", "events", "users", "history"];
    SERVICES.iter().flat_map(|service| parts.map(|part| format!("{service}.{part}"))).collect()
}
