//! Whatever a quantity prints, it reads back as itself; whatever it is handed,
//! it answers without a panic.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use vocab::{BitRate, Bytes, MicroDegrees, MicroUsd, Millis, Net4, Net6, Ppm, Rate};

fn back<T: std::str::FromStr<Err = vocab::BadQuantity> + std::fmt::Display>(value: &T) -> T {
    value.to_string().parse().unwrap()
}

proptest! {
    #[test]
    fn every_quantity_reads_what_it_prints(n in any::<u64>(), share in any::<u32>(), degrees in -180_000_000i32..=180_000_000, prefix in 0u8..=32, prefix6 in 0u8..=128, address in any::<u128>(), per in prop::sample::select(vec![1_000u64, 60_000, 3_600_000, 86_400_000])) {
        prop_assert_eq!(back(&Millis(n)), Millis(n));
        prop_assert_eq!(back(&Bytes(n)), Bytes(n));
        prop_assert_eq!(back(&BitRate(n)), BitRate(n));
        prop_assert_eq!(back(&MicroUsd(n)), MicroUsd(n));
        prop_assert_eq!(back(&Ppm(share)), Ppm(share));
        prop_assert_eq!(back(&MicroDegrees(degrees)), MicroDegrees(degrees));
        let rate = Rate { events: n, per: Millis(per) };
        prop_assert_eq!(back(&rate), rate);
        let net4 = Net4::new(std::net::Ipv4Addr::from(share), prefix).unwrap();
        prop_assert_eq!(back(&net4), net4);
        let net6 = Net6::new(std::net::Ipv6Addr::from(address), prefix6).unwrap();
        prop_assert_eq!(back(&net6), net6);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,24}") {
        let _ = (text.parse::<Millis>(), text.parse::<Bytes>(), text.parse::<BitRate>(), text.parse::<Rate>());
        let _ = (text.parse::<MicroUsd>(), text.parse::<Ppm>(), text.parse::<MicroDegrees>(), text.parse::<Net4>(), text.parse::<Net6>());
    }
}

#[test]
fn quantities_read_as_people_write_them() {
    assert_eq!("5m".parse(), Ok(Millis::minutes(5)));
    assert_eq!("1h 30min".parse(), Ok(Millis::minutes(90)));
    assert_eq!("0.5s".parse(), Ok(Millis(500)));
    assert_eq!("50k rps".parse(), Ok(Rate::per_second(50_000)));
    assert_eq!("1000/min".parse(), Ok(Rate { events: 1_000, per: Millis(60_000) }));
    assert_eq!("2.5M rps".parse(), Ok(Rate::per_second(2_500_000)));
    assert_eq!("10 GiB".parse(), Ok(Bytes(10 << 30)));
    assert_eq!("$50_000".parse(), Ok(MicroUsd::dollars(50_000)));
    assert_eq!("$0.0816".parse(), Ok(MicroUsd(81_600)));
    assert_eq!("99.995%".parse(), Ok(Ppm(999_950)));
    assert_eq!("7.5 Gbps".parse(), Ok(BitRate(7_500_000_000)));
}

#[test]
fn what_lacks_its_unit_is_refused_with_an_example() {
    let error = "10000".parse::<Rate>().unwrap_err();
    assert_eq!(error.what, "`10000` lacks a unit of rate (rps, /s, /min, /h, /d)");
    assert_eq!(error.example, "50k rps");
    for bad in ["", "5", "5 parsecs", "m5", "5m5", "-5m"] {
        assert!(bad.parse::<Millis>().is_err(), "{bad}");
    }
    for bad in ["50000", "$", "$1.0000001", "$5x", "€5"] {
        assert!(bad.parse::<MicroUsd>().is_err(), "{bad}");
    }
}
