//! Signing in a token beside signing in memory: `cargo bench -p custody
//! --features pkcs11 --bench token`, with SoftHSM2's library in MYCEL_SOFTHSM
//! where that is not in /usr/lib/softhsm.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::float_arithmetic)]

use custody::token::Module;
use std::path::PathBuf;
use std::process::Command;
use trust::Secret;
use trust::sign::{Domain, SigningKey};

const DOMAIN: Domain = Domain::new("a bench of tokens");

fn main() {
    let library =
        std::env::var_os("MYCEL_SOFTHSM").map_or_else(|| "/usr/lib/softhsm/libsofthsm2.so".into(), PathBuf::from);
    if std::env::var_os("SOFTHSM2_CONF").is_none() {
        return again(&library);
    }
    let token = Module::load(&library).unwrap().token("bench", "1234").unwrap();
    let key = token.make_key("bench").unwrap();
    let memory = SigningKey::new(&Secret::take(&mut [7; 32]));
    let message = [1; 200];
    let (in_token, in_memory) = measure::both(
        || {
            std::hint::black_box(token.sign(key, DOMAIN, &message).unwrap());
        },
        || {
            std::hint::black_box(memory.sign(DOMAIN, &message));
        },
    );
    println!("signing 200 bytes; what a token signs is checked before it is used:");
    println!("  in memory    {:>6.1} µs CPU", in_memory / 1_000.0);
    println!("  in SoftHSM2  {:>6.1} µs CPU   {:.1} × memory", in_token / 1_000.0, in_token / in_memory);
}

/// In a process whose token is its own.
fn again(library: &std::path::Path) {
    if !library.exists() {
        eprintln!("not measured: there is no SoftHSM2 here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tokens, conf) = (folder.path().join("tokens"), folder.path().join("softhsm2.conf"));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&conf, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    let mut set_up = Command::new("softhsm2-util");
    set_up.args(["--init-token", "--free", "--label", "bench", "--pin", "1234", "--so-pin", "12345678"]);
    assert!(set_up.env("SOFTHSM2_CONF", &conf).output().unwrap().status.success());
    let this = std::env::current_exe().unwrap();
    assert!(Command::new(this).env("SOFTHSM2_CONF", &conf).status().unwrap().success());
}
