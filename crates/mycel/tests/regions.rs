//! `mycel up --regions`: the mesh planet as five processes behind one gateway,
//! and one of them killed while agents work.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/process.rs"]
mod process;

use client::{Body, Place};
use pair::{put, seated};
use process::{Folder, Up};
use std::process::Command;
use std::time::{Duration, Instant};

/// The mesh planet, with blocks that anybody may come to, and looked after each second.
fn mesh(folder: &Folder) -> std::path::PathBuf {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("planets/mesh.toml")).unwrap();
    let text = text.replace("health_check = \"30s\"", "health_check = \"1s\"");
    let text = text.replace("hardware = true", "hardware = false");
    let text = text.replace("[block]\n", "[block]\nop_rate = \"1000000/s\"\n");
    let text = format!(
        "{text}\n[enrol]\nhow = \"open\"\nquota = \"1000/s\"\n\
         [gateway]\nagent_rate = \"100000/s\"\naddress_rate = \"100000/s\"\n"
    );
    let file = folder.0.join("mesh.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn process(up: &Up, region: &str) -> u64 {
    let regions = up.told["regions"].as_array().unwrap();
    regions.iter().find(|known| known["region"] == region).unwrap()["process"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_killed_comes_back_and_no_acknowledged_op_is_lost() {
    let folder = Folder::new("regions");
    let (file, data) = (mesh(&folder), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let regions: Vec<_> = up.told["regions"].as_array().unwrap().iter().map(|known| known["region"].clone()).collect();
    assert_eq!(regions.len(), 5, "{regions:?}");
    assert!(up.told["absent"].as_array().unwrap().contains(&"scaling".into()), "{}", up.told);
    let (stays, loses) = (seated(&up, 1, "us-east-1").await, seated(&up, 2, "eu-west-1").await);
    let mut acknowledged = 0;
    for number in 0..20 {
        acknowledged = loses.op(put(&number.to_string())).await.unwrap().sequence;
        stays.op(put("value")).await.unwrap();
    }

    let killed = Command::new("kill").args(["-KILL", &process(&up, "eu-west-1").to_string()]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    // Nobody elsewhere notices; who is there is told what happens, until it is back.
    let mut refused = 0;
    let got = loop {
        stays.op(put("value")).await.unwrap();
        match loses.op(Body::Get(b"name".to_vec())).await {
            Ok(done) => break done,
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("eu-west-1"), "{error}");
                assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("back after {:?}, {refused} ops refused meanwhile", begun.elapsed());
    assert_eq!(got.value.as_deref(), Some(&b"19"[..]));
    assert_eq!(got.sequence, acknowledged + 1, "its chain goes on where it was");
    let log = folder.0.join("access.log");
    up.stop();
    let lines = std::fs::read_to_string(log).unwrap();
    assert!(lines.lines().any(|line| line.contains("\"region\":\"eu-west-1\"") && line.contains("\"status\":503")));

    // The next start goes on, every region where it was.
    let up = Up::regions(&file, &data);
    let again = seated(&up, 2, "eu-west-1").await;
    assert_eq!(again.op(Body::Get(b"name".to_vec())).await.unwrap().value.as_deref(), Some(&b"19"[..]));
    up.stop();
}

/// The operator's key is in the planet's directory; a region that was killed is
/// waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_has_moved_is_erased_in_every_region_also_in_one_that_was_killed() {
    let folder = Folder::new("regions-erase");
    let (file, data) = (mesh(&folder), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let agent = seated(&up, 1, "us-east-1").await;
    agent.op(put("here")).await.unwrap();
    agent.detach().await.unwrap();
    agent.attach(Place::Region("eu-west-1".to_owned()), None).await.unwrap();
    agent.op(put("there")).await.unwrap();
    let killed = Command::new("kill").args(["-KILL", &process(&up, "us-east-1").to_string()]).status().unwrap();
    assert!(killed.success());
    let erase = Command::new(env!("CARGO_BIN_EXE_mycel"))
        .args(["erase", &agent.agent().to_string(), "--yes", "--as", "operator", "--url", &up.url, "--json", "--home"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(erase.status.success(), "{erase:?}");
    let told: serde_json::Value = serde_json::from_slice(&erase.stdout).unwrap();
    let regions: Vec<_> = told["erased"].as_array().unwrap().iter().map(|at| at["block"]["region"].clone()).collect();
    assert_eq!((told["keys"].as_u64(), regions.len()), (Some(2), 2), "{told}");
    assert!(regions.contains(&"us-east-1".into()) && regions.contains(&"eu-west-1".into()), "{told}");
    assert_eq!(agent.op(Body::Get(b"name".to_vec())).await.unwrap().value, None);
    agent.detach().await.unwrap();
    let begun = Instant::now();
    while let Err(error) = agent.attach(Place::Region("us-east-1".to_owned()), None).await {
        assert!(error.may_pass_later() && begun.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(agent.op(Body::Get(b"name".to_vec())).await.unwrap().value, None);
    up.stop();
}

/// Without its gateway a region's process would go on for ever, with its directory locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_end_with_the_process_that_began_them() {
    let folder = Folder::new("regions-end");
    let (file, data) = (mesh(&folder), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let region = process(&up, "us-west-2");
    up.kill();
    let begun = Instant::now();
    let is_there = || {
        let status = std::fs::read_to_string(format!("/proc/{region}/stat")).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    while is_there() {
        assert!(begun.elapsed() < Duration::from_secs(20), "process {region} is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The status of a small request, and what is said.
fn get(at: &str, path: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(at.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_share_what_regions_take_and_read_the_file_again_when_told() {
    let folder = Folder::new("regions-two");
    let (file, data) = (mesh(&folder), folder.0.join("data"));
    let up = Up::gateways(&file, &data, "2");
    let ats: Vec<&str> = up.told["at"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    assert_eq!(ats.len(), 2, "{}", up.told);
    let begun = Instant::now();
    let part = |at: &str| {
        let page: serde_json::Value = serde_json::from_str(&get(at, "/ready").1).unwrap();
        page["regions"].as_array().unwrap().iter().find(|region| region["id"] == "eu-west-1").unwrap()
            ["part_of_this_tick"]
            .as_u64()
            .unwrap()
    };
    while ats.iter().any(|at| part(at) != 2_500) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} and {}", part(ats[0]), part(ats[1]));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What cannot be understood changes nothing, not even what stands before the mistake; what can holds from then
    // on, at both.
    let text = std::fs::read_to_string(&file).unwrap();
    let stricter = text.replace("address_rate = \"100000/s\"", "address_rate = \"10/h\"");
    let smaller = stricter.replace("capacity = \"5k rps\"", "capacity = \"4k rps\"");
    let accepted = || std::fs::read(data.join("regions.toml")).unwrap();
    let before = accepted();
    std::fs::write(&file, smaller.replace("weights = {", "weights = {{")).unwrap();
    up.signal("-HUP");
    let begun = Instant::now();
    while !up.errors().contains("the planet file is not taken") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", up.errors());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for at in &ats {
        // More often than the file that was refused lets anybody ask.
        for _ in 0..20 {
            assert_eq!((get(at, "/health").0, part(at)), (200, 2_500));
        }
    }
    assert_eq!(accepted(), before, "regions start from the file that was taken");
    std::fs::write(&file, &stricter).unwrap();
    let begun = Instant::now();
    up.signal("-HUP");
    for at in &ats {
        while get(at, "/health").0 != 429 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{at} goes by the old file");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(accepted(), stricter.as_bytes());
    up.stop();
    // The gateways' log has the file that was taken, and not the one that was not.
    let verifier = audit::home::verifier(&data).unwrap().unwrap();
    let mirror = audit::home::reader(&audit::home::folder(&data)).unwrap();
    let report = audit::verify::verify(&mirror, &verifier, &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good(), "{:?}", report.faults);
    let tiles = audit::Tiles::new(&mirror, report.good);
    let act = |index| audit::Entry::from_bytes(&tiles.entry(index).unwrap()).unwrap().act.name();
    let acts: Vec<_> = (0..report.good).map(act).collect();
    // The CA's and those that are to follow it, and a host's of each of five regions.
    let made = ["key made"; 1 + 3 + 5];
    assert_eq!(acts, [&["started", "policy changed"][..], &made, &["policy changed", "stopped"]].concat());
    let of_region = audit::home::verifier(&data.join("regions/eu-west-1")).unwrap().unwrap();
    assert!(of_region.name().contains(".eu-west-1/"), "{of_region}");
}
