//! Gateways in clusters, in front of hosts that know them by certificates.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use render::Tree;
use serde::Deserialize as _;
use serde_json::{Value, json};
use support::{named, objects, text, text_of, told, yaml};

/// A region of a planet whose gateways run apart, from a CA's office.
fn apart(name: &str, region: &str) -> (Vec<Value>, Tree) {
    let (_, tree) = told(&text_of(name), "mycel:0.1.0", &[region], Some("office.example:7116")).unwrap();
    let files = ["1-namespace", "2-config", "3-network", "4-host", "5-gateway"];
    let objects = files.iter().flat_map(|file| objects(&tree, &format!("kubernetes/{region}/{file}.yaml"))).collect();
    (objects, tree)
}

fn policies(objects: &[Value]) -> Vec<&str> {
    let policies = objects.iter().filter(|object| object["kind"] == "NetworkPolicy");
    policies.map(|object| object["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn gateways_scale_between_the_numbers_of_the_planet_and_hosts_never() {
    let (objects, _) = apart("carma", "eu");
    let scalers: Vec<_> = objects.iter().filter(|object| object["kind"] == "HorizontalPodAutoscaler").collect();
    assert_eq!(scalers.len(), 1);
    let spec = &scalers[0]["spec"];
    assert_eq!(spec["scaleTargetRef"], json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "gateway" }));
    assert_eq!((&spec["minReplicas"], &spec["maxReplicas"]), (&json!(2), &json!(20)));
    assert_eq!(spec["metrics"][0]["resource"]["target"]["averageUtilization"], 60);
    // Who is scaled says no number of its own, or each `kubectl apply` would undo it.
    assert_eq!(named(&objects, "StatefulSet", "gateway")["spec"].get("replicas"), None);
    assert_eq!(named(&objects, "StatefulSet", "host")["spec"]["replicas"], 1);
    // There are never more than keys were made.
    let (objects, tree) = apart("bitcraps", "us-east");
    assert_eq!(named(&objects, "HorizontalPodAutoscaler", "gateway")["spec"]["maxReplicas"], 64);
    assert!(tree.notes().iter().any(|note| note.contains("there are keys for 64")), "{:?}", tree.notes());
}

