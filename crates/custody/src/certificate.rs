//! What a certificate says: its serial, its key, the name of its node, and
//! from when until when.
//!
//! rustls-webpki reads it, which every handshake reads it with too, so there is
//! one opinion of what it says. That gives no dates away, so they are read here
//! from the same bytes once webpki has found them well formed.

use crate::spiffe::Name;
use crate::statement;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use std::fmt;
use trust::{AgentId, Moment};
use webpki::EndEntityCert;

/// A certificate's number: random, and never another's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial(pub [u8; Self::LEN]);

impl Serial {
    /// Bytes of it.
    pub const LEN: usize = 16;

    /// A serial of some entropy. Its first bits are fixed, so that it is a
    /// positive number of one length.
    #[must_use]
    pub const fn of(mut entropy: [u8; Self::LEN]) -> Self {
        entropy[0] = entropy[0] & 0x3f | 0x40;
        Self(entropy)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", statement::Letters(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// What a node's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its number.
    pub serial: Serial,
    /// The node's key.
    pub key: AgentId,
    /// The node's name.
    pub name: Name,
    /// From when it holds.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

/// Why a certificate is none that this planet's CA could have made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCertificate {
    /// It is no certificate.
    #[error("this is no certificate: {0}")]
    Malformed(String),
    /// Its key is of another kind.
    #[error("the certificate's key is not an Ed25519 key")]
    Key,
    /// It has no name of a node, or several.
    #[error("the certificate does not have one name of a node: {0}")]
    Name(String),
    /// Its serial has another length.
    #[error("the certificate's serial is not of {} bytes", Serial::LEN)]
    Serial,
    /// Its dates cannot be read.
    #[error("the certificate's dates cannot be read")]
    Dates,
}

impl Certificate {
    /// Reads one, and believes nothing of it.
    ///
    /// # Errors
    /// When it is none of a node.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, NoCertificate> {
        let read = EndEntityCert::try_from(der).map_err(|why| NoCertificate::Malformed(why.to_string()))?;
        let mut names = read.valid_uri_names();
        let name = names.next().ok_or_else(|| NoCertificate::Name("it has none".to_owned()))?;
        let name = name.parse::<Name>().map_err(|why| NoCertificate::Name(format!("{name}: {why}")))?;
        if names.next().is_some() || read.valid_dns_names().next().is_some() {
            return Err(NoCertificate::Name("it has several".to_owned()));
        }
        let serial = read.serial().try_into().map(Serial).map_err(|_| NoCertificate::Serial)?;
        let (from, until) = dates(der).ok_or(NoCertificate::Dates)?;
        Ok(Self { serial, key: key(&read)?, name, from, until })
    }

    /// The same of PEM.
    ///
    /// # Errors
    /// When it is none of a node.
    pub fn read_pem(text: &str) -> Result<Self, NoCertificate> {
        let der = CertificateDer::from_pem_slice(text.as_bytes());
        Self::read(&der.map_err(|why| NoCertificate::Malformed(no_pem(&why).to_owned()))?)
    }

    /// When it is to be renewed: at two thirds of its life, and up to a twelfth
    /// of it earlier, which its key decides, so that not all nodes ask at once.
    #[must_use]
    pub fn renew_at(&self) -> Moment {
        let life = self.until.since(self.from).0;
        let spread = u64::from(self.key.0[0]) * 256 + u64::from(self.key.0[1]);
        let earlier = life / 12 * spread / 65_536;
        Moment(self.from.0 + (life / 3 * 2).saturating_sub(earlier))
    }

    /// Whether another one should be asked for: also when the clock was set to
    /// before it.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        now < self.from || now >= self.renew_at()
    }
}

/// An Ed25519 key as certificates have it: these bytes, then the key.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The key of a certificate.
pub(crate) fn key(read: &EndEntityCert<'_>) -> Result<AgentId, NoCertificate> {
    let info = read.subject_public_key_info();
    let key = info.as_ref().strip_prefix(&ED25519[..]).and_then(|key| key.try_into().ok());
    key.map(AgentId).ok_or(NoCertificate::Key)
}

/// The key that a certificate is for, of whichever kind it is.
pub(crate) fn key_of(der: &CertificateDer<'_>) -> Result<AgentId, NoCertificate> {
    key(&EndEntityCert::try_from(der).map_err(|why| NoCertificate::Malformed(why.to_string()))?)
}

