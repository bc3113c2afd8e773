//! What AWS takes: names, machines and numbers, in its own words.

use vocab::Millis;

const DAY_MS: u64 = 86_400_000;

/// The numbers of days that CloudWatch can keep logs for.
const KEPT: &[u64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A name of ours as the label of a resource: labels begin with a letter or `_`.
/// Names of the planet never begin with `_`, so no two become one.
pub(super) fn label(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

/// A name for what AWS wants to be short and without `_`; none where ours are
/// not, and AWS makes one up.
pub(super) fn short(parts: &[&str], most: usize) -> Option<String> {
    let name = parts.join("-");
    let good = name.len() <= most && !name.contains('_') && !name.starts_with("internal-");
    good.then_some(name)
}

/// The type of a machine that the price book calls `m7g-4xlarge`, and its
/// processor as AWS calls it.
pub(super) fn machine(name: &str) -> Option<(String, &'static str)> {
    let (family, size) = name.split_once('-')?;
    let is_family = family.len() >= 2 && family.chars().any(|c| c.is_ascii_digit());
    let is_size = size == "medium" || size == "metal" || size.ends_with("large");
    let after_number = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let processor = if after_number.contains('g') { "arm64" } else { "x86_64" };
    (is_family && is_size && !size.contains('-')).then(|| (format!("{family}.{size}"), processor))
}

/// Whole days, no fewer than a time.
pub(super) fn days(time: Millis) -> u64 {
    time.0.div_ceil(DAY_MS)
}

/// For how many days CloudWatch keeps what is to be kept for a time: no fewer,
/// where it can.
pub(super) fn kept(time: Millis) -> u64 {
    let wanted = days(time);
    KEPT.iter().copied().find(|days| *days >= wanted).unwrap_or(3_653)
}

/// Whole seconds, no fewer than a time.
pub(super) fn seconds(time: Millis) -> u64 {
    time.0.div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_the_price_book_are_those_of_aws() {
        assert_eq!(machine("m7g-4xlarge"), Some(("m7g.4xlarge".to_owned(), "arm64")));
        assert_eq!(machine("g5-large"), Some(("g5.large".to_owned(), "x86_64")));
        assert_eq!(machine("laptop"), None);
        assert_eq!(machine("my-own-large"), None);
    }

    #[test]
    fn logs_are_kept_for_no_fewer_days_than_was_said() {
        assert_eq!([1, 90, 91, 365, 366].map(|days| kept(Millis::days(days))), [1, 90, 120, 365, 400]);
        assert_eq!(kept(Millis(1)), 1);
    }

    #[test]
    fn names_that_aws_does_not_take_are_left_to_it() {
        assert_eq!(short(&["a", "b"], 3), Some("a-b".to_owned()));
        assert_eq!(short(&["a", "bc"], 3), None);
        assert_eq!(short(&["a_b"], 32), None);
        assert_eq!(short(&["internal", "x"], 32), None);
    }
}
