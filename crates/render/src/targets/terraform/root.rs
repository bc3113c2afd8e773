//! A root module: its files, its variables and its outputs, gathered while its
//! subjects are rendered, and written at the end.

use super::site::Site;
use crate::Tree;
use crate::hcl::{self, Block, Value, block, expression, labelled, object};
use std::collections::{BTreeMap, BTreeSet};

/// The provider that these files were checked with; a newer one of the same
/// generation reads them as well.
const AWS: &str = "~> 5.100";
/// Functions and checks of variables that are used are in every one since.
const TERRAFORM: &str = ">= 1.6";

/// What AWS calls the services that are used, for a provider that is to ask an
/// emulator instead.
const REGIONAL: &[&str] =
    &["autoscaling", "cloudwatch", "ec2", "eks", "elbv2", "iam", "kms", "logs", "s3", "sns", "sts", "wafv2"];
pub(super) const GLOBAL: &[&str] =
    &["budgets", "cloudfront", "globalaccelerator", "iam", "kms", "logs", "route53", "sts", "wafv2"];

/// A root module in the making.
pub(super) struct Root {
    whose: String,
    files: BTreeMap<&'static str, (&'static str, Vec<Block>)>,
    variables: Vec<Block>,
    named: BTreeSet<String>,
    outputs: Vec<Block>,
    has_key: bool,
}

impl Root {
    pub(super) fn new(whose: String) -> Self {
        Self {
            whose,
            files: BTreeMap::new(),
            variables: Vec::new(),
            named: BTreeSet::new(),
            outputs: Vec::new(),
            has_key: false,
        }
    }

    /// Adds blocks to a file, which is about something.
    pub(super) fn add(&mut self, file: &'static str, about: &'static str, blocks: impl IntoIterator<Item = Block>) {
        let (_, all) = self.files.entry(file).or_insert_with(|| (about, Vec::new()));
        all.extend(blocks);
    }

    /// What refers to the key that things are sealed with, which the root then has.
    pub(super) fn key(&mut self) -> Value {
        self.has_key = true;
        expression("aws_kms_key.main.arn")
    }

    pub(super) fn has_key(&self) -> bool {
        self.has_key
    }

    /// Whether nothing was asked of it.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Something that whoever runs this has to say, or may; once.
    pub(super) fn variable(&mut self, name: &str, about: &str, more: impl FnOnce(Block) -> Block) {
        if self.named.insert(name.to_owned()) {
            self.variables.push(more(labelled("variable", &[name]).set("description", about)));
        }
    }

    /// Where a secret is: never what it is.
    pub(super) fn secret(&mut self, name: &str, about: &str) {
        let check = "can(regex(\"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$\", ";
        self.variable(name, about, |variable| {
            variable.refer("type", "string").nest(checked(
                &format!("{check}var.{name}))"),
                "This is to be the ARN of an entry in Secrets Manager, and never the secret itself.",
            ))
        });
    }

    /// The number of the account, which policies name.
    pub(super) fn account(&mut self) {
        self.variable("account", "The number of the AWS account: twelve digits.", |variable| {
            variable.refer("type", "string").nest(checked(
                "can(regex(\"^[0-9]{12}$\", var.account))",
                "The number of an account has twelve digits.",
            ))
        });
    }

    /// Something that other roots, or people, want to know.
    pub(super) fn output(&mut self, name: &str, about: &str, value: Value) {
        self.outputs.push(labelled("output", &[name]).set("description", about).set("value", value));
    }

    /// What the root of a region begins with.
    pub(super) fn region(&mut self, site: &Site<'_>) {
        let tags = [("region", site.place.id())];
        self.provider(site.aws, site.scene.name(), &tags, REGIONAL);
        let about = site.scene.planet.planet.about.as_ref().map_or("", |about| about.as_str());
        let is = object([
            ("planet", site.scene.name().into()),
            ("about", about.into()),
            ("id", site.place.id().into()),
            ("name", site.place.plan.name.as_str().into()),
            ("aws", site.aws.into()),
        ]);
        self.output("region", "Which region of which planet this is.", is);
    }

    /// Terraform itself, and AWS.
    pub(super) fn provider(&mut self, region: &str, planet: &str, tags: &[(&str, &str)], services: &[&str]) {
        let source = object([("source", "hashicorp/aws".into()), ("version", AWS.into())]);
        let mut marks = vec![("planet".to_owned(), planet.into())];
        marks.extend(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
        marks.push(("managed-by".to_owned(), "mycel-render".into()));
        let asked = services.iter().fold(block("endpoints"), |all, service| all.refer(service, "var.endpoint"));
        let provider = labelled("provider", &["aws"])
            .set("region", region)
            .set("skip_credentials_validation", expression("var.endpoint != null"))
            .why("An emulator knows no account and no machine.")
            .set("skip_metadata_api_check", expression("var.endpoint != null"))
            .set("s3_use_path_style", expression("var.endpoint != null"))
            .nest(block("default_tags").set("tags", Value::Object(marks)))
            .nest(asked);
        self.add("main.tf", "Terraform and its provider.", [terraform(source), provider]);
        self.variable("endpoint", "Where an emulator of AWS answers; null asks AWS itself.", |variable| {
            variable.refer("type", "string").refer("default", "null")
        });
    }

    /// Writes what was gathered.
    pub(super) fn write(self, tree: &mut Tree) {
        self.write_in("", tree);
    }

    /// The same in a folder of the target.
    pub(super) fn write_in(mut self, folder: &str, tree: &mut Tree) {
        let variables = std::mem::take(&mut self.variables);
        let outputs = std::mem::take(&mut self.outputs);
        self.add("variables.tf", "What whoever runs this says.", variables);
        self.add("outputs.tf", "What others want to know. Nothing here is a secret.", outputs);
        for (name, (about, blocks)) in self.files {
            if blocks.is_empty() {
                continue;
            }
            let about = [
                format!("{}. {about}", self.whose),
                "`mycel render` wrote this; docs/guides/deploy.md says how it is run.".to_owned(),
            ];
            tree.add(&format!("{folder}{name}"), hcl::file(&about, &blocks));
        }
    }
}

/// Terraform, with the one provider of a root under the last part of its name.
pub(super) fn terraform(provider: Value) -> Block {
    needs("aws", provider)
}

/// The same with any provider. Where the state is kept is its owner's to say.
pub(super) fn needs(name: &str, provider: Value) -> Block {
    block("terraform")
        .set("required_version", TERRAFORM)
        .nest(block("required_providers").set(name, provider))
        .why("No backend is written here: say where the state is kept in a file beside this one, such as backend.tf.")
}

/// A check of a variable.
pub(super) fn checked(condition: &str, says: &str) -> Block {
    block("validation").refer("condition", condition).set("error_message", says)
}
