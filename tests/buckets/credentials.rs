//! Where credentials come from. RGW checks them; `MiniStack` gives them: to a role, a container, an
//! instance.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use strongroom_tests::program::{Output, binary};

use super::{Bench, MINISTACK, RGW, Server};

/// Nothing listens on the port of `discard`: no instance answers.
const NOBODY: &str = "http://127.0.0.1:9";
const ROLE: &str = "arn:aws:iam::000000000000:role/strongroom-tests";

/// An archive, and the program that has no credentials but those that it is given.
struct Without {
    bench: Bench,
}

impl Without {
    fn credentials(server: Server) -> Option<Self> {
        let bench = Bench::on(server)?;
        bench.run(&["init", "--environment", "test"]).expect(0);
        Some(Self { bench })
    }

    /// Looks at the archive with these variables and no others, and an option of the address.
    fn with(&self, option: &str, variables: &[(&str, &str)]) -> Output {
        let url = format!("{}{option}", self.bench.url);
        let mut command = Command::new(binary());
        command.args(["status", "--to", &url, "--key", "archive.key", "--json"]);
        command.current_dir(self.bench.path()).stdin(Stdio::null()).env_clear();
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", NOBODY);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.bench.path().join(name), text).unwrap();
    }

    /// Requires an error of one line and one next step.
    fn refused(&self, option: &str, variables: &[(&str, &str)], code: i32) -> String {
        let refused = self.with(option, variables).expect(code).stderr;
        let lines: Vec<&str> = refused.lines().collect();
        assert!(lines.len() == 2 && lines[1].starts_with("  next: "), "{refused}");
        refused
    }
}

/// The keys that the servers of these tests know.
fn keys() -> (String, String) {
    let key = |name| std::env::var(name).unwrap();
    (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"))
}

#[test]
fn keys_come_from_the_environment() {
    let Some(without) = Without::credentials(RGW) else { return };
    let (id, secret) = keys();
    without.with("", &[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret)]).expect(0);
}

