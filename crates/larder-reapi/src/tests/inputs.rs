//! Laws of input roots: equal folders have equal digests, and what differs has another one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use larder_core::model::Hasher;
use larder_engine::executor::remote::RemoteInput;
use proptest::prelude::*;

use super::*;
use crate::action::Described;

/// A tree as tests write it.
#[derive(Clone, Debug)]
enum Entry {
    Folder(BTreeMap<String, Entry>),
    File(Vec<u8>, bool),
    Link(String),
}

fn entries() -> impl Strategy<Value = BTreeMap<String, Entry>> {
    let leaf = prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(a, b)| Entry::File(a, b)),
        "[a-z./]{1,8}".prop_map(Entry::Link),
        Just(Entry::Folder(BTreeMap::new())),
    ];
    let name = "[A-Za-z0-9é .-]{1,6}".prop_filter("a name", |name| name != "." && name != "..");
    let names = name.boxed();
    let inner = names.clone();
    let tree = leaf.prop_recursive(3, 20, 5, move |entry| {
        prop::collection::btree_map(inner.clone(), entry, 0..5).prop_map(Entry::Folder)
    });
    prop::collection::btree_map(names, tree, 0..6)
}

fn put(path: impl AsRef<std::path::Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    use std::io::Write as _;
    fs::create(&path)?
        .write_all(bytes.as_ref())
        .map_err(|error| fs::io_error("write", &path, &error))
}

