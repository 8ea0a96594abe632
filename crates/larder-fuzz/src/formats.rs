//! The files that larder writes, and reads again: lock, stamp, sidecar and state snapshot.

use larder_core::formats::{Lock, Sidecar, stamp as stamps};
use larder_core::model::{Artifact, PublicKey, Signature};
use larder_engine::installed::State;

use crate::{Scratch, text};

/// A lock that can be read is written and read back unchanged, whatever the order of its lines.
pub fn lock(bytes: &[u8], _: &Scratch<'_>) {
    let text = text(bytes);
    let parse = |text: &str| Lock::parse(text, "versions.lock".into());
    let Ok(lock) = parse(&text) else {
        return;
    };
    let written = lock.to_text();
    assert_eq!(parse(&written).expect("a written lock is read"), lock);
    let turned: Vec<&str> = text.lines().rev().collect();
    let turned = turned.join("\n");
    let turned = parse(&turned).expect("the order of lines does not matter");
    assert_eq!(turned.lines().count(), lock.lines().count());
}

/// A public key that is read is written as it was. A signature that is read says which key made it,
/// its comment is one line, and it is good for no other bytes than the signed ones.
pub fn minisign(bytes: &[u8], _: &Scratch<'_>) {
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let text = text(bytes);
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), text);
    }
    let Ok(signature) = text.parse::<Signature>() else {
        return;
    };
    assert!(!signature.trusted_comment().contains('\n'));
    let key: PublicKey = KEY.parse().expect("a key");
    assert!(signature.verify(&key, b"other bytes").is_err());
    if signature.verify(&key, b"test").is_ok() {
        // Only the untrusted comment is not signed.
        assert!(SIGNED.contains(&signature.trusted_comment()), "{text}");
    }
}

/// The trusted comments of the two seeds, which minisign made.
const SIGNED: [&str; 2] = [
    "timestamp:1556193335\tfile:test",
    "timestamp:1555779966\tfile:test",
];

/// A stamp that is accepted is exactly the one that larder writes.
pub fn stamp(bytes: &[u8], _: &Scratch<'_>) {
    let text = text(bytes);
    let name = "tool".parse().expect("a name");
    if let Some(artifact) = stamps::parse(&name, &text) {
        assert_eq!(stamps::render(&artifact), text);
        artifact.check().expect("a sound artifact");
    }
}

/// A sidecar that is accepted is written and read back unchanged, and describes a sound artifact.
pub fn sidecar(bytes: &[u8], _: &Scratch<'_>) {
    let parse = |bytes: &[u8]| Sidecar::parse(bytes, "x.json");
    // A digest that fits, so that mutations test more than the digest.
    let mended = serde_json::from_slice(bytes).ok().and_then(mended);
    let Ok(sidecar) = parse(mended.as_deref().unwrap_or(bytes)) else {
        return;
    };
    sidecar.content.check().expect("a sound artifact");
    assert_eq!(sidecar.content.digest(), sidecar.artifact);
    let written = sidecar.to_json();
    let again = parse(written.as_bytes()).expect("a written sidecar is read");
    assert_eq!(again.to_json(), written);
    assert_eq!(again, sidecar);
    let content = sidecar.content;
    let stamp = stamps::render(&content);
    assert_eq!(stamps::parse(&content.name, &stamp), Some(content.clone()));
    assert!(content.size() > 0 || content.files.iter().all(|file| file.size == 0));
}

fn mended(mut value: serde_json::Value) -> Option<Vec<u8>> {
    let artifact: Artifact = serde_json::from_value(value.clone()).ok()?;
    *value.get_mut("artifact")? = artifact.digest().to_string().into();
    serde_json::to_vec(&value).ok()
}

/// The state behind its checksum: it is decoded or empty, and it can be written again.
pub fn state(bytes: &[u8], scratch: &Scratch<'_>) {
    let Some(state) = State::decode(bytes, "/project".into()) else {
        return;
    };
    scratch.with_folder(|root| {
        let mut state = state.clone();
        state.larder = State::new().larder;
        state.save(root).expect("a written state");
        let read = State::load(root);
        read.save(root).expect("a written state");
        assert_eq!(State::load(root), read);
        assert_eq!(read.targets.len(), state.targets.len());
    });
}
