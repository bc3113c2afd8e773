//! What a refusal is: one list of kinds, with their names in JSON, their
//! statuses in HTTP and their numbers in frames.

/// Declares the kinds once.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $status:literal, $text:literal;)*) => {
        /// A kind of refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Code { $($(#[$doc])* $name = $number,)* }

        impl Code {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its status in HTTP.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Its number in frames, for ever.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }
        }
    };
}

codes! {
    /// The request makes no sense.
    Bad = 1, 400, "bad_request";
    /// Nobody has proved who asks.
    Unknown = 2, 401, "unknown_agent";
    /// The lease does not give the right, or the policy does not admit.
    Forbidden = 3, 403, "forbidden";
    /// There is no such thing.
    NotFound = 4, 404, "not_found";
    /// There is such a thing, and this cannot be done with it.
    Method = 5, 405, "wrong_method";
    /// It is too late for this.
    Conflict = 6, 409, "conflict";
    /// It was here, and is no longer.
    Gone = 7, 410, "gone";
    /// Too large.
    TooLarge = 8, 413, "too_large";
    /// The body is of a type that is not read here.
    Type = 9, 415, "wrong_type";
    /// The lease is for another block.
    WrongBlock = 10, 421, "wrong_block";
    /// The connection has to become another one for this.
    Upgrade = 11, 426, "upgrade_required";
    /// Too much, too soon.
    TooMany = 12, 429, "too_many";
    /// The law of the place does not allow it.
    Residency = 13, 451, "residency";
    /// A fault of the planet.
    Internal = 14, 500, "internal";
    /// Not now.
    Unavailable = 15, 503, "unavailable";
    /// The request came too slowly.
    Slow = 16, 408, "too_slow";
    /// The request's head is too large.
    HeadTooLarge = 17, 431, "head_too_large";
}

impl Code {
    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Whether the same request may pass later.
    #[must_use]
    pub const fn may_pass_later(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_its_own_number_name_and_status() {
        let all = Code::ALL;
        assert_eq!(all.iter().map(|code| code.number()).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|code| code.status()).collect::<BTreeSet<_>>().len(), all.len());
        for code in all {
            assert_eq!(Code::from_name(code.name()), Some(*code));
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
    }
}
