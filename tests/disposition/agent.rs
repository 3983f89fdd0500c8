//! Officers whose keys are in ssh-agent.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use strongroom_tests::program::strongroom_with;
use strongroom_tests::say;

use crate::scene::Scene;

/// An agent of this test's own.
struct Agent {
    child: Child,
    socket: String,
}

impl Agent {
    /// None, said aloud, where there is no `ssh-agent`.
    fn start(scene: &Scene) -> Option<Self> {
        let socket = scene.folder().join("agent").to_str().unwrap().to_owned();
        let mut command = Command::new("ssh-agent");
        let command = command.args(["-D", "-a", &socket]).stdout(Stdio::null());
        let Ok(child) = command.spawn() else {
            say("skipped: approval by ssh-agent (no `ssh-agent` is there; Debian: openssh-client)");
            return None;
        };
        let agent = Self { child, socket };
        for _ in 0..100 {
            if scene.folder().join("agent").exists() {
                return Some(agent);
            }
            sleep(Duration::from_millis(50));
        }
        panic!("ssh-agent does not listen");
    }

    fn add(&self, scene: &Scene, officer: &str) {
        let mut command = Command::new("ssh-add");
        let command = command.args(["-q", officer]).current_dir(scene.folder());
        let added = command.env("SSH_AUTH_SOCK", &self.socket).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn officers_approve_with_their_keys_in_ssh_agent() {
    let scene = Scene::new("agent");
    scene.propose();
    let Some(agent) = Agent::start(&scene) else { return };
    agent.add(&scene, "ada");
    let approve = |officer: &str, variables: &[(&str, &str)]| {
        let by =
            ["--officer", officer, "--agent", "--to", &scene.ground.url, "--key", "archive.key"];
        let command = ["disposition", "approve", "batch.json"];
        strongroom_with(scene.folder(), &[&command[..], &by].concat(), variables)
    };
    let socket = [("SSH_AUTH_SOCK", agent.socket.as_str())];
    let other = approve("ben", &socket).expect(2);
    assert!(other.stderr.contains("ssh-agent"), "{}", other.stderr);
    approve("ada", &socket).expect(0);
    let nowhere = approve("ben", &[("SSH_AUTH_SOCK", "nowhere")]);
    assert_ne!(nowhere.code, 0, "{}", nowhere.stderr);
    agent.add(&scene, "ben");
    approve("ben", &socket).expect(0);
    scene.run(&["execute", "batch.json"]).expect(0);
    assert_eq!(scene.versions_left(), 0);
    scene.verify("PASS");
}
