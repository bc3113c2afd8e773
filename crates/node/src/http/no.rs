//! What is answered when the answer is no.

use super::answer::{Answer, json_of};
use super::shown;
use crate::engine::{BlockAt, Code as Engines, Refusal};
use hyper::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use vocab::Millis;
use wire::{Code, tell};

/// A refusal, with what HTTP wants beside it.
#[derive(Debug)]
pub(crate) struct No {
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) field: Option<String>,
    pub(crate) retry_after: Option<Millis>,
    pub(crate) right: Option<Box<BlockAt>>,
    /// The methods that the path has.
    pub(crate) methods: Vec<&'static Method>,
    /// Whether the connection ends with this.
    pub(crate) close: bool,
    /// Whether it is about one block or about slots alone.
    pub(crate) local: bool,
}

/// The code of a refusal of the engine.
pub(crate) const fn code_of(code: Engines) -> Code {
    match code {
        Engines::Bad => Code::Bad,
        Engines::Unknown => Code::Unknown,
        Engines::Forbidden => Code::Forbidden,
        Engines::NotFound => Code::NotFound,
        Engines::Conflict => Code::Conflict,
        Engines::Gone => Code::Gone,
        Engines::TooLarge => Code::TooLarge,
        Engines::WrongBlock => Code::WrongBlock,
        Engines::TooMany => Code::TooMany,
        Engines::Residency => Code::Residency,
        Engines::Internal => Code::Internal,
        Engines::Unavailable => Code::Unavailable,
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, what, retry_after, right, field, local } = refusal;
        let field = field.map(str::to_owned);
        let right = right.map(Box::new);
        Self { field, retry_after, right, local, ..Self::new(code_of(code), what) }
    }
}

impl No {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        let what = what.into();
        let (retry_after, methods) = (None, Vec::new());
        Self { code, what, field: None, retry_after, right: None, methods, close: false, local: false }
    }

    /// Which is about a field.
    pub(crate) fn field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// Which ends the connection.
    pub(crate) fn closing(self) -> Self {
        Self { close: true, ..self }
    }

    /// What it says, in the one shape that all refusals have.
    pub(crate) fn fault(&self) -> tell::Fault {
        tell::Fault {
            error: self.code.name().to_owned(),
            what: self.what.clone(),
            field: self.field.clone(),
            retry_after_ms: self.retry_after.map(|wait| wait.0),
            right: self.right.as_deref().cloned().map(shown::block),
        }
    }

    /// The answer.
    pub(crate) fn answer(self) -> Answer {
        let fault = self.fault();
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = json_of(status, &fault);
        let headers = answer.headers_mut();
        if self.code.may_pass_later() {
            // Whole seconds, rounded up: earlier would be refused again.
            let seconds = self.retry_after.map_or(1, |wait| wait.0.div_ceil(1_000).max(1));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unknown {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(wire::SCHEME));
        }
        if self.code == Code::Upgrade {
            headers.insert(hyper::header::UPGRADE, HeaderValue::from_static(wire::PROTOCOL));
        }
        if !self.methods.is_empty() {
            let methods: Vec<_> = self.methods.iter().map(|method| method.as_str()).collect();
            if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
                headers.insert(ALLOW, methods);
            }
        }
        if self.local {
            headers.insert(wire::LOCAL, HeaderValue::from_static("1"));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}
