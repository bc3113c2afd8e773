//! Texts of a mebibyte that are expensive for somebody.

pub(crate) const MIB: usize = 1 << 20;

pub(crate) fn repeat(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len())
}

/// A head that makes a planet of what follows it: it can be planned, and is
/// priced by a lint already.
const PLANNED: &str = "[planet]\nname=\"x\"\nblocks=1_000_000\n[budget]\nmonthly=\"$1\"\n";

/// Each with what it is made of.
#[allow(clippy::too_many_lines)]
pub(crate) fn expensive() -> Vec<(&'static str, String)> {
    vec![
        ("an array of numbers", format!("a = [{}]", repeat("1,", MIB))),
        ("an array of tables", format!("a = [{}]", repeat("{a=1},", MIB))),
        ("headers", repeat("[[region]]\n", MIB)),
        (
            "regions",
            format!(
                "{PLANNED}{}",
                (0..16_000)
                    .map(|n| format!("[[region]]\nid = \"r{n}\"\nsite = [1, 2]\nfallback = [\"r1\"]\n"))
                    .collect::<String>()
            ),
        ),
        ("equal regions", repeat("[[region]]\nid=\"r\"\nsite=[1,2]\n", MIB)),
        (
            "subnets",
            format!(
                "{PLANNED}[[region]]\nid=\"r\"\nsite=[1,2]\n{}",
                repeat("[[network.subnet]]\ntier=\"a\"\nnet=\"10.0.0.0/8\"\n", MIB)
            ),
        ),
        (
            "flows",
            format!(
                "{PLANNED}[[region]]\nid=\"r\"\nsite=[1,2]\n{}",
                repeat("[[network.flow]]\nfrom=\"a\"\nto=\"b\"\n", MIB)
            ),
        ),
        (
            "jurisdictions",
            format!(
                "{PLANNED}[[region]]\nid=\"r\"\nsite=[1,2]\njurisdictions=[{}]",
                repeat("\"EU\",", MIB)
            ),
        ),
        (
            "classes and regions",
            format!(
                "{PLANNED}[data]\nprimary=\"r0\"\n{}{}",
                (0..8_000)
                    .map(|n| format!("[[region]]\nid=\"r{n}\"\nsite=[1,2]\njurisdictions=[\"A\"]\n"))
                    .collect::<String>(),
                (0..8_000)
                    .map(|n| format!("[[data.class]]\nname=\"c{n}\"\njurisdictions=[\"A\"]\n"))
                    .collect::<String>(),
            ),
        ),
        (
            "regions and balancers",
            format!(
                "{PLANNED}[network]\nbalancer=[{}]\n{}",
                (0..32_000).map(|n| format!("{{name=\"b{n}\"}},")).collect::<String>(),
                (0..16_000).map(|n| format!("[[region]]\nid=\"r{n}\"\nsite=[1,2]\n")).collect::<String>(),
            ),
        ),
        (
            "regions, each with a balancer and a subnet of its own",
            format!(
                "{PLANNED}{}",
                (0..5_000)
                    .map(|n| format!(
                        "[[region]]\nid=\"r{n}\"\nsite=[1,2]\n[[network.balancer]]\nname=\"b{n}\"\nregion=\"r{n}\"\n[[network.subnet]]\ntier=\"public\"\nnet=\"10.0.0.0/24\"\nregion=\"r{n}\"\n"
                    ))
                    .collect::<String>(),
            ),
        ),
        (
            "quotes",
            format!(
                "{PLANNED}quote=[{}]\n[[region]]\nid=\"r\"\nsite=[1,2]\n",
                (0..13_000)
                    .map(|n| format!("{{name=\"q{n}\",group=\"g{n}\",monthly=\"$1\",replaces=[\"nat\",\"nat\"]}},"))
                    .collect::<String>(),
            ),
        ),
        ("keys", (0..90_000).map(|n| format!("key{n} = 1\n")).collect()),
        ("dotted keys", (0..60_000).map(|n| format!("a.b{n}.c = 1\n")).collect()),
        ("long dotted keys", (0..2_600).map(|n| format!("{}b{n} = 1\n", "a.".repeat(200))).collect()),
        ("new lines", repeat("\n", MIB)),
        ("equal signs", repeat("=", MIB)),
        ("brackets", repeat("[", MIB)),
        ("nested tables", format!("a = {}", repeat("{a=", MIB))),
        ("one key", repeat("a=1\n", MIB)),
        ("one long line", format!("name = \"{}\"", repeat("x", MIB))),
        ("one long key", repeat("k", MIB)),
        ("one long wrong value", format!("[planet]\nname = \"{}\"", repeat("X", MIB))),
        ("wrong values on one line", format!("region = [{}]", repeat("1,", MIB))),
        ("escapes", format!("a = \"{}\"", repeat("\\u0041", MIB))),
        ("control characters", repeat("\u{1b}[31m", MIB)),
    ]
}
