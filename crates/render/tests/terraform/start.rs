//! The script that a machine starts with, run by a real shell.

use super::{files, rendered, text_of};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What a machine does when it first starts, run by a real shell in a folder of
/// its own, with programs of AWS and of the system that only say what they were
/// asked: keys are copied whole, once, and for the program alone.
#[test]
fn a_machine_that_starts_copies_keys_once_and_runs_the_program() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let machines = files(&tree, "dc-1")["machines.tf"];
    let script = machines.split("<<-SCRIPT\n").nth(1).unwrap().split("\n  SCRIPT\n").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("{}{path}", folder.path().display());
    let script: String = script.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
    let script = script
        .replace("/var/lib/mycel", &at("/disk"))
        .replace("/etc/", &at("/etc/"))
        .replace("/dev/disk/by-id/", &at("/dev/"))
        .replace("${aws_ebs_volume.data.id}", "vol-1")
        .replace("${aws_s3_object.planet.bucket}", "files")
        .replace("${var.keys_secret_arn}", "arn:keys")
        .replace("${var.tls_secret_arn}", "arn:tls")
        .replace("${var.image}", "mycel:0.1.0");
    assert!(!script.contains("${"), "{script}");
    for made in ["bin", "dev", "disk", "etc", "keys/keys"] {
        std::fs::create_dir_all(folder.path().join(made)).unwrap();
    }
    std::fs::write(at("/dev/nvme-Amazon_Elastic_Block_Store_vol1"), "").unwrap();
    std::fs::write(at("/keys/keys/node.key"), "secret").unwrap();
    std::fs::write(at("/planet.toml"), text_of("erlmcp")).unwrap();
    let aws = "#!/bin/bash\necho aws \"$@\" >> $ROOT/said\ncase \"$1 $2\" in\n\
               's3 cp') cp $ROOT/planet.toml \"$6\" ;;\n\
               'secretsmanager get-secret-value') tar --create --directory $ROOT/keys . | base64 ;;\nesac\n";
    let says = "#!/bin/bash\necho $(basename $0) \"$@\" >> $ROOT/said\n";
    let programs = [("aws", aws), ("docker", says), ("curl", "#!/bin/bash\necho i-1\n")];
    let others = ["dnf", "blkid", "mount", "mkfs.xfs", "systemctl", "chown"].map(|name| (name, says));
    for (name, text) in programs.into_iter().chain(others) {
        let path = folder.path().join("bin").join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = || {
        _ = std::fs::remove_file(at("/said"));
        let mut shell = std::process::Command::new("bash");
        let path = format!("{}:{}", at("/bin"), std::env::var("PATH").unwrap());
        let output = shell.args(["-c", &script]).env("PATH", path).env("ROOT", folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(at("/said")).unwrap()
    };
    // What a machine left that was lost while it copied.
    std::fs::create_dir_all(at("/disk/home.part/keys")).unwrap();
    std::fs::write(at("/disk/home.part/keys/half"), "").unwrap();
    let said = run();
    assert!(said.contains("aws ec2 attach-volume --region us-east-1 --volume-id vol-1 --instance-id i-1"), "{said}");
    assert!(!said.contains("mkfs"), "what is on the disk stays: {said}");
    let container = said.lines().find(|line| line.starts_with("docker run")).unwrap();
    assert!(container.contains("--publish 8080:7117") && container.contains("mycel:0.1.0 up "), "{container}");
    let key = at("/disk/home/keys/node.key");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "secret");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o077, 0);
    assert!(!Path::new(&at("/disk/home/keys/half")).exists());
    // What the program has replaced since stays.
    std::fs::write(&key, "newer").unwrap();
    run();
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "newer");
}
