//! The planets of this repository say what the documents say, figure by
//! figure, and their plans and prices come to what was promised.

#![allow(clippy::unwrap_used)]

use planet::plan::Plan;
use planet::price::Bill;
use planet::{Planet, Tables};
use std::path::Path;
use vocab::{Bytes, MicroUsd, Millis, Ppm, Rate};

fn read(name: &str) -> Planet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets").join(name);
    let (planet, report) = planet::parse(&std::fs::read(path).unwrap());
    assert_eq!(report.errors(), 0, "{:?}", report.findings());
    planet.unwrap()
}

fn plan(planet: &Planet) -> Plan {
    Plan::new(planet, &Tables::builtin()).unwrap()
}

fn bill(planet: &Planet) -> Bill {
    Bill::new(planet, &plan(planet), &Tables::builtin()).unwrap()
}

/// The values of a table of the file, as (name, value).
fn named<V: Copy>(list: &planet::Named<planet::At<V>>) -> Vec<(&str, V)> {
    list.iter().map(|(name, value)| (name.as_str(), value.value)).collect()
}

fn nets(planet: &Planet, region: &str, tier: &str) -> Vec<String> {
    let subnets = &planet.network.as_ref().unwrap().subnet;
    let here = |name: Option<&planet::At<planet::Name>>| name.is_none_or(|name| name.as_str() == region);
    subnets
        .iter()
        .filter(|subnet| subnet.tier.as_str() == tier && here(subnet.region.as_ref()))
        .map(|subnet| subnet.net.to_string())
        .collect()
}

#[test]
fn carma_has_a_slot_for_everybody() {
    let planet = read("carma.toml");
    let plan = plan(&planet);
    assert_eq!((plan.planet.blocks, plan.planet.slots), (133_333_334, 8_000_000_040));
    let blocks: Vec<_> = plan.regions.iter().map(|region| (region.id.as_str(), region.blocks)).collect();
    let equal = ["na", "eu", "as", "af", "sa", "oc"].map(|id| (id, 19_047_619));
    assert_eq!(blocks, [&equal[..], &[("an", 19_047_620)]].concat());
    assert_eq!(plan.regions[0].slots, 1_142_857_140);
    assert_eq!(plan.regions[6].slots, 1_142_857_200);
    // 1,024 blocks are a cell, 64 cells a pod.
    assert_eq!((plan.regions[0].cells, plan.regions[0].pods), (18_602, 291));
    // 36 GiB a region at 2 KiB a block.
    assert_eq!(plan.regions[0].memory_bytes, 19_047_619 * 2_048);
    // Three hosts carry a region, and five still do when one of three zones is lost.
    let machines = plan.regions[0].machines;
    assert_eq!((machines.working, machines.working + machines.spare_for_a_zone), (3, 5));
    assert_eq!(planet.block.op_rate.value, Rate::per_second(1));
    assert_eq!(planet.block.queue.value, 1_000);
}

#[test]
fn carma_packed_is_not_carma_in_pods() {
    let packed = bill(&read("carma.toml")).packed;
    assert_eq!((packed.pod_nodes, packed.pod_clusters), (7 * 173_161, 7 * 127));
    assert!((MicroUsd::dollars(72_000_000)..MicroUsd::dollars(73_000_000)).contains(&packed.pod_monthly));
    assert!(packed.monthly < MicroUsd::dollars(30_000));
}

#[test]
fn carmas_monitor_can_fire() {
    let monitor = read("carma.toml").block.monitor;
    assert_eq!(monitor.window.value, Millis::seconds(60));
    assert_eq!((monitor.large.value, monitor.requests.value, monitor.destinations.value), (Bytes(1_000_000), 100, 10));
    assert_eq!((monitor.large_score.value, monitor.requests_score.value, monitor.destinations_score.value), (3, 2, 2));
    assert_eq!((monitor.suspicious.value, monitor.blocked.value), (5, 10));
    let highest = monitor.large_score.value
        + monitor.requests_score.value
        + monitor.destinations_score.value
        + monitor.event_score.value;
    assert!(highest > monitor.blocked.value);
}

