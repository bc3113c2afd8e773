//! The bytes of a segment, version 1. Pure: bytes in, bytes out.
//!
//! It must never trust a length, a count or an offset before the checksum over
//! it agrees, and never change what version 1 means: a new meaning is a new
//! version in the first byte.
//!
//! ```text
//! segment  head, head again, batch, batch, …, zeros to the end
//! head     version u8, "mycelog", segment u64, salt u64, end of the segment before u64,
//!          rows u32, crc32c u32, rows × { shard u32, sealed u32, next u64, epoch u64 }, zeros to 512
//! batch    fence, payloads, zeros to 8, the fence again
//! fence    version u8, kind u8, "ba" or "ab", crc32c u32, shard u32, count u32,
//!          first sequence u64, epoch u64, length u32, back to the group's start u32,
//!          crc32c of the directory u32, mark u32, count × { block u64, crc32c u32, length and mark u32 }
//! ```
//! Numbers are little endian. Fence and head are there twice, so that a broken
//! sector tells whose entries it took: 64 bytes an entry dearer in a batch of
//! one, 16 in a long one. A fence's checksum begins with salt, segment and
//! offset: a payload that imitates a fence, or a block that the disk wrote to
//! the wrong place, is not one. An entry's begins with salt, shard, sequence
//! and block: it cannot pass for another. The mark is the last byte of every
//! batch and never zero, so that a batch that was not written to its end shows.

use crate::number::{size, small, u32_at, u64_at, wide};

/// The version that is written.
pub(crate) const VERSION: u8 = 1;
/// What a disk writes wholly or not at all, and so what a tear leaves.
pub(crate) const SECTOR: usize = 512;
/// A batch's fence without its directory.
pub(crate) const FENCE: usize = 48;
/// A row of a batch's directory.
pub(crate) const ROW: usize = 16;
/// Everything begins at a multiple of this.
pub(crate) const ALIGN: usize = 8;
/// The longest batch: what a reader must hold at once.
pub(crate) const MAX_BATCH: usize = 8 * 1_024 * 1_024;
/// Shards of one log: 24 bytes each, twice in every head, so that 64 MiB
/// segments spend about one part in eighty on the fullest table.
pub(crate) const MAX_SHARDS: usize = 16_384;

const HEAD: usize = 40;
const HEAD_ROW: usize = 24;
const HEAD_MAGIC: &[u8; 7] = b"mycelog";
/// In the top byte of what stands last; lengths need only 24 bits.
const MARK: u32 = 0xe100_0000;
const FRONT: [u8; 2] = *b"ba";
const BACK: [u8; 2] = *b"ab";

/// Where a shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardState {
    /// The sequence that the next entry gets.
    pub next: u64,
    /// The newest epoch that was seen.
    pub epoch: u64,
    /// Whether that epoch was sealed: only a newer one may write.
    pub sealed: bool,
}

/// The head of a segment: where everything stood when it was begun, so that
/// start-up reads one segment and not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) segment: u64,
    pub(crate) salt: u64,
    /// Where the entries of the segment before end.
    pub(crate) previous_end: u64,
    pub(crate) shards: Vec<(u32, ShardState)>,
}

/// What a reading of a head came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    Whole(Head),
    /// A head of a version that is not known here.
    Newer(u8),
    /// The beginning is a head, and it goes on to here.
    Longer(usize),
    Broken,
}

impl Head {
    /// Where batches begin.
    pub(crate) fn data_start(&self) -> u64 {
        Self::data_start_of(self.shards.len())
    }

    /// Where batches begin behind a head with so many shards.
    pub(crate) fn data_start_of(shards: usize) -> u64 {
        wide(2 * copy_length(shards))
    }

