//! Compose: one region on one machine, with what measures it, and on demand a
//! few blocks literally: each a router and an agent in a network of their own.
//!
//! A `$` means something to Compose in every value, so each that the planet says
//! is doubled (`plain`). There is no top-level `name`, which older programs
//! refuse: the project's name is in `.env` beside the file.

use super::{Scope, Target, no_gateways, one_process, own_host};
use crate::flows::Flows;
use crate::program::{self, Apart};
use crate::{Place, Refused, Scene, Tree, yaml};
use planet::plan::layout::Host;
use serde_json::{Map, Value, json};
use vocab::BlockId;

pub(super) static TARGET: Target = Target {
    name: "compose",
    help: "each region on a machine of its own, with Prometheus and Grafana",
    scope: Scope::Region(render),
};

/// What measures, and what draws it.
pub(super) const PROMETHEUS: &str = "docker.io/prom/prometheus:v3.5.0";
const GRAFANA: &str = "docker.io/grafana/grafana:12.1.0";

/// Blocks that are shown literally: enough to see that none reaches another.
const SHOWN: u64 = 3;

/// Connections are file descriptors: as many as the program lets in, and its
/// own files.
const FILES: u32 = 65_536;

/// What an operator says of where keys and records are.
const DATA: &str = "${MYCEL_DATA:?the folder that mycel trust init made}";
const GATEWAY_DATA: &str = "${MYCEL_GATEWAY_DATA:?the folder that mycel trust init --apart made}";

fn render(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let (mut services, mut networks) = (Map::new(), networks());
    let ours: &[&str] = match apart(scene, place) {
        Some(apart) => {
            gateway(scene, (place, apart), &mut services, &mut networks);
            own_host(place, tree);
            &["host", "gateway"]
        }
        None => {
            services.insert("host".to_owned(), process(scene, &program::host(place.id(), false, None)));
            no_gateways(tree);
            &["host"]
        }
    };
    watchers(&mut services, ours);
    blocks(scene, place, &mut services, &mut networks);
    let mut comments = vec![
        format!("Region {} of planet {}: `mycel render` wrote this, and what it says comes", place.id(), scene.name()),
        "from the planet file. docs/guides/deploy.md says how it is run. MYCEL_DATA is the".to_owned(),
        format!("folder regions/{} that `mycel trust init` made, and MYCEL_USER who owns it.", place.id()),
    ];
    match ours {
        [_] => comments.push("The host is the region: agents come to it.".to_owned()),
        _ => comments.extend([
            format!("MYCEL_GATEWAY_DATA is the folder gateways/{}, which `--apart` makes. Agents come", place.id()),
            "to the gateway, and nobody but that and Prometheus to the host.".to_owned(),
        ]),
    }
    comments.push("Profile `blocks` shows a few blocks literally, apart from the region itself.".to_owned());
    let labelled = labels(services, scene, Some(place));
    let file = json!({ "services": labelled, "networks": networks });
    tree.add("compose.yaml", yaml::file(&comments, &[file])?);
    tree.add(".env", format!("COMPOSE_PROJECT_NAME={}-{}\n", scene.name(), place.id()));
    tree.add("block.toml", one_block(scene, place));
    beside(scene, tree, ours)?;
    one_process(place, tree);
    Ok(())
}

/// Where the gateway comes to the host, when it runs apart from it: at the port
/// of the planet's own flow between the two, where it names one.
fn apart<'s>(scene: &'s Scene<'_>, place: &Place<'_>) -> Option<Apart<'s>> {
    let port = Flows::new(scene.planet, place).behind.and_then(|(_, port)| port).unwrap_or(program::NODES);
    scene.office.map(|office| Apart { port, office })
}

/// One gateway, to which agents come, and the host behind it: no port of the
/// machine leads there. It asks the office by a network of its own.
fn gateway(
    scene: &Scene<'_>,
    (place, apart): (&Place<'_>, Apart<'_>),
    services: &mut Map<String, Value>,
    networks: &mut Value,
) {
    let host = contained(scene, &program::host(place.id(), false, Some(apart)), DATA);
    let line = program::gateway(place.id(), "0", "host", false, apart);
    let gateway = with(contained(scene, &line, GATEWAY_DATA), door());
    services.insert("host".to_owned(), with(host, json!({ "networks": ["out", "inside"] })));
    services.insert("gateway".to_owned(), gateway);
    networks["out"] = json!({});
}

