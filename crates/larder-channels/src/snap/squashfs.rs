//! Writes a squashfs 4.0 image with folders of files, compressed with xz, as snaps are:
//! <https://dr-emann.github.io/squashfs/>.
//!
//! An image holds exactly what a snap of larder needs, one level of folders that belong to root, so
//! that the same files and the same time give the same bytes. The tables are not compressed; they are
//! a few kilobytes. Data is compressed in blocks, on several threads, which changes no byte.

use std::io::{Read, Seek, SeekFrom, Write};

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use lzma_rust2::{CheckType, XzOptions, XzWriter};

/// The size of a block of data.
const BLOCK: u32 = 128 << 10;
/// The most bytes of a block of a table.
const TABLE_BLOCK: u32 = 8 << 10;
/// A block of a table with its length before it.
const STORED_BLOCK: u32 = 2 + TABLE_BLOCK;
/// Marks the length of a block of a table that is not compressed.
const RAW_TABLE: u16 = 1 << 15;
/// Marks the size of a block of data that is not compressed.
const RAW_DATA: u32 = 1 << 24;
/// There is no such table.
const NONE: u64 = u64::MAX;

/// A file of the image.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) mode: u16,
    pub(super) content: Content,
}

/// The bytes of a file.
pub(super) enum Content {
    Text(String),
    /// A file on this machine and its size.
    File(Utf8PathBuf, u64),
}

/// How an image is written.
pub(super) struct Options<'a> {
    /// The time of everything in it, in seconds since 1970.
    pub(super) time: i64,
    pub(super) threads: usize,
    pub(super) cancel: &'a Cancel,
}

/// Writes an image with these folders. Folders and files are sorted by name.
pub(super) fn write(
    out: &mut (impl Write + Seek),
    folders: &[(&str, Vec<Entry>)],
    options: &Options<'_>,
) -> Result<()> {
    let time = u32::try_from(options.time)
        .map_err(|_| Error::failed("the time of a snap must be between 1970 and 2106"))?;
    let image = &mut Image {
        out,
        at: 0,
        time,
        inodes: Vec::new(),
        listings: Vec::new(),
    };
    image.put(&[0; 96])?;
    let mut number = 0;
    let files: usize = folders.iter().map(|(_, files)| files.len()).sum();
    let root = u32::try_from(files + folders.len() + 1)
        .map_err(|_| Error::failed("a snap has too many files"))?;
    let mut tops = Vec::new();
    for (name, files) in folders {
        let mut children = Vec::new();
        for file in files {
            number += 1;
            let place = image.file(file, number, options)?;
            children.push(Child::new(&file.name, FILE, number, place));
        }
        number += 1;
        let place = image.folder(&children, number, root, 2)?;
        tops.push(Child::new(name, FOLDER, number, place));
    }
    let links = 2 + u32::try_from(folders.len()).unwrap_or(u32::MAX);
    let root_place = image.folder(&tops, root, root + 1, links)?;
    image.finish(root, root_place)
}

/// The kinds of inodes.
const FOLDER: u16 = 1;
const FILE: u16 = 2;

/// A position in a table: the start of its block as stored, and the offset in it.
#[derive(Clone, Copy)]
struct Place {
    block: u32,
    offset: u16,
}

impl Place {
    /// The end of a table as it is now.
    fn end_of(table: &[u8]) -> Result<Self> {
        let block = u32::try_from(table.len() / TABLE_BLOCK as usize).unwrap_or(u32::MAX);
        let offset = u16::try_from(table.len() % TABLE_BLOCK as usize).unwrap_or(u16::MAX);
        let block = block.checked_mul(STORED_BLOCK);
        let block = block.ok_or_else(|| Error::failed("a table of a snap is too large"))?;
        Ok(Self { block, offset })
    }
}

/// An entry of a folder.
struct Child<'a> {
    name: &'a str,
    kind: u16,
    number: u32,
    place: Place,
}

