//! Folders: links, FIFOs and endless files where larder expects folders and files of its own.
