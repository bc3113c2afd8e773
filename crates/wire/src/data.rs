//! Bytes in JSON. One rule: what is text is a string, and what is not is
//! `{"base64": "…"}`. Both are read wherever bytes are; what is written is the
//! string whenever the bytes are UTF-8.

use base64ct::{Base64 as Standard, Encoding};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Bytes that are often text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data(pub Vec<u8>);

/// Bytes that hardly ever are text: base64 with padding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base64(pub Vec<u8>);

const ALPHABET: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
const NOT: &str = "this is not base64 with padding (RFC 4648), or has bits to spare";

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Standard::encode_string(&self.0))
    }
}

impl<'d> Deserialize<'d> for Base64 {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'d, str>::deserialize(deserializer)?;
        Standard::decode_vec(&text).map(Self).map_err(|_| D::Error::custom(NOT))
    }
}

impl JsonSchema for Base64 {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "base64" })
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &Standard::encode_string(&self.0))?;
                map.end()
            }
        }
    }
}

struct Reads;

impl<'d> Visitor<'d> for Reads {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or {\"base64\": \"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Data, E> {
        Ok(Data(text.as_bytes().to_vec()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Data, E> {
        Ok(Data(text.into_bytes()))
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Data, A::Error> {
        let wrong = || A::Error::custom("bytes are a string, or an object with `base64` alone");
        let Some((key, value)) = map.next_entry::<Cow<'d, str>, Base64>()? else {
            return Err(wrong());
        };
        if key != "base64" || map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            return Err(wrong());
        }
        Ok(Data(value.0))
    }
}

impl<'d> Deserialize<'d> for Data {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reads)
    }
}

impl JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "Data".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: a string when they are UTF-8, `{\"base64\": \"…\"}` when they are not.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "base64": { "type": "string", "contentEncoding": "base64", "pattern": ALPHABET }
                    },
                    "required": ["base64"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Data, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn text_is_a_string_and_the_rest_is_base64() {
        for (bytes, text) in [(&b"caf\xc3\xa9"[..], "\"café\""), (b"\xff\x00", "{\"base64\":\"/wA=\"}"), (b"", "\"\"")]
        {
            assert_eq!(serde_json::to_string(&Data(bytes.to_vec())).unwrap(), text);
            assert_eq!(read(text).unwrap().0, bytes);
        }
        assert_eq!(read("{\"base64\":\"YQ==\"}").unwrap().0, b"a");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in ["1", "null", "[]", "{}", "{\"base64\":\"YR==\"}", "{\"base64\":\"YQ\"}", "{\"hex\":\"00\"}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read("{\"base64\":\"\",\"base64\":\"\"}").unwrap_err().contains("alone"));
    }
}
