use std::collections::BTreeMap;
use std::sync::Mutex;

use larder_channels::apt_repository::Layout;
use larder_channels::output::Output;
use larder_channels::render::render;
use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;
use larder_core::project::publish::{Channel, ChannelConfig, Deb, Rpm};

use super::super::tests::Sample;
use super::super::{Attempt, Found, Publisher, There, Withdrawn};
use super::{Change, Format, Packages, Place, Stored};

type Files = BTreeMap<String, Vec<u8>>;

/// A repository in memory, which takes a number of steps and then no more, as if the program was
/// killed.
#[derive(Default)]
struct Memory {
    files: Mutex<Files>,
    left: Mutex<Option<usize>>,
}

impl Memory {
    fn step(&self, path: &str, bytes: Option<Vec<u8>>) -> Result<()> {
        let mut left = self.left.lock().unwrap();
        if *left == Some(0) {
            return Err(Error::failed("killed"));
        }
        *left = left.map(|left| left - 1);
        let mut files = self.files.lock().unwrap();
        match bytes {
            Some(bytes) => drop(files.insert(path.to_owned(), bytes)),
            None => drop(files.remove(path)),
        }
        Ok(())
    }
}

struct Shared(std::sync::Arc<Memory>);

impl Place for Shared {
    fn target(&self) -> String {
        "memory".to_owned()
    }

    fn read(
        &self,
        _attempt: &Attempt<'_>,
        with: &mut dyn FnMut(&dyn Stored) -> Result<()>,
    ) -> Result<()> {
        with(&*self.0)
    }

    fn change(
        &self,
        _attempt: &Attempt<'_>,
        make: &dyn Fn(&dyn Stored) -> Result<Option<Change>>,
    ) -> Result<()> {
        let Some(change) = make(&*self.0)? else {
            return Ok(());
        };
        for (path, file) in change.packages {
            self.0.step(&path, Some(fs::read(file)?))?;
        }
        for (path, bytes) in change.files {
            self.0.step(&path, Some(bytes))?;
        }
        for path in change.removed {
            self.0.step(&path, None)?;
        }
        Ok(())
    }
}

impl Stored for Memory {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.files.lock().unwrap().get(path).cloned())
    }

    fn has(&self, path: &str) -> Result<bool> {
        Ok(self.read(path)?.is_some())
    }

    fn digest(&self, path: &str) -> Result<Option<Digest>> {
        Ok(self.read(path)?.map(|bytes| Digest::of(&bytes)))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let prefix = format!("{folder}/");
        let files = self.files.lock().unwrap();
        let names = files.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.map(str::to_owned).collect())
    }
}

/// A version of `arc` with its packages rendered.
fn sample(format: Format, version: &str) -> Sample {
    described(format, version, "Draws an arc on the terminal")
}

/// The same with a description.
fn described(format: Format, version: &str, description: &str) -> Sample {
    let mut sample = Sample::new(version);
    let release = &mut sample.release;
    release.description = Some(description.into());
    release.license = Some("MIT".into());
    release.maintainer = Some("Acme <tools@acme.example>".into());
    let folder = sample.root.join("platform");
    fs::create_dir_all(&folder).unwrap();
    fs::write_atomic(folder.join("arc"), b"x").unwrap();
    release.platforms[0].folder = folder;
    let channel = match format {
        Format::Apt(_) => Channel::Deb(Deb::default()),
        Format::Yum => Channel::Rpm(Rpm::default()),
    };
    let config = ChannelConfig {
        channel,
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: false,
        post_install: None,
    };
    let cancel = Cancel::new();
    let out = Output::new(sample.root.join("files"), 1, &cancel);
    render(&sample.release, &config, &out).unwrap();
    sample
}

fn packages(format: Format, memory: &std::sync::Arc<Memory>, version: &str) -> Packages {
    let release = if format == Format::Yum { "-1" } else { "" };
    Packages {
        format,
        package: "arc".to_owned(),
        version: format!("{version}{release}"),
        place: Box::new(Shared(memory.clone())),
        key: None,
    }
}

fn push(format: Format, memory: &std::sync::Arc<Memory>, version: &str) -> Result<()> {
    let place = packages(format, memory, version);
    sample(format, version).attempt(|attempt, files| place.push(attempt, files))
}

/// A reader that starts with the file at the top finds everything that it names.
fn assert_whole(format: Format, files: &Files) {
    let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    match format {
        Format::Apt(_) if files.contains_key("dists/stable/Release") => {
            for line in text("dists/stable/Release").lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [digest, _, list] = words[..] else {
                    continue;
                };
                let (folder, name) = list.rsplit_once('/').unwrap();
                let path = format!("dists/stable/{folder}/by-hash/SHA256/{digest}");
                assert_eq!(Digest::of(&files[&path]).to_string(), digest);
                if name != "Packages" {
                    continue;
                }
                for line in text(&path).lines() {
                    if let Some(package) = line.strip_prefix("Filename: ") {
                        assert!(files.contains_key(package), "{package}");
                    }
                }
            }
        }
        Format::Yum if files.contains_key("repodata/repomd.xml") => {
            for part in text("repodata/repomd.xml").split("href=\"").skip(1) {
                let path = part.split('"').next().unwrap();
                assert!(files.contains_key(path), "{path}");
            }
        }
        _ => {}
    }
}