impl<'a> Child<'a> {
    fn new(name: &'a str, kind: u16, number: u32, place: Place) -> Self {
        Self {
            name,
            kind,
            number,
            place,
        }
    }
}

/// An image while it is written.
struct Image<'o, O> {
    out: &'o mut O,
    at: u64,
    time: u32,
    inodes: Vec<u8>,
    listings: Vec<u8>,
}

impl<O: Write + Seek> Image<'_, O> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(cannot_write)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// What all inodes start with.
    fn head(&mut self, kind: u16, mode: u16, number: u32) -> Result<Place> {
        let place = Place::end_of(&self.inodes)?;
        self.inodes.extend_from_slice(&kind.to_le_bytes());
        self.inodes.extend_from_slice(&mode.to_le_bytes());
        // The owner and the group: the first entries of the table, which is root.
        self.inodes.extend_from_slice(&[0; 4]);
        self.inodes.extend_from_slice(&self.time.to_le_bytes());
        self.inodes.extend_from_slice(&number.to_le_bytes());
        Ok(place)
    }

    /// Writes a file's data and its inode.
    fn file(&mut self, file: &Entry, number: u32, options: &Options<'_>) -> Result<Place> {
        let start = u32::try_from(self.at)
            .map_err(|_| Error::failed("the files of a snap have more than 4 GiB"))?;
        let (sizes, length) = match &file.content {
            Content::Text(text) => {
                let sizes = self.data(&mut text.as_bytes(), &file.name, options)?;
                (sizes, text.len() as u64)
            }
            Content::File(path, size) => {
                let sizes = self.data(&mut fs::open(path)?, path.as_str(), options)?;
                (sizes, *size)
            }
        };
        let length = u32::try_from(length)
            .map_err(|_| Error::failed(format!("{} has more than 4 GiB", file.name)))?;
        let place = self.head(FILE, file.mode, number)?;
        for field in [start, u32::MAX, 0, length].into_iter().chain(sizes) {
            self.inodes.extend_from_slice(&field.to_le_bytes());
        }
        Ok(place)
    }

    /// Writes data in blocks and returns their sizes.
    fn data(
        &mut self,
        reader: &mut impl Read,
        name: &str,
        options: &Options<'_>,
    ) -> Result<Vec<u32>> {
        let mut sizes = Vec::new();
        loop {
            options.cancel.check()?;
            let mut blocks = Vec::new();
            for _ in 0..options.threads.max(1) {
                let mut block = Vec::with_capacity(BLOCK as usize);
                let mut part = reader.by_ref().take(u64::from(BLOCK));
                part.read_to_end(&mut block).at("read", name)?;
                if block.is_empty() {
                    break;
                }
                blocks.push(block);
            }
            if blocks.is_empty() {
                return Ok(sizes);
            }
            let packed: Vec<Result<Vec<u8>>> = std::thread::scope(|scope| {
                let workers: Vec<_> = blocks
                    .iter()
                    .map(|block| scope.spawn(|| compressed(block)))
                    .collect();
                let ended = workers.into_iter().map(|worker| {
                    let ended = worker.join();
                    ended.unwrap_or_else(|_| Err(Error::failed("cannot compress a snap")))
                });
                ended.collect()
            });
            for (block, packed) in blocks.iter().zip(packed) {
                let packed = packed?;
                let is_smaller = packed.len() < block.len();
                let (bytes, mark) = if is_smaller {
                    (&packed, 0)
                } else {
                    (block, RAW_DATA)
                };
                let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.put(bytes)?;
                sizes.push(size | mark);
            }
        }
    }

    /// Writes a folder's listing and its inode.
    fn folder(
        &mut self,
        children: &[Child<'_>],
        number: u32,
        parent: u32,
        links: u32,
    ) -> Result<Place> {
        let listing = Place::end_of(&self.listings)?;
        let start = self.listings.len();
        // The entries after one head have their inodes in the same block.
        for group in children.chunk_by(|a, b| a.place.block == b.place.block) {
            for part in group.chunks(256) {
                let first = &part[0];
                let count = u32::try_from(part.len() - 1).unwrap_or(u32::MAX);
                for field in [count, first.place.block, first.number] {
                    self.listings.extend_from_slice(&field.to_le_bytes());
                }
                for child in part {
                    let distance = u16::try_from(child.number - first.number);
                    let last = child.name.len().checked_sub(1);
                    let last = last.and_then(|last| u16::try_from(last).ok());
                    let (Ok(distance), Some(last)) = (distance, last) else {
                        return Err(Error::failed("a folder of a snap can't be written"));
                    };
                    for field in [child.place.offset, distance, child.kind, last] {
                        self.listings.extend_from_slice(&field.to_le_bytes());
                    }
                    self.listings.extend_from_slice(child.name.as_bytes());
                }
            }
        }
        // Three more than the listing has, for `.` and `..`.
        let size = u16::try_from(self.listings.len() - start + 3)
            .map_err(|_| Error::failed("a folder of a snap has too many files"))?;
        let place = self.head(FOLDER, 0o755, number)?;
        self.inodes.extend_from_slice(&listing.block.to_le_bytes());
        self.inodes.extend_from_slice(&links.to_le_bytes());
        self.inodes.extend_from_slice(&size.to_le_bytes());
        self.inodes.extend_from_slice(&listing.offset.to_le_bytes());
        self.inodes.extend_from_slice(&parent.to_le_bytes());
        Ok(place)
    }

    /// Writes a table and returns where it starts.
    fn table(&mut self, table: &[u8]) -> Result<u64> {
        let start = self.at;
        for block in table.chunks(TABLE_BLOCK as usize) {
            let length = u16::try_from(block.len()).unwrap_or(u16::MAX) | RAW_TABLE;
            self.put(&length.to_le_bytes())?;
            self.put(block)?;
        }
        Ok(start)
    }

    /// Writes the tables, and the head of the image last.
    fn finish(&mut self, count: u32, root: Place) -> Result<()> {
        let (inodes, listings) = (
            std::mem::take(&mut self.inodes),
            std::mem::take(&mut self.listings),
        );
        let inodes = self.table(&inodes)?;
        let listings = self.table(&listings)?;
        // The owners: root alone. The head names the list of this table's blocks.
        let owners = self.table(&[0; 4])?;
        let owners_list = self.at;
        self.put(&owners.to_le_bytes())?;
        let used = self.at;
        let end = self.at.next_multiple_of(4096);
        let padding = vec![0; usize::try_from(end - used).unwrap_or(0)];
        self.put(&padding)?;

        let mut head = b"hsqs".to_vec();
        for field in [count, self.time, BLOCK, 0] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        // xz; the size of blocks as a power of two; tables are not compressed, no fragments, no
        // extended attributes; one owner; version 4.0
        for field in [4, 17, 0x0001 | 0x0010 | 0x0200 | 0x0800, 1, 4, 0_u16] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        let root = u64::from(root.block) << 16 | u64::from(root.offset);
        for field in [root, used, owners_list, NONE, inodes, listings, NONE, NONE] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        self.out.seek(SeekFrom::Start(0)).map_err(cannot_write)?;
        self.out.write_all(&head).map_err(cannot_write)
    }
}

/// A block as xz, with the check and the window that the kernel reads.
fn compressed(block: &[u8]) -> Result<Vec<u8>> {
    let mut options = XzOptions::with_preset(6);
    options.lzma_options.dict_size = BLOCK;
    options.set_check_sum_type(CheckType::Crc32);
    let packed = XzWriter::new(Vec::new(), options).and_then(|mut writer| {
        writer.write_all(block)?;
        writer.finish()
    });
    packed.map_err(|error| Error::failed("cannot compress a snap").cause(error))
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::failed("cannot write a snap").cause(error)
}
