//! Keys in a token: SoftHSM2, which speaks to programs as hardware does.
//!
//! A library has one state in a process and reads its settings when it is
//! loaded, so every test runs itself again in a world with tokens of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use custody::token::{Module, Token, TokenError};
use std::path::{Path, PathBuf};
use std::process::Command;
use trust::Secret;
use trust::sign::{Domain, PublicKey, SigningKey};

const LABEL: &str = "mycel test";
const PIN: &str = "hunter2-1234";
const DOMAIN: Domain = Domain::new("a test of tokens");

fn library() -> Option<PathBuf> {
    std::env::var_os("MYCEL_SOFTHSM").map(PathBuf::from).or_else(|| {
        let usual = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
        usual.exists().then_some(usual)
    })
}

fn set_up(label: &str) {
    let set_up = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "an-officer-1"];
    let done = Command::new("softhsm2-util").args(set_up).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs a scene in a process of its own, with the folder of its tokens.
fn in_a_world(test: &str, around: &[&str], scene: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os("MYCEL_TOKENS") {
        if let Ok(size) = std::env::var("MYCEL_SIZE") {
            let mount = ["-t", "tmpfs", "-o", &size, "tmpfs"];
            assert!(Command::new("mount").args(mount).arg(&folder).status().unwrap().success());
        }
        return scene(Path::new(&folder));
    }
    let Some(library) = library() else {
        assert!(
            std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
            "SoftHSM2 is missing: `cargo xtask test` installs it"
        );
        eprintln!("SKIPPED: no SoftHSM2 here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (tokens, conf) = (folder.path().join("tokens"), folder.path().join("softhsm2.conf"));
    std::fs::create_dir(&tokens).unwrap();
    let settings =
        format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&conf, settings).unwrap();
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60"]).args(around).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env("SOFTHSM2_CONF", &conf).env("MYCEL_TOKENS", &tokens).env("MYCEL_SOFTHSM", library);
    if !around.is_empty() {
        command.env("MYCEL_SIZE", "size=128k");
    }
    let again = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(again.status.success(), "in its world: {}\n{}", said(&again.stdout), said(&again.stderr));
}

fn module() -> Module {
    Module::load(&library().unwrap()).unwrap()
}

fn token() -> Token {
    set_up(LABEL);
    module().token(LABEL, PIN).unwrap()
}

#[test]
fn what_a_key_in_a_token_signs_holds_everywhere_and_in_its_domain_alone() {
    in_a_world("what_a_key_in_a_token_signs_holds_everywhere_and_in_its_domain_alone", &[], |_| {
        let token = token();
        let key = token.make_key("root").unwrap();
        let public = PublicKey::new(key.id()).unwrap();
        let signature = token.sign(key, DOMAIN, b"message").unwrap();
        public.verify(DOMAIN, b"message", &signature).unwrap();
        assert!(public.verify(Domain::new("another test"), b"message", &signature).is_err());
        assert!(public.verify(DOMAIN, b"messag", &signature).is_err());
        // It is found again, by whoever comes later, as the same key.
        assert_eq!(module().token(LABEL, PIN).unwrap().key("root").unwrap().id(), key.id());
        assert!(matches!(token.make_key("root"), Err(TokenError::Twice(_))));
        assert!(matches!(token.key("other"), Err(TokenError::NoKey { .. })));
        let other = token.make_key("other").unwrap();
        assert_ne!(other.id(), key.id());
        assert!(public.verify(DOMAIN, b"message", &token.sign(other, DOMAIN, b"message").unwrap()).is_err());
        // The same bytes that a key in memory signs: nobody has to know where a key is.
        let memory = SigningKey::new(&Secret::take(&mut [7; 32]));
        PublicKey::new(memory.id()).unwrap().verify(DOMAIN, b"message", &memory.sign(DOMAIN, b"message")).unwrap();
    });
}

#[test]
fn a_key_that_was_made_in_a_token_was_never_anywhere_else() {
    in_a_world("a_key_that_was_made_in_a_token_was_never_anywhere_else", &[], |tokens| {
        let token = token();
        let kept = token.kept(token.make_key("root").unwrap()).unwrap();
        assert!(kept.made_there && kept.never_left);
        // Who can read the disk sees files, and in none of them the PIN.
        let mut folders = vec![tokens.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    assert!(!bytes.windows(PIN.len()).any(|bytes| bytes == PIN.as_bytes()), "{:?}", entry.path());
                }
            }
        }
    });
}