#[test]
fn mesh_says_what_its_document_says() {
    let planet = read("mesh.toml");
    let replicas: Vec<_> = planet
        .region
        .iter()
        .map(|region| {
            (region.id.as_str(), region.replicas.at_start(), region.replicas.min.value, region.replicas.at_most())
        })
        .collect();
    assert_eq!(
        replicas,
        [
            ("us-east-1", 5, 5, 50),
            ("us-west-2", 3, 3, 30),
            ("eu-west-1", 3, 3, 30),
            ("ap-southeast-1", 2, 2, 20),
            ("ap-northeast-1", 2, 2, 20)
        ]
    );
    let capacity = |id: &str| {
        planet.region.iter().find(|region| region.id.as_str() == id).unwrap().capacity.as_ref().unwrap().value
    };
    assert_eq!(
        ["us-east-1", "eu-west-1", "ap-southeast-1"].map(capacity),
        [10_000, 5_000, 3_000].map(Rate::per_second)
    );
    assert!(planet.region.iter().all(|region| region.fallback.len() == 1));
    let weights = &planet.route.weights;
    assert_eq!(
        [&weights.geography, &weights.health, &weights.latency, &weights.cost].map(|weight| weight.value),
        [40, 30, 20, 10]
    );
    assert_eq!(
        (planet.route.fallback.value, planet.route.health_check.value),
        (planet::Fallback::LeastConnections, Millis::seconds(30))
    );
    let scale = planet.scale.as_ref().unwrap();
    assert_eq!(
        (scale.cpu.as_ref().unwrap().value, scale.memory.as_ref().unwrap().value),
        (Ppm::percent(60), Ppm::percent(70))
    );
    assert_eq!(
        (scale.requests.as_ref().unwrap().value, scale.p99.as_ref().unwrap().value),
        (Rate { events: 1_000, per: Millis::minutes(1) }, Millis(500))
    );
    let sla = planet.sla.as_ref().unwrap();
    let share = |at: &Option<planet::At<Ppm>>| at.as_ref().unwrap().value;
    assert_eq!(
        [&sla.availability, &sla.primary, &sla.edge, &sla.errors].map(share),
        [Ppm(999_900), Ppm(999_950), Ppm(999_000), Ppm(1_000)]
    );
    assert_eq!((sla.p99.as_ref().unwrap().value, sla.p95.as_ref().unwrap().value), (Millis(200), Millis(100)));
    let budget = &planet.budget;
    assert_eq!(budget.monthly.as_ref().unwrap().value, MicroUsd::dollars(50_000));
    assert_eq!(budget.alerts.iter().map(|alert| alert.value).collect::<Vec<_>>(), [80, 90, 100].map(Ppm::percent));
    assert_eq!(
        [budget.mix.reserved.value, budget.mix.spot.value, budget.mix.on_demand()],
        [70, 20, 10].map(Ppm::percent)
    );
}

