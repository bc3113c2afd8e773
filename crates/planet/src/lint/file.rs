//! MY0001–MY0011: the file itself. These are found while it is read.

use super::{Facts, Lint};
use crate::finding::{Report, Severity};

pub(super) const ALL: &[&Lint] = &[
    &NOT_TOML,
    &UNKNOWN_KEY,
    &WRONG_TYPE,
    &MISSING_KEY,
    &BAD_QUANTITY,
    &BAD_NETWORK,
    &UNKNOWN_CHOICE,
    &OUT_OF_RANGE,
    &BAD_NAME,
    &TOO_LARGE,
];

/// Mistakes of the file are found by the reader, so there is nothing to look for.
fn found_while_reading(_: &Facts<'_>, _: &mut Report) {}

pub(crate) static NOT_TOML: Lint = Lint {
    code: "MY0001",
    severity: Severity::Error,
    title: "the file is not TOML",
    why: "A planet file is TOML. Nothing else is looked at until the text itself can be read.",
    hint: "mend the text at the mark; https://toml.io shows how each value is written",
    look: found_while_reading,
};

pub(crate) static UNKNOWN_KEY: Lint = Lint {
    code: "MY0002",
    severity: Severity::Error,
    title: "a key that no section has",
    why: "A key that nobody reads is a wish that is silently not granted, so it is refused.",
    hint: "`mycel schema` lists every key",
    look: found_while_reading,
};

pub(crate) static WRONG_TYPE: Lint = Lint {
    code: "MY0003",
    severity: Severity::Error,
    title: "a value of the wrong kind",
    why: "Each key takes one kind of value. Text that happens to look like a number is not converted, because the next reader might convert it otherwise.",
    hint: "`mycel schema` says what each key takes",
    look: found_while_reading,
};

pub(crate) static MISSING_KEY: Lint = Lint {
    code: "MY0004",
    severity: Severity::Error,
    title: "a key that must be there is missing",
    why: "What has a sensible default may be left out. This has none.",
    hint: "add the key",
    look: found_while_reading,
};

pub(crate) static BAD_QUANTITY: Lint = Lint {
    code: "MY0005",
    severity: Severity::Error,
    title: "a quantity that cannot be read exactly",
    why: "Quantities carry their unit in the file, so that nobody takes seconds for milliseconds. What is not a whole number of the smallest unit is refused rather than rounded.",
    hint: "write a number and its unit",
    look: found_while_reading,
};

pub(crate) static BAD_NETWORK: Lint = Lint {
    code: "MY0006",
    severity: Severity::Error,
    title: "not a network",
    why: "A network is an address, a slash and a prefix length. Text pasted into an address from a template makes something that every router refuses, usually after the deployment has begun.",
    hint: "write it as \"10.0.0.0/16\"",
    look: found_while_reading,
};

pub(crate) static UNKNOWN_CHOICE: Lint = Lint {
    code: "MY0007",
    severity: Severity::Error,
    title: "a word that is none of the choices",
    why: "The key takes one of a few words.",
    hint: "write one of the words",
    look: found_while_reading,
};

pub(crate) static OUT_OF_RANGE: Lint = Lint {
    code: "MY0008",
    severity: Severity::Error,
    title: "a value outside its range",
    why: "Counts are whole numbers that are not negative, and no count of anything on a planet exceeds 10^12; texts fit a line.",
    hint: "write a value within the range",
    look: found_while_reading,
};

pub(crate) static BAD_NAME: Lint = Lint {
    code: "MY0009",
    severity: Severity::Error,
    title: "an id that tools would refuse",
    why: "Ids become host names, labels and file names in every system that the planet is rendered for, so they keep to what all of those accept.",
    hint: "use lower-case letters, digits and `-`",
    look: found_while_reading,
};

pub(crate) static TOO_LARGE: Lint = Lint {
    code: "MY0010",
    severity: Severity::Error,
    title: "a file that is too large",
    why: "A planet file describes regions, never single blocks; 8 MiB hold 10,000 regions with all they can say. A larger file is something else.",
    hint: "check that this is the planet file",
    look: found_while_reading,
};
