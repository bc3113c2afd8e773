//! What is left in memory of a value that was dropped. For tests: that a
//! secret is wiped shows nowhere but in the memory where it was, and a process
//! may read its own as a file.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where a value lies.
pub(crate) fn place<T>(value: &T) -> (u64, usize) {
    (std::ptr::from_ref(value).addr() as u64, size_of::<T>())
}

/// How many words of what lay at the places are still there after the value was
/// dropped. Small numbers are not counted, as anybody may have left them.
pub(crate) fn remains<T>(value: T, places: &[(u64, usize)]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let read = |into: &mut [Vec<u8>]| {
        for (bytes, (address, _)) in into.iter_mut().zip(places) {
            memory.read_exact_at(bytes, *address).unwrap();
        }
    };
    let mut before: Vec<_> = places.iter().map(|(_, length)| vec![0; *length]).collect();
    // Both beforehand: what is allocated afterwards may lie where the value did.
    let mut after = before.clone();
    read(&mut before);
    assert!(before.iter().all(|bytes| words(bytes).any(|word| word > 0xffff)), "there was something to wipe");
    drop(value);
    read(&mut after);
    let both = before.iter().zip(&after).flat_map(|(before, after)| words(before).zip(words(after)));
    both.filter(|(before, after)| *before > 0xffff && before == after).count()
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()))
}

#[test]
fn what_nobody_wipes_is_seen() {
    let plain: Box<[u8; 64]> = Box::new(std::array::from_fn(|at| u8::try_from(at).unwrap() | 0x80));
    let here = place(&*plain);
    // The allocator writes over the beginning, and nobody over the rest.
    assert!(remains(plain, &[here]) > 4);
}
