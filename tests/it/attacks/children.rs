//! Children: which variables, configuration and secrets the programs that larder starts can
//! see, and text from outside that is printed.

#[cfg(target_os = "linux")]
use crate::env::LARDER;
use crate::env::TestEnv;

/// Secrets in the environment of the user who runs larder.
const SECRETS: [&str; 6] = [
    "LARDER_GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "DATABASE_URL",
    "ACTIONS_RUNTIME_TOKEN",
];

/// The value of each of them.
const SECRET: &str = "hunter2-hunter2-hunter2";

fn with_secrets(mut env: TestEnv) -> TestEnv {
    for name in SECRETS {
        env.set(name, SECRET);
    }
    env
}

/// The names of the variables in the output of `env`, without those that a shell sets itself.
fn names(seen: &str) -> Vec<&str> {
    let mut names: Vec<_> = seen
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Puts a program of this name first on PATH. It writes its variables to `<home>/<name>.env` and
/// continues with these lines of shell.
fn spy(env: &mut TestEnv, name: &str, lines: &str) {
    let spies = env.home().join("spies");
    std::fs::create_dir_all(&spies).unwrap();
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\nenv >> \"$HOME/{name}.env\"\necho \"$@\" >> \"$HOME/{name}.args\"\n{lines}\n"
    );
    let file = spies.join(name);
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    env.set("PATH", format!("{spies}:{path}"));
}

/// What the program wrote down.
fn seen(env: &TestEnv, name: &str, what: &str) -> String {
    std::fs::read_to_string(env.home().join(format!("{name}.{what}"))).unwrap_or_default()
}

/// The path of the machine's own program.
fn real(program: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let found = path.split(':').map(|folder| format!("{folder}/{program}"));
    let found = found.filter(|file| std::path::Path::new(file).is_file());
    let mut found = found;
    found
        .next()
        .unwrap_or_else(|| panic!("no {program} on PATH"))
}

/// A repository with a tag on this machine, and a subsystem that is built from it.
fn git_project(env: &TestEnv) {
    env.sh(
        "git init -q ../upstream && cd ../upstream && printf 'echo tool v1.0.0\\n' > tool.sh \
         && git add . && git commit -qm tool && git tag v1.0.0",
    );
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let url = env.base().join("upstream");
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nbuild:\n  source: {{git: 'file://{url}', rev: '{{{{ version }}}}'}}\n  \
             commands: ['(echo \"#!/bin/sh\"; cat tool.sh) > {{{{ out }}}}/tool']\n"
        ),
    );
}

#[test]
fn a_verify_line_sees_the_variables_of_a_build_and_no_others() {
    let env = with_secrets(TestEnv::new());
    env.script_subsystem("tool", "v1.0.0");
    let seen = env.base().join("seen");
    env.edit(
        "subsystems/tool/recipe.yml",
        "verify: \"tool --version\"",
        &format!("verify: \"env > {seen}; tool --version\""),
    );
    for command in [["ensure", "tool"], ["verify", "tool"]] {
        env.larder(command).success();
        let variables = std::fs::read_to_string(&seen).unwrap();
        assert!(!variables.contains(SECRET), "{command:?}: {variables}");
        let wanted = "HOME LANG LC_ALL PATH TMPDIR TZ USER";
        assert_eq!(names(&variables).join(" "), wanted, "{command:?}");
    }
}

#[test]
fn git_and_what_it_starts_see_no_token() {
    let mut env = with_secrets(TestEnv::new());
    env.set("SSH_AUTH_SOCK", "/run/agent");
    env.set("GIT_SSH_COMMAND", "ssh -F none");
    git_project(&env);
    spy(&mut env, "git", &format!("exec {} \"$@\"", real("git")));
    env.larder(["ensure", "tool"]).success();
    env.larder(["outdated"]).success();
    env.larder(["lock"]).success();
    let variables = seen(&env, "git", "env");
    assert!(!variables.contains(SECRET), "{variables}");
    let names = names(&variables);
    for wanted in ["HOME", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND"] {
        assert!(names.contains(&wanted), "{names:?}");
    }
    let own = [
        "HOME",
        "LANG",
        "LC_ALL",
        "PATH",
        "TMPDIR",
        "TZ",
        "USER",
        "XDG_CONFIG_HOME",
    ];
    for name in names {
        let known = own.contains(&name) || name.starts_with("GIT_") || name == "SSH_AUTH_SOCK";
        assert!(known, "git sees {name}");
    }
}

