//! Any bytes as a backup: as a file, and sealed with the right key, because no
//! chance gets past a seal. Nothing panics; what is refused leaves nothing that
//! opens; what is restored opens and serves nothing that damage touches.
#![no_main]

use sim::VirtualDisk;
use std::sync::Arc;
use store::{Memory, OpenError, Options, Part, SealedWriter, Secrets, Space, Writer, restore};

const KEY: [u8; 32] = [1; 32];

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8])| {
    let (seal, bytes) = input;
    let mut file = bytes.to_vec();
    if seal {
        file.clear();
        let secrets = Secrets { key: &KEY, entropy: &[2; 32] };
        let mut sealed = SealedWriter::new(&mut file, secrets, b"fuzz").unwrap();
        sealed.write(bytes).unwrap();
        sealed.finish().unwrap();
    }
    let (disk, records) = (Arc::new(VirtualDisk::new(1)), Memory::default());
    let part = Part { records: &records, spaces: &[Space("a"), Space("b")] };
    let restored = restore(&mut &file[..], &KEY, &disk, Some(part), &mut |_, _| {});
    let opened = Writer::<_, u64>::open(Arc::clone(&disk), Options { segment_bytes: 4_096, ..Options::default() });
    match (restored, opened) {
        (Err(_), Ok((writer, _))) => assert!(writer.tail(None).next().is_none()),
        (Err(_), Err(error)) => assert!(matches!(error, OpenError::Restoring { .. }), "{error}"),
        (Ok(restored), Ok((writer, _))) => {
            let served = writer.tail(None).filter(Result::is_ok).count();
            assert!(served as u64 <= restored.verified.entries);
        }
        // A backup of nothing but a broken segment does not open, and says so.
        (Ok(restored), Err(_)) => assert!(!restored.verified.damage.is_empty() || restored.verified.entries == 0),
    }
});
