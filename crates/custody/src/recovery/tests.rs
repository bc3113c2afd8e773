//! Which shares give the root, and what happens to keys that are recovered.

use super::*;
use crate::folder::letters;
use crate::share::{Share, split};
use crate::{folder::secret, sealed};
use proptest::prelude::*;
use trust::AgentId;
use vocab::Millis;

fn root() -> Secret {
    Secret::take(&mut [7; 32])
}

fn given(shares: Vec<Share>) -> Vec<Labelled> {
    shares.into_iter().map(|share| Labelled { label: format!("share {}", share.number), share }).collect()
}

fn of(secret: &Secret) -> (PlanetId, &Secret) {
    (PlanetId::of_root(SigningKey::new(secret).id()), secret)
}

fn whole(secret: &Secret, epoch: u32, needs: u32, of: u32) -> Result<Vec<Share>, crate::share::NoSplit> {
    split(self::of(secret).0, secret, epoch, needs, of)
}

fn of_split(epoch: u32) -> Vec<Labelled> {
    given(whole(&root(), epoch, 3, 5).unwrap())
}

fn changed(mut one: Labelled) -> Labelled {
    let mut part = *one.share.part.expose();
    part[0] ^= 1;
    one.share.part = Secret::take(&mut part);
    one
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_needed_subset_gives_the_root_and_no_smaller_one_does(
        bytes: [u8; 32], needs in 2_u32..=6, more in 0_u32..=4, order: u64,
    ) {
        let secret = Secret::take(&mut { bytes });
        let mut shares = given(whole(&secret, 1, needs, needs + more).unwrap());
        shares.sort_by_key(|one| order.rotate_left(u32::from(one.share.number) * 9));
        let planet = PlanetId::of_root(SigningKey::new(&secret).id());
        shares.truncate(usize::try_from(needs).unwrap());
        let found = combine(&shares, Some(Whose { root: SigningKey::new(&secret).id(), recovery: None })).unwrap();
        prop_assert_eq!((&found.secret, found.planet, found.wrong.len()), (&secret, planet, 0));
        while shares.pop().is_some() {
            let told = combine(&shares, None).unwrap_err();
            let refused = matches!(told, NotRecovered::TooFew { .. } | NotRecovered::Nothing);
            prop_assert!(refused, "{told}");
        }
    }
}

#[test]
fn two_shares_give_nothing_and_it_says_so() {
    let mut shares = of_split(1);
    shares.truncate(2);
    let told = combine(&shares, None).unwrap_err().to_string();
    assert!(told.contains("2 of the 3 shares") && told.contains("say nothing about the root secret"), "{told}");
}

#[test]
fn the_same_share_twice_is_not_two() {
    let mut shares = of_split(1);
    shares.truncate(2);
    let again = split_again(&shares[1].share);
    shares.push(Labelled { label: "the copy".to_owned(), share: again });
    let told = combine(&shares, None).unwrap_err().to_string();
    assert!(told.contains("2 of the 3") && told.contains("the copy is share 2 again"), "{told}");
}

fn split_again(share: &Share) -> Share {
    match crate::share::read(&share.letters()).unwrap() {
        crate::share::Given::Plain(share) => share,
        crate::share::Given::Sealed(_) => panic!("it is not sealed"),
    }
}

#[test]
fn shares_of_two_splits_do_not_mix() {
    // Also where the number is the same, as after a backup was restored.
    for epoch in [1, 2] {
        let mut shares = of_split(1);
        shares.truncate(2);
        shares.extend(of_split(epoch).into_iter().skip(2));
        let told = combine(&shares, None).unwrap_err();
        assert!(matches!(&told, NotRecovered::OtherSplit { label, .. } if label == "share 3"), "{told}");
        assert!(told.to_string().contains("do not go together"));
    }
}

#[test]
fn shares_of_another_planet_are_refused() {
    let mut shares = of_split(1);
    shares.truncate(2);
    shares.extend(given(whole(&Secret::take(&mut [8; 32]), 1, 3, 5).unwrap()).into_iter().skip(2));
    assert!(
        matches!(combine(&shares, None).unwrap_err(), NotRecovered::OtherPlanet { label, .. } if label == "share 3")
    );
    let told = combine(&of_split(1), Some(Whose { root: AgentId([9; 32]), recovery: None })).unwrap_err();
    assert!(matches!(told, NotRecovered::OtherPlanet { .. }), "{told}");
}

#[test]
fn a_share_that_was_changed_is_named_among_enough_others() {
    for wrong in 0..5 {
        let shares: Vec<_> =
            of_split(1).into_iter().enumerate().map(|(at, one)| if at == wrong { changed(one) } else { one }).collect();
        let found = combine(&shares, None).unwrap();
        assert_eq!(found.secret, root());
        assert_eq!(found.wrong, [format!("share {}", wrong + 1)]);
        assert_eq!(found.numbers.len(), 4);
    }
    let mut three: Vec<_> = of_split(1).into_iter().take(3).collect();
    let third = three.pop().unwrap();
    three.push(changed(third));
    let told = combine(&three, None).unwrap_err().to_string();
    assert!(told.contains("not the root") && told.contains("share 3") && told.contains("more shares"), "{told}");
    let mut shares = of_split(1);
    let twice = changed(Labelled { label: "other".to_owned(), share: split_again(&shares[0].share) });
    shares.push(twice);
    assert!(matches!(combine(&shares, None).unwrap_err(), NotRecovered::Contradict { number: 1, .. }));
}

