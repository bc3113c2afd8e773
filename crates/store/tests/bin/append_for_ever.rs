//! Appends until it is killed, and says what was acknowledged: the child of the
//! kill -9 tests. With a second argument it prunes what is two segments old.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write;
use std::path::Path;
use store::{EntryRef, Log, Options, Position, RealDisk};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let prunes = std::env::args().nth(2).is_some();
    let disk = RealDisk::open(Path::new(&path)).unwrap();
    let (log, _) = Log::open(disk, Options { segment_bytes: 64 * 1_024, ..Options::default() }).unwrap();
    std::thread::scope(|scope| {
        for shard in 0..4_u32 {
            let log = &log;
            scope.spawn(move || append(log, shard, prunes));
        }
    });
}

fn append(log: &Log<RealDisk>, shard: u32, prunes: bool) {
    for sequence in log.shard(shard).next.. {
        let bytes = sequence.to_le_bytes().repeat(usize::try_from(1 + sequence % 50).unwrap());
        let position = log.append(shard, sequence, 1, &[EntryRef { block: 1, bytes: &bytes }]).unwrap();
        if prunes && sequence % 97 == 0 {
            log.prune(Position { segment: position.segment.saturating_sub(1), offset: 0 }).unwrap();
        }
        // One call, so that lines of several threads do not mix.
        std::io::stdout().write_all(format!("{shard} {}.\n", sequence + 1).as_bytes()).unwrap();
    }
}
