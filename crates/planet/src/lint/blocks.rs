//! MY02xx: blocks, how they are divided and reached, and how busy they are.

mod split;

use super::{Facts, Lint};
use crate::finding::{Report, Severity};
use crate::model::External;
use vocab::{Millis, Ppm, Slot, thousands};

pub(super) const ALL: &[&Lint] = &[
    &SLOTS,
    &CELL,
    &split::NO_COUNT,
    &split::CONTRADICTED,
    &split::NO_WEIGHT,
    &split::WEIGHT_UNUSED,
    &split::EMPTY,
    &PUBLIC_IPV4,
    &NO_PREFIX,
    &split::PREFIX_TOO_SMALL,
    &NEVER_BANS,
    &STANDSTILL,
    &TOO_BUSY,
    &ABOVE_ALL,
    &BANS_BEFORE_SUSPICION,
    &NO_BLOCKS,
    &FORGETS,
];

static SLOTS: Lint = Lint {
    code: "MY0201",
    severity: Severity::Error,
    title: "a number of slots that no block has",
    why: "A block is a /26: 62 addresses, of which the router and the monitor take one each. That leaves 1 to 60 slots.",
    hint: "write 1 to 60 slots, and more blocks for more slots",
    look: |facts, report| {
        let slots = &facts.planet.block.slots;
        if !(1..=u16::from(Slot::MOST)).contains(&slots.value) {
            report.add(&SLOTS, format!("a block cannot have {} slots", slots.value)).at(slots.span, "");
        }
    },
};

/// 1,024 blocks of /26.
const CELL_PREFIX: u8 = 16;

static CELL: Lint = Lint {
    code: "MY0202",
    severity: Severity::Error,
    title: "a cell that does not hold 1,024 blocks",
    why: "A cell is 1,024 blocks of /26, which fill a /16 exactly. The network of a cell is therefore a /16, written without host bits.",
    hint: "write a /16, such as \"192.168.0.0/16\"",
    look: |facts, report| {
        let cell = &facts.planet.block.cell;
        if cell.prefix != CELL_PREFIX {
            report
                .add(&CELL, format!("`{}` is a /{}, and a cell fills a /16", cell.value, cell.prefix))
                .at(cell.span, "");
        } else if cell.has_host_bits() {
            report
                .add(&CELL, format!("`{}` is an address inside of a cell's network", cell.value))
                .at(cell.span, "")
                .hint(format!("write \"{}\"", cell.network()));
        }
    },
};

static NO_BLOCKS: Lint = Lint {
    code: "MY0216",
    severity: Severity::Error,
    title: "a planet without blocks",
    why: "Everything that runs, runs in a block. Without one there is nobody to serve, and still a bill for each region.",
    hint: "write how many blocks there are; each holds 60 agents",
    look: |facts, report| {
        let planet = facts.planet;
        let said = planet.planet.blocks.iter().chain(planet.region.iter().filter_map(|region| region.blocks.as_ref()));
        if split::total(planet) == 0
            && let Some(first) = said.into_iter().next()
        {
            report.add(&NO_BLOCKS, "the planet has no block at all").at(first.span, "");
        }
    },
};

/// As long as an op's name is good for, and an hour for clocks that differ.
const REMEMBERED: Millis = Millis::hours(25);

static FORGETS: Lint = Lint {
    code: "MY0217",
    severity: Severity::Error,
    title: "chains that are forgotten before the names in them",
    why: "An op that is sent again within 24 hours gets the answer that it got before, which stands in its chain. An entry that is pruned sooner cannot be answered again.",
    hint: "write at least \"25h\", or leave it out: then chains are kept for ever",
    look: |facts, report| {
        if let Some(kept) = facts.planet.block.chain_kept.as_ref().filter(|kept| kept.value < REMEMBERED) {
            report.add(&FORGETS, format!("entries are kept for {}, and names for 24h", kept.value)).at(kept.span, "");
        }
    },
};

/// All IPv4 addresses less those that are reserved (RFC 6890).
const PUBLIC_ADDRESSES: u64 = 3_702_258_432;
/// A /24 is what the registries still hand out, after a wait.
const MOST_PUBLIC: u64 = 256;

static PUBLIC_IPV4: Lint = Lint {
    code: "MY0208",
    severity: Severity::Error,
    title: "public IPv4 for every block",
    why: "There are 3.7 billion public IPv4 addresses for everybody, all of them taken. Registries hand out a /24 after a long wait; every one beyond costs its price and rent every hour.",
    hint: "use `external = \"gateway\"`, or \"ipv6\" and a prefix for each region",
    look: |facts, report| {
        let external = &facts.planet.block.external;
        let blocks = split::total(facts.planet);
        if external.value == External::Ipv4 && blocks > MOST_PUBLIC {
            let share = match Ppm::ratio(blocks, PUBLIC_ADDRESSES) {
                share if share > Ppm::ONE => ", more than there are".to_owned(),
                Ppm(0) => String::new(),
                share => format!(", {share} of all there are"),
            };
            report
                .add(&PUBLIC_IPV4, format!("{} blocks need as many public IPv4 addresses{share}", thousands(blocks)))
                .at(external.span, "");
        }
    },
};