    /// Both copies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let copy = copy_length(self.shards.len());
        let mut bytes = Vec::with_capacity(2 * copy);
        bytes.push(VERSION);
        bytes.extend_from_slice(HEAD_MAGIC);
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.previous_end.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.shards.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for (shard, state) in &self.shards {
            bytes.extend_from_slice(&shard.to_le_bytes());
            bytes.extend_from_slice(&u32::from(state.sealed).to_le_bytes());
            bytes.extend_from_slice(&state.next.to_le_bytes());
            bytes.extend_from_slice(&state.epoch.to_le_bytes());
        }
        let crc = head_crc(&bytes);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        bytes.resize(copy, 0);
        bytes.extend_from_within(..);
        bytes
    }

    /// One copy, at the beginning of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> HeadRead {
        if bytes.len() < HEAD || bytes[0] == 0 || &bytes[1..8] != HEAD_MAGIC {
            return HeadRead::Broken;
        }
        if bytes[0] > VERSION {
            return HeadRead::Newer(bytes[0]);
        }
        let rows = small(u32_at(bytes, 32));
        if rows > MAX_SHARDS {
            return HeadRead::Broken;
        }
        let Some(table) = bytes.get(..HEAD + rows * HEAD_ROW) else {
            return HeadRead::Longer(HEAD + rows * HEAD_ROW);
        };
        if u32_at(bytes, 36) != head_crc(table) {
            return HeadRead::Broken;
        }
        let shards = table[HEAD..].chunks_exact(HEAD_ROW).map(|row| {
            (u32_at(row, 0), ShardState { sealed: u32_at(row, 4) != 0, next: u64_at(row, 8), epoch: u64_at(row, 16) })
        });
        HeadRead::Whole(Self {
            segment: u64_at(bytes, 8),
            salt: u64_at(bytes, 16),
            previous_end: u64_at(bytes, 24),
            shards: shards.collect(),
        })
    }

    /// The longest that one copy can be.
    pub(crate) fn longest() -> usize {
        copy_length(MAX_SHARDS)
    }
}

fn copy_length(rows: usize) -> usize {
    (HEAD + rows * HEAD_ROW).next_multiple_of(SECTOR)
}

fn head_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..36]), &bytes[HEAD..])
}

/// What the checksums of a segment begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) salt: u64,
    pub(crate) segment: u64,
}

/// What a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Entries,
    Seal,
}

/// A batch, as its fence describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) kind: Kind,
    pub(crate) shard: u32,
    pub(crate) count: u32,
    pub(crate) first: u64,
    pub(crate) epoch: u64,
    /// Of the whole batch, both fences included.
    pub(crate) length: u32,
    /// How far back the group begins that the batch was written with.
    pub(crate) back: u32,
    directory: u32,
}

/// Which of the two fences of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

impl Fence {
    /// With its directory.
    pub(crate) fn bytes(&self) -> usize {
        fence_length(small(self.count))
    }

    /// Where the group begins, if the batch begins at `start`.
    pub(crate) fn group(&self, start: u64) -> u64 {
        start.saturating_sub(u64::from(self.back))
    }

    /// Which side the bytes could be the fence of; nothing is checked yet.
    pub(crate) fn side(bytes: &[u8]) -> Option<Side> {
        match bytes {
            [VERSION, _, a, b, ..] if [*a, *b] == FRONT => Some(Side::Front),
            [VERSION, _, a, b, ..] if [*a, *b] == BACK => Some(Side::Back),
            _ => None,
        }
    }

    /// The fence at the beginning of `bytes`, which stand at `offset`, and
    /// where its batch begins. The directory is not looked at.
    pub(crate) fn decode(bytes: &[u8], offset: u64, place: Place) -> Option<(Self, Side, u64)> {
        let side = Self::side(bytes)?;
        let bytes = bytes.get(..FENCE)?;
        let kind = match bytes[1] {
            1 => Kind::Entries,
            2 => Kind::Seal,
            _ => return None,
        };
        let fence = Self {
            kind,
            shard: u32_at(bytes, 8),
            count: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            epoch: u64_at(bytes, 24),
            length: u32_at(bytes, 32),
            back: u32_at(bytes, 36),
            directory: u32_at(bytes, 40),
        };
        let length = small(fence.length);
        if length > MAX_BATCH || !length.is_multiple_of(ALIGN) || small(fence.count) > MAX_BATCH / ROW {
            return None;
        }
        let payload = length.checked_sub(2 * fence.bytes())?;
        if fence.kind == Kind::Seal && (fence.count, payload) != (0, 0)
            || fence.first.checked_add(u64::from(fence.count)).is_none()
        {
            return None;
        }
        let start = match side {
            Side::Front => offset,
            Side::Back => offset.checked_sub(wide(length - fence.bytes()))?,
        };
        (u32_at(bytes, 4) == fence_crc(bytes, start, place)).then_some((fence, side, start))
    }

    /// Whether the directory behind the fence at the beginning of `bytes` is
    /// the one that was written.
    pub(crate) fn directory_agrees(&self, bytes: &[u8]) -> bool {
        let Some(rows) = bytes.get(FENCE..self.bytes()) else {
            return false;
        };
        let total: u64 = rows.chunks_exact(ROW).map(|row| u64::from(u32_at(row, 12) & !MARK)).sum();
        let room = small(self.length).saturating_sub(2 * self.bytes());
        size(total).checked_next_multiple_of(ALIGN) == Some(room) && crc32c::crc32c(rows) == self.directory
    }
}

