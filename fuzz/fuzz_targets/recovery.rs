//! Any text as a share, and any bytes as a sealed copy of a key: what is read is
//! written as the same, and opens nothing. Then a true share with any word or
//! letter changed: it is found.
#![no_main]

use custody::hybrid::Opener;
use custody::share::{Given, Share, holder, read, split};
use custody::{sealed, words};
use std::sync::LazyLock;
use trust::{PlanetId, Secret};

fn secret(byte: u8) -> Secret {
    Secret::take(&mut [byte; 32])
}

static OPENER: LazyLock<Opener> = LazyLock::new(|| sealed::opener(&secret(1)));
static HOLDER: LazyLock<Opener> = LazyLock::new(|| holder(&secret(2)));
static TRUE: LazyLock<Share> = LazyLock::new(|| split(PlanetId([3; 16]), &secret(3), 1, 2, 2).unwrap().remove(0));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert!(sealed::open(&OPENER, PlanetId([1; 16]), "node", bytes).is_err());
    if let Some(head) = bytes.first_chunk::<37>() {
        let true_head = [&[1][..], &[1; 16], &head[17..], &bytes[37..]].concat();
        assert!(sealed::open(&OPENER, PlanetId([1; 16]), "node", &true_head).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        shares(text);
        shares(&format!("MYCEL:SHARE:{text}"));
        shares(&format!("MYCEL:SEALED:{text}"));
        if let Some(found) = words::read_letters(text, 66) {
            assert!(words::letters(&found).eq_ignore_ascii_case(text));
        }
    }
    // Chance alone would never find 48 words of the list.
    let mut whole = [0; 66];
    whole[..bytes.len().min(66)].copy_from_slice(&bytes[..bytes.len().min(66)]);
    shares(&words::words(&whole).join(" "));
    if let &[at, high, low, ..] = bytes {
        let mut changed = TRUE.words();
        let at = usize::from(at) % changed.len();
        let before = changed[at];
        let mut other = [0; 66];
        other[..2].copy_from_slice(&[high, low]);
        changed[at] = words::words(&other)[0];
        match read(&changed.join(" ")) {
            Ok(given) => assert_eq!((changed[at], given), (before, Given::Plain(again()))),
            Err(told) => assert!(changed[at] != before && told.to_string().contains(before), "{told}"),
        }
    }
});

fn again() -> Share {
    let Ok(Given::Plain(share)) = read(&TRUE.letters()) else { panic!("a share is read back") };
    share
}

fn shares(text: &str) {
    match read(text) {
        Ok(Given::Plain(share)) => {
            assert_eq!(read(&share.letters()).unwrap(), Given::Plain(read_words(&share)));
        }
        Ok(Given::Sealed(share)) => {
            assert_eq!(read(&share.letters()).unwrap(), Given::Sealed(share.clone()));
            assert!(share.open(&HOLDER).is_none());
        }
        Err(told) => assert!(told.to_string().len() < 512, "{told}"),
    }
}

fn read_words(share: &Share) -> Share {
    let Ok(Given::Plain(share)) = read(&share.words().join(" ")) else { panic!("words are read back") };
    share
}
