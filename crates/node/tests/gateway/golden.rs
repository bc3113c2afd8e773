//! The golden vectors of `crates/policy/tests/golden/decisions.json`, decided by
//! a gateway that runs: what the pure function says is what it does.

use super::raw;
use node::Homes;
use node::gateway::{Assumed, Gateway, OfRegion, Settings};
use policy::signal::Micros;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vocab::{MicroDegrees, MicroUsd, Ppm, Site};

const MESH: &str = include_str!("../../../../planets/mesh.toml");

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn ppm(value: &Json, otherwise: u32) -> Ppm {
    Ppm(value.as_u64().map_or(otherwise, |value| u32::try_from(value).unwrap()))
}

/// The state of a vector; what it does not say is well, as the vectors say.
fn assumed(given: &Json, regions: &[String]) -> Assumed {
    let named = |key: &str, id: &str| given[key].as_array().is_some_and(|ids| ids.contains(&json!(id)));
    let of = |id: &String| OfRegion {
        alive: Some(!named("dead", id)),
        drained: Some(named("drained", id)),
        full: Some(named("full", id)),
        health: Some(ppm(&given["health_ppm"][id], 1_000_000)),
        load: Some(ppm(&given["load_ppm"][id], 0)),
        cost: Some(MicroUsd(given["cost_microusd"][id].as_u64().unwrap_or(300_000))),
        rtt: given["rtt_us"][id].as_u64().map(Micros),
        connections: Some(given["connections"][id].as_u64().unwrap_or(0)),
    };
    let angle = |at: usize| MicroDegrees(i32::try_from(given["from"][at].as_i64().unwrap()).unwrap());
    Assumed {
        from: Some(Site { latitude: angle(0), longitude: angle(1) }),
        of: regions.iter().map(|id| (id.clone(), of(id))).collect(),
        panic: Some(given["panic"].as_bool().unwrap_or(false)),
    }
}

/// What an explanation comes to, in the words of the vectors.
fn decided(why: &Json) -> Json {
    let regions = why["regions"].as_array().unwrap();
    let Some(winner) = why["winner"].as_str() else {
        let removed = |line: &Json| (line["region"].as_str().unwrap().to_owned(), line["removed"].clone());
        return json!({
            "refused": why["refused"],
            "retry_after_ms": why["retry_after_ms"],
            "removed": regions.iter().map(removed).collect::<serde_json::Map<_, _>>(),
        });
    };
    let line = regions.iter().find(|line| line["region"] == winner).unwrap();
    json!({ "region": winner, "score": line["score"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_golden_decisions_are_made_by_a_gateway_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let planet = Arc::new(planet::parse(MESH.as_bytes()).0.unwrap());
    let homes = Homes::open(folder.path()).unwrap();
    let regions: Vec<String> = planet.region.iter().map(|region| region.id.to_string()).collect();
    // Nobody is there to answer, so what is decided is all that happens.
    let mut settings = Settings::new(planet, homes.planet(), homes.gateway(), Vec::new());
    settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
    settings.threads = 1;
    let gateway = Gateway::start(settings).unwrap();
    let file = std::fs::read_to_string(root().join("crates/policy/tests/golden/decisions.json")).unwrap();
    let file: Json = serde_json::from_str(&file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 18, "{}", vectors.len());
    for vector in vectors {
        let (name, given) = (&vector["name"], &vector["given"]);
        gateway.assume(assumed(given, &regions)).unwrap();
        let body = r#"{"application":"none"}"#;
        let home = given["home"].as_str().map_or_else(String::new, |home| format!("mycel-home: {home}\r\n"));
        let class = given["class"].as_str().unwrap_or("none");
        let request = format!(
            "POST /v1/attach HTTP/1.1\r\nhost: x\r\nmycel-explain: 1\r\nmycel-class: {class}\r\nconnection: close\r\n{home}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw::Answer::of(&raw::bytes(gateway.addresses()[0], request.as_bytes()).await);
        let why: Json = serde_json::from_str(answer.header("mycel-route").unwrap()).unwrap();
        assert_eq!(decided(&why), vector["decides"], "{name}: {why}");
        // And it did what it said: it went there, where nobody is, or was refused for that reason.
        let did = vector["decides"]["region"].as_str().or(vector["decides"]["refused"].as_str()).unwrap();
        assert!(answer.body.contains(did), "{name}: {did}: {}", answer.body);
    }
    let nowhere = Assumed { of: [("mars".to_owned(), OfRegion::default())].into(), ..Assumed::default() };
    assert!(gateway.assume(nowhere).unwrap_err().contains("mars"));
    assert!(tokio::task::spawn_blocking(|| gateway.stop(Duration::from_secs(10))).await.unwrap());
}
