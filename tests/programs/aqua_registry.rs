//! Makes a recipe of every package of aqua's registry, and compares what it renders to with what aqua does.
//!
//! ```sh
//! cargo build --bin larder && cargo run --example aqua_registry -- DIR
//! ```
//! DIR is a checkout of the registry; nothing of it is in this repository. The version is the first one of `pkg.yaml`, with
//! which the registry tests the package. A package is whole if larder loads the recipe, and if for every platform that aqua
//! supports it renders to the same file, the same paths in it, the same checksums file and the same signature. Packages that are not are
//! listed by reason. Then a sample of the packages is added by the command line and collected from a publisher on this
//! machine, which has files with these names; see `aqua_sample.rs`. The exit code is 1 if fewer than 98.5 % are whole, or if the
//! sample is not collected completely.
//!
//! `-- DIR PACKAGE [VERSION]` prints one recipe.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]

#[path = "aqua_sample.rs"]
mod aqua_sample;

use std::collections::BTreeMap;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::model::Platform;
use larder_core::project::user::{UserConfig, UserSource};
use larder_engine::import::aqua::{self, Answer, Drafted, Package};

/// The platforms that aqua knows.
const PLATFORMS: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];
/// The part of the packages that must be whole.
const GOAL: f64 = 98.5;

/// A package, and the version that is tried.
struct Case {
    package: Package,
    version: Option<String>,
}

/// The recipe of a package, and what aqua does.
struct Whole {
    name: String,
    drafted: Drafted,
    answers: BTreeMap<Platform, Answer>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next().map(Utf8PathBuf::from) else {
        eprintln!("the folder of the registry is missing");
        return ExitCode::from(2);
    };
    if let Some(name) = arguments.next() {
        return show(&folder, &name, arguments.next());
    }
    let cases = cases(&folder);
    let scratch = tempfile::tempdir().expect("a folder");
    let mut whole: Vec<Whole> = Vec::new();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        let root = Utf8Path::from_path(scratch.path())
            .expect("UTF-8")
            .join(number.to_string());
        std::fs::create_dir(&root).expect("create");
        match examine(case, &root) {
            Ok(found) => whole.push(found),
            Err(reason) => reasons
                .entry(reason)
                .or_default()
                .push(case.package.full_name()),
        }
    }
    let mut reasons: Vec<(String, Vec<String>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    let percent = 100.0 * whole.len() as f64 / cases.len().max(1) as f64;
    println!(
        "{} packages, {} whole on all of aqua's platforms: {percent:.2} %",
        cases.len(),
        whole.len()
    );
    for (reason, names) in reasons {
        println!("{:>5}  {reason}: {}", names.len(), names.join(", "));
    }
    let collected = aqua_sample::collect(&folder, &whole);
    ExitCode::from(u8::from(percent < GOAL || !collected))
}

/// Prints one recipe.
fn show(folder: &Utf8Path, name: &str, version: Option<String>) -> ExitCode {
    let known = cases(folder);
    let case = known
        .into_iter()
        .find(|case| case.package.full_name() == name);
    let Some(case) = case else {
        eprintln!("there is no package {name}");
        return ExitCode::FAILURE;
    };
    let version = version.or(case.version).expect("a version");
    match aqua::draft(&case.package, &version, &platforms(), Vec::new()) {
        Ok(drafted) => {
            println!("# {version}\n{}", drafted.text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

fn platforms() -> Vec<Platform> {
    PLATFORMS
        .iter()
        .map(|text| text.parse().expect("a platform"))
        .collect()
}

/// All packages of a checkout.
fn cases(folder: &Utf8Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut folders = vec![folder.join("pkgs")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().expect("a folder of the registry") {
            let path = entry.expect("an entry").into_path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() == Some("registry.yaml") {
                let text = std::fs::read_to_string(&path).expect("a definition");
                let file = aqua::parse(&text).unwrap_or_else(|why| panic!("{path}: {why}"));
                let versions = std::fs::read_to_string(path.with_file_name("pkg.yaml"));
                let version = versions.ok().and_then(|text| aqua::first_version(&text));
                cases.extend(file.packages.into_iter().map(|package| Case {
                    package,
                    version: version.clone(),
                }));
            }
        }
    }
    cases.sort_by_key(|case| case.package.full_name());
    cases
}

/// Makes the recipe of a package and compares it. `Err` is why the package is not whole.
fn examine(case: &Case, root: &Utf8Path) -> Result<Whole, String> {
    let Case { package, version } = case;
    let version = version.as_deref().ok_or("the registry names no version")?;
    let error = |error: larder_core::Error| {
        let texts = error.causes().join(": ");
        format!("{} {texts}", without_names(error.message()))
            .trim()
            .to_owned()
    };
    let drafted = aqua::draft(package, version, &platforms(), Vec::new()).map_err(error)?;
    let mut answers = BTreeMap::new();
    for platform in platforms() {
        if let Some(answer) = aqua::answer(package, version, platform)? {
            answers.insert(platform, answer);
        }
    }
    if let Some(note) = drafted
        .notes
        .iter()
        .find(|note| note.contains("left out") && note.contains("reads no"))
    {
        return Err(without_names(note));
    }
    if answers != drafted.answers {
        return Err("the recipe has other platforms".to_owned());
    }
    let user = UserConfig::new(UserSource::default());
    let name = "tool".parse().expect("a name");
    aqua::check(root, &name, &drafted, &user).map_err(error)?;
    Ok(Whole {
        name: package.full_name(),
        drafted,
        answers,
    })
}

/// A message without the names in it, to group by.
fn without_names(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let is_platform = PLATFORMS.iter().any(|platform| word.starts_with(platform));
        if is_platform || word.contains('/') {
            "…"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