#[test]
fn a_push_that_is_killed_leaves_a_whole_repository_and_is_completed() {
    for format in [Format::Apt(Layout::Pool), Format::Yum] {
        let whole = std::sync::Arc::new(Memory::default());
        push(format, &whole, "1.0.0").unwrap();
        let first = whole.files.lock().unwrap().clone();
        push(format, &whole, "1.1.0").unwrap();
        let second = whole.files.lock().unwrap().clone();
        for steps in 0.. {
            let memory = std::sync::Arc::new(Memory {
                files: Mutex::new(first.clone()),
                left: Mutex::new(Some(steps)),
            });
            let result = push(format, &memory, "1.1.0");
            assert_whole(format, &memory.files.lock().unwrap());
            *memory.left.lock().unwrap() = None;
            push(format, &memory, "1.1.0").unwrap();
            let files = memory.files.lock().unwrap().clone();
            assert_eq!(
                files.keys().collect::<Vec<_>>(),
                second.keys().collect::<Vec<_>>()
            );
            assert!(files == second, "{format:?} after {steps} steps");
            if result.is_ok() {
                assert!(steps > 3, "{steps}");
                break;
            }
        }
        // What the index before the last one named is removed.
        push(format, &whole, "1.2.0").unwrap();
        let third = whole.files.lock().unwrap().clone();
        assert_whole(format, &third);
        let lists = |files: &Files| {
            files
                .keys()
                .filter(|path| path.contains("SHA256/") || path.contains("-primary"))
                .count()
        };
        assert_eq!(lists(&third), lists(&second), "{:?}", third.keys());
        assert!(first.keys().any(|path| !third.contains_key(path)));
    }
}

#[test]
fn a_version_is_there_once_and_can_be_withdrawn() {
    for format in [
        Format::Apt(Layout::Pool),
        Format::Apt(Layout::Flat),
        Format::Yum,
    ] {
        let memory = std::sync::Arc::new(Memory::default());
        let (old, new) = (sample(format, "1.0.0"), sample(format, "1.1.0-rc.1"));
        let place = packages(format, &memory, "1.0.0");
        let newer = packages(format, &memory, "1.1.0~rc.1");
        old.attempt(|attempt, files| {
            assert_eq!(place.there(attempt).unwrap(), There::default());
            assert_eq!(place.inspect(attempt, files).unwrap(), Found::Missing);
            place.push(attempt, files).unwrap();
            assert_eq!(place.inspect(attempt, files).unwrap(), Found::Same);
            // Nothing is written again.
            *memory.left.lock().unwrap() = Some(0);
            place.push(attempt, files).unwrap();
            *memory.left.lock().unwrap() = None;
        });
        new.attempt(|attempt, files| {
            assert_eq!(newer.inspect(attempt, files).unwrap(), Found::Missing);
            assert!(!newer.there(attempt).unwrap().wanted);
            newer.push(attempt, files).unwrap();
            let there = newer.there(attempt).unwrap();
            assert_eq!(there.current.as_ref(), Some(&newer.version));
            assert!(there.wanted && place.there(attempt).unwrap().wanted);
            let now = format!("new installations get {}", place.version);
            assert_eq!(newer.withdraw(attempt).unwrap(), Withdrawn::Done(now));
            assert_eq!(newer.withdraw(attempt).unwrap(), Withdrawn::Absent);
            assert_eq!(
                place.there(attempt).unwrap().current.as_ref(),
                Some(&place.version)
            );
        });
        let files = memory.files.lock().unwrap().clone();
        assert_whole(format, &files);
        assert_eq!(
            files.keys().filter(|path| path.contains("1.1.0")).count(),
            0
        );
    }
}

#[test]
fn other_bytes_and_signatures_without_a_key_are_refused() {
    for format in [Format::Apt(Layout::Pool), Format::Yum] {
        let memory = std::sync::Arc::new(Memory::default());
        push(format, &memory, "1.0.0").unwrap();
        let place = packages(format, &memory, "1.0.0");
        let changed = described(format, "1.0.0", "Draws something else");
        changed.attempt(|attempt, files| {
            let found = place.inspect(attempt, files).unwrap();
            assert!(matches!(&found, Found::Other { ours, theirs, .. } if ours != theirs));
            let error = place.push(attempt, files).unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity);
        });
        // A package that nothing lists, as a killed push left it.
        let memory = std::sync::Arc::new(Memory::default());
        let path = match format {
            Format::Yum => "Packages/a/arc-1.0.0-1.x86_64.rpm",
            Format::Apt(_) => "pool/main/a/arc/arc_1.0.0_amd64.deb",
        };
        memory.step(path, Some(b"other".to_vec())).unwrap();
        assert_eq!(
            push(format, &memory, "1.0.0").unwrap_err().kind(),
            Kind::Integrity
        );
        let memory = std::sync::Arc::new(Memory::default());
        push(format, &memory, "1.0.0").unwrap();
        let signature = match format {
            Format::Yum => "repodata/repomd.xml.asc",
            Format::Apt(_) => "dists/stable/InRelease",
        };
        memory.step(signature, Some(b"signature".to_vec())).unwrap();
        push(format, &memory, "1.0.0").unwrap();
        let error = push(format, &memory, "1.1.0").unwrap_err();
        assert!(error.to_string().contains("signed"), "{error}");
    }
}