#[test]
fn mesh_keeps_records_where_its_document_says() {
    let planet = read("mesh.toml");
    let data = planet.data.as_ref().unwrap();
    assert_eq!((data.primary.as_str(), data.primary_replicas.value), ("us-east-1", 5));
    assert_eq!(
        named(&data.replicas),
        [("us-west-2", 3), ("eu-west-1", 3), ("ap-southeast-1", 2), ("ap-northeast-1", 2)]
    );
    assert_eq!((data.interval.value, data.conflict.value), (Millis::seconds(30), planet::Conflict::Timestamp));
    let class = |name: &str| data.class.iter().find(|class| class.name.as_str() == name).unwrap();
    let (gdpr, ccpa, pdpa) = (class("gdpr"), class("ccpa"), class("pdpa"));
    assert_eq!((gdpr.regions[0].as_str(), gdpr.retention.as_ref().unwrap().value), ("eu-west-1", Millis::days(730)));
    assert!(gdpr.consent.value && gdpr.erasure.value);
    assert!(ccpa.regions[0].as_str() == "us-west-2" && ccpa.opt_out.value && ccpa.no_sale.value);
    assert!(pdpa.regions[0].as_str() == "ap-southeast-1" && pdpa.local_processing.value && pdpa.consent.value);
    let backup = planet.backup.as_ref().unwrap();
    assert_eq!(
        (backup.every.value, backup.hot.value, backup.cold.as_ref().unwrap().value),
        (Millis::hours(6), Millis::days(30), Millis::days(365))
    );
    assert_eq!(backup.restore_test.as_ref().unwrap().value, Millis::days(7));
    // The document's copies in a second region are a way out of residency.
    let crosses = |planet: &Planet| planet.backup.as_ref().unwrap().cross_region.value;
    assert_eq!((crosses(&planet), crosses(&read("as-written/mesh.toml"))), (false, true));
    let recovery = planet.recovery.as_ref().unwrap();
    assert_eq!((recovery.rpo.value, recovery.rto.value), (Millis::minutes(5), Millis::minutes(15)));
    assert_eq!((recovery.reroute.value, recovery.database_failover.value), (Millis::seconds(30), Millis::minutes(5)));
    let keys = planet.keys.as_ref().unwrap();
    assert_eq!(keys.rotation.value, Millis::days(30));
    let cdn = planet.cdn.as_ref().unwrap();
    let ttls: Vec<_> = cdn.rule.iter().map(|rule| (rule.name.as_str(), rule.ttl.value)).collect();
    assert_eq!(ttls, [("static", Millis::days(30)), ("api", Millis::minutes(5)), ("dynamic", Millis(0))]);
    assert_eq!(cdn.rate_limit.as_ref().unwrap().value, Rate { events: 1_000, per: Millis::minutes(1) });
    let observe = planet.observe.as_ref().unwrap();
    assert_eq!((observe.logs.value, observe.traces.value), (Millis::days(90), Ppm(1_000)));
}

#[test]
fn erlmcp_costs_what_it_quotes_and_less_without_a_quote() {
    let mut planet = read("erlmcp.toml");
    assert_eq!(bill(&planet).total, MicroUsd::dollars(145_000));
    let groups: Vec<_> = bill(&planet).groups.into_iter().map(|group| (group.name, group.monthly)).collect();
    let expected = [("infrastructure", 95_000), ("operation", 50_000)];
    assert_eq!(groups, expected.map(|(name, dollars)| (name.to_owned(), MicroUsd::dollars(dollars))));
    let quoted: Vec<_> = planet.budget.quote.iter().map(|quote| quote.monthly.0 / 1_000_000_000).collect();
    assert_eq!((quoted[..5].to_vec(), quoted[5..].to_vec()), (vec![45, 20, 15, 5, 10], vec![10, 5, 15, 20]));
    // Without a quote, what the price book computes takes its place.
    let at = planet.budget.quote.iter().position(|quote| quote.name.as_str() == "load balancers").unwrap();
    planet.budget.quote.remove(at);
    let bill = bill(&planet);
    let line = bill.categories.iter().find(|line| line.category == "load balancers").unwrap();
    assert!(line.computed > MicroUsd(0) && line.counted == line.computed);
    assert_eq!(bill.total, MicroUsd::dollars(125_000).plus(line.computed));
}

