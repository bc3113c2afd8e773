//! Every endpoint refuses whoever does not have what it says that it needs,
//! and lets in whoever has. The endpoints are read from the OpenAPI document,
//! so that none can be forgotten; what each needs is in the same place that
//! the server acts on.

use super::raw::Raw;
use super::support::{PLANET, key};
use super::{Planet, planet, serving};
use node::http::{Listen, document};
use serde_json::{Value, json};
use trust::lease::{Claim, Rights};
use trust::{RegionTag, RegionalKey, Secret};
use wire::Hex;

const READ: Rights = Rights::READ;
const OPERATE: Rights = Rights::OPERATE;
const ADMINISTER: Rights = Rights::ADMINISTER;

/// A planet whose rules give all rights to everybody: then it is the lease that says.
async fn generous() -> Planet {
    let file = format!(
        "{PLANET}\n[[access.role]]\nname = \"agent\"\nrights = [\"read\", \"operate\", \"transfer\", \"administer\"]\n"
    );
    serving(&file, Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() }).await
}

/// The lease with other rights, as only its issuer could make it.
pub(super) fn with_rights(planet: &Planet, lease: &str, rights: Rights) -> String {
    let mut lease = Claim::read(lease).unwrap().lease;
    lease.rights = rights;
    let tag = RegionTag::of("one");
    let secret = std::fs::read_to_string(planet.folder.path().join(format!("keys/region-{tag}.key"))).unwrap();
    let mut secret = secret.trim().parse::<Hex<32>>().unwrap().0;
    let key = RegionalKey::new(planet.engine.planet(), tag, Secret::take(&mut secret)).cell(lease.block.cell());
    lease.issue(&key, planet.engine.now()).unwrap().as_str().to_owned()
}

/// A request that an endpoint understands.
fn example(path: &str, method: &str, block: &str) -> (String, Option<String>) {
    let path = path.replace("{region}/{index}", block).replace("{id}", &"0".repeat(32));
    let path = path.replace("{tile}", "0/000").replace("{bundle}", "000");
    let body = match (method, path.rsplit('/').next().unwrap()) {
        ("post", "session") => Some(json!({ "signature": "0".repeat(128) })),
        ("post", "ops") => Some(json!({ "kind": "get", "key": "k", "patience_ms": 1000 })),
        ("post", "seal") => Some(json!({ "reason": "a test" })),
        ("post", "backup") => Some(json!({ "key": "0".repeat(64) })),
        ("post", "bans") => Some(json!({ "net": "192.0.2.0/24", "for_ms": 1000 })),
        ("post", _) => Some(json!({})),
        _ => None,
    };
    let path =
        if (method, path.as_str()) == ("delete", "/v1/bans") { format!("{path}?net=192.0.2.0/24") } else { path };
    (path, body.map(|body| body.to_string()))
}

struct Walk {
    planet: Planet,
    block: String,
    lease: String,
}

impl Walk {
    /// What is answered to a lease with these rights that was proved.
    async fn status(&self, method: &str, path: &str, body: Option<&str>, rights: Rights) -> (u16, Value) {
        let lease = with_rights(&self.planet, &self.lease, rights);
        let mut raw = Raw::open(self.planet.at).await;
        assert_eq!(raw.prove(&key(1), &lease).await.0, 200);
        raw.ask(&method.to_uppercase(), path, Some(&lease), body).await
    }

    async fn refuses(&self, method: &str, path: &str, body: Option<&str>, rights: Rights) {
        let (status, fault) = self.status(method, path, body, rights).await;
        assert_eq!((status, fault["error"].as_str()), (403, Some("forbidden")), "{method} {path}: {fault}");
    }

    async fn admits(&self, method: &str, path: &str, body: Option<&str>, rights: Rights) {
        let (status, fault) = self.status(method, path, body, rights).await;
        assert!(!matches!(status, 401 | 403 | 421 | 500), "{method} {path}: {status} {fault}");
    }

    /// Nobody gets in without a lease, nor with one that was not proved here.
    async fn wants_a_proof(&self, method: &str, path: &str, body: Option<&str>) {
        let mut raw = Raw::open(self.planet.at).await;
        for lease in [None, Some(self.lease.as_str()), Some("no lease")] {
            let (status, fault) = raw.ask(&method.to_uppercase(), path, lease, body).await;
            assert_eq!((status, fault["error"].as_str()), (401, Some("unknown_agent")), "{method} {path}: {fault}");
        }
    }

