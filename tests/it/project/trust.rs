//! `trust:` and `upstream.signature`: what is wrong in them is named with its place.

use super::loading::Files;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// Checks that each of some texts is refused with these words, in one problem with a place.
#[track_caller]
fn refused(problems: &str, place: &str, words: &[&str]) {
    assert_eq!(problems.matches("error:").count(), 1, "{problems}");
    for word in [place].iter().chain(words) {
        assert!(problems.contains(word), "`{word}`: {problems}");
    }
}

#[test]
fn mistakes_in_trust_are_named_with_their_place() {
    let other = KEY.replace("GFO3", "GFO4");
    for (trust, place, words) in [
        (
            format!("{{keys: {{mirror: {KEY}}}, managed: [miror]}}"),
            "2:",
            &["no key `miror`", "did you mean `mirror`"][..],
        ),
        (
            "{managed: [release]}".to_owned(),
            "2:",
            &["no key `release`", "larder key new"],
        ),
        (
            format!("{{keys: {{release: {KEY}}}, managed: []}}"),
            "2:",
            &["managed"],
        ),
        (
            format!("{{keys: {{a: {KEY}, b: {KEY}}}}}"),
            "2:",
            &["also called `a`"],
        ),
        (
            format!("{{keys: {{a: {other}}}, managed: [a, a]}}"),
            "2:",
            &["a"],
        ),
        (
            "{keys: {release: RWQf}}".to_owned(),
            "2:",
            &["not a public key of minisign"],
        ),
        (
            format!("{{keys: {{'no name': {KEY}}}}}"),
            "2:",
            &["can't name a key"],
        ),
        (
            format!("{{keys: {{old: {{key: {KEY}}}}}}}"),
            "2:",
            &["`until` is missing"],
        ),
        (
            format!("{{keys: {{old: {{key: {KEY}, util: v1}}}}}}"),
            "2:",
            &["util", "did you mean `until`"],
        ),
        (
            "{original: checksums}".to_owned(),
            "2:",
            &["checksums", "did you mean `checksum`"],
        ),
        (
            "{require: signature}".to_owned(),
            "2:",
            &["unknown key `require`"],
        ),
    ] {
        let text = format!("versions: {{}}\ntrust: {trust}\n");
        let problems = Files::new().file("versions.yml", &text).problems();
        refused(&problems, &format!("versions.yml:{place}"), words);
    }
    let right = format!(
        "versions: {{}}\ntrust: {{keys: {{new: {other}, old: {{key: {KEY}, until: v1.4.0}}}}, managed: [new, old], original: checksum}}\n"
    );
    let project = Files::new().file("versions.yml", &right).load().unwrap();
    assert_eq!(project.trust.managed().count(), 2);
    let old = &project.trust.keys[1];
    for (version, covered) in [
        ("v1.4.0", true),
        ("v1.3.9", true),
        ("1.4", true),
        ("v1.4.1", false),
        ("v2", false),
        ("v1.4.0-rc.1", true),
    ] {
        assert_eq!(old.covers(&version.parse().unwrap()), covered, "{version}");
    }
}

#[test]
fn mistakes_in_an_upstreams_signature_are_named_with_their_place() {
    for (upstream, words) in [
        (
            format!("{{url: 'https://e.com/x', signature: {{minisign: {KEY}, file: x.minisig}}}}"),
            &["is not a url"][..],
        ),
        (
            format!("{{npm: x, signature: {{minisign: {KEY}, file: 'https://e.com/s'}}}}"),
            &["registry"],
        ),
        (
            format!(
                "{{github: o/r, asset: a, signature: {{of: checksums, minisign: {KEY}, file: s}}}}"
            ),
            &["needs a checksums file"],
        ),
        (
            format!("{{github: o/r, asset: a, signature: {{minisign: {KEY}}}}}"),
            &["`file` is missing"],
        ),
        (
            "{github: o/r, asset: a, signature: {minisign: RWQ, file: s}}".to_owned(),
            &["not a public key"],
        ),
        (
            format!(
                "{{github: o/r, asset: a, signature: {{minisign: {KEY}, file: '{{{{ aset }}}}'}}}}"
            ),
            &["aset", "asset"],
        ),
        (
            format!(
                "{{github: o/r, asset: a, signature: {{minisign: {KEY}, file: s, off: asset}}}}"
            ),
            &["did you mean `of`"],
        ),
    ] {
        let problems = Files::new()
            .file(
                "versions.yml",
                "versions: {x: v1}\nplatforms: [linux-amd64]\n",
            )
            .file(
                "subsystems/x/recipe.yml",
                &format!("binaries: [x]\nupstream: {upstream}\n"),
            )
            .problems();
        refused(&problems, "recipe.yml:2:", words);
    }
}
