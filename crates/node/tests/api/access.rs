//! What the planet file's roles and rules allow over the network, and what
//! they refuse, with the reason.

use super::raw::Raw;
use super::support::{Agent, PLANET, key, start};
use super::{Planet, code, patient, put, serving};
use client::{Body, Client, Code};
use node::Where;
use node::http::Listen;
use serde_json::{Value, json};
use wire::Hex;

fn name(seed: u8) -> String {
    Hex(key(seed).id().0).to_string()
}

/// Agent 2 may not read what is of the class gdpr, 3 may not touch it, and 4
/// administers in one region.
fn ruled_file() -> String {
    format!(
        r#"{PLANET}
[[access.role]]
name = "agent"
rights = ["read", "operate"]
[[access.role]]
name = "intern"
agents = ["{intern}"]
[[access.role]]
name = "frozen"
agents = ["{frozen}"]
[[access.role]]
name = "warden"
agents = ["{warden}"]
[[access.rule]]
name = "no-peeking"
effect = "deny"
rights = ["read"]
roles = ["intern"]
classes = ["gdpr"]
[[access.rule]]
name = "hands-off"
effect = "deny"
rights = ["operate"]
roles = ["frozen"]
classes = ["gdpr"]
[[access.rule]]
name = "wardens"
rights = ["administer"]
roles = ["warden"]
regions = ["two"]
"#,
        intern = name(2),
        frozen = name(3),
        warden = name(4)
    )
}

async fn ruled() -> Planet {
    serving(&ruled_file(), Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() }).await
}

fn of_gdpr(key: &str) -> client::Ask {
    patient(Body::Put { key: key.into(), value: "value".into(), class: Some("gdpr".to_owned()) })
}

async fn get(client: &Client, key: &str) -> (Option<Vec<u8>>, Option<String>) {
    let done = client.op(patient(Body::Get(key.into()))).await.unwrap();
    (done.value, done.why)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_about_a_class_holds_when_only_the_record_knows_its_class() {
    let planet = ruled().await;
    let (plain, _) = planet.attached(1, "two").await;
    let (intern, _) = planet.attached(2, "two").await;
    for client in [&plain, &intern] {
        client.op(of_gdpr("bound")).await.unwrap();
        client.op(put("free", "value")).await.unwrap();
        assert_eq!(get(client, "free").await.0.as_deref(), Some(&b"value"[..]));
    }
    assert_eq!(get(&plain, "bound").await.0.as_deref(), Some(&b"value"[..]));
    // By HTTP and by frames, and when the same answer is asked for again.
    let refused = (None, Some("the rule \"no-peeking\" denies the right to read".to_owned()));
    assert_eq!(get(&intern, "bound").await, refused);
    let ask = client::Ask { id: Some(intern.op_id().unwrap()), ..patient(Body::Get("bound".into())) };
    for _ in 0..2 {
        let done = intern.wire().op(ask.clone()).await.unwrap();
        assert_eq!((done.value, done.why), refused);
    }
    let listed = intern.ops(1).await.unwrap();
    assert!(!serde_json::to_string(&listed).unwrap().contains("value\":\""), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_against_a_class_is_not_passed_by_where_the_class_is_not_said() {
    let planet = ruled().await;
    let (frozen, _) = planet.attached(3, "two").await;
    frozen.op(put("free", "value")).await.unwrap();
    assert_eq!(code(frozen.op(of_gdpr("bound")).await), Code::Forbidden);
    let consent = patient(Body::Consent { class: "gdpr".to_owned(), given: true });
    assert_eq!(code(frozen.op(consent).await), Code::Forbidden);
    // A record is of the class that it has at its op's turn.
    frozen.op(patient(Body::Delete("free".into()))).await.unwrap();
    frozen.wire().op(patient(Body::Delete("free".into()))).await.unwrap();
    // Another's rules are not this one's.
    let (plain, _) = planet.attached(1, "two").await;
    plain.op(of_gdpr("bound")).await.unwrap();
    plain.op(patient(Body::Delete("bound".into()))).await.unwrap();
}

/// What was written before there was a rule against it is not replaced by what
/// says nothing of its class.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_closed_class_is_not_replaced_by_one_of_none() {
    let folder = tempfile::tempdir().unwrap();
    let bound = || node::Body::Value { key: "bound".into(), value: "before".into(), class: Some("gdpr".to_owned()) };
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(3), Where::Region("two".into())).await;
    agent.op(&engine, "put", bound()).await.unwrap();
    agent.put(&engine, "free", "before").await.unwrap();
    engine.stop();
    drop((engine, agent));
    let (engine, _) = start(&ruled_file(), folder.path());
    let agent = Agent::attach(&engine, key(3), Where::Region("two".into())).await;
    let closed = Some("the rule \"hands-off\" denies the right to operate".to_owned());
    assert_eq!(agent.put(&engine, "bound", "after").await.unwrap().why, closed);
    let deleted = agent.op(&engine, "delete", node::Body::Record { key: "bound".into() }).await.unwrap();
    assert_eq!(deleted.why, closed);
    assert_eq!(agent.get(&engine, "bound").await.unwrap().value.as_deref(), Some(&b"before"[..]));
    assert_eq!(agent.put(&engine, "free", "after").await.unwrap().why, None);
    engine.stop();
}

async fn raw(planet: &Planet, seed: u8, lease: &str) -> Raw {
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(seed), lease).await.0, 200);
    raw
}

