//! Fields of a frame: written behind a buffer, read from a slice.

use super::{MOST_FRAME, NoFrame, PREFIX};

/// Writes one frame behind what a buffer holds.
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    begin: usize,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, kind: u8) -> Self {
        let begin = out.len();
        out.extend([0; PREFIX]);
        out.push(kind);
        Self { out, begin }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.out.push(byte);
        self
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.byte(u8::from(flag))
    }

    pub(super) fn u32(&mut self, number: u32) -> &mut Self {
        self.put(&number.to_be_bytes())
    }

    pub(super) fn u64(&mut self, number: u64) -> &mut Self {
        self.put(&number.to_be_bytes())
    }

    /// Bytes behind their length. What is longer than a frame makes the frame
    /// too long, which `finish` finds.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).put(bytes)
    }

    pub(super) fn maybe(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.byte(1).bytes(bytes),
            None => self.byte(0),
        }
    }

    pub(super) fn maybe_u64(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.byte(1).u64(number),
            None => self.byte(0),
        }
    }

    /// Writes the length; a frame that is too long is taken back.
    pub(super) fn finish(self) -> Result<(), NoFrame> {
        let length = self.out.len() - self.begin - PREFIX;
        let prefix = u32::try_from(length).ok().filter(|_| length <= MOST_FRAME);
        let Some(prefix) = prefix else {
            self.out.truncate(self.begin);
            return Err(NoFrame::Long(length));
        };
        self.out[self.begin..self.begin + PREFIX].copy_from_slice(&prefix.to_be_bytes());
        Ok(())
    }
}

/// Reads the fields of one frame.
pub(super) struct Reader<'f>(pub(super) &'f [u8]);

impl<'f> Reader<'f> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], NoFrame> {
        let (head, rest) = self.0.split_first_chunk().ok_or(NoFrame::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, NoFrame> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, NoFrame> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(NoFrame::Field("what may be absent is behind a 0 or a 1")),
        }
    }

    pub(super) fn u32(&mut self) -> Result<u32, NoFrame> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, NoFrame> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'f [u8], NoFrame> {
        let length = usize::try_from(self.u32()?).map_err(|_| NoFrame::Short)?;
        let (head, rest) = self.0.split_at_checked(length).ok_or(NoFrame::Short)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn text(&mut self) -> Result<&'f str, NoFrame> {
        std::str::from_utf8(self.bytes()?).map_err(|_| NoFrame::Field("a text is not UTF-8"))
    }

    pub(super) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, NoFrame>,
    ) -> Result<Option<T>, NoFrame> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn end<T>(self, frame: T) -> Result<T, NoFrame> {
        if self.0.is_empty() { Ok(frame) } else { Err(NoFrame::Rest(self.0.len())) }
    }
}
