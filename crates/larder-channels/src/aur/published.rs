//! Reads a `.SRCINFO` that is in the package's repository.

/// The version of a package, without its release number.
pub fn published_version(srcinfo: &str) -> Option<String> {
    srcinfo.lines().find_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let value = value.trim();
        (key.trim() == "pkgver" && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::published_version;

    #[test]
    fn the_version_of_a_package_is_read() {
        for (srcinfo, version) in [
            (
                "pkgbase = arc-bin\n\tpkgver = 1.2.3_rc.1\n\tpkgrel = 2\n",
                Some("1.2.3_rc.1"),
            ),
            ("pkgbase = arc-bin\npkgver=1\n", Some("1")),
            ("\tpkgver = \n", None),
            ("pkgbase = arc-bin\n\tpkgdesc = pkgver = 3\n", None),
            ("", None),
        ] {
            assert_eq!(published_version(srcinfo).as_deref(), version, "{srcinfo}");
        }
    }
}
