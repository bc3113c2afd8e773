//! What a host answers, from its bytes: the head, and where the body ends.
//!
//! It must never take for the end of an answer what another reader would not:
//! whatever could be read in two ways is no answer, and its connection ends.

use super::forward::OF_A_CONNECTION;
use crate::http::{HEAD_BYTES, HEADERS};
use bytes::{Buf as _, Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

/// The line before a chunk: sixteen digits, and room for an extension that
/// nobody reads.
const CHUNK_LINE: usize = 64;
/// All headers that come behind the last chunk; they are not passed on.
const TRAILER_BYTES: usize = 8 << 10;

/// Why bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("what it said is no HTTP/1.1")]
    NoHttp,
    #[error("the head of its answer is too large")]
    TooLarge,
    #[error("it does not say in one way how long its answer is")]
    Length,
    #[error("a chunk of its answer is none")]
    Chunk,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// After so many more bytes.
    After(u64),
    /// Where its chunks say.
    Chunks(Chunks),
    /// With its connection.
    Closed,
}

/// What comes next in a body that comes in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// The line that says how long the next one is.
    Line,
    /// So many bytes, and then the end of their line.
    Data(u64),
    /// Headers behind the last one, of which so many bytes came.
    Trailer(usize),
    /// Nothing.
    Done,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// Without those that are about the connection.
    pub(crate) headers: HeaderMap,
    pub(crate) end: End,
    /// Whether the connection can be used again after it.
    pub(crate) stays: bool,
}

/// Takes the head of an answer from the front of what came, once it is whole.
/// What is said on the way to an answer (1xx) is skipped. To some requests an
/// answer never has a body.
pub(crate) fn head(came: &mut BytesMut, bodiless: bool) -> Result<Option<Head>, Wrong> {
    loop {
        let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if came.len() < HEAD_BYTES { Ok(None) } else { Err(Wrong::TooLarge) };
        };
        let bytes = came.split_to(end + 4).freeze();
        let head = read(&bytes, bodiless)?;
        if !head.status.is_informational() {
            return Ok(Some(head));
        }
    }
}

/// Reads a head that is whole.
fn read(bytes: &Bytes, bodiless: bool) -> Result<Head, Wrong> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut lines);
    match parsed.parse(bytes) {
        // One that ends earlier ended with a line feed alone, which not everybody takes for an end.
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Wrong::TooLarge),
        _ => return Err(Wrong::NoHttp),
    }
    let (minor, code) = (parsed.version.ok_or(Wrong::NoHttp)?, parsed.code.ok_or(Wrong::NoHttp)?);
    let status = StatusCode::from_u16(code).map_err(|_| Wrong::NoHttp)?;
    // Nobody asked for another protocol.
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Wrong::NoHttp);
    }
    let mut found = Found { closes: minor == 0, ..Found::default() };
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + 1);
    for line in &*parsed.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Wrong::NoHttp)?;
        found.take_note(&name, line.value)?;
        if !OF_A_CONNECTION.contains(&name) {
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value)).map_err(|_| Wrong::NoHttp)?;
            headers.append(name, value);
        }
    }
    for name in &found.named {
        headers.remove(name);
    }
    let without = bodiless || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let end = match (found.chunked, found.length) {
        (true, Some(_)) => return Err(Wrong::Length),
        (true, None) if minor == 0 => return Err(Wrong::Length),
        _ if without || status.is_informational() => End::After(0),
        (true, None) => End::Chunks(Chunks::Line),
        (false, Some(length)) => End::After(length),
        (false, None) => End::Closed,
    };
    Ok(Head { status, headers, end, stays: !found.closes && end != End::Closed })
}

/// What a head's lines say about the connection and the body.
#[derive(Default)]
struct Found {
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    /// Headers that end with the connection because it says so.
    named: Vec<HeaderName>,
}

