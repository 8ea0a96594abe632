//! No credential is left anywhere: every client has one of its own, in the environment or in its
//! configuration. After runs that succeed and runs that fail, each is searched in all files of the
//! machine and of the places, in everything that was printed, and in the arguments and variables
//! of every program that was started. Only the servers have got them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::env::Output;
use crate::fake_github::ADMIN;
use crate::publish::world::{FORK, PROGRAMS, TAP, WINGET, World};
use crate::servers::tripwire::{Act, Fault};
use crate::servers::{npm, nuget, pypi, registry};

/// A credential.
struct Secret {
    text: &'static str,
    /// The user that it is sent with, where that is encoded.
    user: &'static str,
    /// The servers that may get it.
    places: &'static [&'static str],
    /// The program that may have it in a variable.
    program: &'static str,
}

/// What the user has typed into a file of git.
const HELPER: &str = "password-of-the-helper-81f0c2";

const SECRETS: [Secret; 6] = [
    secret(ADMIN, "x-access-token", &["api", "uploads", "web"], "git"),
    secret(HELPER, "helper", &["git"], ""),
    secret(registry::PASSWORD, registry::USER, &["registry"], ""),
    secret(npm::TOKEN, "", &["npm"], "npm"),
    secret(pypi::PASSWORD, "acme", &["pypi"], "twine"),
    secret(nuget::KEY, "", &["nuget"], ""),
];

const fn secret(
    text: &'static str,
    user: &'static str,
    places: &'static [&'static str],
    program: &'static str,
) -> Secret {
    Secret {
        text,
        user,
        places,
        program,
    }
}

impl Secret {
    /// Whether some bytes have it, as it is or encoded.
    fn is_in(&self, bytes: &[u8]) -> bool {
        let encoded = STANDARD.encode(format!("{}:{}", self.user, self.text));
        // Its length decides how base64 ends; the start is the same in every login with it.
        let encoded = &encoded[..encoded.len() - 4];
        [self.text, encoded].iter().any(|form| {
            bytes
                .windows(form.len())
                .any(|part| part == form.as_bytes())
        })
    }
}

/// The files below a folder that have a credential, except some.
fn search(folder: &Path, except: &[&Path], found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if except.contains(&path.as_path()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files += search(&path, except, found);
        } else if path.is_file() {
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let all = SECRETS.iter().filter(|secret| secret.is_in(&bytes));
            found.extend(all.map(|secret| format!("{} in {}", secret.text, path.display())));
        }
    }
    files
}

#[test]
fn no_credential_is_left_anywhere() {
    let world = World::with_npm();
    let base = world.env.base().to_owned();
    let login = base.join("home/git-login");
    let git_url = world.front_of_git();
    let answer = format!("username=helper\npassword={HELPER}\n");
    std::fs::write(&login, answer).unwrap();
    let config = base.join("home/.gitconfig");
    let text = std::fs::read_to_string(&config).unwrap();
    // A helper that keeps what it has when a server refuses it.
    let helper = format!(
        "[credential \"{git_url}\"]\n\thelper = \"!f() {{ test $1 != get || cat {login}; }}; f\"\n"
    );
    std::fs::write(&config, text + &helper).unwrap();
    world.git.demand(&[HELPER]);
    // What git has on disk while it works is searched, too.
    let copies = base.join("copies");
    std::fs::create_dir_all(&copies).unwrap();
    world.hook(&format!(
        "[ ! -d \"$GIT_DIR\" ] || cp -r \"$GIT_DIR\" '{copies}'/$$ 2> /dev/null || true\n"
    ));

    let run = |arguments: &[&str]| {
        let output = world.env.larder(arguments);
        assert_unsaid(&output);
        output
    };
    run(&["publish", "all", "--dry-run", "-v"]).success();
    let channels = ["web", "git", "registry", "npm", "pypi", "nuget"];
    for (places, status) in [
        (&["api", "uploads"][..], 403),
        (&channels, 403),
        (&channels, 401),
        (&channels, 400),
    ] {
        for place in places {
            world.wire.fault(Fault {
                place,
                method: Some("write"),
                contains: "",
                act: Act::Answer(status, "{\"message\": \"No.\"}".into()),
            });
        }
        let failed = run(&["publish", "all", "-v"]);
        assert_eq!(failed.code, Some(1), "{places:?}: {}", failed.stderr);
        world.wire.heal();
    }
    run(&["publish", "all", "-v"]).success();
    world.assert_complete("1.2.3", "with credentials");
    run(&["publish", "all", "--json"]).success();
    run(&["publish", "status", "--json"]).success();
    run(&["unpublish", "arc@v1.2.3", "-v"]);

    let mut found = Vec::new();
    let docker = base.join("home/.docker/config.json");
    let mut except = vec![login.as_std_path(), docker.as_std_path()];
    let variables = PROGRAMS.map(|program| base.join(format!("variables-{program}")));
    except.extend(variables.iter().map(|path| path.as_std_path()));
    let files = search(base.as_std_path(), &except, &mut found);
    assert!(files > 1000, "only {files} files were searched");
    for name in [TAP, WINGET, FORK] {
        search(world.hosted(name).as_std_path(), &[], &mut found);
    }
    for program in PROGRAMS {
        let variables = world.variables(program);
        assert!(!variables.is_empty(), "{program} was not started");
        for secret in &SECRETS {
            if secret.program != program && secret.is_in(variables.as_bytes()) {
                found.push(format!("{} in a variable of {program}", secret.text));
            }
        }
    }
    for secret in &SECRETS {
        let log = world.wire.log();
        let got = log.iter().filter(|request| secret.is_in(&request.sent));
        let (right, wrong): (Vec<_>, Vec<_>) =
            got.partition(|request| secret.places.contains(&request.place.as_str()));
        assert!(!right.is_empty(), "nobody got {}", secret.text);
        found.extend(
            wrong
                .iter()
                .map(|request| format!("{} at {}", secret.text, request.line())),
        );
        // Only in a header that is made for it.
        for request in right {
            let in_header = request
                .credentials
                .iter()
                .any(|it| secret.is_in(it.as_bytes()));
            if !in_header || secret.is_in(request.body()) || secret.is_in(request.path.as_bytes()) {
                found.push(format!("{} in {}", secret.text, request.line()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Nothing that was printed has a credential.
fn assert_unsaid(output: &Output) {
    for (what, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        for secret in &SECRETS {
            assert!(
                !secret.is_in(text.as_bytes()),
                "{} on {what}: {text}",
                secret.text
            );
        }
    }
}
