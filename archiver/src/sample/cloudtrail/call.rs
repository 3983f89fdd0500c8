//! The calls of the day: what is asked for, what is answered, what is touched.

use super::super::json::Json;
use super::super::random::Random;
use super::super::schedule::Actor;
use super::super::world::{ACCOUNT, REGION, SERVICES, World};
use super::TLS;
use super::identity::Identity;

/// An operation of an AWS service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Call {
    AssumeRole,
    AttachRolePolicy,
    ConsoleLogin,
    CreateAccessKey,
    CreateLogStream,
    CreateTags,
    Decrypt,
    DeleteTrail,
    DescribeInstances,
    DescribeTrails,
    GenerateDataKey,
    GetCallerIdentity,
    GetItem,
    GetObject,
    GetParameter,
    GetRole,
    GetSecretValue,
    ListObjects,
    ListSecrets,
    PutObject,
    StopLogging,
}

/// What programs do, the most frequent first.
const BY_SERVICES: [Call; 11] = [
    Call::GetObject,
    Call::Decrypt,
    Call::PutObject,
    Call::AssumeRole,
    Call::GetItem,
    Call::GenerateDataKey,
    Call::GetSecretValue,
    Call::DescribeInstances,
    Call::CreateLogStream,
    Call::GetParameter,
    Call::ListObjects,
];
/// What people do, the most frequent first.
const BY_PEOPLE: [Call; 12] = [
    Call::DescribeInstances,
    Call::ListObjects,
    Call::GetRole,
    Call::GetObject,
    Call::GetParameter,
    Call::DescribeTrails,
    Call::CreateTags,
    Call::ListSecrets,
    Call::GetCallerIdentity,
    Call::GetSecretValue,
    Call::AttachRolePolicy,
    Call::CreateAccessKey,
];

impl Call {
    /// The next call of a session; people begin by signing in.
    pub(super) fn ordinary(random: &mut Random, actor: Actor, of_session: u64) -> Self {
        match actor {
            Actor::Person(_) if of_session == 1 => Self::ConsoleLogin,
            Actor::Person(_) => *random.favour(&BY_PEOPLE),
            Actor::Service(_) => *random.favour(&BY_SERVICES),
        }
    }

