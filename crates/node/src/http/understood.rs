//! A request as far as its bytes go, without a planet: what the fuzzer and the
//! tests ask of every decoder.

use super::decode;
use super::no::No;
use super::route::{Route, route};
use super::serve::lost;
use super::table::{ENDPOINTS, Endpoint, Needs};
use super::want::{Came, Want};
use block::chain::OpId;
use hyper::Request;
use hyper::http::request::Parts;
use wire::tell::Fault;

/// Why a request's bytes mean nothing.
#[derive(Debug)]
pub struct Meaningless {
    /// The endpoint that it was for, if it was for any.
    pub endpoint: Option<&'static str>,
    /// The answer's status.
    pub status: u16,
    /// The answer.
    pub fault: Fault,
    /// Whether the OpenAPI document says that this endpoint may answer so.
    pub documented: bool,
}

/// Which endpoint a request means, or why it means none. What it asks for is
/// read by the decoders that the server reads it by, and then forgotten.
///
/// `None` when no such request reaches an endpoint, because it is no HTTP.
#[must_use]
pub fn understood(
    method: &str,
    target: &str,
    headers: &[(&str, &[u8])],
    body: &[u8],
) -> Option<Result<&'static str, Box<Meaningless>>> {
    let builder = Request::builder().method(method).uri(target);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    let (head, ()) = builder.body(()).ok()?.into_parts();
    let (endpoint, parts) = match route(&head.method, head.uri.path()) {
        Route::Found(at, parts) => (&ENDPOINTS[at], parts),
        nowhere => return Some(Err(meaningless(None, &lost(nowhere, &head)))),
    };
    let wanted = read(endpoint, &parts, &head, body);
    Some(wanted.map(|_| endpoint.name).map_err(|no| meaningless(Some(endpoint), &no)))
}

fn read(endpoint: &Endpoint, parts: &[String], head: &Parts, body: &[u8]) -> Result<Want, No> {
    if endpoint.needs.a_lease() {
        decode::lease(&head.headers)?;
    }
    if let Needs::Own(_) = endpoint.needs {
        decode::block(parts)?;
    }
    let body = if endpoint.body.is_some() { body } else { &[] };
    if body.len() > endpoint.most_bytes() {
        return Err(decode::too_large(endpoint.most_bytes()));
    }
    if endpoint.body.is_some() {
        decode::media(&head.headers, body)?;
    }
    let came = Came { parts, query: head.uri.query(), headers: &head.headers, body };
    Want::read(endpoint.call, &came, || OpId(0))
}

fn meaningless(endpoint: Option<&'static Endpoint>, no: &No) -> Box<Meaningless> {
    let documented = endpoint.is_none_or(|endpoint| endpoint.all_codes().contains(&no.code));
    let status = no.code.status();
    Box::new(Meaningless { endpoint: endpoint.map(|endpoint| endpoint.name), status, fault: no.fault(), documented })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Method, target, headers and body.
    type Sent = (String, String, Vec<(String, Vec<u8>)>, Vec<u8>);

    /// A request as a file of `fuzz/seeds/request` has it.
    fn parts_of(text: &[u8]) -> Sent {
        let end = text.windows(2).position(|two| two == b"\n\n").unwrap();
        let (head, body) = (std::str::from_utf8(&text[..end]).unwrap(), text[end + 2..].to_vec());
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.as_bytes().to_vec())
        };
        (method.to_owned(), target.to_owned(), lines.map(header).collect(), body)
    }

    fn ask((method, target, headers, body): &Sent) -> Option<Result<&'static str, Box<Meaningless>>> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        understood(method, target, &headers, body)
    }

    fn seeds() -> Vec<(String, Sent)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/request");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| (file.display().to_string(), parts_of(&std::fs::read(&file).unwrap()))).collect()
    }

    /// What every refusal has.
    fn is_whole(refused: &Meaningless, body: &[u8]) {
        assert!(!refused.fault.what.is_empty() && refused.documented, "{refused:?}");
        let object = matches!(serde_json::from_slice(body), Ok(serde_json::Value::Object(_)));
        assert!(refused.fault.field.is_some() || refused.status != 400 || !(object || body.is_empty()), "{refused:?}");
    }

    #[test]
    fn every_endpoint_has_a_seed_that_means_it() {
        let mut seen = BTreeSet::new();
        for (file, request) in seeds() {
            match ask(&request) {
                Some(Ok(endpoint)) => _ = seen.insert(endpoint),
                other => unreachable!("{file}: {other:?}"),
            }
        }
        let all = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect::<BTreeSet<_>>();
        assert_eq!(seen, all);
    }

    #[test]
    fn every_changed_byte_of_a_request_gets_a_whole_answer() {
        let mut refusals = 0;
        for (_, request) in seeds() {
            let (method, target, headers, body) = &request;
            let mut check = |changed: Sent| {
                if let Some(Err(refused)) = ask(&changed) {
                    refusals += 1;
                    is_whole(&refused, &changed.3);
                }
            };
            for at in 0..body.len() {
                check((method.clone(), target.clone(), headers.clone(), body[..at].to_vec()));
                for byte in [0, b'"', b'{', b'[', b'`', b'9', b'\\', 0xff] {
                    let mut body = body.clone();
                    body[at] = byte;
                    check((method.clone(), target.clone(), headers.clone(), body));
                }
            }
            for at in 0..target.len() {
                for with in ["%", "%00", "&", "=", "`", "/", "?", "-"] {
                    let mut target = target.clone();
                    target.replace_range(at..=at, with);
                    check((method.clone(), target, headers.clone(), body.clone()));
                }
            }
            for at in 0..headers.len() {
                for byte in [b'!', b' ', 0xff] {
                    let mut headers = headers.clone();
                    headers[at].1 = vec![byte; 3];
                    check((method.clone(), target.clone(), headers, body.clone()));
                }
            }
        }
        assert!(refusals > 1_000, "{refusals}");
    }

    #[test]
    fn a_body_that_is_no_object_is_no_request() {
        let headers: &[(&str, &[u8])] = &[("authorization", b"Mycel x"), ("content-type", b"application/json")];
        for body in [r#"["echo",null,"done",0,"x"]"#, "[]", "7", "null"] {
            let refused = understood("POST", "/v1/ops", headers, body.as_bytes()).unwrap().unwrap_err();
            assert_eq!(refused.status, 400, "{body}: {refused:?}");
        }
        let refused = understood("POST", "/v1/renew", headers, b"[]").unwrap().unwrap_err();
        assert_eq!(refused.status, 400, "{refused:?}");
    }

    #[test]
    fn a_mistake_in_a_query_is_found_among_others() {
        let headers: &[(&str, &[u8])] = &[("authorization", b"Mycel x")];
        for (query, field) in [
            ("from=1&most=x&wait_ms=3", "most"),
            ("from=1&from=2", "from"),
            ("a%60b=1&from=1", "a`b"),
            ("wait_ms=-1&from=1", "wait_ms"),
        ] {
            let target = format!("/v1/blocks/na/0/chain?{query}");
            let refused = understood("GET", &target, headers, b"").unwrap().unwrap_err();
            assert_eq!(refused.fault.field.as_deref(), Some(field), "{refused:?}");
        }
    }
}
