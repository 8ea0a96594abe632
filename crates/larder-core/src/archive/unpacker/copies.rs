//! Files of an archive that have several names.

use std::collections::HashMap;

use super::Output;
use crate::archive::names::Tree;
use crate::archive::select::whole;
use crate::archive::{Unpacked, refused};
use crate::error::{Error, Result};
use crate::fs::{self, IoContext};

impl Output<'_> {
    /// Makes another file that equals an extracted one.
    pub(super) fn copy(&mut self, from: &str, name: &str) -> Result<()> {
        let Some(original) = self.files.iter().find(|file| file.name == from).cloned() else {
            return Err(Error::failed(format!("`{from}` was not extracted")));
        };
        self.copy_of(original, name)
    }

    fn copy_of(&mut self, original: Unpacked, name: &str) -> Result<()> {
        let (path, mut file) = self.create(name)?;
        fs::copy_content(&mut fs::open(&original.path)?, &mut file).at("write", &path)?;
        drop(file);
        fs::set_mode(&path, original.mode)?;
        self.files.push(Unpacked {
            name: name.to_owned(),
            path,
            ..original
        });
        Ok(())
    }

    /// Makes a copy for each hard link. Together with what is extracted they must stay within `most`
    /// bytes.
    pub(super) fn copy_all(
        &mut self,
        tree: &Tree,
        most: u64,
        skipped: impl FnMut(&str, &str),
    ) -> Result<()> {
        let copies = whole::hard_links(tree, skipped);
        let files = self.files.iter().map(|file| (file.name.clone(), file));
        let known: HashMap<String, Unpacked> =
            files.map(|(name, file)| (name, file.clone())).collect();
        let mut total: u64 = self.files.iter().map(|file| file.size).sum();
        for (from, name) in copies {
            let Some(original) = known.get(&from) else {
                return Err(Error::failed(format!("`{from}` was not extracted")));
            };
            total = total.saturating_add(original.size);
            if total > most {
                return Err(
                    refused(format!("with its hard links it has more than {most} bytes"))
                        .hint("if this is expected, raise the limit with `limits:` in the recipe"),
                );
            }
            self.copy_of(original.clone(), &name)?;
        }
        Ok(())
    }
}
