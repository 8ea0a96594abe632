//! Writes the folder of an OCI image layout.

use std::fs::File;
use std::io::{BufWriter, Write};

use larder_core::error::Result;
use larder_core::model::Digest;
use serde_json::{Map, Value, json};

use super::OCI_INDEX;
use crate::output::Output;

/// What a blob is: its media type, digest and size.
pub struct Descriptor(Map<String, Value>);

impl Descriptor {
    pub fn new(media_type: &str, digest: &Digest, size: u64) -> Self {
        let mut fields = Map::new();
        fields.insert("mediaType".into(), media_type.into());
        fields.insert("digest".into(), format!("sha256:{digest}").into());
        fields.insert("size".into(), size.into());
        Self(fields)
    }

    pub fn to_json(&self) -> Value {
        self.0.clone().into()
    }

    /// The descriptor as JSON, with further fields.
    pub fn with(self, fields: &Value) -> Value {
        let mut all = self.0;
        all.extend(fields.as_object().cloned().unwrap_or_default());
        all.into()
    }
}

/// An OCI image layout.
pub struct Layout<'a> {
    pub out: &'a Output<'a>,
}

impl<'a> Layout<'a> {
    pub fn new(out: &'a Output<'a>) -> Result<Self> {
        out.text("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}")?;
        Ok(Self { out })
    }

    /// Writes a blob whose digest is known once it is written.
    pub fn blob(
        &self,
        media_type: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<(Digest, u64)>,
    ) -> Result<Descriptor> {
        const STAGED: &str = "blobs/sha256/.staged";
        let mut written = None;
        self.out.file(STAGED, 0o644, |out| {
            written = Some(write(out)?);
            Ok(())
        })?;
        let (digest, size) = written.unwrap_or_else(|| (Digest::of(b""), 0));
        self.out.rename(STAGED, &format!("blobs/sha256/{digest}"))?;
        Ok(Descriptor::new(media_type, &digest, size))
    }

    /// Writes a JSON document as a blob.
    pub fn json(&self, media_type: &str, value: &Value) -> Result<Descriptor> {
        let bytes = value.to_string().into_bytes();
        self.blob(media_type, |out| {
            out.write_all(&bytes)
                .map_err(|error| self.out.cannot_write("", &error))?;
            Ok((Digest::of(&bytes), bytes.len() as u64))
        })
    }

    /// Writes the entry point, which has one descriptor.
    pub fn finish(&self, descriptor: &Value) -> Result<()> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [descriptor],
        });
        self.out.text("index.json", &index.to_string())
    }
}