impl Found {
    fn take_note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Wrong> {
        if name == CONTENT_LENGTH {
            let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse().ok()).ok_or(Wrong::Length)?;
            if self.length.replace(length).is_some() {
                return Err(Wrong::Length);
            }
        } else if name == TRANSFER_ENCODING {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Wrong::Length);
            }
            self.chunked = true;
        } else if name == CONNECTION {
            for word in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if word.eq_ignore_ascii_case(b"close") {
                    self.closes = true;
                } else {
                    // What is no name names no header.
                    self.named.extend(HeaderName::from_bytes(word));
                }
            }
        }
        Ok(())
    }
}

impl End {
    /// Whether nothing more comes.
    pub(crate) const fn is_here(self) -> bool {
        matches!(self, Self::After(0) | Self::Chunks(Chunks::Done))
    }

    /// Takes the next bytes of the body from the front of what came; none when
    /// more has to come first, or when this was the end.
    pub(crate) fn take(&mut self, came: &mut BytesMut) -> Result<Option<Bytes>, Wrong> {
        let data = match self {
            Self::Closed => came.split().freeze(),
            Self::After(left) => take_of(left, came),
            Self::Chunks(chunks) => return chunks.take(came),
        };
        Ok(Some(data).filter(|data| !data.is_empty()))
    }
}

/// So many bytes as came, and no more than there are left.
fn take_of(left: &mut u64, came: &mut BytesMut) -> Bytes {
    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(came.len());
    *left = left.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
    came.split_to(most).freeze()
}

impl Chunks {
    fn take(&mut self, came: &mut BytesMut) -> Result<Option<Bytes>, Wrong> {
        loop {
            match self {
                Self::Done => return Ok(None),
                Self::Line => match line(came, CHUNK_LINE)? {
                    None => return Ok(None),
                    Some(line) => match digits(&line)? {
                        0 => *self = Self::Trailer(0),
                        length => *self = Self::Data(length),
                    },
                },
                Self::Data(0) => match line(came, 2)? {
                    None => return Ok(None),
                    Some(rest) if rest.is_empty() => *self = Self::Line,
                    Some(_) => return Err(Wrong::Chunk),
                },
                Self::Data(left) => return Ok(Some(take_of(left, came)).filter(|data| !data.is_empty())),
                Self::Trailer(before) => match line(came, TRAILER_BYTES - *before)? {
                    None => return Ok(None),
                    Some(last) if last.is_empty() => *self = Self::Done,
                    Some(header) => *before += header.len() + 2,
                },
            }
        }
    }
}

