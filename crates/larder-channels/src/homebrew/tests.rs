//! What is rendered for Homebrew.

use super::*;
use crate::render::Rendered;
use crate::tests::{Sample, read};
use larder_core::project::publish::Channel;

const ALL: [&str; 7] = [
    "darwin-amd64",
    "darwin-arm64",
    "linux-amd64",
    "linux-amd64-musl",
    "linux-arm64",
    "linux-arm",
    "windows-amd64",
];

fn rendered(sample: &Sample) -> String {
    rendered_with(sample, Homebrew::default(), None)
}

fn rendered_with(sample: &Sample, homebrew: Homebrew, post_install: Option<&str>) -> String {
    let channel = Channel::Homebrew(homebrew);
    let (rendered, folder) = sample.render_after(channel, post_install);
    assert_eq!(rendered, Rendered::Files);
    let mut files = read(&folder);
    let formula = files.remove(&format!("{}.rb", sample.release.name));
    assert!(files.is_empty(), "{files:?}");
    String::from_utf8(formula.unwrap()).unwrap()
}

#[test]
fn a_formula_has_the_asset_of_each_platform() {
    let formula = rendered(&Sample::new("1.2.3", &ALL));
    let expected = r#"# Rendered by larder from the release arc-1.2.3. The next release overwrites it.
class Arc < Formula
  desc "Draws an arc on the terminal"
  homepage "https://arc.example"
  version "1.2.3"
  license "MIT"

  on_macos do
    on_arm do
      url "https://hub.example/arc-1.2.3/arc-darwin-arm64.tar.gz"
      sha256 "DARWIN-ARM64"
    end
    on_intel do
      url "https://hub.example/arc-1.2.3/arc-darwin-amd64.tar.gz"
      sha256 "DARWIN-AMD64"
    end
  end

  on_linux do
    on_arm do
      url "https://hub.example/arc-1.2.3/arc-linux-arm64.tar.gz"
      sha256 "LINUX-ARM64"
    end
    on_intel do
      url "https://hub.example/arc-1.2.3/arc-linux-amd64.tar.gz"
      sha256 "LINUX-AMD64"
    end
  end

  def install
    bin.install "arc"
    man1.install "arc.1"
  end

  test do
    system bin/"arc", "--version"
  end
end
"#;
    let digest = |asset: &str| larder_core::model::Digest::of(asset.as_bytes()).to_string();
    let expected = expected
        .replace("DARWIN-ARM64", &digest("arc-darwin-arm64.tar.gz"))
        .replace("DARWIN-AMD64", &digest("arc-darwin-amd64.tar.gz"))
        .replace("LINUX-ARM64", &digest("arc-linux-arm64.tar.gz"))
        .replace("LINUX-AMD64", &digest("arc-linux-amd64.tar.gz"));
    assert_eq!(formula, expected);
}

#[test]
fn platforms_that_do_not_exist_are_requirements() {
    for (platforms, expected, refused) in [
        (
            &["linux-arm64"][..],
            &["depends_on arch: :arm64\n  depends_on :linux"][..],
            &["on_linux", "on_arm", "macos"][..],
        ),
        (
            &["darwin-amd64", "darwin-arm64"],
            &[
                "depends_on :macos",
                "  on_arm do\n    url",
                "  on_intel do\n    url",
            ],
            &["on_macos", "linux", "arch:"],
        ),
        (
            &["darwin-arm64", "linux-amd64", "linux-arm64"],
            &[
                "  on_macos do\n    url",
                "\n\n    depends_on arch: :arm64\n  end",
                "  on_linux do\n    on_arm do",
            ],
            &["depends_on :", "x86_64"],
        ),
        (
            &["darwin-amd64", "linux-amd64-musl"],
            &[
                "darwin-amd64.tar",
                "linux-amd64-musl.tar",
                "depends_on arch: :x86_64",
            ],
            &["depends_on :", "on_intel"],
        ),
    ] {
        let formula = rendered(&Sample::new("1.2.3", platforms));
        for text in expected {
            assert!(formula.contains(text), "{text}: {formula}");
        }
        for text in refused {
            assert!(!formula.contains(text), "{text}: {formula}");
        }
    }
    let (skipped, _) = Sample::new("1.2.3", &["linux-arm", "windows-amd64"])
        .render(Channel::Homebrew(Homebrew::default()));
    assert!(matches!(skipped, Rendered::Skipped(_)), "{skipped:?}");
}

#[test]
fn binaries_conflicts_and_texts_are_written_as_strings() {
    let mut sample = Sample::with_binaries("arc-2d", "v1.2.3+b", &["arc", "arcd"], &ALL);
    sample.release.homepage = Some("https://arc.example/#{x}".into());
    let homebrew = Homebrew {
        conflicts: vec!["other".into(), "third@2".into()],
        ..Homebrew::default()
    };
    let formula = rendered_with(
        &sample,
        homebrew,
        Some("Say \"#{x}\" \\ `y`\n\n\tEOS\n  EOS\n"),
    );
    for expected in [
        "class Arc2d < Formula",
        "version \"1.2.3+b\"",
        r#"homepage "https://arc.example/\#{x}""#,
        "conflicts_with \"other\", because: \"both install `arc` binaries\"\n",
        "conflicts_with \"third@2\", because:",
        "    bin.install \"arc\"\n    bin.install \"arcd\"\n",
        "    <<~EOSS\n      Say \"\\#{x}\" \\\\ `y`\n\n          EOS\n        EOS\n    EOSS\n",
    ] {
        assert!(formula.contains(expected), "{expected}: {formula}");
    }
}

