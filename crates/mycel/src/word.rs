//! Words for people: names of blocks and agents, times, hexadecimal numbers.

use crate::failure::Failure;
use client::tell;
use std::time::{SystemTime, UNIX_EPOCH};
use vocab::{Millis, Site};

/// A block as people write it.
pub(crate) fn block(block: &tell::Block) -> String {
    format!("{}/{}", block.region, block.index)
}

/// Reads REGION/INDEX.
pub(crate) fn read_block(text: &str) -> Result<tell::Block, Failure> {
    let read = || {
        let (region, index) = text.rsplit_once('/')?;
        Some(tell::Block { region: region.to_owned(), index: index.parse().ok()? })
    };
    read().ok_or_else(|| Failure::told(format!("`{text}` is no block"), "write REGION/INDEX, such as na/0"))
}

/// Reads LAT,LON.
pub(crate) fn read_site(text: &str) -> Result<Site, Failure> {
    let read = || {
        let (latitude, longitude) = text.split_once(',')?;
        let site = Site { latitude: latitude.trim().parse().ok()?, longitude: longitude.trim().parse().ok()? };
        site.is_on_earth().then_some(site)
    };
    let hint = "write latitude and longitude, such as 48.2,16.4";
    read().ok_or_else(|| Failure::told(format!("`{text}` is no site"), hint))
}

/// The beginning of a long name, enough to tell it from others.
pub(crate) fn short(bytes: &[u8]) -> String {
    bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads as many bytes as there are, in hexadecimal.
pub(crate) fn read_hex<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Failure> {
    let bad = || Failure::told(format!("`{text}` is not {what}"), format!("write {} letters 0-9 and a-f", 2 * N));
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(bad());
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
    }
    Ok(bytes)
}

/// The time here.
#[allow(clippy::disallowed_methods)] // A person is told how long something lasts from now.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How long from now, in whole seconds.
pub(crate) fn from_now(until: u64) -> String {
    Millis(until.saturating_sub(now()) / 1_000 * 1_000).to_string()
}

/// A moment of the day, in UTC.
pub(crate) fn clock(moment: u64) -> String {
    let seconds = moment / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, moment % 1_000)
}

/// A time as people read it.
pub(crate) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// A moment, in UTC, to the second.
pub(crate) fn utc(moment: u64) -> String {
    // Years begin in March here, so that the day that some have comes last;
    // 400 of them have 146,097 days.
    let days = moment / 86_400_000 + 719_468;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + days / 146_097 * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {}", &clock(moment)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_one_of_the_calendar() {
        for (moment, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (951_868_800_000, "2000-03-01 00:00:00"),
            (1_735_689_599_999, "2024-12-31 23:59:59"),
            (1_800_000_000_000, "2027-01-15 08:00:00"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(utc(moment), text);
        }
    }
}
