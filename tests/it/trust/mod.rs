//! Who may write what is run: keys, signatures of releases, tombstones, and what the user demands.
//!
//! [`Team`] is a hub in a folder with a publisher that has a key. `keys` makes and reads keys, with
//! Debian's minisign as the second implementation; `managed` is the way of a signed release; `refused`
//! has the attacks; `hubs` GitHub and the server; `originals` the publishers' signatures; `previous` what was installed before; `yank` the tombstones; `verify_all` the
//! proof of everything.

mod hubs;
mod keys;
mod managed;
mod originals;
mod previous;
mod refused;
mod verify_all;
mod yank;

use camino::Utf8PathBuf;

use crate::env::{Output, TestEnv, host};

/// A key pair of minisign in two files.
pub struct Key {
    /// The file with the secret.
    pub file: Utf8PathBuf,
    /// The public key, as versions.yml has it.
    pub public: String,
}

impl Key {
    /// Makes a key with `larder key new`.
    pub fn new(env: &TestEnv, name: &str) -> Self {
        let base = env.base().join(name);
        let public = env
            .larder(["key", "new", "--out", base.as_str()])
            .success()
            .stdout;
        Self {
            file: format!("{base}.key").into(),
            public: public.trim().to_owned(),
        }
    }
}

/// A team with one subsystem, a hub in a folder, and a machine that has built and released it.
pub struct Team {
    pub env: TestEnv,
    pub hub: Utf8PathBuf,
    pub key: Key,
}

/// The name of the subsystem's package.
pub fn asset() -> String {
    format!("tool-{}.tar.gz", host())
}

impl Team {
    /// The team before anything is released.
    pub fn new() -> Self {
        let env = TestEnv::new();
        let key = Key::new(&env, "release");
        let hub = env.base().join("hub");
        let team = Self { env, hub, key };
        team.project(&team.env, &team.trust());
        team
    }

    /// A team with a signed release.
    pub fn released() -> Self {
        let team = Self::new();
        team.env.larder(["ensure", "tool"]).success();
        team.release(&["release", "tool", "--sign"]).success();
        team
    }

    /// The lines that ask for a signature with the team's key.
    pub fn trust(&self) -> String {
        trust(&self.key)
    }

    /// Writes the project on a machine; `more` are further lines of versions.yml.
    pub fn project(&self, env: &TestEnv, more: &str) {
        env.script_subsystem("tool", "v1.0.0");
        self.settings(env, more);
    }

    /// Writes versions.yml anew.
    pub fn settings(&self, env: &TestEnv, more: &str) {
        env.versions(
            &[("tool", "v1.0.0")],
            &format!("hub: {{dir: {}}}\n{more}", self.hub),
        );
    }

    /// A machine of a colleague with the project and nothing installed.
    pub fn reader(&self, name: &str) -> TestEnv {
        let env = self.env.another(name);
        self.project(&env, &self.trust());
        env
    }

    /// Runs larder on the publisher's machine with the key.
    pub fn release(&self, args: &[&str]) -> Output {
        self.release_with(&self.key, args)
    }

    /// The same with another key.
    pub fn release_with(&self, key: &Key, args: &[&str]) -> Output {
        let mut command = self.env.command(args);
        command.env("LARDER_SIGNING_KEY_FILE", &key.file);
        self.env.output(command)
    }

    /// A file of the release on the hub.
    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.hub.join("tool-v1.0.0").join(name)
    }

    /// The sidecar on the hub.
    pub fn sidecar(&self) -> Utf8PathBuf {
        self.file(&format!("{}.json", asset()))
    }

    /// Its signature on the hub.
    pub fn signature(&self) -> Utf8PathBuf {
        self.file(&format!("{}.json.minisig", asset()))
    }
}

/// The lines that ask for a signature with a key.
pub fn trust(key: &Key) -> String {
    format!(
        "trust:\n  keys: {{release: {}}}\n  managed: [release]\n",
        key.public
    )
}

/// Signs a text with Debian's minisign.
pub fn minisign(env: &TestEnv, key: &Key, file: &str, comment: &str) {
    env.run(
        "minisign",
        ["-S", "-s", key.file.as_str(), "-m", file, "-t", comment],
    );
}

/// Checks that a run was refused for want of a signature, installed nothing, and said `why`.
#[track_caller]
pub fn refused(output: Output, env: &TestEnv, why: &str) {
    let output = output.exits(4);
    assert!(
        output.stderr.contains(why),
        "the reason is `{why}`: {}",
        output.stderr
    );
    assert!(
        !env.exists("subsystems/tool/.bin/tool"),
        "{}",
        output.stderr
    );
}