/// A row of a directory: an entry without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) block: u64,
    pub(crate) length: u32,
    crc: u32,
}

impl Row {
    /// The rows of a directory that agreed.
    pub(crate) fn all(directory: &[u8]) -> impl Iterator<Item = Self> {
        let rows = directory.chunks_exact(ROW);
        rows.map(|row| Self { block: u64_at(row, 0), crc: u32_at(row, 8), length: u32_at(row, 12) & !MARK })
    }

    /// Whether these are the bytes that were written as this entry.
    pub(crate) fn agrees(&self, bytes: &[u8], salt: u64, shard: u32, sequence: u64) -> bool {
        entry_crc(salt, shard, sequence, self.block, bytes) == self.crc
    }
}

fn fence_length(count: usize) -> usize {
    FENCE + count * ROW
}

fn fence_crc(bytes: &[u8], start: u64, place: Place) -> u32 {
    // In one piece, because six calls of a checksum cost more than its bytes.
    let mut all = [0; 24 + FENCE - 4];
    all[..8].copy_from_slice(&place.salt.to_le_bytes());
    all[8..16].copy_from_slice(&place.segment.to_le_bytes());
    all[16..24].copy_from_slice(&start.to_le_bytes());
    all[24..28].copy_from_slice(&bytes[..4]);
    all[28..].copy_from_slice(&bytes[8..FENCE]);
    crc32c::crc32c(&all)
}

fn entry_crc(salt: u64, shard: u32, sequence: u64, block: u64, bytes: &[u8]) -> u32 {
    let mut seed = [0; 28];
    seed[..8].copy_from_slice(&salt.to_le_bytes());
    seed[8..16].copy_from_slice(&sequence.to_le_bytes());
    seed[16..24].copy_from_slice(&block.to_le_bytes());
    seed[24..].copy_from_slice(&shard.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&seed), bytes)
}

/// An entry to append: its bytes, and the block that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The block, by whatever number the shard knows it.
    pub block: u64,
    /// What is kept; the log does not look inside.
    pub bytes: &'a [u8],
}

/// A batch in its final form, but for what its place decides. Made by whoever
/// submits it, so that the one committer has little left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
}

impl Image {
    /// A batch of entries, or a seal when there are none; nothing when it
    /// would be longer than a batch may be.
    pub(crate) fn new(salt: u64, shard: u32, first: u64, epoch: u64, entries: &[EntryRef<'_>]) -> Option<Self> {
        let kind = if entries.is_empty() { 2 } else { 1 };
        let payload = entries.iter().try_fold(0_usize, |sum, entry| sum.checked_add(entry.bytes.len()))?;
        let fences = fence_length(entries.len()).checked_mul(2)?;
        let length = payload.checked_next_multiple_of(ALIGN)?.checked_add(fences)?;
        if length > MAX_BATCH {
            return None;
        }
        let count = u32::try_from(entries.len()).ok()?;
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&[VERSION, kind, FRONT[0], FRONT[1], 0, 0, 0, 0]);
        bytes.extend_from_slice(&shard.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&first.to_le_bytes());
        bytes.extend_from_slice(&epoch.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&MARK.to_le_bytes());
        for (sequence, entry) in (first..).zip(entries) {
            bytes.extend_from_slice(&entry.block.to_le_bytes());
            bytes.extend_from_slice(&entry_crc(salt, shard, sequence, entry.block, entry.bytes).to_le_bytes());
            bytes.extend_from_slice(&(u32::try_from(entry.bytes.len()).ok()? | MARK).to_le_bytes());
        }
        let directory = crc32c::crc32c(&bytes[FENCE..]);
        bytes[40..44].copy_from_slice(&directory.to_le_bytes());
        for entry in entries {
            bytes.extend_from_slice(entry.bytes);
        }
        bytes.resize(length, 0);
        Some(Self { bytes, count })
    }

    /// Gives the batch its place.
    pub(crate) fn place(&mut self, place: Place, start: u64, back: u32) {
        let fence = fence_length(small(self.count));
        let mirror = self.bytes.len() - fence;
        self.bytes[36..40].copy_from_slice(&back.to_le_bytes());
        self.bytes.copy_within(..fence, mirror);
        self.bytes[mirror + 2..mirror + 4].copy_from_slice(&BACK);
        for at in [0, mirror] {
            let crc = fence_crc(&self.bytes[at..at + FENCE], start, place);
            self.bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        }
    }
}
