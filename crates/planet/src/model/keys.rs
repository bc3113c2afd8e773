//! Keys, bridges and what is observed.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, PublicKey, choice};
use vocab::{Millis, Ppm, Rate};

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

choice! {
    /// How an agent gets its first lease.
    Enrolment, "a way to enrol" {
        /// Anybody may, so many of each source.
        Open = "open",
        /// Whoever is invited by the holder of one of the keys.
        Invitation = "invitation",
        /// The holders of the keys, and nobody else.
        List = "list",
    }
}

section! {
    /// How an agent gets its first lease. Without this section nobody does.
    Enrol {
        /// Who may.
        how: At<Enrolment> = Enrolment::Open,
        /// How many agents one source may enrol.
        quota: At<Rate> = Rate { events: 10, per: Millis::hours(1) },
        /// Who may invite, or who is on the list.
        keys: Vec<At<PublicKey>>,
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