    pub(super) fn service(self) -> &'static str {
        match self {
            Self::AssumeRole | Self::GetCallerIdentity => "sts",
            Self::AttachRolePolicy | Self::CreateAccessKey | Self::GetRole => "iam",
            Self::ConsoleLogin => "signin",
            Self::CreateLogStream => "logs",
            Self::CreateTags | Self::DescribeInstances => "ec2",
            Self::Decrypt | Self::GenerateDataKey => "kms",
            Self::DeleteTrail | Self::DescribeTrails | Self::StopLogging => "cloudtrail",
            Self::GetItem => "dynamodb",
            Self::GetObject | Self::ListObjects | Self::PutObject => "s3",
            Self::GetParameter => "ssm",
            Self::GetSecretValue | Self::ListSecrets => "secretsmanager",
        }
    }

    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AttachRolePolicy => "AttachRolePolicy",
            Self::ConsoleLogin => "ConsoleLogin",
            Self::CreateAccessKey => "CreateAccessKey",
            Self::CreateLogStream => "CreateLogStream",
            Self::CreateTags => "CreateTags",
            Self::Decrypt => "Decrypt",
            Self::DeleteTrail => "DeleteTrail",
            Self::DescribeInstances => "DescribeInstances",
            Self::DescribeTrails => "DescribeTrails",
            Self::GenerateDataKey => "GenerateDataKey",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::GetItem => "GetItem",
            Self::GetObject => "GetObject",
            Self::GetParameter => "GetParameter",
            Self::GetRole => "GetRole",
            Self::GetSecretValue => "GetSecretValue",
            Self::ListObjects => "ListObjects",
            Self::ListSecrets => "ListSecrets",
            Self::PutObject => "PutObject",
            Self::StopLogging => "StopLogging",
        }
    }

    /// The services that are the same everywhere report from one region.
    pub(super) fn region(self) -> &'static str {
        if matches!(self.service(), "iam" | "signin") { "us-east-1" } else { REGION }
    }

    pub(super) fn reads(self) -> bool {
        !matches!(
            self,
            Self::AttachRolePolicy
                | Self::ConsoleLogin
                | Self::CreateAccessKey
                | Self::CreateLogStream
                | Self::CreateTags
                | Self::DeleteTrail
                | Self::PutObject
                | Self::StopLogging
        )
    }

    pub(super) fn is_data(self) -> bool {
        matches!(self, Self::GetItem | Self::GetObject | Self::ListObjects | Self::PutObject)
    }

    pub(super) fn event_type(self) -> &'static str {
        if self == Self::ConsoleLogin { "AwsConsoleSignIn" } else { "AwsApiCall" }
    }

    pub(super) fn in_browser(self) -> bool {
        self == Self::ConsoleLogin
    }

    /// Signing in fails in its own way, and everyone may ask who they are.
    pub(super) fn may_be_denied(self) -> bool {
        !matches!(self, Self::ConsoleLogin | Self::GetCallerIdentity)
    }

    /// Why a call is refused: the trail is under a guard rail that no role of the account can lift.
    pub(super) fn reason(self) -> String {
        match self {
            Self::DeleteTrail | Self::StopLogging => {
                "with an explicit deny in a service control policy".to_owned()
            }
            _ => format!(
                "because no identity-based policy allows the {}:{} action",
                self.service(),
                self.operation()
            ),
        }
    }

    /// What an ordinary call is about; empty where there is no choice.
    pub(super) fn target(self, random: &mut Random, world: &World) -> String {
        match self {
            Self::AssumeRole | Self::AttachRolePolicy | Self::GetRole => {
                format!("app-{}", random.pick(&SERVICES))
            }
            Self::CreateAccessKey => format!("svc-{}", random.pick(&SERVICES)),
            Self::CreateLogStream => format!("/aws/lambda/{}", random.pick(&SERVICES)),
            Self::CreateTags | Self::DescribeInstances => random.favour(&world.instances).clone(),
            Self::Decrypt | Self::GenerateDataKey => random.favour(&world.keys).clone(),
            Self::GetItem => random.favour(&world.tables).replace('.', "-"),
            Self::GetObject | Self::PutObject => {
                format!("{}/{}", random.favour(&world.buckets), random.favour(&world.objects))
            }
            Self::ListObjects => random.favour(&world.buckets).clone(),
            Self::GetParameter => format!("/config/{}/endpoint", random.pick(&SERVICES)),
            Self::GetSecretValue => random.favour(&world.secrets).clone(),
            Self::ConsoleLogin
            | Self::DeleteTrail
            | Self::DescribeTrails
            | Self::GetCallerIdentity
            | Self::ListSecrets
            | Self::StopLogging => String::new(),
        }
    }

    /// The ARN of what the call is about.
    pub(super) fn resource(self, target: &str) -> String {
        match self {
            Self::AssumeRole | Self::AttachRolePolicy | Self::GetRole => {
                format!("arn:aws:iam::{ACCOUNT}:role/{target}")
            }
            Self::CreateAccessKey => format!("arn:aws:iam::{ACCOUNT}:user/{target}"),
            Self::CreateLogStream => {
                format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{target}:log-stream:")
            }
            Self::CreateTags => format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{target}"),
            Self::Decrypt | Self::GenerateDataKey => {
                format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{target}")
            }
            Self::GetItem => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{target}"),
            Self::GetObject | Self::ListObjects | Self::PutObject => {
                format!("arn:aws:s3:::{target}")
            }
            Self::GetParameter => format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{target}"),
            Self::GetSecretValue => {
                format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{target}")
            }
            Self::DeleteTrail | Self::StopLogging => {
                format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{target}")
            }
            Self::ConsoleLogin
            | Self::DescribeInstances
            | Self::DescribeTrails
            | Self::GetCallerIdentity
            | Self::ListSecrets => "*".to_owned(),
        }
    }

    pub(super) fn request(
        self,
        json: &mut Json,
        target: &str,
        who: &Identity<'_>,
        random: &mut Random,
    ) {
        let name = "requestParameters";
        match self {
            Self::ConsoleLogin
            | Self::DescribeTrails
            | Self::GetCallerIdentity
            | Self::ListSecrets => json.null(name),
            Self::CreateTags | Self::DescribeInstances => {
                json.object(name, |json| self.of_instances(json, target, who));
            }
            Self::GetObject | Self::ListObjects | Self::PutObject => json.object(name, |json| {
                let (bucket, key) = target.split_once('/').unwrap_or((target, ""));
                json.text("bucketName", bucket);
                json.text("Host", format_args!("{bucket}.s3.{REGION}.amazonaws.com"));
                match self {
                    Self::ListObjects => json.text("list-type", "2"),
                    _ => json.text("key", key),
                }
            }),
            _ => json.object(name, |json| self.parameters(json, target, who, random)),
        }
    }

    fn parameters(self, json: &mut Json, target: &str, who: &Identity<'_>, random: &mut Random) {
        match self {
            Self::AssumeRole => {
                json.text("roleArn", self.resource(target));
                json.text("roleSessionName", who.session_name());
                json.plain("durationSeconds", 3_600);
            }
            Self::AttachRolePolicy => {
                json.text("roleName", target);
                json.text("policyArn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
            }
            Self::CreateAccessKey => json.text("userName", target),
            Self::CreateLogStream => {
                json.text("logGroupName", target);
                json.text("logStreamName", format_args!("[$LATEST]{}", random.hex(32)));
            }
            Self::Decrypt => {
                json.object("encryptionContext", |json| json.text("record", random.uuid()));
                json.text("encryptionAlgorithm", "SYMMETRIC_DEFAULT");
            }
            Self::GenerateDataKey => {
                json.object("encryptionContext", |json| json.text("record", random.uuid()));
                json.text("keyId", self.resource(target));
                json.text("keySpec", "AES_256");
            }
            Self::GetItem => {
                json.text("tableName", target);
                json.object("key", |json| {
                    json.text("pk", format_args!("ACCOUNT#{}", random.uuid()));
                });
            }
            Self::GetParameter => {
                json.text("name", target);
                json.plain("withDecryption", true);
            }
            Self::GetRole => json.text("roleName", target),
            Self::GetSecretValue => json.text("secretId", self.resource(target)),
            _ => json.text("name", self.resource(target)),
        }
    }

    fn of_instances(self, json: &mut Json, target: &str, who: &Identity<'_>) {
        if self == Self::DescribeInstances {
            json.object("instancesSet", |json| {
                json.objects("items", [target], |json, id| json.text("instanceId", id));
            });
            json.object("filterSet", |_| {});
            return;
        }
        json.object("resourcesSet", |json| {
            json.objects("items", [target], |json, id| json.text("resourceId", id));
        });
        json.object("tagSet", |json| {
            json.objects("items", [who.session_name()], |json, owner| {
                json.text("key", "owner");
                json.text("value", owner);
            });
        });
    }

    pub(super) fn response(
        self,
        json: &mut Json,
        target: &str,
        who: &Identity<'_>,
        expiry: &str,
        random: &mut Random,
    ) {
        let name = "responseElements";
        match self {
            Self::AssumeRole => json.object(name, |json| {
                json.object("credentials", |json| {
                    json.text("accessKeyId", format_args!("ASIA{}", random.base32(16)));
                    json.text("sessionToken", random.base64(320));
                    json.text("expiration", expiry);
                });
                json.object("assumedRoleUser", |json| {
                    let session = who.session_name();
                    json.text("assumedRoleId", format_args!("AROA{}:{session}", random.base32(17)));
                    json.text(
                        "arn",
                        format_args!("arn:aws:sts::{ACCOUNT}:assumed-role/{target}/{session}"),
                    );
                });
            }),
            Self::ConsoleLogin => json.object(name, |json| {
                json.text("ConsoleLogin", if random.chance(90) { "Failure" } else { "Success" });
            }),
            Self::CreateAccessKey => json.object(name, |json| {
                json.object("accessKey", |json| {
                    json.text("userName", target);
                    json.text("accessKeyId", format_args!("AKIA{}", random.base32(16)));
                    json.text("status", "Active");
                });
            }),
            Self::CreateTags => json.object(name, |json| {
                json.text("requestId", random.uuid());
                json.plain("_return", true);
            }),
            Self::PutObject => json.object(name, |json| {
                json.text("x-amz-server-side-encryption", "aws:kms");
                json.text("x-amz-version-id", random.base64(32).replace(['+', '/'], "_"));
            }),
            _ => json.null(name),
        }
    }

    pub(super) fn additional(self, json: &mut Json, random: &mut Random) {
        match self {
            Self::GetObject | Self::ListObjects | Self::PutObject => {
                json.object("additionalEventData", |json| {
                    let large = random.below(1 << 22);
                    json.text("SignatureVersion", "SigV4");
                    json.text("CipherSuite", TLS);
                    json.plain("bytesTransferredIn", if self.reads() { 0 } else { large });
                    json.text("AuthenticationMethod", "AuthHeader");
                    json.text("x-amz-id-2", format_args!("{}=", random.base64(75)));
                    json.plain("bytesTransferredOut", if self.reads() { large } else { 0 });
                });
            }
            Self::ConsoleLogin => json.object("additionalEventData", |json| {
                json.text("LoginTo", "https://console.aws.amazon.com/console/home");
                json.text("MobileVersion", "No");
                json.text("MFAUsed", if random.chance(900) { "Yes" } else { "No" });
            }),
            _ => {}
        }
    }

    pub(super) fn resources(self, json: &mut Json, target: &str) {
        let kind = match self {
            Self::AssumeRole => "AWS::IAM::Role",
            Self::Decrypt | Self::GenerateDataKey => "AWS::KMS::Key",
            Self::GetItem => "AWS::DynamoDB::Table",
            Self::GetObject | Self::PutObject => {
                let bucket = target.split_once('/').map_or(target, |(bucket, _)| bucket);
                return json.objects("resources", [false, true], |json, of_bucket| {
                    if of_bucket {
                        json.text("accountId", ACCOUNT);
                    }
                    json.text(
                        "type",
                        if of_bucket { "AWS::S3::Bucket" } else { "AWS::S3::Object" },
                    );
                    json.text(
                        "ARN",
                        format_args!("arn:aws:s3:::{}", if of_bucket { bucket } else { target }),
                    );
                });
            }
            _ => return,
        };
        json.objects("resources", [kind], |json, kind| {
            json.text("accountId", ACCOUNT);
            json.text("type", kind);
            json.text("ARN", self.resource(target));
        });
    }
}
