//! π's digits are computed once for each regional key.

use measure::{once, plain};
use std::hint::black_box;
use trust::{KeyId, pi};

pub(crate) fn run() {
    let salt = |position: u16| {
        let [high, low] = position.to_be_bytes();
        let id = KeyId(std::array::from_fn(|at| [high, low].get(at).copied().unwrap_or_default()));
        once(|| assert_ne!(black_box(pi::salt(id)), [0; pi::SALT]))
    };
    plain("pi: salt, in the middle", salt(1 << 15));
    plain("pi: salt, at the far end", salt(u16::MAX));
    plain("pi: 14 digits at 1,000,000", once(|| assert_eq!(pi::digits(999_999, 14).unwrap(), "26C65E52CB4593")));
    plain("pi: 14 digits at 10,000,000", once(|| assert_eq!(pi::digits(9_999_999, 14).unwrap(), "17AF5863EFED8D")));
}
