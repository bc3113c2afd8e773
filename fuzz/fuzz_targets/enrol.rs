//! Any text as an invitation or an application: what is read is written as
//! the same text, and enrols nobody.
#![no_main]

use trust::enrol::{Application, Book, Invitation, Policy, Quota};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    // Chance alone would never find a text of one of the three lengths.
    for (start, length) in [("AQI", 184), ("AQM", 163), ("AQM", 347)] {
        let letters = bytes.iter().map(|&byte| char::from(LETTERS[usize::from(byte & 63)]));
        read(&start.chars().chain(letters).chain(std::iter::repeat('A')).take(length).collect::<String>());
    }
});

fn read(text: &str) {
    if let Ok(invitation) = Invitation::read(text) {
        assert_eq!(invitation.text().as_str(), text);
    }
    if let Ok(application) = Application::read(text) {
        assert_eq!(application.text().as_str(), text);
        let policy = Policy::Open(Quota { agents: 1, per: vocab::Millis::hours(1) });
        let source = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let enrolled = Book::default().enrol(&policy, application.planet, &application, source, application.asked);
        assert!(enrolled.is_err());
    }
}