/// Makes a tree, in one of two orders.
fn make(path: &Utf8Path, entries: &BTreeMap<String, Entry>, backwards: bool) {
    fs::create_dir_all(path).unwrap();
    let mut order: Vec<_> = entries.iter().collect();
    if backwards {
        order.reverse();
    }
    for (name, entry) in order {
        let path = path.join(name);
        match entry {
            Entry::Folder(entries) => make(&path, entries, backwards),
            Entry::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            Entry::File(bytes, is_executable) => {
                put(&path, bytes).unwrap();
                let mode = if *is_executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

/// The wire format by hand: a field with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    let mut message = field(1, hasher.finish().to_string().as_bytes());
    if !bytes.is_empty() {
        message.push(2 << 3);
        message.extend(varint(bytes.len() as u64));
    }
    message
}

/// An independent encoder of folders.
fn encode(entries: &BTreeMap<String, Entry>) -> Vec<u8> {
    let (mut files, mut folders, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for (name, entry) in entries {
        let mut node = field(1, name.as_bytes());
        match entry {
            Entry::Folder(entries) => {
                node.extend(field(2, &digest(&encode(entries))));
                folders.extend(field(2, &node));
            }
            Entry::File(bytes, is_executable) => {
                node.extend(field(2, &digest(bytes)));
                if *is_executable {
                    node.extend([4 << 3, 1]);
                }
                files.extend(field(1, &node));
            }
            Entry::Link(target) => {
                node.extend(field(2, target.as_bytes()));
                links.extend(field(3, &node));
            }
        }
    }
    [files, folders, links].concat()
}

fn action<'a>(folder: &'a Utf8Path, path: &str, empty: &[&str]) -> RemoteAction<'a> {
    RemoteAction {
        script: "true".to_owned(),
        environment: BTreeMap::new(),
        inputs: vec![RemoteInput {
            path: path.to_owned(),
            folder,
            without: &[],
        }],
        empty_folders: empty.iter().map(ToString::to_string).collect(),
        output: "out".to_owned(),
        properties: BTreeMap::new(),
        timeout: Some(Duration::from_secs(1)),
        salt: Vec::new(),
    }
}

fn root(inputs: &Inputs, folder: &Utf8Path) -> Arc<InputRoot> {
    inputs
        .root(&action(folder, "", &[]), &Cancel::new())
        .unwrap()
}

fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_root_is_what_an_independent_encoder_gives(tree in entries(), new_byte: u8) {
        let (_dir, path) = scratch();
        let (one, other) = (path.join("one"), path.join("other"));
        make(&one, &tree, false);
        make(&other, &tree, true);
        let inputs = Inputs::default();
        let id = root(&inputs, &one).id;
        prop_assert_eq!(id, BlobId::of(&encode(&tree)));
        prop_assert_eq!(root(&inputs, &other).id, id);
        // Times and further permissions change nothing; a changed byte does.
        for (name, entry) in &tree {
            if let Entry::File(bytes, is_executable) = entry {
                let path = other.join(name);
                let mode = if *is_executable { 0o700 } else { 0o600 };
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                fs::set_modified(&path, SystemTime::UNIX_EPOCH).unwrap();
                prop_assert_eq!(root(&inputs, &other).id, id);
                let mut bytes = bytes.clone();
                bytes.push(new_byte);
                put(&path, bytes).unwrap();
                prop_assert_ne!(root(&inputs, &other).id, id);
                break;
            }
        }
    }
}

#[test]
fn inputs_have_places_in_the_root() {
    let (_dir, path) = scratch();
    make(
        &path,
        &BTreeMap::from([("a".to_owned(), Entry::File(b"a".to_vec(), false))]),
        false,
    );
    let inputs = Inputs::default();
    let id = |path_in_root: &str, empty: &[&str]| {
        inputs
            .root(&action(&path, path_in_root, empty), &Cancel::new())
            .map(|root| root.id)
    };
    let file = || Entry::File(b"a".to_vec(), false);
    let nested = |inner| BTreeMap::from([("x".to_owned(), Entry::Folder(inner))]);
    let src = nested(BTreeMap::from([(
        "y".to_owned(),
        Entry::Folder(BTreeMap::from([("a".to_owned(), file())])),
    )]));
    assert_eq!(id("x/y", &[]).unwrap(), BlobId::of(&encode(&src)));
    let mut with_out = BTreeMap::from([("a".to_owned(), file())]);
    with_out.insert("out".to_owned(), Entry::Folder(BTreeMap::new()));
    assert_eq!(id("", &["out"]).unwrap(), BlobId::of(&encode(&with_out)));
    // A file is where the empty folder has to be, or the folder is not empty.
    id("", &["a"]).unwrap_err();
    id("out", &["out"]).unwrap_err();
}

#[test]
fn a_file_is_hashed_once_and_equal_roots_are_shared() {
    let (_dir, path) = scratch();
    let files = (0..5).map(|number| (format!("f{number}"), Entry::File(vec![number], false)));
    make(&path, &files.collect(), false);
    std::thread::sleep(Duration::from_millis(80));
    let inputs = Inputs::default();
    let one = root(&inputs, &path);
    let other = root(&inputs, &path);
    assert_eq!(inputs.hashed(), 5);
    assert!(Arc::ptr_eq(&one, &other));
    put(path.join("f1"), [7]).unwrap();
    assert_ne!(root(&inputs, &path).id, one.id);
    assert_eq!(inputs.hashed(), 6);
}

/// Everything in an action is part of its digest.
#[test]
fn a_change_of_the_action_changes_its_digest() {
    let folder = Utf8Path::new("/nowhere");
    let base = action(folder, "", &["out"]);
    let id = |action: &RemoteAction<'_>| Described::new(action, BlobId::of(b"root")).unwrap().id;
    let pair = || BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let changed = [
        RemoteAction {
            script: "false".to_owned(),
            ..base.clone()
        },
        RemoteAction {
            environment: pair(),
            ..base.clone()
        },
        RemoteAction {
            output: "out2".to_owned(),
            ..base.clone()
        },
        RemoteAction {
            properties: pair(),
            ..base.clone()
        },
        RemoteAction {
            timeout: None,
            ..base.clone()
        },
        RemoteAction {
            salt: vec![1],
            ..base.clone()
        },
    ];
    let mut ids: Vec<_> = changed.iter().map(id).collect();
    ids.push(id(&base));
    ids.push(Described::new(&base, BlobId::of(b"other")).unwrap().id);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    assert_eq!(id(&base), id(&base.clone()));
}
