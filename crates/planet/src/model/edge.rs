//! Machines near the users, and content delivery.

use crate::file::section::{Named, section};
use crate::file::span::At;
use crate::file::value::Name;
use vocab::{Bytes, Millis, Ppm, Rate};

section! {
    /// Machines near the users.
    Edge {
        /// How many there are.
        nodes: At<u32> = 0,
        /// What users near one get.
        latency: Option<At<Millis>>,
        /// What users of a 5G site's own machines get.
        mec_latency: Option<At<Millis>>,
        /// What each class of workload may take.
        ceiling: Named<At<Millis>>,
        /// How long until another node has taken over.
        failover: At<Millis> = Millis::seconds(10),
        /// How often a node says that it lives.
        heartbeat: At<Millis> = Millis::seconds(3),
        /// What a node keeps.
        cache: Cache,
        /// What a node fetches before it is asked.
        prefetch: Option<Prefetch>,
    }
}

section! {
    /// What an edge node keeps, by how fast it is at hand.
    Cache {
        /// In memory.
        memory: At<Bytes> = Bytes(512_000_000),
        /// On fast disk.
        fast: At<Bytes> = Bytes(8_000_000_000),
        /// On slow disk.
        slow: At<Bytes> = Bytes(100_000_000_000),
        /// The share of requests that it should answer.
        hits: Option<At<Ppm>>,
    }
}

section! {
    /// What an edge node fetches before it is asked.
    Prefetch {
        /// How sure it must be.
        confidence: At<Ppm> = Ppm::percent(70),
        /// How far ahead it looks.
        window: At<Millis> = Millis::seconds(300),
    }
}

section! {
    /// Content delivery.
    Cdn {
        /// Who delivers: "cloudflare", "fastly", "cloudfront", "akamai".
        providers: Vec<At<Name>>,
        /// The share of traffic that it keeps from us.
        offload: At<Ppm> = Ppm(0),
        /// The requests that one client may send.
        rate_limit: Option<At<Rate>>,
        /// What is kept how long.
        rule: Vec<CdnRule>,
    }
}

section! {
    /// What is kept how long.
    CdnRule {
        /// What the rule is called.
        name: At<Name>,
        /// Paths that it is for, such as "/static/*".
        path: At<crate::file::value::Text>,
        /// How long answers are kept; "0s" for never.
        ttl: At<Millis>,
        /// The residency class of what it keeps; "none" for what is of none.
        /// A rule that does not say it may keep records of every class.
        class: Option<At<Name>>,
    }
}