#[test]
fn erlmcp_has_every_network_of_its_document() {
    let planet = read("erlmcp.toml");
    let network = planet.network.as_ref().unwrap();
    assert_eq!(network.vpc.to_string(), "10.0.0.0/16");
    let three = |base: u8| (0..3).map(|zone| format!("10.0.{}.0/24", base + zone)).collect::<Vec<_>>();
    assert_eq!(["public", "private", "database"].map(|tier| nets(&planet, "dc-1", tier)), [101, 1, 11].map(three));
    let groups: Vec<_> = network.group.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["application", "database", "management", "default"]);
    let vlans: Vec<_> =
        network.vlan.iter().map(|vlan| (vlan.id.value, vlan.name.as_str(), vlan.net.to_string())).collect();
    let vlans: Vec<_> = vlans.iter().map(|(id, name, net)| (*id, *name, net.as_str())).collect();
    let expected = [
        (100, "core", "10.10.0.0/22"),
        (200, "app", "10.20.0.0/20"),
        (300, "database", "10.30.0.0/22"),
        (400, "management", "10.40.0.0/24"),
        (500, "dmz", "10.50.0.0/24"),
        (600, "corporate", "10.60.0.0/16"),
        (700, "external", "203.0.113.0/24"),
    ];
    assert_eq!(vlans, expected);
    let allowed: Vec<_> =
        network.vlan.iter().flat_map(|vlan| vlan.allow.iter().map(|to| (vlan.name.as_str(), to.as_str()))).collect();
    assert_eq!(
        allowed,
        [
            ("core", "app"),
            ("core", "database"),
            ("app", "dmz"),
            ("dmz", "app"),
            ("dmz", "external"),
            ("corporate", "app")
        ]
    );
    let bgp = network.bgp.as_ref().unwrap();
    assert_eq!(bgp.autonomous_system.value, 65_001);
    assert_eq!(bgp.provider.iter().map(|provider| provider.preference.value).collect::<Vec<_>>(), [200, 150, 100]);
    let qos = network.qos.as_ref().unwrap();
    assert_eq!(qos.uplink.0, 10_000_000_000);
    assert_eq!(qos.class.iter().map(|(_, rate)| rate.0 / 1_000_000_000).collect::<Vec<_>>(), [4, 3, 2, 1]);
    let limits = planet.limits.as_ref().unwrap();
    let per_second = |rate: &Option<planet::At<Rate>>| rate.as_ref().unwrap().per_second_ceil();
    assert_eq!(
        [&limits.messages, &limits.connections, &limits.tool_calls, &limits.subscriptions, &limits.total]
            .map(per_second),
        [100, 10, 50, 20, 10_000]
    );
    assert_eq!(limits.violations.as_ref().unwrap().value, Rate { events: 100, per: Millis::minutes(1) });
    assert_eq!(limits.ban.as_ref().unwrap().value, Millis::seconds(300));
}

#[test]
fn watch_says_what_its_document_says() {
    let planet = read("watch.toml");
    let watch = planet.watch.as_ref().unwrap();
    assert_eq!((watch.agents.value, watch.local.value, watch.agents_per_local.value), (1_000_000, 500, 2_000));
    assert_eq!((watch.regional.value, watch.hubs.value, planet.region.len()), (50, 5, 5));
    assert_eq!(
        (watch.quorum.value, watch.reputation.needed.value, watch.confirmations.value),
        (Ppm::percent(75), Ppm::percent(80), 3)
    );
    assert_eq!(
        (watch.staleness.jitter_least.value, watch.staleness.jitter_most.value),
        (Ppm::percent(50), Ppm::percent(150))
    );
    let seconds = |list: &planet::Named<planet::At<Millis>>| {
        named(list).into_iter().map(|(name, time)| (name.to_owned(), time.0)).collect::<Vec<_>>()
    };
    let windows = [
        ("anomaly", 500, 1_500),
        ("baseline", 3_000, 7_000),
        ("confidence", 2_000, 8_000),
        ("correlation", 10_000, 30_000),
        ("population", 15_000, 45_000),
    ];
    assert_eq!(seconds(&watch.staleness.least), windows.map(|(name, least, _)| (name.to_owned(), least)));
    assert_eq!(seconds(&watch.staleness.most), windows.map(|(name, _, most)| (name.to_owned(), most)));
    assert_eq!((watch.staleness.retry_least.value, watch.staleness.retry_most.value), (Millis(100), Millis(600)));
    let levels = &watch.escalation;
    assert_eq!(
        [&levels.normal, &levels.major, &levels.severe, &levels.most].map(|level| level.value),
        [51, 67, 75, 90].map(Ppm::percent)
    );
    assert_eq!([&levels.minor_above, &levels.major_above].map(|level| level.value), [80, 50].map(Ppm::percent));
    let trust = &watch.reputation;
    assert_eq!(
        [&trust.trust_penalty, &trust.aggregation_penalty, &trust.ejected].map(|share| share.value),
        [80, 50, 10].map(Ppm::percent)
    );
    assert_eq!(watch.audit.value, Millis::days(365));
    let targets = &watch.targets;
    let time = |at: &Option<planet::At<Millis>>| at.as_ref().unwrap().0;
    assert_eq!(
        [&targets.agent, &targets.local, &targets.regional, &targets.global].map(time),
        [100, 1_000, 5_000, 30_000]
    );
    let rate = |at: &Option<planet::At<Rate>>| at.as_ref().unwrap().per_second_ceil();
    assert_eq!([&targets.evidence, &targets.decisions, &targets.signatures].map(rate), [1_000_000, 1_000, 10_000]);
    let share = |at: &Option<planet::At<Ppm>>| at.as_ref().unwrap().value;
    assert_eq!(
        [&targets.overhead, &targets.attack_success, &targets.detection].map(share),
        [5, 1, 99].map(Ppm::percent)
    );
    let keys = planet.keys.as_ref().unwrap();
    assert_eq!(
        (keys.rotation.value, keys.recovery_needs.value, keys.recovery_of.value, keys.hardware.value),
        (Millis::days(90), 3, 5, true)
    );
    assert!(plan(&planet).planet.slots >= watch.agents.value);
}