#[tokio::test(flavor = "multi_thread")]
async fn who_administers_one_region_administers_no_other_and_not_all_at_once() {
    let planet = ruled().await;
    let (_client, attached) = planet.attached(4, "one").await;
    let mut raw = raw(&planet, 4, &attached.lease).await;
    let reason = json!({ "reason": "a test" }).to_string();
    let ban = json!({ "net": "192.0.2.0/24", "for_ms": 1_000 }).to_string();
    let asked = [
        ("POST", "/v1/blocks/two/3/seal", Some(&reason), 200),
        ("POST", "/v1/blocks/two/3/open", None, 200),
        ("GET", "/v1/blocks/two/3", None, 200),
        ("POST", "/v1/blocks/one/3/seal", Some(&reason), 403),
        ("POST", "/v1/bans", Some(&ban), 403),
        ("GET", "/v1/bans", None, 403),
        ("GET", "/v1/agents", None, 403),
        ("GET", "/v1/blocks", None, 403),
    ];
    for (method, path, body, status) in asked {
        let (got, told) = raw.ask(method, path, Some(&attached.lease), body.map(String::as_str)).await;
        assert_eq!(got, status, "{method} {path}: {told}");
        assert!(status != 403 || told["what"].as_str().unwrap().contains("\"wardens\" does not hold"), "{told}");
    }
    // Of a block that is neither its own nor in its region it is told whose it may ask for.
    let elsewhere = if attached.block.index == 3 { "/v1/blocks/one/4" } else { "/v1/blocks/one/3" };
    assert_eq!(raw.ask("GET", elsewhere, Some(&attached.lease), None).await.0, 421);
}

/// A lease that says more than the rules is worth what the rules say.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_carries_what_its_agent_may_and_no_more() {
    use trust::lease::{Claim, Rights};
    let planet = ruled().await;
    let rights = async |seed| Claim::read(&planet.attached(seed, "two").await.1.lease).unwrap().lease.rights;
    let agent = Rights::READ.and(Rights::OPERATE);
    assert_eq!((rights(1).await, rights(4).await), (agent, agent.and(Rights::ADMINISTER)));
    // The file has no role "operator", so whoever started it is like everybody.
    let (_client, attached) = planet.attached(5, "one").await;
    let lease = super::rights::with_rights(&planet, &attached.lease, Rights::from_bits(15).unwrap());
    let (status, told) = raw(&planet, 5, &lease).await.ask("GET", "/v1/bans", Some(&lease), None).await;
    assert_eq!(status, 403, "{told}");
    assert!(told["what"].as_str().unwrap().starts_with("no role of this agent and no rule gives"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_why_it_was_given_when_asked() {
    let planet = ruled().await;
    let (client, attached) = planet.attached(1, "two").await;
    client.op(put("free", "value")).await.unwrap();
    let mut raw = raw(&planet, 1, &attached.lease).await;
    let body = json!({ "kind": "put", "key": "k", "value": "v", "class": "gdpr", "patience_ms": 1000 }).to_string();
    let asks = [("GET", "/v1/ops?most=1".to_owned(), ""), ("POST", "/v1/ops".to_owned(), body.as_str())];
    for (method, path, body) in asks {
        raw.send(&format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nmycel-explain: 1\r\nauthorization: Mycel {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            attached.lease,
            body.len()
        ))
        .await;
        let (status, head, told) = raw.read().await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&told));
        let line = head.lines().find_map(|line| line.strip_prefix("mycel-access: ")).unwrap();
        let why: Value = serde_json::from_str(line).unwrap();
        assert_eq!(why["because"], json!({ "by": "role", "name": "agent" }), "{why}");
    }
}