static NO_PREFIX: Lint = Lint {
    code: "MY0209",
    severity: Severity::Error,
    title: "IPv6 blocks in a region without a prefix",
    why: "With `external = \"ipv6\"` each block takes a /64 of its region's prefix. A region without a prefix has nothing to give.",
    hint: "add `ipv6 = \"…/40\"` to the region; the provider or the registry assigns it",
    look: |facts, report| {
        let external = &facts.planet.block.external;
        if external.value == External::Ipv6 {
            for region in facts.planet.region.iter().filter(|region| region.ipv6.is_none()) {
                report
                    .add(&NO_PREFIX, format!("`{}` has no IPv6 prefix for its blocks", region.id.value))
                    .at(region.id.span, "no `ipv6` here")
                    .at(external.span, "asked for here");
            }
        }
    },
};

static NEVER_BANS: Lint = Lint {
    code: "MY0211",
    severity: Severity::Error,
    title: "a monitor that can never ban anybody",
    why: "A source is banned above the score `blocked`. If all scores together do not exceed it, the worst source in the world goes on.",
    hint: "lower `blocked`, or raise a score",
    look: |facts, report| {
        let monitor = &facts.planet.block.monitor;
        let scores = [&monitor.large_score, &monitor.requests_score, &monitor.destinations_score, &monitor.event_score];
        let most: u64 = scores.iter().map(|score| u64::from(score.value)).sum();
        let blocked = &monitor.blocked;
        if u64::from(blocked.value) >= most {
            report
                .add(&NEVER_BANS, format!("no source scores above {}: the highest score is {most}", blocked.value))
                .at(blocked.span, format!("all scores together are {most}"));
        }
    },
};

static BANS_BEFORE_SUSPICION: Lint = Lint {
    code: "MY0215",
    severity: Severity::Error,
    title: "a source that is banned before it is suspicious",
    why: "Suspicion is the warning that comes before a ban. Where it needs at least as much, nobody is ever warned.",
    hint: "set `suspicious` below `blocked`",
    look: |facts, report| {
        let (suspicious, blocked) = (&facts.planet.block.monitor.suspicious, &facts.planet.block.monitor.blocked);
        if suspicious.value >= blocked.value {
            let what = format!("banned above {}, but suspicious only above {}", blocked.value, suspicious.value);
            report
                .add(&BANS_BEFORE_SUSPICION, what)
                .at(suspicious.span, "suspicious above this")
                .at(blocked.span, "banned above this");
        }
    },
};

static STANDSTILL: Lint = Lint {
    code: "MY0212",
    severity: Severity::Error,
    title: "a block that can run nothing",
    why: "A rate of zero lets nobody send, and a queue of zero has no room for what is sent. Either way the block stands still.",
    hint: "write at least 1; the defaults are op_rate = \"1 rps\" and queue = 1_000",
    look: |facts, report| {
        let (rate, queue) = (&facts.planet.block.op_rate, &facts.planet.block.queue);
        if rate.events == 0 {
            report.add(&STANDSTILL, "the holder of a slot may send no ops at all").at(rate.span, "");
        }
        if let Some(reads) = facts.planet.block.read_rate.as_ref().filter(|reads| reads.events == 0) {
            report.add(&STANDSTILL, "the holder of a slot may read nothing").at(reads.span, "");
        }
        let gateway = &facts.planet.gateway;
        for rate in [&gateway.agent_rate, &gateway.address_rate].into_iter().filter(|rate| rate.events == 0) {
            report.add(&STANDSTILL, "the gateways let nobody through").at(rate.span, "");
        }
        if queue.value == 0 {
            report.add(&STANDSTILL, "no op may wait in a block, so none can run").at(queue.span, "");
        }
    },
};

static TOO_BUSY: Lint = Lint {
    code: "MY0213",
    severity: Severity::Warning,
    title: "more activity than blocks allow",
    why: "Sizes and prices are computed from the activity. What `op_rate` of [block] refuses never arrives, so machines would be paid for that have nothing to do.",
    hint: "lower `op_rate` of [activity], or raise that of [block]",
    look: |facts, report| {
        let (asked, allowed) = (&facts.planet.activity.op_rate, &facts.planet.block.op_rate);
        if allowed.events > 0 && asked.exceeds(allowed.value) {
            report
                .add(&TOO_BUSY, format!("each active slot sends {}, and {} is let through", asked.value, allowed.value))
                .at(asked.span, "sent")
                .at(allowed.span, "let through");
        }
    },
};

static ABOVE_ALL: Lint = Lint {
    code: "MY0214",
    severity: Severity::Error,
    title: "activity above 100 %",
    why: "A share is a part of the whole: of all slots, or of all traffic. More than all of it is a slip of the pen that every size and price would follow.",
    hint: "write at most \"100%\"",
    look: above_all,
};

fn above_all(facts: &Facts<'_>, report: &mut Report) {
    let activity = &facts.planet.activity;
    let shares = [
        (&activity.active, "of the slots are active"),
        (&activity.internet, "of the traffic leaves for the Internet"),
        (&activity.cross_zone, "of the traffic crosses a zone"),
        (&activity.cross_region, "of the traffic crosses a region"),
    ];
    for (share, what) in shares.into_iter().filter(|(share, _)| share.value > Ppm::ONE) {
        report.add(&ABOVE_ALL, format!("{} {what}", share.value)).at(share.span, "");
    }
}
