//! The JSON Schema of a planet file, from the declarations that decode it.
//!
//! Draft 7, because that is what editors' TOML plug-ins understand.

use super::section::Section;
use serde_json::{Map, Value as Json, json};

/// One key of a section, described.
pub(crate) struct Property {
    pub(crate) key: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) schema: Json,
    pub(crate) required: bool,
    pub(crate) default: Option<Json>,
}

/// The sections that were met so far.
#[derive(Default)]
pub(crate) struct Schemas {
    definitions: Map<String, Json>,
}

impl Schemas {
    /// A reference to the schema of `S`, which is made when first asked for.
    pub(crate) fn of<S: Section>(&mut self) -> Json {
        if !self.definitions.contains_key(S::NAME) {
            self.definitions.insert(S::NAME.to_owned(), Json::Null);
            let table = self.table::<S>();
            self.definitions.insert(S::NAME.to_owned(), table);
        }
        json!({ "$ref": format!("#/definitions/{}", S::NAME) })
    }

    fn table<S: Section>(&mut self) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for property in S::properties(self) {
            if property.required {
                required.push(property.key);
            }
            properties.insert(property.key.to_owned(), describe(property));
        }
        json!({
            "type": "object",
            "description": prose(S::DOC),
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// The schema of a whole file.
    pub(crate) fn document<S: Section>(title: &str) -> Json {
        let mut schemas = Self::default();
        let mut document = schemas.table::<S>();
        if let Json::Object(document) = &mut document {
            document.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
            document.insert("title".into(), json!(title));
            // Of the shape of this output, like every other one has.
            document.insert("version".into(), json!(1));
            document.insert("definitions".into(), Json::Object(schemas.definitions));
        }
        document
    }
}

/// In draft 7 a `$ref` silences its neighbours, so it is wrapped.
fn describe(property: Property) -> Json {
    let mut schema = match property.schema {
        Json::Object(object) if object.contains_key("$ref") => Map::from_iter([("allOf".to_owned(), json!([object]))]),
        Json::Object(object) => object,
        other => return other,
    };
    schema.insert("description".into(), json!(prose(property.doc)));
    if let Some(default) = property.default {
        schema.insert("default".into(), default);
    }
    Json::Object(schema)
}

fn prose(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
