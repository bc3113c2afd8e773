//! What looks like a secret where none may stand. It knows forms and names, so it
//! can miss one that has neither; it must never need to know a secret to find it.

use crate::read::form::shown;

/// How a private key begins, in any of its texts.
const KEYS: [&str; 2] = ["PRIVATE KEY-----", "AGE-SECRET-KEY-"];

/// Ends of names that mean a secret.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "token", "apikey", "privatekey", "accesskey", "secretkey", "credentials"];

/// Whether a setting is a secret; then in words.
pub(crate) fn setting(name: &str, value: &str) -> Option<String> {
    if let Some(what) = in_text(value) {
        return Some(what.1);
    }
    (is_secret_name(name) && !is_reference(value)).then(|| format!("`{}` is a secret said plainly", shown(name)))
}

/// The first secret in a text, with the line of the text that it is in, from 0.
pub(crate) fn in_text(text: &str) -> Option<(u32, String)> {
    for (number, line) in (0u32..).zip(text.lines()) {
        if KEYS.iter().any(|key| line.contains(key)) {
            return Some((number, "a private key".to_owned()));
        }
        if is_cloud_key(line) {
            return Some((number, "the key of a cloud account".to_owned()));
        }
        if has_password_in_address(line) {
            return Some((number, "an address with a password in it".to_owned()));
        }
        let said = line.trim_start();
        if said.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = said.split_once(['=', ':'])
            && is_secret_name(name.trim())
            && !is_reference(value.trim().trim_matches(['"', '\'']))
        {
            return Some((number, format!("`{}` is a secret said plainly", shown(name.trim()))));
        }
    }
    None
}

fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let words = name.trim_matches(['"', '\'']).chars();
    let is_name = words.clone().count() > 0 && words.clone().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c));
    is_name && NAMES.iter().any(|end| plain.ends_with(end))
}

/// What only says where a secret is: nothing, a variable, or a path.
fn is_reference(value: &str) -> bool {
    let switch = ["", "true", "false", "null", "~"].contains(&value);
    switch || value.starts_with('$') || value.starts_with('/') || value.bytes().all(|byte| byte.is_ascii_digit())
}

/// `AKIA` and sixteen capitals, as AWS makes them.
fn is_cloud_key(line: &str) -> bool {
    line.match_indices("AKIA").any(|(at, _)| {
        let rest = line.get(at + 4..).unwrap_or_default();
        let capital = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit();
        rest.chars().take_while(capital).count() == 16
    })
}

/// `scheme://name:password@host`.
fn has_password_in_address(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let rest = line.get(at + 3..).unwrap_or_default();
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let who = authority.rsplit_once('@').map(|(who, _)| who);
        who.and_then(|who| who.split_once(':')).is_some_and(|(_, password)| !is_reference(password))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_and_what_only_names_one_is_not() {
        let bad = [
            "-----BEGIN EC PRIVATE KEY-----",
            "db_password = \"hunter2\"",
            "API_KEY: abcdef",
            "url = \"postgres://app:hunter2@db/x\"",
            "id AKIAIOSFODNN7EXAMPLE here",
        ];
        for text in bad {
            assert!(in_text(text).is_some(), "{text}");
        }
        let good =
            ["# the password = x is none", "token_ttl = \"5m\"", "password = \"\"", "secret: ${SECRET}", "a://b/c"];
        for text in good {
            assert!(in_text(text).is_none(), "{text}");
        }
        assert_eq!(in_text("a\nb\npassword: x").map(|found| found.0), Some(2));
        assert!(setting("GF_SECURITY_ADMIN_PASSWORD", "admin").is_some());
        assert!(setting("GF_SECURITY_ADMIN_PASSWORD", "/run/secrets/admin").is_none());
    }
}
