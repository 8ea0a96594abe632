//! The documentation, run: every shell block of the README and the guide, in order, in a machine of its own.
//!
//! Lines of their own steer what follows them:
//! `<!-- new project: NAME -->` starts an empty project · `<!-- file: PATH -->` writes the next block to a file, `<!-- append:
//! PATH -->` adds it · `<!-- github: OWNER/NAME -->` puts a fake GitHub with that repository behind the machine ·
//! `<!-- not run: WHY -->` and `<!-- ci: … -->` leave the next block out (CI runs the latter itself).

use std::fmt::Write as _;

use crate::env::{LARDER, Output, REPO, TestEnv};
use crate::fake_github::{FakeGitHub, Visibility, WRITE};

/// Runs a document's blocks; how many shell blocks ran.
fn run(document: &str) -> usize {
    let text = std::fs::read_to_string(format!("{REPO}/{document}")).expect(document);
    let (mut env, mut ran, mut directive) = (TestEnv::new(), 0, None);
    let mut servers = Vec::new();
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
fn the_readme_s_tour_works() {
    assert!(run("README.md") >= 4);
}

#[test]
fn the_guide_s_commands_work() {
    assert!(run("docs/guide.md") >= 10);
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut documents = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    for folder in ["docs", "examples"] {
        collect(
            &camino::Utf8PathBuf::from(REPO).join(folder),
            &mut documents,
        );
    }
    for document in documents {
        let path = camino::Utf8Path::new(REPO).join(&document);
        let text = std::fs::read_to_string(&path).expect("document");
        let folder = path.parent().expect("a folder");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

fn collect(folder: &camino::Utf8Path, documents: &mut Vec<String>) {
    for entry in folder.read_dir_utf8().expect("folder").flatten() {
        if entry.path().is_dir() {
            collect(entry.path(), documents);
        } else if entry.path().extension() == Some("md") {
            documents.push(
                entry
                    .path()
                    .strip_prefix(REPO)
                    .expect("in the repository")
                    .to_string(),
            );
        }
    }
}

#[test]
fn reliability_names_tests_that_are_there() {
    let text = std::fs::read_to_string(format!("{REPO}/docs/reliability.md"))
        .expect("docs/reliability.md");
    let mut missing = Vec::new();
    for name in text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains("::") || name.contains(": "))
    {
        if name.ends_with('…') {
            continue;
        }
        let (path, function) = if let Some((path, function)) = name.split_once(": ") {
            (path.to_owned(), function)
        } else {
            let (module, function) = name.rsplit_once("::").expect("a path");
            (
                format!("tests/it/{}.rs", module.replace("::", "/")),
                function,
            )
        };
        let found = std::fs::read_to_string(format!("{REPO}/{path}")).unwrap_or_default();
        // Tables of cases are made by macros; then the name alone stands there.
        if !found.contains(&format!("fn {function}("))
            && !found.contains(&format!("{function} "))
            && !found.contains(&format!("{function}:"))
        {
            missing.push(name.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
