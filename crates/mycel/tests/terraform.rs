//! What `mycel render` writes for Terraform, by the word of Terraform itself with
//! its provider for AWS, where both are, and of checkov from PyPI.
//!
//! Nothing here goes to a network: the provider comes from a folder, and is handed
//! keys that are none. One region of each planet is validated; that the others
//! differ in names and numbers alone is shown in crate `render`.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "support/run.rs"]
mod run;
#[path = "support/tool.rs"]
mod tool;

use run::code;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tool::{PLANETS, said};

/// The roots that Terraform validates: a region of each planet, and what is of no
/// region. Those of bitcraps are as watch's.
const ROOTS: [&str; 7] = [
    "erlmcp/terraform/dc-1",
    "erlmcp/terraform/global",
    "carma/terraform/na",
    "mesh/terraform/us-east-1",
    "mesh/terraform/global",
    "watch/terraform/americas",
    "bitcraps/terraform/global",
];

/// What checkov says, and why it is so.
const ACCEPTED: [(&str, &str); 17] = [
    ("CKV_AWS_338", "logs are kept as long as the planet says, and not for a year"),
    ("CKV2_AWS_5", "groups of the planet guard what stands in their tiers, and that is not all ours"),
    (
        "CKV_AWS_91",
        "who came is in the program's own access log, kept as the planet says; a balancer's would be another",
    ),
    ("CKV_AWS_231", "replies go to ports from 1,024 on, and 3,389 is one of these; groups let nothing begin there"),
    (
        "CKV_AWS_18",
        "the one bucket of files holds the planet file, and the other copies; who reads them is in CloudTrail",
    ),
    ("CKV_AWS_144", "copies stay where the law of their region holds; a planet that wants more is told in a note"),
    ("CKV2_AWS_62", "nothing waits for a file to appear"),
    ("CKV2_AWS_76", "its other list turns away all who come from a cloud, and that is where agents live"),
    ("CKV2_AWS_47", "the same, before content delivery"),
    ("CKV_AWS_75", "packets are logged where they arrive, in the regions"),
    ("CKV2_AWS_38", "a zone is signed together with whoever has the domain above it"),
    ("CKV2_AWS_39", "who asked for a name is kept by nobody"),
    (
        "CKV_AWS_86",
        "who asked content delivery is kept by nobody, and who was turned away is in the log of its web ACL",
    ),
    ("CKV_AWS_374", "a planet is for users everywhere; who may hold records is said by residency"),
    ("CKV_AWS_305", "the program says what is at the root"),
    ("CKV2_AWS_32", "it has one: AWS's own, which has no resource that could be referred to"),
    ("CKV_AWS_310", "the origin is one name, and names lead to regions that are ready"),
];

/// Terraform and the folder of its providers, where they are.
struct Terraform {
    program: PathBuf,
    folder: TempDir,
}

impl Terraform {
    fn here() -> Option<Self> {
        let at = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (Some(program), Some(mirror)) = (at("MYCEL_TERRAFORM"), at("MYCEL_TERRAFORM_MIRROR")) else {
            eprintln!("SKIPPED: Terraform or its provider for AWS is missing");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {}\n    include = [\"registry.terraform.io/hashicorp/*\"]\n  }}\n}}\n",
            serde_json::to_string(&mirror).unwrap()
        );
        fs::write(folder.path().join("settings"), settings).unwrap();
        Some(Self { program, folder })
    }

    /// Runs it in a root. Providers are linked once, for all of them.
    fn run(&self, root: &Path, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(&self.program);
        command.current_dir(root).args(arguments).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
        command.env("TF_CLI_CONFIG_FILE", self.folder.path().join("settings"));
        command.env("TF_DATA_DIR", self.folder.path().join("data"));
        said(&mut command)
    }

    /// Makes a root ready; the first one links the provider, and its lock file
    /// serves the others.
    fn ready(&self, root: &Path) {
        let lock = self.folder.path().join("lock");
        if lock.exists() {
            fs::copy(&lock, root.join(".terraform.lock.hcl")).unwrap();
            return;
        }
        let (good, text) = self.run(root, &["init", "-backend=false", "-input=false", "-no-color"]);
        assert!(good, "{text}");
        fs::copy(root.join(".terraform.lock.hcl"), lock).unwrap();
    }
}

fn rendered() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for planet in PLANETS {
        render(&format!("{planet}.toml"), &folder.path().join(planet));
    }
    folder
}

fn render(planet: &str, to: &Path) {
    let arguments = ["render", planet, "--target", "terraform", "--out", to.to_str().unwrap()];
    assert_eq!(code(&arguments), 0, "{planet}");
}