    async fn endpoint(&self, path: &str, method: &str, operation: &Value) {
        let (asked, body) = example(path, method, &self.block);
        let body = body.as_deref();
        let needs = operation["x-mycel-needs"].as_str().unwrap();
        if needs == "none" {
            let mut raw = Raw::open(self.planet.at).await;
            let (status, fault) = raw.ask(&method.to_uppercase(), &asked, None, body).await;
            assert!(!matches!(status, 401 | 403), "{method} {path}: {fault}");
            return;
        }
        if needs == "gateway" {
            // Whatever else it has shown.
            let (status, fault) = self.status(method, &asked, body, Rights::from_bits(15).unwrap()).await;
            assert_eq!((status, fault["error"].as_str()), (401, Some("unknown_agent")), "{method} {path}: {fault}");
            return;
        }
        if needs == "lease" {
            let mut raw = Raw::open(self.planet.at).await;
            assert_eq!(raw.ask(&method.to_uppercase(), &asked, None, body).await.0, 401, "{method} {path}");
            return;
        }
        self.wants_a_proof(method, &asked, body).await;
        let all_but = |right: Rights| Rights::from_bits(15 & !right.bits()).unwrap();
        match needs {
            // Asked for at the end: the lease is worth nothing afterwards.
            "proof" if path == "/v1/detach" => {}
            "proof" => self.admits(method, &asked, body, Rights::default()).await,
            "read" | "operate" | "administer" => {
                let right = [("read", READ), ("operate", OPERATE), ("administer", ADMINISTER)];
                let right = right.into_iter().find(|(name, _)| *name == needs).unwrap().1;
                self.refuses(method, &asked, body, all_but(right)).await;
                self.admits(method, &asked, body, right).await;
            }
            "read, and administer where the block is another's" => {
                self.refuses(method, &asked, body, all_but(READ)).await;
                self.admits(method, &asked, body, READ).await;
                let (elsewhere, _) = example(path, method, "two/7");
                let (status, fault) = self.status(method, &elsewhere, body, all_but(ADMINISTER)).await;
                assert_eq!((status, &fault["right"]["region"]), (421, &json!("one")), "{path}: {fault}");
                self.refuses(method, &elsewhere, body, ADMINISTER).await;
                self.admits(method, &elsewhere, body, ADMINISTER.and(READ)).await;
            }
            "of the op's kind" => self.kinds(method, &asked, &operation["x-mycel-rights"], all_but).await,
            other => panic!("{method} {path} needs {other}, and nothing here tries that"),
        }
    }