/// The next line, without its end, of so many bytes at most with it.
fn line(came: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, Wrong> {
    let within = &came[..came.len().min(most)];
    let Some(end) = within.windows(2).position(|two| two == b"\r\n") else {
        return if came.len() < most { Ok(None) } else { Err(Wrong::Chunk) };
    };
    let line = came.split_to(end);
    came.advance(2);
    Ok(Some(line))
}

/// How long a chunk is; what is behind a semicolon is nobody's.
fn digits(line: &[u8]) -> Result<u64, Wrong> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).map_err(|_| Wrong::Chunk)?;
    let all = !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A line feed in an extension is an end to some and none to others.
    let one_line = !line.contains(&b'\n') && !line.contains(&b'\r');
    (all && one_line).then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(Wrong::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn told(text: &str) -> Result<Option<Head>, Wrong> {
        head(&mut BytesMut::from(text.as_bytes()), false)
    }

    #[test]
    fn what_ends_a_body_is_said_in_one_way_or_it_is_no_answer() {
        for (lines, wrong) in [
            ("content-length: 4\r\ntransfer-encoding: chunked\r\n", Wrong::Length),
            ("transfer-encoding: chunked\r\ncontent-length: 4\r\n", Wrong::Length),
            ("content-length: 4\r\ncontent-length: 4\r\n", Wrong::Length),
            ("content-length: 4, 4\r\n", Wrong::Length),
            ("content-length: +4\r\n", Wrong::Length),
            ("content-length:\r\n", Wrong::Length),
            ("content-length: 18446744073709551616\r\n", Wrong::Length),
            ("transfer-encoding: gzip, chunked\r\n", Wrong::Length),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Wrong::Length),
            ("transfer-encoding : chunked\r\n", Wrong::NoHttp),
            ("x-a: b\r\n c\r\n", Wrong::NoHttp),
            ("x-a: b\n\r\n", Wrong::NoHttp),
            ("x-a: b\n\ncontent-length: 4\r\n", Wrong::NoHttp),
        ] {
            assert_eq!(told(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).err(), Some(wrong), "{lines:?}");
        }
        for line in ["HTTP/1.1 101 Switching Protocols", "HTTP/2.0 200 OK", "HTTP/1.1 20 OK", "hello", "HTTP/1.1 000 A"]
        {
            assert_eq!(told(&format!("{line}\r\n\r\n")).err(), Some(Wrong::NoHttp), "{line}");
        }
        let chunks = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(told(chunks).err(), Some(Wrong::Length));
    }

    #[test]
    fn heads_are_bounded() {
        let many = "x: a\r\n".repeat(HEADERS + 1);
        assert_eq!(told(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")).err(), Some(Wrong::TooLarge));
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(HEAD_BYTES));
        assert_eq!(told(&endless).err(), Some(Wrong::TooLarge));
        assert!(told("HTTP/1.1 200 OK\r\nx: a\r\n").unwrap().is_none());
    }

    #[test]
    fn what_is_about_the_connection_stays_on_it() {
        let lines =
            "connection: x-own, keep-alive\r\nx-own: 1\r\nkeep-alive: timeout=5\r\nx-other: 2\r\nupgrade: h2c\r\n";
        let head = told(&format!("HTTP/1.1 200 OK\r\n{lines}content-length: 3\r\n\r\n")).unwrap().unwrap();
        let names: BTreeSet<_> = head.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!((names, head.end, head.stays), (BTreeSet::from(["content-length", "x-other"]), End::After(3), true));
        for ends in [
            "HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 3\r\n\r\n",
            "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(!told(ends).unwrap().unwrap().stays, "{ends}");
        }
    }

    #[test]
    fn some_answers_have_no_body_and_some_come_before_the_answer() {
        let mut came = BytesMut::from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 ");
        let head_of = head(&mut came, false).unwrap().unwrap();
        assert_eq!((head_of.status.as_u16(), head_of.end, &came[..]), (204, End::After(0), &b"HTTP/1.1 "[..]));
        let mut came = BytesMut::from("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
        assert_eq!(head(&mut came, true).unwrap().unwrap().end, End::After(0));
    }

    /// The whole body of chunks that come in pieces of a size, and what is behind it.
    fn joined(text: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), Wrong> {
        let (mut end, mut came, mut all) = (End::Chunks(Chunks::Line), BytesMut::new(), Vec::new());
        for piece in text.chunks(piece) {
            came.extend_from_slice(piece);
            while let Some(data) = end.take(&mut came)? {
                all.extend_from_slice(&data);
            }
        }
        Ok((all, end.is_here(), came.len()))
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let text = b"4\r\nWiki\r\n6;a=b\r\npedia \r\n00e\r\nin \r\n\r\nchunks.\r\n0\r\nx-a: b\r\n\r\n";
        for piece in 1..=text.len() {
            let (all, over, left) = joined(text, piece).unwrap();
            assert_eq!((&all[..], over, left), (&b"Wikipedia in \r\n\r\nchunks."[..], true, 0), "{piece}");
        }
        let behind = b"1\r\na\r\n0\r\n\r\nHTTP/1.1";
        assert_eq!(joined(behind, behind.len()).unwrap(), (b"a".to_vec(), true, 8));
    }

    #[test]
    fn chunks_that_are_none_end_the_answer() {
        let long = format!("4;{}\r\nWiki\r\n", "a".repeat(CHUNK_LINE));
        let trailer = format!("0\r\n{}\r\n", "x: a\r\n".repeat(TRAILER_BYTES));
        for text in [
            "g\r\n",
            "\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\na\r\n",
            "1 \r\na\r\n",
            "00000000000000001\r\n",
            "1;\n\r\n",
            "1\nab\r\n",
            "1\r\nab\r\n",
            "1\r\na\n\n",
            &long,
            &trailer,
        ] {
            for piece in [1, text.len()] {
                assert_eq!(joined(text.as_bytes(), piece).err(), Some(Wrong::Chunk), "{text:?}");
            }
        }
    }
}