#[test]
fn included_files_go_where_homebrew_has_them() {
    for (name, expected) in [
        ("arc.1", Some(r#"man1.install "arc.1""#)),
        ("arc-set.5.gz", Some(r#"man5.install "arc-set.5.gz""#)),
        (
            "arc.bash",
            Some(r#"bash_completion.install "arc.bash" => "arc""#),
        ),
        ("_arc", Some(r#"zsh_completion.install "_arc""#)),
        (
            "arc.zsh",
            Some(r#"zsh_completion.install "arc.zsh" => "_arc""#),
        ),
        ("arc.fish", Some(r#"fish_completion.install "arc.fish""#)),
        ("_arc.ps1", Some(r#"pwsh_completion.install "_arc.ps1""#)),
        ("LICENSE-MIT", None),
        ("README.md", None),
        ("UNLICENSE", Some(r#"prefix.install "UNLICENSE""#)),
        ("colors.toml", Some(r#"pkgshare.install "colors.toml""#)),
    ] {
        assert_eq!(included_line(name).as_deref(), expected, "{name}");
    }
    let rare = Entry {
        name: "a",
        everywhere: false,
    };
    assert_eq!(install_line(rare, "x"), "  x if File.exist?(\"a\")");
}

#[test]
fn classes_are_named_as_homebrew_names_them() {
    for (name, class) in [
        ("arc", Some("Arc")),
        ("arc-2d", Some("Arc2d")),
        ("a_b.c-d", Some("ABCD")),
        ("arc1.2", Some("Arc12")),
        ("arc@1.2", Some("ArcAT12")),
        ("arc++", Some("Arcxx")),
        ("arc_", Some("Arc_")),
        ("7zip", None),
        ("a--b", None),
        ("arc-", None),
    ] {
        assert_eq!(class_name(name).as_deref(), class, "{name}");
    }
    let sample = Sample::with_binaries("7zip", "1.0.0", &["7z"], &ALL);
    let config = Sample::config(Channel::Homebrew(Homebrew::default()));
    let error = formula(&Homebrew::default(), &sample.release, &config).unwrap_err();
    assert_eq!(error.message(), "homebrew can't have a formula `7zip`");
}

#[test]
fn descriptions_are_what_homebrew_accepts() {
    for (text, expected) in [
        ("Draws an arc", "Draws an arc"),
        ("A tool that draws.", "Tool that draws"),
        ("arc: the tool\nthat draws", "Tool that draws"),
        ("arc-2d is a 2D drawer…", "2D drawer…"),
        ("arc-2d", "Program arc-2d"),
        ("arc 2d's tool", "Program arc 2d's tool"),
        ("🏹", "Program arc"),
        ("Arc, the arc: a bow..", "Bow"),
        ("Draws arcs, circles etc.", "Draws arcs, circles etc."),
        ("iOS simulator", "iOS simulator"),
        ("commandline arcs 🏹", "Command-line arcs"),
        ("the arc's \"#{x}\"", "Program arc's \"#{x}\""),
        ("architect's tool", "Architect's tool"),
    ] {
        let name = if text.contains("2d") { "arc-2d" } else { "arc" };
        assert_eq!(description(name, text), expected, "{text}");
    }
    let long = description("arc", &"word ".repeat(40));
    assert_eq!(long.chars().count(), 80, "{long}");
}

#[test]
fn licences_are_expressions_of_homebrew() {
    for (text, expected) in [
        ("MIT", r#""MIT""#),
        ("MIT OR Apache-2.0", r#"any_of: ["MIT", "Apache-2.0"]"#),
        (
            "Apache-2.0 WITH LLVM-exception",
            r#""Apache-2.0" => { with: "LLVM-exception" }"#,
        ),
        (
            "(MIT OR Apache-2.0 WITH LLVM-exception) AND ISC",
            r#"all_of: [{ any_of: ["MIT", { "Apache-2.0" => { with: "LLVM-exception" } }] }, "ISC"]"#,
        ),
        ("Public Domain", ":public_domain"),
        ("see \"LICENSE\"", ":cannot_represent"),
        ("MIT OR LicenseRef-Acme", ":cannot_represent"),
    ] {
        assert_eq!(license(text), expected, "{text}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_description_becomes_one_that_homebrew_accepts(
        text in proptest::prop_oneof![
            "(arc-?[12]?|a|the|is|[:., ]|command ?line|[a-zA-Z.🏹é\"']{1,9}|[ \n]){0,30}",
            proptest::prelude::any::<String>(),
        ]
    ) {
        let shown = description("arc-1", &text);
        let length = shown.chars().count();
        proptest::prop_assert!((1..=80).contains(&length), "{shown}");
        proptest::prop_assert_eq!(shown.trim(), &shown);
        for refused in [
            r"^[a-z]",
            r"(?i)^(the|an?)\s",
            r"(?i)^a[\s-]?r[\s-]?c[\s-]?1\b",
            r"(?i)command ?line",
            r"\.$",
            r"\p{So}",
        ] {
            let regex = regex::Regex::new(refused).unwrap();
            proptest::prop_assert!(!regex.is_match(&shown) || shown.ends_with("etc."), "{refused}: {shown}");
        }
    }
}
