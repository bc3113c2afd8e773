//! What can be done, each act declared once: its number, its name and its
//! fields give the bytes and the JSON.

use super::Name;
use super::field::{Digest, Field, Key, Reader, Verdict};
use crate::Malformed;
use serde_json::{Map, Value};

macro_rules! acts {
    ($($(#[$doc:meta])* $number:literal $act:ident = $name:literal { $($(#[$say:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        /// What was done.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Act {
            $($(#[$doc])* $act { $($(#[$say])* $field: $type),* }),*
        }

        impl Act {
            /// Its number, which is for ever.
            #[must_use]
            pub const fn number(&self) -> u8 {
                match self { $(Self::$act { .. } => $number),* }
            }

            /// Its name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$act { .. } => $name),* }
            }

            #[allow(unused_variables, reason = "some acts have no fields")]
            pub(super) fn put(&self, out: &mut Vec<u8>) {
                match self { $(Self::$act { $($field),* } => { $($field.put(out);)* }),* }
            }

            pub(super) fn take(number: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                match number {
                    $($number => Ok(Self::$act { $($field: <$type>::take(reader)?),* }),)*
                    _ => Err(Malformed("the entry tells of an act that is not known here")),
                }
            }

            pub(super) fn fields(&self) -> Map<String, Value> {
                #[allow(unused_mut, reason = "some acts have no fields")]
                match self {
                    $(Self::$act { $($field),* } => {
                        let mut fields = Map::new();
                        $(fields.insert(stringify!($field).to_owned(), $field.json());)*
                        fields
                    }),*
                }
            }
        }
    };
}

acts! {
    /// A node began to run.
    1 Started = "started" {
        /// The version of its program.
        program: Name,
    }
    /// A node ended as it should.
    2 Stopped = "stopped" {}
    /// A block takes nothing more in.
    3 Sealed = "sealed" {}
    /// A sealed block goes on.
    4 Opened = "opened" {}
    /// A network is turned away.
    5 Banned = "banned" {
        /// The network.
        net: Name,
        /// Until when, in milliseconds since 1970 began.
        until: u64,
    }
    /// A network is let in again.
    6 Lifted = "lifted" {
        /// The network.
        net: Name,
    }
    /// An owner's keys were destroyed on demand.
    7 Erased = "erased" {
        /// The owner.
        owner: Key,
    }
    /// A backup was taken.
    8 BackedUp = "backed up" {
        /// Whether the owners' keys are in it.
        owners: bool,
        /// How many entries chains had when it was begun.
        entries: u64,
    }
    /// A key has a successor.
    9 KeyRotated = "key rotated" {
        /// What the key is for.
        line: Name,
        /// The public key that was.
        from: Key,
        /// The public key that is.
        to: Key,
    }
    /// A key is believed no longer.
    10 KeyRevoked = "key revoked" {
        /// The public key.
        key: Key,
    }
    /// The root secret was put together from shares.
    11 Recovered = "recovered" {
        /// The number of the sharing.
        epoch: u32,
        /// How many shares were given.
        shares: u32,
    }
    /// The same, as a rehearsal.
    12 RecoveryDrilled = "recovery drilled" {
        /// The number of the sharing.
        epoch: u32,
        /// How many shares were given.
        shares: u32,
        /// Whether it opened what it should.
        good: bool,
    }
    /// What was decided about an agent.
    13 Verdict = "verdict" {
        /// The agent.
        agent: Key,
        /// What was decided.
        verdict: Verdict,
        /// Until when, in milliseconds since 1970 began.
        until: u64,
    }
    /// The planet file's rules are others.
    14 PolicyChanged = "policy changed" {
        /// Which part of the file.
        section: Name,
        /// SHA-256 of what it was.
        from: Digest,
        /// SHA-256 of what it is.
        to: Digest,
    }
    /// A gateway's word is taken from now on.
    15 GatewayKnown = "gateway known" {
        /// Its public key.
        key: Key,
    }
    /// What an entry says was to be done was not done.
    16 NotDone = "not done" {
        /// The number of that entry.
        entry: u64,
    }
    /// The monitor turned away more than the log was told one by one.
    17 BansLeftOut = "bans left out" {
        /// How many more.
        many: u64,
    }
    /// An agent is turned away.
    18 AgentBanned = "agent banned" {
        /// The agent.
        agent: Key,
        /// Until when, in milliseconds since 1970 began.
        until: u64,
    }
    /// The planet was made from a backup, and its log of before is no more.
    19 Restored = "restored" {
        /// How many entries of chains are in it.
        entries: u64,
    }
    /// A certificate is believed no longer.
    20 CertificateRevoked = "certificate revoked" {
        /// Its serial.
        serial: Name,
    }
    /// A certificate was given by hand, to a node apart from the CA.
    21 CertificateIssued = "certificate issued" {
        /// What the node does.
        role: Name,
        /// Its public key.
        key: Key,
    }
    /// There is a key that was not there before.
    22 KeyMade = "key made" {
        /// What the key is for.
        line: Name,
        /// Its public half.
        key: Key,
    }
    /// A region's key has a successor; neither has a public half.
    23 RegionKeyRotated = "region key rotated" {
        /// The fingerprint of the key that was.
        from: Name,
        /// The fingerprint of the key that is.
        to: Name,
    }
    /// The root secret was split into shares.
    24 RootSplit = "root split" {
        /// The number of the sharing.
        epoch: u32,
        /// How many shares give it back.
        needs: u32,
        /// How many there are.
        shares: u32,
    }
    /// Shares were put together, and a rehearsal begins.
    25 DrillBegun = "recovery drill begun" {
        /// The number of the sharing.
        epoch: u32,
        /// How many shares were given.
        shares: u32,
    }
    /// A region has a key that it had not before; it has no public half.
    26 RegionKeyMade = "region key made" {
        /// The fingerprint of the key.
        key: Name,
    }
    /// A key that stood in its file as it is was wrapped by a token.
    27 KeyWrapped = "key wrapped" {
        /// Its file, without its ending, below the planet's directory.
        file: Name,
        /// The label of the token.
        token: Name,
    }
    /// Entries of this log that are older than it keeps them go; their hashes
    /// stay.
    40 Pruned = "pruned" {
        /// The first entry that stays.
        first: u64,
        /// All before it are older than this, in milliseconds since 1970 began.
        before: u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, MAX_ENTRY, Place, Reason, Right, Who};
    use trust::AgentId;

    fn name() -> Name {
        Name::new(&"n".repeat(64)).unwrap()
    }

    /// One of each, with its fields at their longest.
    fn each() -> Vec<Act> {
        let key = || Key([9; 32]);
        vec![
            Act::Started { program: name() },
            Act::Stopped {},
            Act::Sealed {},
            Act::Opened {},
            Act::Banned { net: name(), until: u64::MAX },
            Act::Lifted { net: name() },
            Act::Erased { owner: key() },
            Act::BackedUp { owners: true, entries: 7 },
            Act::KeyRotated { line: name(), from: key(), to: key() },
            Act::KeyRevoked { key: key() },
            Act::Recovered { epoch: 1, shares: 3 },
            Act::RecoveryDrilled { epoch: 1, shares: 3, good: false },
            Act::Verdict { agent: key(), verdict: Verdict::Ban, until: 1 },
            Act::PolicyChanged { section: name(), from: Digest([1; 32]), to: Digest([2; 32]) },
            Act::GatewayKnown { key: key() },
            Act::NotDone { entry: u64::MAX },
            Act::BansLeftOut { many: 1 },
            Act::AgentBanned { agent: key(), until: 1 },
            Act::Restored { entries: 1 },
            Act::CertificateRevoked { serial: name() },
            Act::CertificateIssued { role: name(), key: key() },
            Act::KeyMade { line: name(), key: key() },
            Act::RegionKeyRotated { from: name(), to: name() },
            Act::RootSplit { epoch: 1, needs: 3, shares: 5 },
            Act::DrillBegun { epoch: 1, shares: 3 },
            Act::RegionKeyMade { key: name() },
            Act::KeyWrapped { file: name(), token: name() },
        ]
    }

    #[test]
    fn each_act_has_its_number_one_form_and_room() {
        for (number, act) in (1..).zip(each()).chain([(40, Act::Pruned { first: 1, before: 1 })]) {
            assert_eq!(act.number(), number);
            let entry = Entry {
                time: 1_800_000_000_000,
                act,
                who: Who::Key(AgentId([3; 32])),
                right: Right::Administer,
                rule: name(),
                address: name(),
                place: Place::Block(Name::new(&"r".repeat(64)).unwrap(), u64::MAX),
                reason: Reason::new(&"w".repeat(512)).unwrap(),
            };
            let bytes = entry.to_bytes();
            assert!(bytes.len() <= MAX_ENTRY, "{} bytes", bytes.len());
            assert_eq!(Entry::from_bytes(&bytes), Ok(entry.clone()));
            for cut in 0..bytes.len() {
                assert!(Entry::from_bytes(&bytes[..cut]).is_err());
            }
            assert!(Entry::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut other = bytes.clone();
                    other[at] ^= 1 << bit;
                    if let Ok(read) = Entry::from_bytes(&other) {
                        assert_eq!(read.to_bytes(), other);
                    }
                }
            }
            assert_eq!(entry.json()["act"], entry.act.name());
        }
        assert!(Entry::from_bytes(&[1, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
