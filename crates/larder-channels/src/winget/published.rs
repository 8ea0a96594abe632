//! Where the versions of a package are in a repository of manifests.

/// The folder of a package: `manifests/a/Acme/arc` for `Acme.arc`. It has a folder for each
/// version.
pub fn package_folder(identifier: &str) -> String {
    let first = identifier.chars().take(1).flat_map(char::to_lowercase);
    let first: String = first.collect();
    format!("manifests/{first}/{}", identifier.replace('.', "/"))
}

/// The versions among the paths of a package's folder.
pub fn published_versions<'a>(
    identifier: &str,
    paths: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let folder = package_folder(identifier);
    let version = |path: &str| {
        let (version, file) = path
            .strip_prefix(&folder)?
            .strip_prefix('/')?
            .split_once('/')?;
        let is_main = file.strip_suffix(".yaml") == Some(identifier);
        is_main.then(|| version.to_owned())
    };
    paths.into_iter().filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_a_folder_for_each_version() {
        for (identifier, folder) in [
            ("Acme.arc", "manifests/a/Acme/arc"),
            ("acme.arc.Nightly", "manifests/a/acme/arc/Nightly"),
            ("7zip.7zip", "manifests/7/7zip/7zip"),
            ("Ödön.arc", "manifests/ö/Ödön/arc"),
        ] {
            assert_eq!(package_folder(identifier), folder);
        }
        let paths = [
            "manifests/a/Acme/arc/1.2.3/Acme.arc.yaml",
            "manifests/a/Acme/arc/1.2.3/Acme.arc.installer.yaml",
            "manifests/a/Acme/arc/1.10.0/Acme.arc.yaml",
            "manifests/a/Acme/arc/Nightly/2.0.0/Acme.arc.Nightly.yaml",
            "manifests/a/Acme/arc/.validation",
            "manifests/a/Acme/arcade/1.0.0/Acme.arcade.yaml",
        ];
        assert_eq!(published_versions("Acme.arc", paths), ["1.2.3", "1.10.0"]);
    }
}
