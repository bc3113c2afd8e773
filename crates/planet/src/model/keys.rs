//! Keys, bridges and what is observed.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::Name;
use vocab::{Millis, Ppm};

section! {
    /// Keys and their rotation.
    Keys {
        /// How long a signing key is used.
        rotation: At<Millis> = Millis::days(90),
        /// How long a data key is used.
        data_rotation: At<Millis> = Millis::days(30),
        /// How long the old key is still accepted.
        overlap: At<Millis> = Millis::days(7),
        /// Whether the root key lives in hardware.
        hardware: At<bool> = false,
        /// Shares that recover the root key.
        recovery_needs: At<u32> = 3,
        /// Shares that are handed out.
        recovery_of: At<u32> = 5,
        /// How often recovery is rehearsed.
        recovery_drill: Option<At<Millis>>,
    }
}

section! {
    /// Another chain that values travel to.
    Bridge {
        /// What it is called.
        name: At<Name>,
    }
}

section! {
    /// What is kept about the planet's running.
    Observe {
        /// How long logs are at hand.
        logs: At<Millis> = Millis::days(90),
        /// How long logs are kept at all.
        logs_archive: Option<At<Millis>>,
        /// The share of requests that are traced.
        traces: At<Ppm> = Ppm(1_000),
        /// How long traces are kept.
        traces_kept: At<Millis> = Millis::days(7),
    }
}
