//! `trust:`: converts the keys and checks that every name that is used is that of a key.

use std::ops::Range;

use crate::project::domain::{OriginalTrust, TrustConfig, TrustedKey};
use crate::project::syntax::decode::{At, NonEmpty, Pairs, Reader, distinct};
use crate::project::typed::trust::{KeyName, OriginalWord, RawKeyUntil, RawTrust, RawTrustKey};
use crate::project::typed::words::LockWord;
use crate::suggestions;

pub(super) fn trust(raw: RawTrust, reader: &mut Reader<'_>) -> TrustConfig {
    let RawTrust {
        keys,
        managed,
        lock,
        original,
        spans: _,
    } = raw;
    let pairs = keys.map(|Pairs(pairs)| pairs).unwrap_or_default();
    let names: Vec<&str> = pairs
        .iter()
        .map(|(name, _)| name.value.0.as_str())
        .collect();
    let managed = managed.map(|NonEmpty(list)| list);
    for At {
        value: KeyName(name),
        span,
    } in managed.iter().flatten()
    {
        if !names.contains(&name.as_str()) {
            let hint = if names.is_empty() {
                format!("add it: `keys: {{{name}: RW…}}`; `larder key new` makes a key")
            } else {
                suggestions::hint(name, names.iter().copied())
            };
            reader.problem(span, format!("`keys` has no key `{name}`"), hint);
        }
    }
    let needs_signature = managed.is_some();
    let managed = distinct("managed", managed.unwrap_or_default(), reader);
    let mut config = TrustConfig {
        lock_required: lock.is_some_and(|lock| lock.value == LockWord::Required),
        keys: Vec::new(),
        needs_signature,
        original: match original.map(|at| at.value) {
            None | Some(OriginalWord::Lock) => OriginalTrust::Lock,
            Some(OriginalWord::Checksum) => OriginalTrust::Checksum,
            Some(OriginalWord::Signature) => OriginalTrust::Signature,
        },
        by_user: false,
    };
    for (name, key) in pairs {
        let (at, until) = match key {
            Some(RawTrustKey::Key(at)) => (Some(at), None),
            Some(RawTrustKey::Until(RawKeyUntil { key, until, .. })) => (key, until),
            None => (None, None),
        };
        // A value that can't be read is reported already.
        let Some(At { value: key, span }) = at else {
            continue;
        };
        check_distinct(&config, &key.to_string(), &span, reader);
        config.keys.push(TrustedKey {
            managed: managed.contains(&name.value),
            name: name.value.0,
            key,
            until: until.map(|at| at.value),
        });
    }
    config
}

/// Reports a key that is there under another name: one of the two would be without effect.
fn check_distinct(config: &TrustConfig, key: &str, span: &Range<usize>, reader: &mut Reader<'_>) {
    if let Some(other) = config
        .keys
        .iter()
        .find(|other| other.key.to_string() == key)
    {
        let message = format!("this key is also called `{}`", other.name);
        reader.problem(span, message, "remove one of the two");
    }
}