#[test]
fn bitcraps_says_what_its_document_says() {
    let planet = read("bitcraps.toml");
    let edge = planet.edge.as_ref().unwrap();
    assert_eq!(
        (edge.latency.as_ref().unwrap().value, edge.mec_latency.as_ref().unwrap().value),
        (Millis(10), Millis(1))
    );
    let ceilings = [("game", 5), ("media", 50), ("dynamic", 100), ("static", 200), ("data", 500)];
    assert_eq!(named(&edge.ceiling), ceilings.map(|(name, time)| (name, Millis(time))));
    assert_eq!((edge.failover.value, edge.heartbeat.value), (Millis::seconds(10), Millis::seconds(60)));
    assert_eq!(
        [&edge.cache.memory, &edge.cache.fast, &edge.cache.slow].map(|size| size.0 / 1_000_000),
        [512, 8_000, 100_000]
    );
    assert_eq!(edge.cache.hits.as_ref().unwrap().value, Ppm::percent(95));
    let prefetch = edge.prefetch.as_ref().unwrap();
    assert_eq!((prefetch.confidence.value, prefetch.window.value), (Ppm::percent(70), Millis::seconds(300)));
    let cdn = planet.cdn.as_ref().unwrap();
    assert_eq!(
        cdn.providers.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        ["cloudflare", "fastly", "cloudfront", "akamai"]
    );
    assert_eq!(cdn.rule.iter().map(|rule| rule.ttl.0 / 1_000).collect::<Vec<_>>(), [86_400, 604_800, 300, 60]);
    assert!(planet.bridge.len() >= 10);
    let load = &planet.load_test;
    assert_eq!(
        (load[0].duration.value, load[0].p95.as_ref().unwrap().value, load[0].p99.as_ref().unwrap().value),
        (Millis::seconds(300), Millis(200), Millis(500))
    );
    assert_eq!(load[1].ramp.as_ref().unwrap().value, Rate::per_second(50));
    assert_eq!(
        (load[2].duration.value, load[2].growth_per_hour.as_ref().unwrap().value),
        (Millis::hours(2), Bytes(50_000_000))
    );
    assert_eq!(
        [&load[2].latency_rise, &load[2].throughput_loss].map(|share| share.as_ref().unwrap().value),
        [25, 15].map(Ppm::percent)
    );
    assert!(plan(&planet).planet.slots >= 10_000);
}

#[test]
fn garden_fits_a_laptop() {
    let planet = read("garden.toml");
    let plan = plan(&planet);
    assert_eq!((plan.planet.regions, plan.planet.blocks, plan.planet.slots), (3, 64, 3_840));
    assert_eq!(bill(&planet).total, MicroUsd(0));
}