/// What is wrong with a file of certificates, in words: the reader tells what it
/// has found as numbers.
const fn no_pem(why: &pem::Error) -> &'static str {
    match why {
        pem::Error::MissingSectionEnd { .. } => "it is cut short: a certificate begins in it and does not end",
        pem::Error::IllegalSectionStart { .. } => "a line in it that begins a certificate is not written as one",
        pem::Error::Base64Decode(_) => "the letters of a certificate in it are damaged",
        pem::Error::NoItemsFound => "there is none in it",
        _ => "it cannot be read as certificates",
    }
}

/// The certificates of a file, none of which may be cut short.
pub(crate) fn read_all(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|why| no_pem(&why).to_owned())?;
    // The reader passes over what has no end.
    let begun = pem.matches("-----BEGIN").count();
    if begun == found.len() { Ok(found) } else { Err(format!("{begun} certificates begin, and {} end", found.len())) }
}

/// From when until when a certificate holds.
pub(crate) fn dates(der: &[u8]) -> Option<(Moment, Moment)> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    const VERSION: u8 = 0xa0;
    let mut whole = der;
    let mut certificate = element(&mut whole, SEQUENCE)?;
    let mut signed = element(&mut certificate, SEQUENCE)?;
    // Version, serial, algorithm and issuer stand before them.
    for tag in [VERSION, INTEGER, SEQUENCE, SEQUENCE] {
        element(&mut signed, tag)?;
    }
    let mut validity = element(&mut signed, SEQUENCE)?;
    Some((date(&mut validity)?, date(&mut validity)?))
}

/// The next element when it has that tag; its length is in the shortest form.
fn element<'d>(input: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *input = rest;
    (found == tag).then_some(value)
}

/// A point in time, in either of the two forms that RFC 5280 has.
fn date(input: &mut &[u8]) -> Option<Moment> {
    const UTC: u8 = 0x17;
    const GENERAL: u8 = 0x18;
    let (year, rest) = match *input.first()? {
        UTC => {
            let (year, rest) = element(input, UTC)?.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
        }
        _ => {
            let (year, rest) = element(input, GENERAL)?.split_at_checked(4)?;
            (number(year)?, rest)
        }
    };
    let digits = rest.strip_suffix(b"Z").filter(|digits| digits.len() == 10)?;
    let mut parts = digits.chunks_exact(2).map(number);
    let mut part = |least: u64, most: u64| parts.next()?.filter(|part| (least..=most).contains(part));
    let (month, day) = (part(1, 12)?, part(1, 31)?);
    let seconds = (part(0, 23)? * 60 + part(0, 59)?) * 60 + part(0, 59)?;
    Some(Moment((days(year, month, day)? * 86_400 + seconds) * 1_000))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

/// Days from 1970 to a day of the Gregorian calendar, by counting years from
/// March, so that a leap day is a year's last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month < 3 { year.checked_sub(1)? } else { year };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + ((month + 9) % 12 * 153 + 2) / 5 + day;
    // As many from March of the year 0 to the first day of 1970.
    days.checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let read = |text: &str| {
            let tag = if text.len() == 13 { 0x17 } else { 0x18 };
            let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
            der.extend_from_slice(text.as_bytes());
            date(&mut der.as_slice())
        };
        let seconds = |text: &str| read(text).map(|moment| moment.0 / 1_000);
        assert_eq!(seconds("700101000000Z"), Some(0));
        assert_eq!(seconds("000229235959Z"), Some(951_868_799));
        assert_eq!(seconds("261121195757Z"), Some(1_795_291_077));
        assert_eq!(seconds("20500301000000Z"), Some(2_529_705_600));
        assert_eq!(seconds("99991231235959Z"), Some(253_402_300_799));
        for bad in ["700101000000+", "7001010000Z", "691231235959Z", "701301000000Z", "700100000000Z", "70010a000000Z"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn not_all_are_renewed_at_once() {
        let name = Name::gateway(trust::PlanetId([1; 16]));
        let of = |byte: u8| {
            let (from, until) = (Moment(0), Moment(86_400_000));
            Certificate { serial: Serial([1; 16]), key: AgentId([byte; 32]), name: name.clone(), from, until }
                .renew_at()
        };
        assert_eq!(of(0), Moment(57_600_000));
        assert!(of(255) > Moment(57_600_000 - 7_200_000) && of(255) < of(128) && of(128) < of(0));
    }
}
