//! `examples/containers`, as far as possible without a container engine.

use serde_json::Value;

use super::example;

/// The instructions of a Dockerfile, without comments and with continued lines joined.
fn instructions(text: &str) -> Vec<String> {
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.strip_suffix('\\') {
            Some(line) => line.to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn the_image_gets_the_binaries_of_the_files_that_are_copied() {
    let env = example("containers");
    let lines = instructions(&env.read("Dockerfile"));
    let stages: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|line| line.rsplit_once(" AS ").map_or("", |(_, name)| name))
        .collect();
    assert_eq!(stages, ["larder", "development", "binaries", ""]);
    // Only what the stage copies is there when larder runs.
    let from = lines
        .iter()
        .position(|l| l.ends_with(" AS binaries"))
        .expect("the stage");
    let stage = lines[from + 1..]
        .iter()
        .take_while(|line| !line.starts_with("FROM "));
    let mut ran = 0;
    for line in stage {
        if let Some(copied) = line.strip_prefix("COPY ") {
            let (files, to) = copied.rsplit_once(' ').expect("a target");
            let to = format!("../image/{}", to.trim_start_matches("./"));
            env.sh(&format!(
                "mkdir -p ../image; for f in {files}; do [ ! -e \"$f\" ] || cp -r \"$f\" '{to}'; done"
            ));
        } else if let Some(command) = line.strip_prefix("RUN ") {
            let words = command
                .split(' ')
                .skip_while(|word| word.starts_with("--mount="));
            let words: Vec<&str> = words.collect();
            assert_eq!(words[0], "larder");
            let arguments = words[1..]
                .iter()
                .map(|word| word.replace("/out/", "../out/"));
            let folder = ["-C", "../image"].map(str::to_owned);
            env.larder(folder.into_iter().chain(arguments)).success();
            ran += 1;
        }
    }
    assert_eq!(ran, 1);
    assert_eq!(env.run("../out/bin/hello", [""; 0]), "hello v1.0.0\n");
    // What the last stage copies is what was installed.
    assert!(lines.contains(&"COPY --from=binaries /out/bin /usr/local/bin".to_owned()));
}

#[test]
fn the_devcontainer_and_direnv_put_the_binaries_on_path() {
    let env = example("containers");
    let text = env.read(".devcontainer/devcontainer.json");
    let container: Value = serde_json::from_str(&text).expect("JSON");
    let build = &container["build"];
    let file = format!(
        ".devcontainer/{}",
        build["dockerfile"].as_str().expect("a file")
    );
    let stage = format!(" AS {}", build["target"].as_str().expect("a stage"));
    let lines = instructions(&env.read(&file));
    assert!(lines.iter().any(|line| line.ends_with(&stage)));
    for argument in build["args"].as_object().expect("arguments").keys() {
        assert!(lines.contains(&format!("ARG {argument}")), "{argument}");
    }
    let larder = camino::Utf8Path::new(crate::env::LARDER)
        .parent()
        .expect("a folder");
    let path = format!("PATH={larder}:$PATH");
    let created = container["postCreateCommand"].as_str().expect("a command");
    env.sh(&format!("{path}; {created}"));
    assert_eq!(
        env.sh(&format!("{path}; . ~/.bashrc; hello")),
        "hello v1.0.0\n"
    );
    env.remove("subsystems/hello/.bin");
    assert_eq!(
        env.sh(&format!("{path}; watch_file() {{ :; }}; . ./.envrc; hello")),
        "hello v1.0.0\n"
    );
    for ignored in [".larder", "**/.bin"] {
        assert!(
            env.read(".dockerignore")
                .lines()
                .any(|line| line == ignored)
        );
    }
}
