//! The manifests of `infra/kubernetes`: kustomize renders them, the schemas of Kubernetes accept them, and the program
//! accepts what they give it.
//!
//! `STRONGROOM_TEST_KUBECTL` names the first tool, `STRONGROOM_TEST_KUBERNETES_VALIDATE` the second; `tests/run` sets
//! them where they are installed.

mod object;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use object::{Config, Container, Object, Pod};
use strongroom_tests::{program::strongroom, say, temp::TempDir};

/// The oldest Kubernetes that has all of what the manifests use, and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.31", "1.37"];
/// The configuration, as the config map has it.
const CONFIG: &str = "strongroom.yaml";

/// What a kustomization comes to.
struct Rendered {
    name: String,
    text: String,
    objects: Vec<Object>,
}

/// The directories with a kustomization.
fn kustomizations(below: &Path, found: &mut Vec<PathBuf>) {
    if below.join("kustomization.yaml").is_file() {
        found.push(below.to_owned());
    }
    let entries = fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).for_each(|path| kustomizations(&path, found));
}

/// Renders every kustomization, if there is a tool for it.
fn render() -> Option<Vec<Rendered>> {
    let Some(kubectl) = env::var_os("STRONGROOM_TEST_KUBECTL") else {
        say("kubernetes: skipped, because STRONGROOM_TEST_KUBECTL is not set");
        return None;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/kubernetes");
    let mut folders = Vec::new();
    kustomizations(&root, &mut folders);
    assert!(folders.len() >= 2, "{folders:?}");
    let rendered = folders.iter().map(|folder| {
        let output = Command::new(&kubectl).arg("kustomize").arg(folder).output().unwrap();
        let name = folder.strip_prefix(&root).unwrap().display().to_string();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let objects = serde_saphyr::from_multiple(&text);
        let objects = objects.unwrap_or_else(|error| panic!("{name}: {error}"));
        Rendered { name, text, objects }
    });
    Some(rendered.collect())
}

impl Rendered {
    fn named(&self, kind: &str) -> BTreeSet<&str> {
        let of_kind = self.objects.iter().filter(|object| object.kind == kind);
        of_kind.map(|object| object.metadata.name.as_str()).collect()
    }

    fn pods(&self) -> Vec<&Pod> {
        let pods: Vec<_> = self.objects.iter().filter_map(Object::pod).collect();
        assert_eq!(pods.len(), self.named("CronJob").len(), "{}", self.name);
        assert!(!pods.is_empty(), "{} runs nothing", self.name);
        pods
    }
}

/// What the validator says, and whether it had a schema for every object of a text and no complaint.
fn validate(validator: &OsStr, rendered: &Rendered, text: &str) -> (String, bool) {
    let temp = TempDir::new("kubernetes");
    let file = temp.path().join("rendered.yaml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(validator);
    command.arg("--strict").args(VERSIONS.iter().flat_map(|version| ["-k", version]));
    let output = command.arg(file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // A kind that it does not know is a mere warning to it.
    let passed = said.lines().filter(|line| line.starts_with("INFO ") && line.contains(" passed "));
    let all = passed.count() == rendered.objects.len() * VERSIONS.len();
    (said, output.status.success() && all)
}

#[test]
fn kubernetes_knows_every_field_and_a_wrong_one_is_found() {
    let Some(validator) = env::var_os("STRONGROOM_TEST_KUBERNETES_VALIDATE") else {
        return say(
            "kubernetes: the schemas were skipped, because STRONGROOM_TEST_KUBERNETES_VALIDATE is not set",
        );
    };
    for rendered in render().unwrap_or_default() {
        let (said, accepted) = validate(&validator, &rendered, &rendered.text);
        assert!(accepted, "{}:\n{said}", rendered.name);
        let (name, count) = (&rendered.name, rendered.objects.len());
        say(&format!("kubernetes: {name}: {count} objects, for {}", VERSIONS.join(" and ")));
        for (right, wrong) in [
            ("restartPolicy: Never", "restartPolcy: Never"),
            ("backoffLimit: 3", "backoffLimit: three"),
            ("kind: CronJob\n", "kind: CronJobs\n"),
        ] {
            let broken = rendered.text.replacen(right, wrong, 1);
            assert_ne!(broken, rendered.text, "{name} has no `{right}`");
            let (said, accepted) = validate(&validator, &rendered, &broken);
            assert!(!accepted, "{name} with `{wrong}`:\n{said}");
        }
    }
}

/// What the program says of arguments whose configuration is not there.
fn complaint(arguments: &[String]) -> String {
    let temp = TempDir::new("kubernetes");
    let missing = temp.path().join("missing.yaml").display().to_string();
    let config = arguments.iter().position(|argument| argument == "--config").unwrap() + 1;
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments[config] = &missing;
    strongroom(temp.path(), &arguments).expect(2).stderr.replace(&missing, "CONFIG")
}

/// Whether a path is in something that a container mounts.
fn mounts(container: &Container, path: &str) -> bool {
    container.volume_mounts.iter().any(|mount| Path::new(path).starts_with(&mount.mount_path))
}

#[test]
fn the_program_accepts_every_command_line() {
    for rendered in render().unwrap_or_default() {
        for container in rendered.pods().iter().flat_map(|pod| &pod.containers) {
            let mut arguments = container.args.clone();
            let said = complaint(&arguments);
            assert!(said.contains("cannot read `CONFIG`"), "{arguments:?}: {said}");
            let config = arguments.iter().find(|argument| argument.ends_with(CONFIG)).unwrap();
            assert!(mounts(container, config), "{config} is nowhere");
            arguments.push("--no-such-option".to_owned());
            let said = complaint(&arguments);
            assert!(!said.contains("cannot read `CONFIG`"), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn the_program_accepts_the_configuration_and_finds_its_files_mounted() {
    for rendered in render().unwrap_or_default() {
        let mut configs = rendered.objects.iter().filter_map(|object| object.data.get(CONFIG));
        let (text, None) = (configs.next().unwrap(), configs.next()) else {
            panic!("{} has two configurations", rendered.name);
        };
        let temp = TempDir::new("kubernetes");
        let status = |text: &str| {
            fs::write(temp.path().join(CONFIG), text).unwrap();
            strongroom(temp.path(), &["status", "--config", CONFIG]).expect(2).stderr
        };
        // The store is not asked before the key was read.
        let said = status(text);
        assert!(said.contains("cannot read key file"), "{said}");
        let key = said.split('`').nth(1).unwrap();
        let said = status(&text.replacen("store: ", "shop: ", 1));
        assert!(!said.contains("cannot read key file"), "{said}");

        let config: Config = serde_saphyr::from_str(text).unwrap();
        for container in rendered.pods().iter().flat_map(|pod| &pod.containers) {
            assert!(mounts(container, key), "{key} is not mounted for {:?}", container.args);
            let reads = container.args.iter().any(|argument| argument == "archive");
            for path in config.paths().filter(|_| reads) {
                assert!(mounts(container, path), "{path} is not mounted for {:?}", container.args);
            }
        }
    }
}

#[test]
fn every_pod_is_confined_and_what_it_names_is_there_but_its_secret() {
    for rendered in render().unwrap_or_default() {
        assert!(rendered.named("Secret").is_empty(), "{} has a secret", rendered.name);
        let accounts = rendered.objects.iter().filter(|object| object.kind == "ServiceAccount");
        for account in accounts {
            assert!(!account.mounts_token, "`{}` mounts a token", account.metadata.name);
        }
        let mut used = BTreeSet::new();
        for pod in rendered.pods() {
            let account = pod.service_account_name.as_str();
            assert!(rendered.named("ServiceAccount").contains(account), "no account `{account}`");
            assert!(used.insert(account), "two duties share `{account}`");
            for (kind, name) in pod.volumes.iter().filter_map(|volume| volume.names()) {
                assert!(rendered.named(kind).contains(name), "{account}: no {kind} `{name}`");
            }
            assert!(pod.security_context.run_as_non_root, "{account} may run as root");
            for container in pod.init_containers.iter().chain(&pod.containers) {
                let confined = &container.security_context;
                assert!(confined.read_only_root_filesystem, "{account} may write to its root");
                assert!(!confined.allow_privilege_escalation, "{account} may gain privileges");
                assert_eq!(confined.capabilities.drop, ["ALL"], "{account} keeps capabilities");
            }
        }
    }
}