/// What stands beside every such file: the planet, and what measures it.
pub(super) fn beside(scene: &Scene<'_>, tree: &mut Tree, services: &[&str]) -> Result<(), Refused> {
    tree.add("planet.toml", scene.text);
    let targets: Vec<String> = services.iter().map(|service| format!("{service}:{}", program::PORT)).collect();
    let scrape = json!({
        "global": { "scrape_interval": "15s" },
        "scrape_configs": [{
            "job_name": "mycel",
            "static_configs": [{ "targets": targets, "labels": { "planet": scene.name() } }],
        }],
    });
    tree.add("prometheus.yaml", yaml::file(&["What Prometheus measures.".to_owned()], &[scrape])?);
    let source = json!({
        "apiVersion": 1,
        "datasources": [{
            "name": "Prometheus", "type": "prometheus", "access": "proxy", "url": "http://prometheus:9090", "isDefault": true,
        }],
    });
    tree.add("grafana.yaml", yaml::file(&["Where Grafana reads.".to_owned()], &[source])?);
    Ok(())
}

/// A network for each pair that has business with each other, since who shares
/// one reaches the other at every port; and one to the machine for each that
/// somebody comes to from there.
pub(super) fn networks() -> Value {
    json!({ "front": {}, "inside": { "internal": true }, "drawn": { "internal": true }, "shown": {} })
}

/// A value as Compose reads it back.
fn plain(text: &str) -> String {
    text.replace('$', "$$")
}

/// What every container is held to.
fn held(image: &str, command: &[String]) -> Value {
    json!({
        "image": plain(image),
        "entrypoint": ["mycel"],
        "command": command.iter().map(|word| plain(word)).collect::<Vec<_>>(),
        "read_only": true,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    })
}

/// A value with more keys.
pub(super) fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// A file that a container may read.
pub(super) fn read_only(source: &str, target: &str) -> Value {
    json!({ "type": "bind", "source": source, "target": target, "read_only": true })
}

/// The program to which agents come from the machine.
pub(super) fn process(scene: &Scene<'_>, command: &[String]) -> Value {
    with(contained(scene, command, DATA), door())
}

/// Where agents come, and where it is measured.
fn door() -> Value {
    json!({
        "ports": [format!("${{MYCEL_LISTEN:-127.0.0.1:7117}}:{}", program::PORT)],
        "networks": ["front", "inside"],
    })
}

/// The program, with the planet and its data.
fn contained(scene: &Scene<'_>, command: &[String], data: &str) -> Value {
    let data = json!({ "type": "bind", "source": data, "target": program::HOME });
    with(
        held(scene.image, command),
        json!({
            "user": "${MYCEL_USER:-1000:1000}",
            "restart": "unless-stopped",
            "stop_grace_period": format!("{}s", program::STOPS_SECONDS),
            "ulimits": { "nofile": { "soft": FILES, "hard": FILES } },
            "volumes": [read_only("./planet.toml", program::PLANET), data],
        }),
    )
}

/// Prometheus and Grafana. Nobody can change anything in Grafana: there is no
/// administrator, and so no password that a file would have to hold.
pub(super) fn watchers(services: &mut Map<String, Value>, ours: &[&str]) {
    let held = json!({
        "read_only": true, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "restart": "unless-stopped",
    });
    let prometheus = json!({
        "image": PROMETHEUS,
        "command": ["--config.file=/etc/prometheus/prometheus.yaml", "--storage.tsdb.path=/prometheus"],
        "depends_on": ours,
        "volumes": [read_only("./prometheus.yaml", "/etc/prometheus/prometheus.yaml")],
        // Measurements of a demonstration: they end with it.
        "tmpfs": ["/prometheus:mode=1777"],
        "networks": ["inside", "drawn"],
    });
    let drawn = json!({
        "depends_on": ["prometheus"],
        "volumes": [read_only("./grafana.yaml", "/etc/grafana/provisioning/datasources/mycel.yaml")],
        "networks": ["shown", "drawn"],
    });
    services.insert("prometheus".to_owned(), with(prometheus, held.clone()));
    services.insert("grafana".to_owned(), with(with(grafana(), drawn), held));
}

