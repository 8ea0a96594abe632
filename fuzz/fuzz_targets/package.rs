#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::run("package", &std::env::temp_dir(), data));