#[test]
fn keys_come_from_a_profile() {
    let Some(without) = Without::credentials(RGW) else { return };
    let (id, secret) = keys();
    let wrong = "aws_access_key_id = NOBODY\naws_secret_access_key = secret\n";
    let right = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    without.write("credentials", &format!("[default]\n{wrong}[worker]\n{right}"));
    without.write("config", &format!("[profile auditor]\nregion = us-east-1\n{right}"));
    let files = [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")];
    for name in ["worker", "auditor"] {
        let profile = format!("&profile={name}");
        without.with(&profile, &files).expect(0);
        without.with("", &[&files[..], &[("AWS_PROFILE", name)]].concat()).expect(0);
        // A profile that is named in the address is meant, whatever the environment has.
        let others = [("AWS_ACCESS_KEY_ID", "NOBODY"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        without.with(&profile, &[&files[..], &others].concat()).expect(0);
    }
    let refused = without.refused("", &files, 2);
    assert!(refused.contains("InvalidAccessKeyId"), "{refused}");
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let Some(without) = Without::credentials(RGW) else { return };
    let (id, secret) = keys();
    without.write("config", "[profile region]\nregion = us-east-1\n");
    let right = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &secret),
        ("AWS_CONFIG_FILE", "config"),
    ];
    for (option, variables, named) in [
        ("&profile=nobody", &right[..], "profile `nobody` was not defined"),
        (
            "",
            &[("AWS_PROFILE", "nobody"), ("AWS_CONFIG_FILE", "config")],
            "profile `nobody` was not defined",
        ),
        ("&profile=region", &right, "has no keys"),
    ] {
        let refused = without.refused(option, variables, 2);
        assert!(refused.starts_with("strongroom: no credentials: "), "{refused}");
        assert!(refused.contains(named), "{refused}");
    }
}

#[test]
fn a_web_identity_takes_its_role() {
    let Some(without) = Without::credentials(MINISTACK) else { return };
    let endpoint = MINISTACK.endpoint().unwrap();
    without.write("token", "a token");
    let identity = [("AWS_ROLE_ARN", ROLE), ("AWS_WEB_IDENTITY_TOKEN_FILE", "token")];
    let sts = ("AWS_ENDPOINT_URL_STS", endpoint.as_str());
    without.with("", &[&identity[..], &[sts]].concat()).expect(0);
    // What gives credentials and is out of reach for a while is no reason to change anything.
    let away = [&identity[..], &[("AWS_ENDPOINT_URL_STS", NOBODY)]].concat();
    without.refused("", &away, 75);
    let nonsense = [("AWS_ROLE_ARN", "nonsense"), identity[1], sts];
    assert!(without.refused("", &nonsense, 2).contains("Invalid RoleArn"));
    let gone = [identity[0], ("AWS_WEB_IDENTITY_TOKEN_FILE", "gone"), sts];
    assert!(without.refused("", &gone, 2).contains("No such file"));
}

#[test]
fn a_profile_takes_its_role() {
    let Some(without) = Without::credentials(MINISTACK) else { return };
    let endpoint = MINISTACK.endpoint().unwrap();
    without.write("token", "a token");
    let role = format!("role_arn = {ROLE}\n");
    let source = "[profile source]\naws_access_key_id = A\naws_secret_access_key = s\n";
    without.write(
        "config",
        &format!(
            "[profile role]\n{role}source_profile = source\n{source}\
             [profile web]\n{role}web_identity_token_file = token\n\
             [profile instance]\n{role}credential_source = Ec2InstanceMetadata\n"
        ),
    );
    let variables = [
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_ENDPOINT_URL_STS", endpoint.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
    ];
    for name in ["role", "web", "instance"] {
        without.with(&format!("&profile={name}"), &variables).expect(0);
    }
}

#[test]
fn a_container_and_an_instance_have_roles() {
    let Some(without) = Without::credentials(MINISTACK) else { return };
    let endpoint = MINISTACK.endpoint().unwrap();
    let container = format!("{endpoint}/v2/credentials/strongroom");
    without.with("", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)]).expect(0);
    without.with("", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]).expect(0);
}

/// An instance that accepts connections and never answers; tells how often it was asked.
struct Silent(TcpListener);

impl Silent {
    fn listen() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        (Self(listener), endpoint)
    }

    fn asked(&self) -> usize {
        self.0.set_nonblocking(true).unwrap();
        let mut asked = 0;
        loop {
            match self.0.accept() {
                Ok(_) => asked += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return asked,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn without_credentials_every_place_is_named() {
    let Some(without) = Without::credentials(MINISTACK) else { return };
    let (silent, endpoint) = Silent::listen();
    let refused =
        without.refused("", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.as_str())], 2);
    for place in [
        "no credentials: ",
        "Environment: ",
        "Profile: ",
        "WebIdentityToken: ",
        "EcsContainer: ",
        "Ec2InstanceMetadata: ",
        "set AWS_ACCESS_KEY_ID",
        "profile=NAME",
    ] {
        assert!(refused.contains(place), "{place}: {refused}");
    }
    // Whoever waits for an instance that is none waits once.
    assert_eq!(silent.asked(), 1);
}

#[test]
fn no_instance_is_asked_where_the_address_and_the_environment_say_all() {
    let Some(without) = Without::credentials(RGW) else { return };
    let (silent, endpoint) = Silent::listen();
    let (id, secret) = keys();
    let variables = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &secret),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
    ];
    without.with("", &variables).expect(0);
    assert_eq!(silent.asked(), 0);
}

#[test]
fn a_bucket_of_aws_needs_a_region() {
    let Some(mut without) = Without::credentials(MINISTACK) else { return };
    without.bench.url = "s3://strongroom-tests/elsewhere".to_owned();
    let variables = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let refused = without.with("", &variables).expect(2).stderr;
    assert!(refused.contains("no region is known") && refused.contains("region=NAME"), "{refused}");
}