#[test]
fn files_are_as_terraform_fmt_would_write_them() {
    let Some(terraform) = Terraform::here() else { return };
    let folder = rendered();
    let (good, text) = terraform.run(folder.path(), &["fmt", "-check", "-recursive", "-diff", "-no-color"]);
    assert!(good, "{text}");
    let file = folder.path().join("erlmcp/terraform/dc-1/network.tf");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("cidr_block  ", "cidr_block ")).unwrap();
    assert!(!terraform.run(folder.path(), &["fmt", "-check", "-recursive"]).0);
}

#[test]
fn roots_are_valid_to_the_provider_for_aws() {
    let Some(terraform) = Terraform::here() else { return };
    let folder = rendered();
    for root in ROOTS {
        let root = folder.path().join(root);
        terraform.ready(&root);
        let (good, text) = terraform.run(&root, &["validate", "-no-color"]);
        assert!(good, "{}: {text}", root.display());
    }
    // What it would find: an argument that is none.
    let root = folder.path().join("watch/terraform/americas");
    fs::write(root.join("more.tf"), "resource \"aws_vpc\" \"x\" {\n  cidr = \"10.0.0.0/16\"\n}\n").unwrap();
    assert!(!terraform.run(&root, &["validate", "-no-color"]).0);
}

/// Keys that are none, and an account that nobody is asked about.
const OFFLINE: &str = "provider \"aws\" {\n  access_key = \"none\"\n  secret_key = \"none\"\n  skip_credentials_validation = true\n  \
    skip_metadata_api_check = true\n  skip_region_validation = true\n  skip_requesting_account_id = true\n}\n";

const SAID: [&str; 5] = [
    "account=123456789012",
    "keys_secret_arn=arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-AbCdEf",
    "tls_secret_arn=arn:aws:secretsmanager:us-east-1:123456789012:secret:tls-AbCdEf",
    "certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "vpn_corporate_certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
];

/// A plan of a whole region, without a network; and what a planet says, as
/// Terraform itself reads it back.
#[test]
fn a_region_is_planned_without_a_network_and_says_what_was_said() {
    let Some(terraform) = Terraform::here() else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = r#"${var.account} %{ if true }x%{ endif } $${y} "q" \ \n 'é' 😀 # // <<EOT"#;
    let text = fs::read_to_string(run::folder("../../planets/erlmcp.toml")).unwrap();
    let text = text.replace("\"Primary data centre\"", &serde_json::to_string(name).unwrap());
    let file = folder.path().join("planet.toml");
    fs::write(&file, text).unwrap();
    render(file.to_str().unwrap(), &folder.path().join("out"));
    let root = folder.path().join("out/terraform/dc-1");
    fs::write(root.join("offline_override.tf"), OFFLINE).unwrap();
    terraform.ready(&root);
    let said: Vec<String> = SAID.iter().map(|said| format!("-var={said}")).collect();
    let mut plan = vec!["plan", "-input=false", "-lock=false", "-refresh=false", "-no-color", "-out=plan"];
    plan.extend(said.iter().map(String::as_str));
    let (good, text) = terraform.run(&root, &plan);
    assert!(good && text.contains(" to add, 0 to change, 0 to destroy"), "{text}");
    let (_, shown) = terraform.run(&root, &["show", "-json", "plan"]);
    let plan: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(plan["planned_values"]["outputs"]["region"]["value"]["name"], name);
    // What is no ARN, as a secret itself would be, is not taken.
    let alone = folder.path().join("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(root.join("variables.tf"), alone.join("variables.tf")).unwrap();
    let said: Vec<String> = said.iter().map(|said| said.replace("arn:aws:secretsmanager:", "hunter2:")).collect();
    let mut plan = vec!["plan", "-input=false", "-lock=false", "-no-color"];
    plan.extend(said.iter().map(String::as_str));
    let (good, text) = terraform.run(&alone, &plan);
    assert!(!good && text.matches("never the secret").count() == 2, "{text}");
}

#[test]
fn checkov_finds_nothing_that_is_not_accepted_with_a_reason() {
    let Some(checkov) = std::env::var_os("MYCEL_CHECKOV") else {
        assert!(std::env::var_os("MYCEL_ALLOW_MISSING").is_some(), "run `cargo xtask test`, which installs checkov");
        eprintln!("SKIPPED: checkov is missing");
        return;
    };
    let folder = rendered();
    // Regions of a planet are alike, so one of each is all there is to see.
    let seen = folder.path().join("seen");
    for root in ROOTS {
        let to = seen.join(root.replace('/', "-"));
        fs::create_dir_all(&seen).unwrap();
        fs::rename(folder.path().join(root), to).unwrap();
    }
    let accepted: Vec<&str> = ACCEPTED.iter().map(|(check, _)| *check).collect();
    let mut command = Command::new(checkov);
    command.arg("--directory").arg(&seen).args(["--framework", "terraform", "--compact", "--quiet"]);
    command.args(["--skip-download", "--skip-check", &accepted.join(",")]);
    let (good, text) = said(&mut command);
    assert!(good, "{text}");
}