#[test]
fn gateways_and_hosts_stand_in_tiers_of_their_own_and_meet_at_the_port_of_their_flow() {
    let (objects, _) = apart("carma", "eu");
    let tiers = |name: &str| {
        let labels = named(&objects, "StatefulSet", name)["spec"]["template"]["metadata"]["labels"].clone();
        let labels = labels.as_object().unwrap().keys().filter_map(|label| label.strip_prefix("tier.mycel.dev/"));
        labels.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((tiers("gateway"), tiers("host")), (vec!["public".to_owned()], vec!["private".to_owned()]));
    let line = |name: &str| {
        named(&objects, "StatefulSet", name)["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
    };
    assert!(line("host").contains(r#""--node-listen","0.0.0.0:8443""#), "{}", line("host"));
    assert!(line("gateway").contains(r#""--host","eu=host:8443""#), "{}", line("gateway"));
    // TLS for agents ends at the gateway, and the Service leads there.
    assert!(line("gateway").contains("--tls-cert") && !line("host").contains("--tls-cert"));
    let service = &named(&objects, "Service", "agents")["spec"]["selector"];
    assert_eq!(service["app.kubernetes.io/component"], "gateway");
    let wanted = [
        "deny",
        "flow-1-in",
        "flow-2-in",
        "flow-2-out",
        "flow-3-out",
        "flow-4-out",
        "flow-5-out",
        "metrics",
        "metrics-gateway",
        "office",
    ];
    assert_eq!(policies(&objects), wanted);
    // A planet that says nothing of networks has what the program needs, and no more.
    let (objects, _) = apart("mesh", "us-east-1");
    let wanted = [
        "deny",
        "metrics",
        "metrics-gateway",
        "nodes-in",
        "nodes-out",
        "office",
        "names-gateway",
        "names-host",
        "agents-in",
        "agents-out",
    ];
    assert_eq!(policies(&objects), wanted);
    let agents = &named(&objects, "NetworkPolicy", "agents-in")["spec"]["podSelector"]["matchLabels"];
    assert_eq!(agents["app.kubernetes.io/component"], "gateway");
}

#[test]
fn an_office_at_an_address_opens_that_address_and_no_other() {
    let office = |at: &str| {
        let (_, tree) = told(&text_of("garden"), "mycel:0.1.0", &["na"], Some(at)).unwrap();
        let objects = objects(&tree, "kubernetes/na/3-network.yaml");
        named(&objects, "NetworkPolicy", "office")["spec"]["egress"][0].clone()
    };
    let rule = |nets: &[&str], port: u16| {
        let to: Vec<Value> = nets.iter().map(|net| json!({ "ipBlock": { "cidr": net } })).collect();
        json!({ "to": to, "ports": [{ "protocol": "TCP", "port": port }] })
    };
    assert_eq!(office("10.9.8.7:7116"), rule(&["10.9.8.7/32"], 7116));
    assert_eq!(office("[fd00::1]:443"), rule(&["fd00::1/128"], 443));
    assert_eq!(office("office.example:7116"), rule(&["0.0.0.0/0", "::/0"], 7116));
}

/// Of the keys of all gateways of a region each takes its own.
#[test]
fn a_gateway_copies_its_own_key_and_no_other() {
    let (objects, _) = apart("carma", "eu");
    let pod = &named(&objects, "StatefulSet", "gateway")["spec"]["template"]["spec"];
    let copy = &pod["initContainers"][0];
    let own = copy["env"].as_array().unwrap().iter().find(|variable| variable["name"] == "OWN").unwrap();
    assert_eq!(own["value"], "gateway-$(POD_INDEX)");
    let command = Vec::<String>::deserialize(&copy["command"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (keys, home) = (folder.path().join("keys"), folder.path().join("disk/home"));
    std::fs::create_dir_all(&keys).unwrap();
    let all = ["gateway-0.key", "gateway-1.key", "gateway-1.sealed", "gateway-10.key", "gateway-10.sealed", "root.pub"];
    for name in all {
        std::fs::write(keys.join(name), "text").unwrap();
    }
    let mut shell = std::process::Command::new(&command[0]);
    shell.args(&command[1..]).env("HOME_DIR", &home).env("KEYS_DIR", &keys).env("OWN", "gateway-1");
    assert!(shell.status().unwrap().success());
    let copied = std::fs::read_dir(home.join("keys")).unwrap();
    let mut copied: Vec<String> = copied.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    copied.sort();
    assert_eq!(copied, ["gateway-1.key", "gateway-1.sealed", "root.pub"]);
}

/// In Compose there is one gateway, and its host is behind it: no port of the
/// machine leads there, and nothing else on the machine shares a network with it.
#[test]
fn in_compose_agents_reach_the_gateway_and_only_that_the_host() {
    for (name, region, port) in [("carma", "eu", 8443), ("mesh", "us-east-1", 7118)] {
        let (_, tree) = told(&text_of(name), "mycel:0.1.0", &[region], Some("office.example:7116")).unwrap();
        let file = yaml(&tree, &format!("compose/{region}/compose.yaml"));
        let (host, gateway) = (&file["services"]["host"], &file["services"]["gateway"]);
        let words = |service: &Value| Vec::<String>::deserialize(&service["command"]).unwrap().join(" ");
        let wanted = format!("--gateway {region} --number 0 --host {region}=host:{port} --office office.example:7116");
        assert!(words(gateway).contains(&wanted), "{}", words(gateway));
        let wanted = format!("--node-listen 0.0.0.0:{port} --office office.example:7116");
        assert!(words(host).contains(&wanted) && !words(host).contains("--gateway"), "{}", words(host));
        assert_eq!(host.get("ports"), None);
        assert_eq!(gateway["ports"], json!(["${MYCEL_LISTEN:-127.0.0.1:7117}:7117"]));
        assert_eq!((&gateway["networks"], &host["networks"]), (&json!(["front", "inside"]), &json!(["out", "inside"])));
        assert_eq!(file["networks"]["inside"], json!({ "internal": true }));
        for (service, what) in file["services"].as_object().unwrap() {
            let is_on = |network: &str| match &what["networks"] {
                Value::Array(on) => on.contains(&json!(network)),
                on => on.get(network).is_some(),
            };
            assert_eq!(is_on("out"), service == "host", "{service}");
            assert_eq!(is_on("inside"), ["host", "gateway", "prometheus"].contains(&service.as_str()), "{service}");
        }
        // Each has a folder of its own, and is otherwise held to the same.
        let source = |service: &Value| service["volumes"][1]["source"].as_str().unwrap().to_owned();
        assert!(source(host).starts_with("${MYCEL_DATA:?") && source(gateway).starts_with("${MYCEL_GATEWAY_DATA:?"));
        for key in [
            "image",
            "entrypoint",
            "read_only",
            "cap_drop",
            "security_opt",
            "user",
            "restart",
            "stop_grace_period",
            "ulimits",
        ] {
            assert!(gateway.get(key).is_some() && gateway[key] == host[key], "{key}");
        }
        // Prometheus asks both, and is begun after them.
        let scrape = yaml(&tree, &format!("compose/{region}/prometheus.yaml"));
        assert_eq!(scrape["scrape_configs"][0]["static_configs"][0]["targets"], json!(["host:7117", "gateway:7117"]));
        assert_eq!(file["services"]["prometheus"]["depends_on"], json!(["host", "gateway"]));
        assert!(text(&tree, &format!("compose/{region}/compose.yaml")).contains("folder gateways/"));
        // Without an office there is none, as before.
        let (_, tree) = told(&text_of(name), "mycel:0.1.0", &[region], None).unwrap();
        let file = yaml(&tree, &format!("compose/{region}/compose.yaml"));
        assert!(file["services"].get("gateway").is_none() && file["networks"].get("out").is_none());
        assert!(file["services"]["host"].get("ports").is_some());
    }
}