fn home() -> (tempfile::TempDir, Secret) {
    let home = tempfile::tempdir().unwrap();
    let keys = home.path().join("keys");
    private(&keys).unwrap();
    let id = sealed::root(&keys).unwrap();
    secret(&keys, "operator").unwrap();
    let region = home.path().join("regions/na/keys");
    private(&region).unwrap();
    folder::write_public(&region, "root", id).unwrap();
    folder::write_public(&region, "recovery", sealed::recovery_key(&keys).unwrap().unwrap()).unwrap();
    sealed::root(&region).unwrap();
    secret(&region, "node").unwrap();
    let root = folder::existing(&keys, "root").unwrap().unwrap();
    (home, root)
}

#[test]
fn a_root_is_put_back_and_never_over_another() {
    let (home, root) = home();
    let keys = home.path().join("keys");
    fs::remove_file(keys.join("root.key")).unwrap();
    put_back(&keys, &root).unwrap();
    assert_eq!(folder::existing(&keys, "root").unwrap().unwrap(), root);
    put_back(&keys, &root).unwrap();
    assert!(matches!(put_back(&keys, &self::root()).unwrap_err(), NotRestored::OtherPlanet { .. }));
    fs::remove_file(keys.join("root.pub")).unwrap();
    assert!(matches!(put_back(&keys, &self::root()).unwrap_err(), NotRestored::Other { .. }));
    assert_eq!(folder::existing(&keys, "root").unwrap().unwrap(), root);
}

#[test]
fn the_root_alone_makes_every_key_anew() {
    let (home, root) = home();
    let into = tempfile::tempdir().unwrap();
    let into = into.path().join("anew");
    assert_eq!(make_anew(home.path(), &into, of(&root), Kept::AsBefore).unwrap().1, 2);
    for key in ["keys/root", "keys/operator", "regions/na/keys/node"] {
        let file = format!("{key}.key");
        assert_eq!(fs::read(into.join(&file)).unwrap(), fs::read(home.path().join(&file)).unwrap());
    }
    assert_eq!(
        make_anew(home.path(), &into, of(&root), Kept::AsBefore).unwrap().1,
        0,
        "the same again changes nothing"
    );
    // Into the directory itself, whose keys are gone.
    fs::remove_file(home.path().join("keys/operator.key")).unwrap();
    assert_eq!(make_anew(home.path(), home.path(), of(&root), Kept::AsBefore).unwrap().1, 1);
    folder::replace(&into.join("keys/operator.key"), "ab".repeat(32).as_bytes()).unwrap();
    assert!(matches!(make_anew(home.path(), &into, of(&root), Kept::AsBefore).unwrap_err(), NotRestored::Other { .. }));
    assert!(matches!(
        make_anew(home.path(), &into, of(&self::root()), Kept::AsBefore).unwrap_err(),
        NotRestored::Copy { .. }
    ));
}

#[test]
fn what_was_recovered_is_not_shown() {
    let (home, root) = home();
    let found = combine(&of_split(1), None).unwrap();
    let copied = open_all(home.path(), of(&root).0, &root).unwrap();
    let shown = format!("{found:?} {copied:?} {:?}", of_split(1));
    for secret in copied.iter().map(|one| one.secret().unwrap()).chain([found.secret]) {
        assert!(!shown.contains(&**letters(secret.expose())));
        assert!(!shown.contains(&format!("{:?}", secret.expose()).trim_matches(['[', ']']).to_owned()));
    }
}

#[test]
fn splits_are_counted_and_a_drill_counts_when_the_root_has_signed_it() {
    let (home, root) = home();
    let keys = home.path().join("keys");
    assert_eq!(last_split(&keys).unwrap(), None);
    assert_eq!(next_split(&keys, 1, 3, 5).unwrap().epoch, 1);
    assert_eq!(next_split(&keys, 2, 3, 5).unwrap().epoch, 2);
    assert_eq!(last_drill(&keys), None);
    let opened = Opened { keys: 2, owners: 1, records: 1 };
    let good = |at| Drill::new(at, 2, vec![1, 3, 5], Ok(opened));
    record(&keys, good(10), Some(&root)).unwrap();
    record(&keys, Drill::new(20, 2, vec![1], Err("too few".to_owned())), None).unwrap();
    record(&keys, good(30), None).unwrap();
    record(&keys, good(40), Some(&self::root())).unwrap();
    let seen: Vec<bool> = drills(&keys).unwrap().iter().map(|drill| drill.good).collect();
    assert_eq!(seen, [true, false, false, false]);
    let last = last_drill(&keys);
    assert_eq!(last.as_ref().map(|drill| (drill.at, drill.opened)), Some((10, opened)));
    assert!(!is_late(last.as_ref(), Some(Millis(5)), 15) && is_late(last.as_ref(), Some(Millis(5)), 16));
    assert!(is_late(None, Some(Millis(5)), 16) && !is_late(None, None, 16));
    assert!(is_late(last.as_ref(), Some(Millis(5)), 9), "a clock that was set back hides no drill");
    for at in 0..300 {
        record(&keys, good(at), Some(&root)).unwrap();
    }
    assert_eq!(drills(&keys).unwrap().len(), 256);
}
