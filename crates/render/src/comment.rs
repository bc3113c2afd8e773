//! Comments of other formats. One ends with its line, so nothing in it may end
//! that.

/// A comment of a line, as YAML, shells and Terraform read it.
pub(crate) fn line(comment: &str) -> String {
    let plain = |c: char| if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) { ' ' } else { c };
    format!("# {}", comment.chars().map(plain).collect::<String>()).trim_end().to_owned()
}
