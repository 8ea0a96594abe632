//! Mappings of known keys, and closed sets of words.
//!
//! [`keys!`] defines a struct of a file's keys. The decoder, the list of known keys, the JSON Schema
//! and the page `docs/files.md` come from this one definition.

use std::ops::Range;

use super::decode::{Decode, DecodeAt, Reader, Spot};
use super::yaml::{Entry, Kind, Node};
use crate::suggestions;

/// A struct of known keys. [`keys!`] implements it.
pub trait Keys: Default {
    /// The names of all keys.
    fn names() -> Vec<&'static str>;
    /// The names of the required keys.
    fn required() -> &'static [&'static str];
    /// Reads the value of one key. Returns `false` if the key is unknown.
    fn take(&mut self, entry: &Entry, reader: &mut Reader<'_>) -> bool;
    /// Treats a misspelled key as the known key that it resembles, with a value that can't be read,
    /// so that the known key is not also reported as missing.
    fn misspelled(&mut self, name: &'static str, span: &Range<usize>);
}

/// Reads the value of a key. [`keys!`] uses it.
pub fn value_of<T: Decode>(entry: &Entry, reader: &mut Reader<'_>) -> Option<T> {
    T::decode_at(&entry.value, &entry.span, Spot::Key(&entry.key), reader)
}

/// What a file must have, for a file that is no mapping.
fn needed<T: Keys>() -> String {
    let names = T::names();
    match T::required() {
        [] => format!("it has keys such as `{}:`", names.join(":`, `")),
        required if names.contains(&"upstream") => format!(
            "it needs `{}:`, and `upstream:` or `build:`",
            required.join(":`, `")
        ),
        required => format!("it needs `{}:`", required.join(":`, `")),
    }
}

/// Reads a mapping of known keys.
pub fn decode_keys<T: Keys>(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<T> {
    let Kind::Map(entries) = &node.kind else {
        let hint = match spot {
            Spot::File => needed::<T>(),
            _ => format!("known keys: {}", T::names().join(", ")),
        };
        reader.expected(spot, "a mapping", node, Some(hint));
        return None;
    };
    let mut keys = T::default();
    let mut suggested_keys = Vec::new();
    for entry in entries {
        if !keys.take(entry, reader) {
            let names = T::names();
            let place = match spot {
                Spot::File => String::new(),
                spot => format!(" in {}", spot.to_string().replace("each value in ", "")),
            };
            if let Some(suggestion) = suggestions::nearest(&entry.key, names.iter().copied()) {
                suggested_keys.push(suggestion);
                keys.misspelled(suggestion, &entry.span);
            }
            let hint = suggestions::hint(&entry.key, names.iter().copied());
            reader.problem(
                &entry.span,
                format!("unknown key `{}`{place}", entry.key),
                hint,
            );
        }
    }
    for required in T::required() {
        if !entries.iter().any(|entry| entry.key == *required) && !suggested_keys.contains(required)
        {
            let message = match spot {
                Spot::File => format!("the key `{required}` is missing"),
                spot => format!(
                    "the key `{required}` is missing in {}",
                    spot.to_string().replace("each value in ", "")
                ),
            };
            let hint = match *required {
                "binaries" => "add `binaries: [NAME]`, the programs that it provides".to_owned(),
                required => format!("add `{required}:`"),
            };
            reader.problem(&node.span, message, hint);
        }
    }
    Some(keys)
}

/// Defines the keys of a mapping: a struct of optional typed values and the place of each key.
///
/// Each key has a doc comment, the version of larder that introduced it (`since`), what applies if it
/// is absent (`default`, as Markdown; left out if nothing does), and an `example` as JSON. A test
/// loads every example.
macro_rules! keys {
    ($(#[$meta:meta])* pub struct $name:ident, required $required:tt {
        $($(#[$doc:meta])* $key:literal $field:ident: $type:ty,
            since $since:tt, $(default $default:tt,)? example $example:tt;)*
    }) => {
        #[derive(Clone, Debug, Default, schemars::JsonSchema)]
        $(#[$meta])*
        #[schemars(deny_unknown_fields, extend("required" = $required))]
        pub struct $name {
            $(
                $(#[$doc])*
                #[schemars(rename = $key, required, extend(
                    "examples" = [$example], $("x-default" = $default,)? "x-since" = $since
                ))]
                pub $field: Option<$type>,
            )*
            /// The places of the keys that are present.
            #[schemars(skip)]
            pub spans: Vec<(&'static str, std::ops::Range<usize>)>,
        }

        impl $crate::project::syntax::keys::Keys for $name {
            fn names() -> Vec<&'static str> {
                vec![$($key),*]
            }
            fn required() -> &'static [&'static str] {
                const REQUIRED: &[&str] = &$required;
                REQUIRED
            }
            fn misspelled(&mut self, name: &'static str, span: &std::ops::Range<usize>) {
                self.spans.push((name, span.clone()));
            }
            fn take(
                &mut self,
                entry: &$crate::project::syntax::yaml::Entry,
                reader: &mut $crate::project::syntax::decode::Reader<'_>,
            ) -> bool {
                match entry.key.as_str() {
                    $($key => {
                        self.spans.push(($key, entry.span.clone()));
                        self.$field = $crate::project::syntax::keys::value_of(entry, reader);
                    })*
                    _ => return false,
                }
                true
            }
        }

        impl $crate::project::syntax::decode::Decode for $name {
            fn decode(
                node: &$crate::project::syntax::yaml::Node,
                spot: $crate::project::syntax::decode::Spot<'_>,
                reader: &mut $crate::project::syntax::decode::Reader<'_>,
            ) -> Option<Self> {
                $crate::project::syntax::keys::decode_keys(node, spot, reader)
            }
        }

        impl $name {
            /// The place of a key if it is present, even if its value could not be read.
            #[allow(dead_code, reason = "not used for every mapping")]
            pub fn span(&self, key: &str) -> Option<&std::ops::Range<usize>> {
                self.spans.iter().find(|(name, _)| *name == key).map(|(_, span)| span)
            }
            /// Whether the value of any key could not be read.
            #[allow(dead_code, reason = "not used for every mapping")]
            pub fn refused(&self) -> bool {
                self.spans.len() > [$(self.$field.is_some()),*].into_iter().filter(|good| *good).count()
            }
        }
    };
}

/// Defines a closed set of words: an enum, its parser with a "did you mean" hint, and its schema.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident($what:literal) { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $crate::project::syntax::decode::Word for $name {
            fn word(text: &str) -> Result<Self, $crate::model::Invalid> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::model::Invalid::new(format!("unknown {} `{text}`", $what))
                        .hint($crate::suggestions::hint(text, [$($word),*]))),
                }
            }
            fn schema() -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    };
}

pub(in crate::project) use {keys, words};