/// Grafana: whoever reaches it may look, and nobody may change anything. There is
/// no administrator, and so no password that a file would have to hold.
pub(super) fn grafana() -> Value {
    json!({
        "image": GRAFANA,
        "environment": {
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_AUTH_BASIC_ENABLED": "false",
            "GF_AUTH_DISABLE_LOGIN_FORM": "true",
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        },
        "ports": ["${GRAFANA_LISTEN:-127.0.0.1:3000}:3000"],
        "tmpfs": ["/var/lib/grafana:mode=1777", "/tmp"],
    })
}

/// Every service says whose it is.
pub(super) fn labels(services: Map<String, Value>, scene: &Scene<'_>, place: Option<&Place<'_>>) -> Value {
    let labelled = services.into_iter().map(|(name, service)| {
        let mut labels = json!({
            "app.kubernetes.io/name": "mycel",
            "app.kubernetes.io/component": name,
            "app.kubernetes.io/managed-by": "mycel-render",
            "mycel.dev/planet": scene.name(),
        });
        if let Some(place) = place {
            labels["mycel.dev/region"] = json!(place.id());
            labels["mycel.dev/region-name"] = json!(plain(&place.plan.name));
        }
        (name, with(service, json!({ "labels": labels })))
    });
    Value::Object(labelled.collect())
}

/// A few blocks, literally: the network is the block's /26, the router its .1,
/// the agent its first slot, and the container engine itself stands where the
/// monitor does. Nothing leaves such a network.
fn blocks(scene: &Scene<'_>, place: &Place<'_>, services: &mut Map<String, Value>, networks: &mut Value) {
    for index in 0..SHOWN.min(place.plan.blocks) {
        let block = BlockId { region: u32::try_from(place.at).unwrap_or(u32::MAX), index };
        let Some(stands) = scene.layout.place(block) else { continue };
        let slot = scene.layout.slot(0).map(|slot| scene.layout.address(block, Host::Slot(slot)));
        let (router, name) = (stands.router.to_string(), format!("block-{index}"));
        networks[&name] = json!({
            "internal": true,
            "ipam": { "config": [{ "subnet": stands.network, "gateway": stands.monitor.to_string() }] },
        });
        let at = |address: String| json!({ name.clone(): { "ipv4_address": address } });
        let literal = json!({
            "profiles": ["blocks"],
            "user": format!("{0}:{0}", program::USER),
            "volumes": [read_only("./block.toml", program::PLANET)],
            // Keys and entries of a demonstration: they end with it.
            "tmpfs": [format!("{}:mode=1777", program::DISK)],
            "networks": at(router.clone()),
        });
        let agent = json!({
            "profiles": ["blocks"],
            "user": format!("{0}:{0}", program::USER),
            "depends_on": [name.clone()],
            // Until the router is there.
            "restart": "on-failure",
            "tmpfs": ["/tmp:mode=1777"],
            "networks": at(slot.map_or_else(String::new, |slot| slot.to_string())),
        });
        services.insert(format!("agent-{index}"), with(held(scene.image, &program::agent(&router)), agent));
        services.insert(name, with(held(scene.image, &program::block(&router)), literal));
    }
}

/// The planet of a block that is shown literally. Names hold nothing that TOML
/// would read as anything else.
fn one_block(scene: &Scene<'_>, place: &Place<'_>) -> String {
    let site = &place.region.site;
    format!(
        "# One block of region {id}, for the demonstration: a planet of its own.\n\n[planet]\nname = \"{id}\"\n\
         blocks = 1\n\n[block]\nslots = {slots}\n\n[[region]]\nid = \"{id}\"\nsite = [{latitude}, {longitude}]\n\n\
         [enrol]\nhow = \"open\"\nquota = \"100/h\"\n",
        id = place.id(),
        slots = scene.layout.slots(),
        latitude = site.latitude,
        longitude = site.longitude,
    )
}
