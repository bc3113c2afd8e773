//! Any text as an invitation or an application: what is read is written as
//! the same text, and enrols nobody. Then a true application: as it is it
//! enrols its agent, once, and with any bit flipped nobody.
#![no_main]

use std::sync::LazyLock;
use trust::enrol::{Application, ApplicationText, Book, Enrolled, Invitation, Policy, Serial};
use trust::sign::SigningKey;
use trust::{Moment, PlanetId, Secret};
use vocab::{Millis, Rate};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PLANET: PlanetId = PlanetId([1; 16]);
const NOW: Moment = Moment(1_800_000_000_000);

static TRUE: LazyLock<(Policy, ApplicationText)> = LazyLock::new(|| {
    let (inviter, agent) = (SigningKey::new(&Secret::take(&mut [2; 32])), SigningKey::new(&Secret::take(&mut [3; 32])));
    let invitation = Invitation::issue(&inviter, PLANET, Serial([4; 16]), NOW.after(Millis::days(1)));
    let policy = Policy::invitation([inviter.id()]).expect("it is a key");
    (policy, Application::make(&agent, PLANET, Some(invitation), NOW).text())
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    // Chance alone would never find a text of one of the three lengths.
    for (start, length) in [("AQI", 184), ("AQM", 163), ("AQM", 347)] {
        let letters = bytes.iter().map(|&byte| char::from(LETTERS[usize::from(byte & 63)]));
        read(&start.chars().chain(letters).chain(std::iter::repeat('A')).take(length).collect::<String>());
    }
    let (policy, text) = &*TRUE;
    let mut changed = text.as_str().to_owned().into_bytes();
    if let &[high, low, bit, ..] = bytes {
        let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
        changed[at] ^= 1 << (bit % 8);
    }
    let Ok(application) =
        String::from_utf8(changed).map_err(drop).and_then(|text| Application::read(&text).map_err(drop))
    else {
        return;
    };
    let mut book = Book::default();
    let mut enrol = || book.enrol(policy, PLANET, &application, std::net::IpAddr::from([192, 0, 2, 1]).into(), NOW);
    let first = enrol();
    assert_eq!(first.is_ok(), application.text() == *text);
    if let Ok(first) = first {
        assert_eq!(first, Enrolled::New(first.record()));
        assert_eq!(enrol(), Ok(Enrolled::Again(first.record())));
    }
});

fn read(text: &str) {
    if let Ok(invitation) = Invitation::read(text) {
        assert_eq!(invitation.text().as_str(), text);
    }
    if let Ok(application) = Application::read(text) {
        assert_eq!(application.text().as_str(), text);
        let policy = Policy::open(Rate { events: 1, per: Millis::hours(1) }).expect("it lets one in");
        let source = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let enrolled = Book::default().enrol(&policy, application.planet, &application, source, application.asked);
        // The true one may be found by whoever mutates long enough.
        assert!(enrolled.is_err() || text == TRUE.1.as_str());
    }
}
