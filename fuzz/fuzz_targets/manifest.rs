//! Any bytes as the manifest of a folder: what is taken names no file outside of
//! it, and is written as what is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use render::write::Manifest;
use std::path::{Component, Path};

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    for path in manifest.files.keys() {
        assert!(Path::new(path).components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
        assert!(Path::new("/folder").join(path).starts_with("/folder"), "{path:?}");
    }
    assert_eq!(Manifest::parse(manifest.text().as_bytes()), Ok(manifest));
});
