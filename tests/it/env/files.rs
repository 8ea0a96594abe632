//! Files that tests damage, remove, copy and list.

use std::collections::BTreeSet;

use camino::Utf8Path;

/// Flips one bit in the middle of a file, keeping its size.
pub fn flip_bit(path: &Utf8Path) {
    let mut bytes = std::fs::read(path).unwrap_or_else(|e| panic!("read {path}: {e}"));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap_or_else(|e| panic!("write {path}: {e}"));
}

/// Sets the permission bits of a file or folder. Windows has none.
pub fn set_mode(path: &Utf8Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// Whether a file or folder has these permission bits. Windows has none, so there it does.
pub fn has_mode(path: &Utf8Path, mode: u32) -> bool {
    let meta = std::fs::metadata(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o7777 == mode;
    #[cfg(not(unix))]
    return meta.is_file() || mode != 0;
}

/// Removes a file, or a folder with its contents; does nothing if it does not exist.
pub fn remove(path: &Utf8Path) {
    let gone = if path.is_dir() && !path.is_symlink() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    if let Err(e) = gone {
        assert!(
            e.kind() == std::io::ErrorKind::NotFound,
            "remove {path}: {e}"
        );
    }
}

/// Copies a folder, except installed, packaged, cached and released files and compiled output.
pub fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir_all(to).expect("create folder");
    for entry in from
        .read_dir_utf8()
        .unwrap_or_else(|e| panic!("list {from}: {e}"))
    {
        let entry = entry.expect("entry");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_name() {
            ".bin" | ".dist" | ".larder" | ".larder-hub" | ".collection" | ".git" | "target" => {}
            _ if entry.file_type().expect("type").is_dir() => copy_tree(source, &target),
            _ => drop(
                std::fs::copy(source, &target).unwrap_or_else(|e| panic!("copy {source}: {e}")),
            ),
        }
    }
}

/// The names in a folder; empty if the folder does not exist.
pub fn list(dir: &camino::Utf8Path) -> BTreeSet<String> {
    dir.read_dir_utf8()
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect()
}
