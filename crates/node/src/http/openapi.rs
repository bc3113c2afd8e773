//! The OpenAPI 3.1 document, made from the table of endpoints.

use super::table::{Back, ENDPOINTS, Endpoint, Needs};
use block::kinds;
use hyper::StatusCode;
use planet::Right;
use policy::access::Rights;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use wire::{Code, tell};

/// The document as JSON.
#[must_use]
pub fn document() -> String {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint, &mut generator);
    }
    let fault = generator.subschema_for::<tell::Fault>();
    let mut schemas = Value::Object(generator.take_definitions(true));
    bound(&mut schemas);
    let mut paths = Value::Object(paths);
    bound(&mut paths);
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mycel",
            "description": ABOUT,
            "version": "1",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Fault": {
                "description": "What went wrong, why, and what to try.",
                "content": { "application/json": { "schema": fault } }
            } },
            "securitySchemes": { "lease": {
                "type": "http",
                "scheme": wire::SCHEME.to_lowercase(),
                "description": "`Authorization: Mycel <lease>`, on a connection on which the lease was proved: \
                                GET /v1/challenge, sign, POST /v1/session."
            } }
        }
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

const ABOUT: &str = "What a planet is asked and answers. `x-mycel-needs` says what a request has to show: \
    `none`, `lease`, `proof`, to be a `gateway`, or the right that its lease has to give. Bytes are a string where they are UTF-8, \
    and `{\"base64\": \"…\"}` where they are not.";

/// One operation.
fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.about,
        "x-mycel-needs": endpoint.needs.words(),
        "responses": responses(endpoint, generator)
    });
    if endpoint.needs == Needs::Kind {
        operation["x-mycel-rights"] = kinds_and_rights();
    }
    if endpoint.needs.a_lease() {
        operation["security"] = json!([{ "lease": [] }]);
    }
    let parameters = parameters(endpoint, generator);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = endpoint.body {
        // What may be empty may be absent.
        let required = endpoint.path.ends_with("/open") || matches!(endpoint.name, "renew" | "detach");
        operation["requestBody"] = json!({
            "required": !required,
            "content": { "application/json": { "schema": body(generator) } }
        });
    }
    operation
}

fn kinds_and_rights() -> Value {
    let known = kinds::ALL.iter().filter(|kind| wire::ask::KINDS.contains(&kind.name));
    let right = |kind: &kinds::Kind| Rights::from_bits(kind.right.bits()).only().map(Right::word);
    known.map(|kind| (kind.name.to_owned(), json!(right(kind)))).collect()
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let back = match endpoint.back {
        Back::Json(shape) => {
            let schema = shape(generator);
            json!({ "description": "Done.", "content": { "application/json": { "schema": schema } } })
        }
        Back::Text("application/json") => json!({
            "description": "The document.",
            "content": { "application/json": { "schema": { "type": "object" } } }
        }),
        Back::Text(media) => json!({
            "description": "Text.",
            "content": { media.split(';').next().unwrap_or_default(): { "schema": { "type": "string" } } }
        }),
        Back::Upgraded => json!({ "description": "Frames follow, both ways." }),
    };
    if endpoint.needs == Needs::Kind {
        let mut accepted = back.clone();
        accepted["description"] = "Accepted: `Location` says where to ask for it.".into();
        accepted["headers"] = json!({ "Location": { "schema": { "type": "string" } } });
        responses.insert("202".to_owned(), accepted);
    }
    responses.insert(endpoint.status.to_string(), back);
    for code in endpoint.all_codes() {
        let fault = if code.may_pass_later() {
            json!({
                "description": reason(code),
                "headers": { "Retry-After": { "schema": { "type": "integer" } } },
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Fault" } } }
            })
        } else {
            json!({ "$ref": "#/components/responses/Fault" })
        };
        responses.insert(code.status().to_string(), fault);
    }
    responses.sort_keys();
    Value::Object(responses)
}

fn reason(code: Code) -> &'static str {
    StatusCode::from_u16(code.status()).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// What tiles are called behind their level; those that are not full end in how
/// many hashes they have.
const TILE: &str = r"(x(00[1-9]|0[1-9][0-9]|[1-9][0-9]{2})/(x[0-9]{3}/){0,3})?[0-9]{3}(\.p/([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?";

/// What stands in the path and in the query.
fn parameters(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Vec<Value> {
    let names = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = names
        .map(|name| {
            let schema = match name {
                "index" => json!({ "type": "integer", "format": "uint64", "minimum": 0 }),
                "id" => json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
                "tile" => json!({ "type": "string", "pattern": format!("^([0-9]|[1-5][0-9]|6[0-3])/{TILE}$") }),
                "bundle" => json!({ "type": "string", "pattern": format!("^{TILE}$") }),
                _ => json!({ "type": "string", "minLength": 1 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    let Some(query) = endpoint.query else {
        return parameters;
    };
    let schema = query(generator).to_value();
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let mut schema = schema.clone();
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        not_null(&mut schema);
        let required = required.iter().any(|required| required == name);
        let mut parameter = json!({ "name": name, "in": "query", "required": required });
        if let Some(about) = about {
            parameter["description"] = about;
        }
        parameter["schema"] = schema;
        parameters.push(parameter);
    }
    parameters
}

/// What is absent from a query is left out: there is no null in it.
fn not_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = &types[..] {
            schema["type"] = one.clone();
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|one| one.get("type").is_none_or(|name| name != "null"));
        if let [one] = &any[..] {
            *schema = one.clone();
        }
    }
}

/// Says how large whole numbers may be, which formats only hint at.
fn bound(schema: &mut Value) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint64") => Some(u64::MAX),
        Some("uint32") => Some(u64::from(u32::MAX)),
        Some("uint8") => Some(u64::from(u8::MAX)),
        _ => None,
    };
    if let (Some(most), Some(schema)) = (most, schema.as_object_mut()) {
        schema.remove("format");
        schema.entry("maximum").or_insert_with(|| most.into());
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(bound),
        Value::Array(items) => items.iter_mut().for_each(bound),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_EXPECT=1 cargo test` rewrites it; read the difference: clients depend on it.
    #[test]
    fn the_document_is_the_golden_one() {
        expect_test::expect_file!["../../openapi.json"].assert_eq(&document());
    }

    #[test]
    fn every_endpoint_says_what_it_needs() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        for endpoint in ENDPOINTS {
            let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
            assert_eq!(operation["x-mycel-needs"], endpoint.needs.words(), "{}", endpoint.name);
            assert_eq!(operation.get("security").is_some(), endpoint.needs.a_lease(), "{}", endpoint.name);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let text = document();
        let document: Value = serde_json::from_str(&text).unwrap();
        for reference in text.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
