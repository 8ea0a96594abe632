//! The package of Chocolatey: a zip archive in the Open Packaging Conventions.

use larder_core::archive::{Content, PackEntry, pack};
use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::model::{Digest, PackageFormat};

use super::SCRIPT;
use crate::output::Output;
use crate::quote::xml as escape;

/// What is in a package.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) creator: &'a str,
    pub(super) description: &'a str,
    pub(super) manifest: &'a str,
    pub(super) script: &'a str,
}

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml" />
  <Default Extension="psmdcp" ContentType="application/vnd.openxmlformats-package.core-properties+xml" />
  <Default Extension="nuspec" ContentType="application/octet" />
  <Default Extension="ps1" ContentType="application/octet" />
</Types>
"#;

/// Writes `<name>.<version>.nupkg`.
pub(super) fn write(package: &Package<'_>, out: &Output<'_>) -> Result<()> {
    let Package { name, version, .. } = package;
    let nuspec = format!("{name}.nuspec");
    let properties = properties(package);
    let digest = Digest::of(properties.as_bytes()).to_string();
    let core = format!(
        "package/services/metadata/core-properties/{}.psmdcp",
        &digest[..32]
    );
    let relations = relations(&nuspec, &core);
    let entries = [
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", &relations),
        (&nuspec, package.manifest),
        (&core, &properties),
        (SCRIPT, package.script),
    ]
    .map(|(name, text)| PackEntry {
        name,
        mode: 0o644,
        size: text.len() as u64,
        content: Content::Bytes(text.as_bytes()),
    });
    let file = format!("{name}.{version}.nupkg");
    out.file(&file, 0o644, |to| {
        // The texts are small; there is nothing to cancel.
        let cancel = Cancel::new();
        pack(PackageFormat::Zip, &entries, to, 1, &cancel, &|_| {}).map(|_| ())
    })
}

fn properties(package: &Package<'_>) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<coreProperties xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.openxmlformats.org/package/2006/metadata/core-properties">
  <dc:creator>{}</dc:creator>
  <dc:description>{}</dc:description>
  <dc:identifier>{}</dc:identifier>
  <version>{}</version>
  <keywords>{} cli</keywords>
  <lastModifiedBy>larder</lastModifiedBy>
</coreProperties>
"#,
        escape(package.creator),
        escape(package.description),
        escape(package.name),
        escape(package.version),
        escape(package.name),
    )
}

fn relations(nuspec: &str, core: &str) -> String {
    let relation = |kind: &str, target: &str| {
        let id = Digest::of(target.as_bytes()).to_string();
        format!(
            "  <Relationship Type=\"{kind}\" Target=\"/{target}\" Id=\"R{}\" />\n",
            id[..16].to_uppercase()
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\n{}{}</Relationships>\n",
        relation(
            "http://schemas.microsoft.com/packaging/2010/07/manifest",
            nuspec
        ),
        relation(
            "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
            core
        ),
    )
}
