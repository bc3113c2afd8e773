//! Which endpoint a path and a method mean.

use super::table::{ENDPOINTS, Endpoint};
use hyper::Method;

/// What a path and a method mean.
pub(crate) enum Route {
    /// An endpoint, and the path's variable parts in their order.
    Found(usize, Vec<String>),
    /// The path is known, and these are its methods.
    Method(Vec<&'static Method>),
    /// The path is not known.
    Nowhere,
    /// The path is no path.
    Malformed,
}

/// Finds the endpoint. The table has some thirty rows: a walk is as fast as
/// anything that would have to be built.
pub(crate) fn route(method: &Method, path: &str) -> Route {
    let mut others = Vec::new();
    for (at, endpoint) in ENDPOINTS.iter().enumerate() {
        match parts(endpoint, path) {
            Some(Ok(parts)) if endpoint.method == *method => return Route::Found(at, parts),
            Some(Ok(_)) => others.push(&endpoint.method),
            Some(Err(())) => return Route::Malformed,
            None => {}
        }
    }
    if others.is_empty() { Route::Nowhere } else { Route::Method(others) }
}

/// Variable parts that are all the rest of a path, whatever slashes are in it.
const RESTS: [&str; 2] = ["{tile}", "{bundle}"];

/// The variable parts of a path, if it has the endpoint's form.
fn parts(endpoint: &Endpoint, path: &str) -> Option<Result<Vec<String>, ()>> {
    let names = endpoint.path.split('/').count();
    let takes_the_rest = RESTS.iter().any(|rest| endpoint.path.ends_with(rest));
    let most = if takes_the_rest { names } else { usize::MAX };
    if path.splitn(most, '/').count() != names {
        return None;
    }
    let mut parts = Vec::new();
    for (name, part) in endpoint.path.split('/').zip(path.splitn(most, '/')) {
        if name.starts_with('{') {
            if part.is_empty() {
                return None;
            }
            parts.push(part);
        } else if name != part {
            return None;
        }
    }
    Some(parts.into_iter().map(decode).collect())
}

/// Undoes percent-encoding.
fn decode(part: &str) -> Result<String, ()> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut left = part.bytes();
    while let Some(byte) = left.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit =
            || left.next().and_then(|byte| char::from(byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let (high, low) = (digit().ok_or(())?, digit().ok_or(())?);
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        match route(method, path) {
            Route::Found(at, parts) => Some((ENDPOINTS[at].name, parts)),
            _ => None,
        }
    }

    #[test]
    fn paths_lead_to_their_endpoints() {
        assert_eq!(found(&Method::GET, "/health"), Some(("health", vec![])));
        assert_eq!(found(&Method::GET, "/v1/ops"), Some(("ops", vec![])));
        assert_eq!(found(&Method::POST, "/v1/ops"), Some(("op", vec![])));
        assert_eq!(found(&Method::DELETE, "/v1/ops/ab"), Some(("cancel", vec!["ab".to_owned()])));
        for tile in ["0/x001/067.p/5", "0%2Fx001%2F067.p%2F5"] {
            let named = found(&Method::GET, &format!("/v1/audit/tile/{tile}"));
            assert_eq!(named, Some(("audit-tile", vec!["0/x001/067.p/5".to_owned()])));
        }
        let bundle = found(&Method::GET, "/v1/audit/tile/entries/x001/067");
        assert_eq!(bundle, Some(("audit-entries", vec!["x001/067".to_owned()])));
        let chain = found(&Method::GET, "/v1/blocks/eu%2Fwest/7/chain");
        assert_eq!(chain, Some(("chain", vec!["eu/west".to_owned(), "7".to_owned()])));
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        assert!(matches!(route(&Method::GET, "/v1/nothing"), Route::Nowhere));
        assert!(matches!(route(&Method::GET, "/health/"), Route::Nowhere));
        assert!(matches!(route(&Method::GET, "/v1/ops/"), Route::Nowhere));
        assert!(matches!(route(&Method::GET, "/v1/ops/%zz"), Route::Malformed));
        assert!(matches!(route(&Method::GET, "/v1/ops/%ff"), Route::Malformed));
        let Route::Method(methods) = route(&Method::PUT, "/v1/bans") else { unreachable!("the path is known") };
        assert_eq!(methods, [&Method::GET, &Method::POST, &Method::DELETE]);
    }

    #[test]
    fn every_endpoint_is_reached_by_its_own_path() {
        for endpoint in ENDPOINTS {
            let path = endpoint.path.replace(['{', '}'], "");
            assert_eq!(found(&endpoint.method, &path).map(|found| found.0), Some(endpoint.name));
        }
    }
}
