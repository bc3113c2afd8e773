//! What a share is read as, and what it is never read as.

use super::*;
use proptest::prelude::*;

fn shares() -> Vec<Share> {
    split(PlanetId([6; 16]), &Secret::take(&mut [7; 32]), 1, 3, 5).unwrap()
}

#[test]
fn a_share_is_read_from_its_words_and_from_its_letters() {
    for share in shares() {
        assert_eq!(share.words().len(), 48);
        let text = format!("# a page\n\n  {}\n", share.words().join("\n").to_uppercase());
        assert_eq!(read(&text).unwrap(), Given::Plain(Share::read(&share.bytes()).unwrap()));
        assert_eq!(read(&share.letters().to_lowercase()).unwrap(), Given::Plain(share));
    }
}

#[test]
fn every_wrong_word_is_found_at_its_place() {
    let share = &shares()[2];
    let words = share.words();
    for at in 0..words.len() {
        let mut changed = words.clone();
        changed[at] = if words[at] == "zoo" { "abandon" } else { "zoo" };
        let (word, instead) = (changed[at].to_owned(), words[at]);
        let told = read(&changed.join(" ")).unwrap_err();
        assert_eq!(told, NoShare::Words(BadWords::Wrong { at: at + 1, word, instead }));
        assert!(told.to_string().contains(&format!("word {}", at + 1)) && told.to_string().contains(instead));
    }
}

#[test]
fn every_wrong_letter_is_found() {
    let share = &shares()[0];
    for (at, word) in share.words().iter().enumerate() {
        for letter in 0..word.len() {
            let mut typed: Vec<String> = share.words().iter().map(|&word| word.to_owned()).collect();
            typed[at].replace_range(letter..=letter, if &word[letter..=letter] == "q" { "x" } else { "q" });
            let told = read(&typed.join(" ")).unwrap_err();
            // Another word of the list is wrong, no word is unknown; the right one is named for both.
            let named = match &told {
                NoShare::Words(BadWords::Unknown { near, more: 0, .. }) => near == &[*word],
                NoShare::Words(BadWords::Wrong { instead, .. }) => instead == word,
                _ => false,
            };
            assert!(named && told.to_string().contains(&format!("word {}", at + 1)), "{told}");
        }
    }
    let letters = share.letters();
    for at in PLAIN.len()..letters.len() {
        let mut changed = letters.to_string();
        changed.replace_range(at..=at, if &changed[at..=at] == "A" { "B" } else { "A" });
        assert_eq!(read(&changed).unwrap_err(), NoShare::Letters);
    }
}

#[test]
fn what_else_goes_wrong_by_hand_is_said() {
    let words = shares()[1].words();
    let told = |words: &[&str]| read(&words.join(" ")).unwrap_err().to_string();
    assert_eq!(told(&words[1..]), "a share has 48 words, and these are 47");
    let mut swapped = words.clone();
    swapped.swap(10, 11);
    assert_eq!(told(&swapped), "words 11 and 12 stand in each other's place");
    let mut unknown = words.clone();
    (unknown[4], unknown[9]) = ("abandn", "xyzzy");
    let said = told(&unknown);
    assert!(said.contains("word 5, \"abandn\"") && said.contains("abandon") && said.contains("1 more"), "{said}");
    let mut several = words;
    (several[4], several[9]) = if several[4] == "zoo" { ("abandon", "able") } else { ("zoo", "zone") };
    assert!(told(&several).contains("more than one word"));
    assert_eq!(told(&[]), "there is no share in it");
}

#[test]
fn a_sealed_share_opens_for_its_holder_alone() {
    let shares = shares();
    let alice = holder(&Secret::take(&mut [1; 32]));
    let sealed = shares[0].seal(alice.public()).unwrap();
    let Given::Sealed(read_back) = read(&sealed.letters()).unwrap() else { panic!("it is sealed") };
    assert_eq!(read_back, sealed);
    assert_eq!(read_back.open(&alice).unwrap(), shares[0]);
    assert!(read_back.open(&holder(&Secret::take(&mut [2; 32]))).is_none());
    let letters = sealed.letters();
    for at in SEALED.len()..letters.len() {
        let mut changed = letters.clone();
        changed.replace_range(at..=at, if &changed[at..=at] == "A" { "B" } else { "A" });
        assert_eq!(read(&changed).unwrap_err(), NoShare::Letters);
    }
    let moved = SealedShare { number: 2, ..sealed };
    assert!(moved.open(&alice).is_none(), "its number is authenticated too");
}

#[test]
fn shares_say_what_they_are_and_not_their_part() {
    let shares = shares();
    let shown = format!("{shares:?}");
    for share in &shares {
        let part: String = share.part.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&part) && !shown.contains(&format!("{:?}", share.part.expose())));
    }
    for (needs, of) in [(0, 5), (1, 5), (6, 5), (2, 17), (300, 300), (2, 1)] {
        assert!(split(PlanetId([6; 16]), &Secret::take(&mut [7; 32]), 1, needs, of).is_err(), "{needs} of {of}");
    }
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,400}", bytes: Vec<u8>) {
        let _ = read(&text);
        let _ = read(&format!("{PLAIN}{text}"));
        let _ = read(&format!("{SEALED}{}", &**words::letters(&bytes)));
    }
}
