//! What the tests read of a rendered object. What is required here has to be written in a manifest: no default of
//! Kubernetes is strict enough.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) metadata: Named,
    #[serde(default)]
    spec: Spec,
    /// Of a config map.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, String>,
    /// Of a service account.
    #[serde(default = "yes", rename = "automountServiceAccountToken")]
    pub(crate) mounts_token: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    job_template: Option<Specified<Job>>,
}

#[derive(Deserialize)]
struct Specified<T> {
    spec: T,
}

#[derive(Deserialize)]
struct Job {
    template: Specified<Pod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    pub(crate) service_account_name: String,
    pub(crate) security_context: PodSecurity,
    #[serde(default)]
    pub(crate) init_containers: Vec<Container>,
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSecurity {
    pub(crate) run_as_non_root: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    #[serde(default)]
    pub(crate) args: Vec<String>,
    pub(crate) security_context: ContainerSecurity,
    pub(crate) volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerSecurity {
    pub(crate) read_only_root_filesystem: bool,
    pub(crate) allow_privilege_escalation: bool,
    pub(crate) capabilities: Capabilities,
}

#[derive(Deserialize)]
pub(crate) struct Capabilities {
    pub(crate) drop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    pub(crate) mount_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    config_map: Option<Named>,
    persistent_volume_claim: Option<Claim>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    claim_name: String,
}

impl Object {
    /// What a `CronJob` runs.
    pub(crate) fn pod(&self) -> Option<&Pod> {
        self.spec.job_template.as_ref().map(|job| &job.spec.template.spec)
    }
}

impl Volume {
    /// Kind and name of the object behind it.
    pub(crate) fn names(&self) -> Option<(&str, &str)> {
        let map = self.config_map.as_ref().map(|map| ("ConfigMap", map.name.as_str()));
        let claim = self.persistent_volume_claim.as_ref();
        map.or(claim.map(|claim| ("PersistentVolumeClaim", claim.claim_name.as_str())))
    }
}

/// What the tests read of `strongroom.yaml`.
#[derive(Deserialize)]
pub(crate) struct Config {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    paths: Vec<String>,
}

impl Config {
    /// What the sources name.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let sources = self.streams.iter().flat_map(|stream| &stream.sources);
        sources.flat_map(|source| &source.paths).map(String::as_str)
    }
}
