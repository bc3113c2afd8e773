//! Records: where they live, who may leave, what survives.

use crate::file::section::{Named, section};
use crate::file::span::At;
use crate::file::value::{Name, Text, choice};
use vocab::{Millis, Ppm};

choice! {
    /// When a write is passed on to the replicas.
    Sync, "a way to replicate" {
        /// Before it is acknowledged.
        Synchronous = "synchronous",
        /// Afterwards, every `interval`.
        Asynchronous = "asynchronous",
    }
}

choice! {
    /// Which of two writes to one record wins.
    Conflict, "a rule for conflicts" {
        /// The one with the later time.
        Timestamp = "timestamp",
        /// The one from the primary.
        Primary = "primary",
        /// Both are refused and shown.
        Refuse = "refuse",
    }
}

choice! {
    /// What happens to records whose region is lost.
    WhenLost, "an answer to a lost region" {
        /// The region's fallback takes them.
        Move = "move",
        /// They wait; nobody else may have them.
        Refuse = "refuse",
    }
}

section! {
    /// Where records live.
    Data {
        /// The region that takes the writes of records without a class.
        primary: At<Name>,
        /// Its own replicas there.
        primary_replicas: At<u32> = 1,
        /// Read replicas in other regions.
        replicas: Named<At<u32>>,
        /// When a write is passed on.
        sync: At<Sync> = Sync::Asynchronous,
        /// How often, when it is asynchronous.
        interval: At<Millis> = Millis::seconds(30),
        /// Which of two writes wins.
        conflict: At<Conflict> = Conflict::Timestamp,
        /// Residency classes.
        class: Vec<Class>,
    }
}

section! {
    /// A residency class: records that the law binds to a place.
    Class {
        /// What records name it by: "gdpr", "ccpa", "pdpa".
        name: At<Name>,
        /// The only regions that may hold its records, the first by preference.
        regions: Vec<At<Name>>,
        /// The jurisdictions that its records may be in.
        jurisdictions: Vec<At<Text>>,
        /// Whether its records may also be where its jurisdictions recognise the
        /// protection as adequate.
        adequacy: At<bool> = false,
        /// How long a record may be kept.
        retention: Option<At<Millis>>,
        /// Whether its owner must have agreed.
        consent: At<bool> = false,
        /// Whether its owner may opt out of being shared.
        opt_out: At<bool> = false,
        /// Whether records may never be sold.
        no_sale: At<bool> = false,
        /// Whether its owner may have it erased.
        erasure: At<bool> = false,
        /// Whether it must be processed where it is kept.
        local_processing: At<bool> = false,
        /// What happens when its region is lost.
        when_lost: At<WhenLost> = WhenLost::Move,
    }
}

section! {
    /// A jurisdiction, in place of what is known about that name.
    Jurisdiction {
        /// What regions and classes call it.
        name: At<Text>,
        /// Jurisdictions that it is a part of.
        within: Vec<At<Text>>,
        /// Jurisdictions whose protection it recognises as adequate.
        adequate: Vec<At<Text>>,
    }
}

section! {
    /// What is kept for the worst day.
    Backup {
        /// How often a full copy is made.
        every: At<Millis>,
        /// How often the log since then is shipped.
        log_shipping: Option<At<Millis>>,
        /// How long copies stay at hand.
        hot: At<Millis> = Millis::days(30),
        /// How long copies stay in the archive.
        cold: Option<At<Millis>>,
        /// How often a copy is restored to see that it can be.
        restore_test: Option<At<Millis>>,
        /// Whether copies are kept in another region as well.
        cross_region: At<bool> = false,
        /// How often configuration and state are copied, by name.
        also: Named<At<Millis>>,
    }
}

section! {
    /// How soon after a failure things must work again.
    Recovery {
        /// How much of the newest data may be lost, as time.
        rpo: At<Millis>,
        /// How long until everything works again.
        rto: At<Millis>,
        /// How long until traffic avoids a lost region.
        reroute: At<Millis> = Millis::seconds(30),
        /// How long until another database has taken over.
        database_failover: At<Millis> = Millis::minutes(5),
        /// The same as `rto`, after several regions are lost.
        rto_multi_region: Option<At<Millis>>,
        /// The same as `rto`, after everything is lost.
        rto_global: Option<At<Millis>>,
        /// The share of a lost region's traffic that its fallback must take.
        takeover: At<Ppm> = Ppm::ONE,
    }
}
