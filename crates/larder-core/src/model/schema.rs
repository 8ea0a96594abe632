//! The JSON Schemas of the domain's text types. They are kept here so that the modules of the types
//! have no code for schemas.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{AssetName, Digest, Name, Platform, Tag, Version};

macro_rules! texts {
    ($($type:ident: $pattern:literal;)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

texts! {
    Name: "^[a-z0-9][a-z0-9._-]*$";
    Version: "^[A-Za-z0-9][A-Za-z0-9._+-]*$";
    Tag: "^[A-Za-z0-9][A-Za-z0-9._+-]*$";
    AssetName: "^[A-Za-z0-9][A-Za-z0-9._-]*$";
    Platform: "^(linux|darwin|windows)-(amd64|arm64|386|arm)(-[a-z]+)?$";
    Digest: "^[0-9a-f]{64}$";
}
