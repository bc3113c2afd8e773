//! Envelopes and the keys to them.

use crate::world::{planet, region, regional, secret};
use proptest::prelude::*;
use std::collections::BTreeSet;
use trust::envelope::{DataKey, LARGEST, NotOpened, NotUnwrapped, NotWrapped, OVERHEAD, TooLarge, WrappedKey};
use trust::{Malformed, OwnerId, PlanetId, RegionTag, RegionalKey};

const OWNER: OwnerId = OwnerId([1; 32]);

fn key() -> DataKey {
    DataKey::new(planet(), OWNER, secret(11))
}

#[test]
fn what_differs_is_never_sealed_under_the_same_key() {
    // The salt is what the key is derived from: 32 bytes after the head.
    let salts: BTreeSet<Vec<u8>> = (0..200u8)
        .flat_map(|number| {
            let (context, data) = ([number, 0], [0, number]);
            [key().seal(&context, b"data").unwrap(), key().seal(b"context", &data).unwrap()]
        })
        .chain([key().seal(b"contextd", b"ata").unwrap(), key().seal(b"", b"contextdata").unwrap()])
        .map(|envelope| envelope[2..34].to_vec())
        .collect();
    assert_eq!(salts.len(), 402);
    // What does not differ is the same envelope: there is nothing to reuse.
    assert_eq!(key().seal(b"context", b"data"), key().seal(b"context", b"data"));
}

#[test]
fn a_new_regional_key_wraps_again_and_leaves_the_data_alone() {
    let envelope = key().seal(b"record 1", b"data").unwrap();
    let (old, next) = (regional().wrapping(), RegionalKey::new(planet(), region(), secret(2)).wrapping());
    let wrapped = old.wrap(&key()).unwrap();
    let again = old.rewrap(&wrapped, &next).unwrap();
    assert_eq!(next.unwrap(&again).unwrap().open(b"record 1", &envelope).unwrap(), b"data");
    assert_eq!(old.unwrap(&again).unwrap_err(), NotUnwrapped::OtherKey(again.key()));
    assert_eq!(next.unwrap(&wrapped).unwrap_err(), NotUnwrapped::OtherKey(wrapped.key()));
    // Another region's key that has taken this one's name.
    let mut renamed = again.to_bytes();
    renamed[34..50].copy_from_slice(&wrapped.key().0);
    let renamed = WrappedKey::from_bytes(&renamed).unwrap();
    assert_eq!(old.unwrap(&renamed).unwrap_err(), NotUnwrapped::Sealed);
}

/// Unwrapped there it would be another key, and the data lost without a word.
#[test]
fn a_key_wrapped_on_another_planet() {
    let elsewhere = PlanetId([9; 16]);
    let (here, there) = (regional().wrapping(), RegionalKey::new(elsewhere, region(), secret(1)).wrapping());
    assert_eq!(there.wrap(&key()), Err(NotWrapped::OtherPlanet(planet())));
    assert_eq!(here.wrap(&DataKey::new(elsewhere, OWNER, secret(11))), Err(NotWrapped::OtherPlanet(elsewhere)));
    let wrapped = here.wrap(&key()).unwrap();
    assert_eq!(here.rewrap(&wrapped, &there), Err(NotWrapped::OtherPlanet(planet())));
    assert_eq!(here.relocate(&wrapped, &there), Err(NotWrapped::OtherPlanet(planet())));
}

#[test]
fn a_key_moved_to_another_region_by_a_rotation() {
    let envelope = key().seal(b"record 1", b"data").unwrap();
    let other = RegionTag::of("us-east-1");
    let (here, there) = (regional().wrapping(), RegionalKey::new(planet(), other, secret(2)).wrapping());
    let wrapped = here.wrap(&key()).unwrap();
    assert_eq!(here.rewrap(&wrapped, &there), Err(NotWrapped::OtherRegion(other)));
    let moved = here.relocate(&wrapped, &there).unwrap();
    assert_eq!(there.unwrap(&moved).unwrap().open(b"record 1", &envelope).unwrap(), b"data");
    assert_eq!(there.rewrap(&wrapped, &there), Err(NotWrapped::Unwrap(NotUnwrapped::OtherKey(wrapped.key()))));
}

#[test]
fn what_is_too_large_is_refused() {
    assert_eq!(key().seal(b"", &vec![0; LARGEST + 1]), Err(TooLarge(LARGEST + 1)));
    let largest = key().seal(b"", &vec![7; LARGEST]).unwrap();
    assert_eq!(largest.len(), LARGEST + OVERHEAD);
    assert!(key().open(b"", &largest).is_ok());
    let longer = [&largest[..], &[0]].concat();
    assert!(matches!(key().open(b"", &longer), Err(NotOpened::Malformed(Malformed::Length(_)))));
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_nothing_else_does(data in prop::collection::vec(any::<u8>(), 0..300), context in prop::collection::vec(any::<u8>(), 0..40), flipped in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let envelope = key().seal(&context, &data).unwrap();
        prop_assert_eq!(&key().open(&context, &envelope).unwrap(), &data);
        prop_assert_eq!(envelope.len(), data.len() + OVERHEAD);
        let mut changed = envelope.clone();
        let bit = flipped.index(8 * changed.len());
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key().open(&context, &changed).is_err());
        prop_assert!(key().open(&context, &envelope[..cut.index(envelope.len())]).is_err());
        prop_assert!(key().open(&context, &[&envelope[..], &[0]].concat()).is_err());
        prop_assert!(key().open(&[&context[..], &[0]].concat(), &envelope).is_err());
    }

    #[test]
    fn a_wrapped_key_reads_as_it_was_written(owner in any::<[u8; 32]>(), byte in any::<u8>(), flipped in 0..8 * WrappedKey::LEN) {
        let wrapping = regional().wrapping();
        let data_key = DataKey::new(planet(), OwnerId(owner), secret(byte));
        let wrapped = wrapping.wrap(&data_key).unwrap();
        let mut bytes = wrapped.to_bytes();
        prop_assert_eq!(WrappedKey::from_bytes(&bytes), Ok(wrapped));
        let sealed = data_key.seal(b"", b"data").unwrap();
        prop_assert_eq!(wrapping.unwrap(&wrapped).unwrap().open(b"", &sealed).unwrap(), b"data");
        bytes[flipped / 8] ^= 1 << (flipped % 8);
        let unwrapped = WrappedKey::from_bytes(&bytes).is_ok_and(|wrapped| wrapping.unwrap(&wrapped).is_ok());
        prop_assert!(!unwrapped);
        prop_assert!(WrappedKey::from_bytes(&bytes[..WrappedKey::LEN - 1]).is_err());
        prop_assert!(WrappedKey::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn a_tag_finds_a_name_for_its_owner_and_for_nobody_else() {
    let key = |owner: u8, secret: u8| {
        DataKey::new(PlanetId([1; 16]), OwnerId([owner; 32]), trust::Secret::take(&mut [secret; 32]))
    };
    assert_eq!(key(1, 1).tag(b"name"), key(1, 1).tag(b"name"));
    for other in [key(1, 1).tag(b"names"), key(2, 1).tag(b"name"), key(1, 2).tag(b"name")] {
        assert_ne!(key(1, 1).tag(b"name"), other);
    }
}