/// Configuration that makes git run programs or changes what it fetches and checks out: of the
/// user, of the system, and in variables.
#[test]
fn git_keeps_only_how_to_log_in_and_connect_of_the_users_configuration() {
    let mut env = TestEnv::new();
    git_project(&env);
    let home = env.home();
    let hook = home.join("hooks/post-checkout");
    let template = home.join("template/hooks/post-checkout");
    for file in [&hook, &template] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let script = format!("#!/bin/sh\ntouch {home}/ran\n");
        std::fs::write(file, script).unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    std::fs::write(home.join("attributes"), "* filter=evil\n").unwrap();
    let evil = format!(
        "[core]\n\thooksPath = {home}/hooks\n\tattributesFile = {home}/attributes\n\
         \tfsmonitor = touch {home}/ran\n\tsshCommand = ssh -F mine\n\
         [init]\n\ttemplateDir = {home}/template\n\
         [filter \"evil\"]\n\tsmudge = touch {home}/ran; echo evil\n\
         [url \"file:///nowhere/\"]\n\tinsteadOf = file://\n\
         [http]\n\tproxy = http://proxy.example:3128\n\
         [credential \"https://git.example\"]\n\thelper = mine\n\tuseHttpPath\n"
    );
    std::fs::write(home.join(".gitconfig"), &evil).unwrap();
    std::fs::write(home.join("system"), evil.replace("mine", "system")).unwrap();
    let evil_variables = [
        ("GIT_CONFIG_SYSTEM", home.join("system").as_str().to_owned()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "url.file:///nowhere/.insteadOf".into()),
        ("GIT_CONFIG_VALUE_0", "file://".into()),
        (
            "GIT_CONFIG_PARAMETERS",
            format!("'core.hooksPath={home}/hooks'"),
        ),
        ("GIT_TEMPLATE_DIR", home.join("template").into_string()),
        ("GIT_DIR", env.base().join("upstream/.git").into_string()),
        ("GIT_WORK_TREE", home.join("tree").into_string()),
        ("GIT_INDEX_FILE", home.join("index").into_string()),
        ("GIT_OBJECT_DIRECTORY", home.join("objects").into_string()),
        ("GIT_EXEC_PATH", home.join("hooks").into_string()),
        ("GIT_EXTERNAL_DIFF", format!("touch {home}/ran")),
        ("GIT_TRACE", home.join("trace").into_string()),
    ];
    for (name, value) in evil_variables {
        env.set(name, value);
    }
    env.unset("GIT_CONFIG_NOSYSTEM");
    let git = real("git");
    spy(
        &mut env,
        "git",
        &format!("{git} config --null --list > \"$HOME/git.config\"\nexec {git} \"$@\""),
    );
    env.larder(["ensure", "tool"]).success();
    assert!(
        !home.join("ran").exists(),
        "a program of the configuration ran"
    );
    assert!(!home.join("trace").exists() && !home.join("index").exists());
    let config = seen(&env, "git", "config");
    let has = |entry: &str| config.split('\0').any(|one| one == entry);
    assert!(has("http.proxy\nhttp://proxy.example:3128"), "{config}");
    assert!(
        has("credential.https://git.example.helper\nmine"),
        "{config}"
    );
    assert!(
        has("credential.https://git.example.usehttppath\ntrue"),
        "{config}"
    );
    assert!(has("core.sshcommand\nssh -F mine"), "{config}");
    for word in [
        "insteadof",
        "filter.evil",
        "ssh -F system",
        "helper\nsystem",
    ] {
        assert!(!config.contains(word), "{word}: {config}");
    }
}

/// The configuration of the repository that larder runs in is not that of the repository it
/// fetches.
#[test]
fn the_projects_own_git_configuration_does_not_change_what_is_fetched() {
    let env = TestEnv::new();
    git_project(&env);
    env.sh("git init -q . && git config url.file:///nowhere/.insteadOf file://");
    env.larder(["lock"]).success();
    assert!(env.read("versions.lock").contains(" commit "));
    env.larder(["outdated"]).success();
}