    async fn kinds(&self, method: &str, path: &str, rights: &Value, all_but: impl Fn(Rights) -> Rights) {
        let name = Hex(key(1).id().0).to_string();
        let cursor = "0".repeat(48);
        let rights = rights.as_object().unwrap();
        assert_eq!(rights.len(), wire::ask::KINDS.len());
        for (kind, right) in rights {
            let body = match kind.as_str() {
                "put" => json!({ "kind": kind, "key": "k", "value": "v", "patience_ms": 1000 }),
                "get" | "delete" => json!({ "kind": kind, "key": "k", "patience_ms": 1000 }),
                "send" => json!({ "kind": kind, "to": name, "message": "m", "patience_ms": 1000 }),
                "ack" => json!({ "kind": kind, "cursor": cursor, "patience_ms": 1000 }),
                "consent" => json!({ "kind": kind, "class": "gdpr", "given": true, "patience_ms": 1000 }),
                "opt-out" => json!({ "kind": kind, "class": "gdpr", "out": true, "patience_ms": 1000 }),
                "erase" => json!({ "kind": kind, "patience_ms": 1000 }),
                "echo" => json!({ "kind": kind, "bytes": "b", "patience_ms": 1000 }),
                other => panic!("there is no example of {other}"),
            };
            let right = if right == "read" { READ } else { OPERATE };
            let body = body.to_string();
            self.refuses(method, path, Some(&body), all_but(right)).await;
            self.admits(method, path, Some(&body), right).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_refuses_without_the_right_that_it_names() {
    let planet = generous().await;
    let (client, attached) = planet.attached(1, "one").await;
    let block = format!("one/{}", attached.block.index);
    let walk = Walk { planet, block, lease: attached.lease };
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            walk.endpoint(path, method, operation).await;
            walked += 1;
        }
    }
    assert!(walked > 25, "{walked}");
    let (status, told) = walk.status("post", "/v1/detach", None, Rights::default()).await;
    assert_eq!(status, 200, "{told}");
    let mut raw = Raw::open(walk.planet.at).await;
    let (status, _) = raw.ask("GET", "/v1/challenge", Some(&walk.lease), None).await;
    assert_eq!(status, 401, "who has left is nobody");
    drop(client);
}

/// The key of whoever may administer.
fn operator(planet: &Planet) -> trust::sign::SigningKey {
    let secret = std::fs::read_to_string(planet.folder.path().join("keys/operator.key")).unwrap();
    let mut secret = secret.trim().parse::<Hex<32>>().unwrap().0;
    trust::sign::SigningKey::new(&Secret::take(&mut secret))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_denies_reading_binds_whoever_administers() {
    let rule = "[[access.rule]]\nname = \"hands-on\"\neffect = \"deny\"\nrights = [\"read\"]\nroles = [\"operator\"]\n";
    let role = "[[access.role]]\nname = \"operator\"\nrights = [\"read\", \"operate\", \"transfer\", \"administer\"]\n";
    let listen = Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() };
    let planet = serving(&format!("{PLANET}\n{role}{rule}"), listen).await;
    let url = format!("http://{}", planet.at);
    let host = client::Client::connect(&url, operator(&planet), client::Options::default()).await.unwrap();
    let attached = host.attach(client::Place::Region("one".to_owned()), None).await.unwrap();
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&operator(&planet), &attached.lease).await.0, 200);
    for block in [format!("one/{}", attached.block.index), "two/7".to_owned()] {
        let (status, fault) = raw.ask("GET", &format!("/v1/blocks/{block}/chain"), Some(&attached.lease), None).await;
        assert_eq!(status, 403, "{block}: {fault}");
        assert!(fault["what"].as_str().unwrap().contains("\"hands-on\" denies"), "{fault}");
    }
    // What it is there for it may do.
    let reason = json!({ "reason": "a test" }).to_string();
    let (status, fault) = raw.ask("POST", "/v1/blocks/two/7/seal", Some(&attached.lease), Some(&reason)).await;
    assert_eq!(status, 200, "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_brings_as_many_as_it_likes() {
    let planet = planet().await;
    let url = format!("http://{}", planet.at);
    let connect = |key| client::Client::connect(&url, key, client::Options::default());
    let host = connect(operator(&planet)).await.unwrap();
    let lease = host.attach(client::Place::Anywhere, None).await.unwrap().lease;
    for seed in 1..=60 {
        let agent = connect(key(seed)).await.unwrap();
        let held = host.attach_for(&agent, client::Place::Anywhere).await.unwrap();
        assert!(!held.administers);
        agent.op(client::Body::Echo(b"here".to_vec())).await.unwrap();
    }
    // Whoever may not administer brings nobody, and its source has its limits still.
    let (other, _) = planet.attached(61, "one").await;
    let mut refused = 0;
    for seed in 62..=120 {
        let agent = connect(key(seed)).await.unwrap();
        let attached = other.attach_for(&agent, client::Place::Anywhere).await;
        refused += usize::from(attached.is_err_and(|error| error.code() == Some(client::Code::TooMany)));
    }
    assert!(refused >= 25, "{refused}");
    // An application that its agent did not sign is nobody's, whoever brings it.
    let now = planet.engine.now();
    let mut forged = trust::enrol::Application::make(&key(200), planet.engine.planet(), None, now);
    forged.asked = trust::Moment(now.0 + 1);
    let body = json!({ "application": forged.text().as_str() }).to_string();
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&operator(&planet), &lease).await.0, 200);
    for _ in 0..10 {
        let (status, fault) = raw.ask("POST", "/v1/attach", Some(&lease), Some(&body)).await;
        assert_eq!(status, 401, "{fault}");
    }
    assert!(planet.engine.bans().is_empty(), "an administrator is not locked out for what it brings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_that_would_have_ended_names_the_field_that_was_sent() {
    let planet = generous().await;
    let (_client, attached) = planet.attached(1, "one").await;
    let lease = with_rights(&planet, &attached.lease, ADMINISTER);
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &lease).await.0, 200);
    let ban = json!({ "net": "192.0.2.0/24", "for_ms": 0 }).to_string();
    let (status, fault) = raw.ask("POST", "/v1/bans", Some(&lease), Some(&ban)).await;
    assert_eq!((status, fault["field"].as_str()), (400, Some("for_ms")), "{fault}");
    // What is wrong is said of the family that was meant.
    for (net, why) in [("192.0.2.0/33", "0 to 32"), ("2001:db8::/129", "0 to 128"), ("nowhere", "prefix length")] {
        let ban = json!({ "net": net, "for_ms": 1_000 }).to_string();
        let (status, fault) = raw.ask("POST", "/v1/bans", Some(&lease), Some(&ban)).await;
        assert_eq!((status, fault["field"].as_str()), (400, Some("net")), "{fault}");
        assert!(fault["what"].as_str().unwrap().contains(why), "{fault}");
    }
}