#[test]
fn what_is_wrapped_opens_in_that_token_for_that_purpose_and_unchanged() {
    in_a_world("what_is_wrapped_opens_in_that_token_for_that_purpose_and_unchanged", &[], |_| {
        let token = token();
        let key = token.make_wrapping("wrap").unwrap();
        let secret = || Secret::take(&mut [9; 32]);
        let wrapped = token.wrap(key, b"region one", &secret()).unwrap();
        assert_eq!(token.unwrap(key, b"region one", &wrapped).unwrap(), secret());
        assert_ne!(token.wrap(key, b"region one", &secret()).unwrap(), wrapped, "a nonce is used once");
        assert!(!wrapped.windows(8).any(|bytes| bytes == [9; 8]));
        let wrong = |result: Result<Secret, TokenError>| matches!(result, Err(TokenError::Wrong { .. }));
        assert!(wrong(token.unwrap(key, b"region two", &wrapped)));
        for at in 0..wrapped.len() {
            let mut bad = wrapped.clone();
            bad[at] ^= 1;
            assert!(wrong(token.unwrap(key, b"region one", &bad)), "byte {at}");
        }
        for length in [0, 11, 12, 28, wrapped.len() - 1] {
            assert!(wrong(token.unwrap(key, b"region one", &wrapped[..length])), "{length} bytes");
        }
        let other = token.make_wrapping("other").unwrap();
        assert!(wrong(token.unwrap(other, b"region one", &wrapped)));
        assert_eq!(token.wrapping("wrap").unwrap(), key);
        assert!(matches!(token.wrapping("none"), Err(TokenError::NoKey { .. })));
    });
}

#[test]
fn what_is_not_there_or_not_open_is_said_to_be() {
    in_a_world("what_is_not_there_or_not_open_is_said_to_be", &[], |_| {
        let refused = |path: &str| Module::load(Path::new(path)).map(drop).unwrap_err().to_string();
        assert!(refused("/nowhere/lib.so").contains("/nowhere/lib.so"));
        assert!(refused("/etc/passwd").contains("cannot be used"));
        // A library that finds none when it is loaded says so.
        set_up("another");
        set_up("twice");
        set_up("twice");
        let module = module();
        let refused = |label: &str| module.token(label, PIN).map(drop).unwrap_err();
        assert!(refused(LABEL).to_string().contains("there are: "), "{}", refused(LABEL));
        assert!(matches!(refused("twice"), TokenError::Several(_)));
        assert!(matches!(module.token("another", "wrong-pin"), Err(TokenError::WrongPin { .. })));
        module.token("another", PIN).unwrap();
    });
}

#[test]
fn where_there_is_no_token_none_is_made() {
    in_a_world("where_there_is_no_token_none_is_made", &[], |tokens| {
        let refused = module().token(LABEL, PIN).map(drop).unwrap_err();
        assert!(
            matches!(refused, TokenError::Absent { .. }) && refused.to_string().contains("and no other"),
            "{refused}"
        );
        assert_eq!(std::fs::read_dir(tokens).unwrap().count(), 0);
    });
}

/// Nothing else is used in its place: an error is all that comes of it.
#[test]
fn a_token_that_is_full_is_said_to_be_and_is_as_it_was_before() {
    let test = "a_token_that_is_full_is_said_to_be_and_is_as_it_was_before";
    let around = ["unshare", "--user", "--map-root-user", "--mount"];
    let possible = Command::new(around[0]).args(&around[1..]).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if std::env::var_os("MYCEL_TOKENS").is_none() && !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no namespace with a file system of its own here");
        return;
    }
    in_a_world(test, &around, |_| {
        let token = token();
        let first = token.make_key("first").unwrap();
        let mut made = 0;
        let refused = loop {
            match token.make_key(&format!("key {made}")) {
                Ok(_) => made += 1,
                Err(error) => break error,
            }
            assert!(made < 1_000, "it never fills");
        };
        assert!(made > 0, "it was full from the beginning");
        assert!(matches!(refused, TokenError::Full(_)), "{refused:?}");
        // What was there is there, and signs.
        let again = token.key("first").unwrap();
        assert_eq!(again, first);
        token.sign(again, DOMAIN, b"message").unwrap();
    });
}