#[test]
fn clients_of_registries_get_their_own_variables_and_no_others() {
    let mut env = with_secrets(TestEnv::new());
    for (name, value) in [
        ("NPM_TOKEN", "of-npm"),
        ("npm_config_registry", "http://127.0.0.1:9/of-npm"),
        ("NPM_CONFIG_USERCONFIG", "/of-npm"),
        ("PIP_INDEX_URL", "http://127.0.0.1:9/of-pip"),
        ("CARGO_REGISTRIES_CORP_TOKEN", "of-cargo"),
        ("CARGO_NET_OFFLINE", "false"),
    ] {
        env.set(name, value);
    }
    for client in ["npm", "pip3", "cargo"] {
        spy(&mut env, client, "echo no >&2; exit 1");
    }
    env.versions(
        &[("one", "1.0.0"), ("two", "1.0.0"), ("three", "1.0.0")],
        "sources: [original, build]\n",
    );
    env.recipe("one", "binaries: [one]\nupstream: {npm: one}\n");
    env.recipe("two", "binaries: [two]\nupstream: {pypi: two}\n");
    env.recipe(
        "three",
        "binaries: [three]\nbuild: {source: {crate: three}}\n",
    );
    env.larder(["ensure", "all", "--keep-going"]);
    env.larder(["outdated"]);
    for (client, own) in [("npm", "of-npm"), ("pip3", "of-pip"), ("cargo", "of-cargo")] {
        let variables = seen(&env, client, "env");
        assert!(!variables.is_empty(), "{client} was not asked");
        assert!(!variables.contains(SECRET), "{client}: {variables}");
        assert!(variables.contains(own), "{client}: {variables}");
        for other in ["of-npm", "of-pip", "of-cargo"] {
            assert!(
                other == own || !variables.contains(other),
                "{client}: {variables}"
            );
        }
    }
}

#[test]
fn gh_sees_no_token_but_its_own() {
    let mut env = TestEnv::new();
    env.set("AWS_SECRET_ACCESS_KEY", SECRET);
    env.set("NPM_TOKEN", SECRET);
    env.set("GH_CONFIG_DIR", "/of-gh");
    spy(&mut env, "gh", "exit 1");
    env.script_subsystem("tool", "v1.0.0");
    env.edit(
        "versions.yml",
        "versions:",
        "hub: {github: acme/tools}\nversions:",
    );
    env.set("GITHUB_API_URL", "http://127.0.0.1:9/api");
    env.set("GITHUB_SERVER_URL", "http://127.0.0.1:9");
    env.set("LARDER_HTTP_RETRIES", "0");
    env.larder(["release", "status"]);
    let variables = seen(&env, "gh", "env");
    assert!(variables.contains("GH_CONFIG_DIR=/of-gh"), "{variables}");
    assert!(!variables.contains(SECRET), "{variables}");
}

/// A program of the same user can read the memory and the variables of another one under `/proc`,
/// unless that one forbids it. Root may read everything, so the test gives that up.
#[cfg(target_os = "linux")]
#[test]
fn a_build_can_not_read_the_memory_or_variables_of_larder() {
    let env = with_secrets(TestEnv::new());
    env.script_subsystem("tool", "v1.0.0");
    let leak = env.base().join("leak");
    env.edit(
        "subsystems/tool/recipe.yml",
        "  commands:\n",
        &format!(
            "  commands:\n    - \"cat /proc/$PPID/environ > {leak} && echo read >> {leak} || true\"\n    \
             - \"head -c 1 < /proc/$PPID/mem >/dev/null 2>> {leak} || true\"\n    \
             - \"cat /proc/$PPID/cmdline > {leak}-parent\"\n"
        ),
    );
    let mut command = env.program("setpriv");
    command.args([
        "--bounding-set=-sys_ptrace,-sys_admin,-perfmon",
        "--inh-caps=-sys_ptrace,-sys_admin,-perfmon",
        "--",
        LARDER,
    ]);
    command.args(["ensure", "tool"]);
    if !is_root() {
        command = env.command(["ensure", "tool"]);
    }
    env.output(command).success();
    let parent = std::fs::read_to_string(env.base().join("leak-parent")).unwrap();
    assert!(parent.contains("larder"), "{parent}");
    let leaked = std::fs::read_to_string(&leak).unwrap_or_default();
    assert!(
        !leaked.contains(SECRET) && !leaked.contains("read\n"),
        "{leaked}"
    );
    assert!(
        leaked.contains("Permission denied") || leaked.is_empty(),
        "{leaked}"
    );
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}
