//! Runs every shell block of the README and the guide, in order, on a test machine of its own.
//!
//! Comment lines control the next block: `<!-- new project: NAME -->` starts an empty project ·
//! `<!-- file: PATH -->` writes the next block to a file, `<!-- append: PATH -->` appends it ·
//! `<!-- github: OWNER/NAME -->` starts a fake GitHub with that repository for the machine · `<!--
//! not run: WHY -->` and `<!-- ci: … -->` skip the next block (CI runs the latter itself) ·
//! `<!-- free ports: 7000 7001 -->` gives the server of the machine free ports, in the blocks too.

use std::fmt::Write as _;

use crate::env::{LARDER, Output, REPO, TestEnv};
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::servers::ports::free_port;

/// Runs the blocks of a document and returns the number of shell blocks that ran.
fn run(document: &str) -> usize {
    let text = std::fs::read_to_string(format!("{REPO}/{document}")).expect(document);
    let (mut env, mut ran, mut directive) = (TestEnv::new(), 0, None);
    let mut servers = Vec::new();
    let mut ports: Vec<(&str, String)> = Vec::new();
    let mut started = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        if let Some(comment) = line
            .strip_prefix("<!-- ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        {
            let (word, value) = comment.split_once(": ").expect("`<!-- word: value -->`");
            if word == "new project" {
                env = TestEnv::new();
                let bin = std::path::Path::new(LARDER)
                    .parent()
                    .expect("a folder")
                    .display();
                env.set(
                    "PATH",
                    format!("{bin}:{}", std::env::var("PATH").unwrap_or_default()),
                );
            } else if word == "github" {
                let github = FakeGitHub::start();
                github.repo(value, Visibility::Public);
                env.set("GITHUB_API_URL", github.api_url())
                    .set("GITHUB_SERVER_URL", github.web_url());
                env.set("GH_TOKEN", WRITE)
                    .set("LARDER_GITHUB_PACE", "0s")
                    .set("LARDER_GITHUB_SETTLE", "1s");
                servers.push(github);
            } else if word == "free ports" {
                ports = value
                    .split(' ')
                    .map(|port| (port, free_port().to_string()))
                    .collect();
                let [(_, grpc), (_, http)] = &ports[..] else {
                    panic!("{document}: `<!-- free ports: GRPC HTTP -->`");
                };
                env.set("LARDER_SERVER", format!("http://127.0.0.1:{http}"))
                    .set("HTTP_PORT", http)
                    .set("GRPC_PORT", grpc);
                started.push(Started(env.project().to_owned()));
            } else {
                directive = Some((word, value));
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let mut block = String::new();
            let mut start = None;
            for (number, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                start.get_or_insert(number + 1);
                let _ = writeln!(block, "{line}");
            }
            for (port, free) in &ports {
                block = block.replace(&format!(":{port}"), &format!(":{free}"));
            }
            match directive.take() {
                Some(("file", path)) => drop(env.write(path, block)),
                Some(("append", path)) => drop(env.write(path, env.read(path) + &block)),
                Some(("ci" | "not run", _)) => {}
                Some((word, _)) => panic!("{document}: unknown `<!-- {word}: -->`"),
                None if language == "sh" => {
                    shell(
                        &env,
                        &block,
                        &format!("{document}:{}", start.unwrap_or_default()),
                    );
                    ran += 1;
                }
                None => {}
            }
        }
    }
    ran
}

/// The programs that a page has started, whose ids are in `*.pid`. They end with the test.
struct Started(camino::Utf8PathBuf);

impl Drop for Started {
    fn drop(&mut self) {
        let end = "for file in *.pid; do\n  id=$(cat $file)\n  kill $id || continue\n  \
                   for n in $(seq 100); do kill -0 $id || break; sleep 0.1; done\n  \
                   kill -9 $id\ndone";
        let _ = std::process::Command::new("sh")
            .args(["-c", end])
            .current_dir(&self.0)
            .stderr(std::process::Stdio::null())
            .status();
    }
}

fn shell(env: &TestEnv, block: &str, place: &str) {
    let mut command = env.program("sh");
    command.args(["-eux", "-c", block]);
    let output: Output = env.output(command);
    assert!(
        output.code == Some(0),
        "{place} ended with {:?}\n{}\n{}",
        output.code,
        output.stdout,
        output.stderr
    );
}

#[test]
fn the_readme_commands_work() {
    assert!(run("README.md") >= 4);
}

#[test]
fn the_guide_commands_work() {
    assert!(run("docs/guide.md") >= 10);
}

#[test]
fn the_commands_of_the_page_about_publishing_work() {
    assert!(run("docs/publishing.md") >= 7);
}

#[test]
fn the_commands_of_the_page_about_the_fleet_work() {
    assert!(run("docs/fleet.md") >= 5);
}

/// The files below a folder that have an extension.
pub(super) fn files_below(
    folder: &camino::Utf8Path,
    extension: &str,
    files: &mut Vec<camino::Utf8PathBuf>,
) {
    for entry in folder.read_dir_utf8().expect("folder").flatten() {
        if entry.path().is_dir() {
            files_below(entry.path(), extension, files);
        } else if entry.path().extension() == Some(extension) {
            files.push(entry.into_path());
        }
    }
}
