//! A JSON schema of the files of a project, for editors.
//!
//! It is made by the very readers that check the fields: each reads an entry that has
//! nothing, and what it asks for is noted. So it has what they know, and nothing else.

use serde_json::{Map, Value as Json, json};

use super::{
    fields::{Form, Shape},
    kinds, known,
};

/// The schema of a file with entries, in the draft that editors know.
///
/// ```
/// let schema = wippy::registry::schema();
/// let greet = &schema["definitions"]["process.wasm"];
/// assert_eq!(greet["required"][0], "name");
/// assert_eq!(greet["properties"]["limits"]["additionalProperties"], false);
/// ```
pub fn schema() -> Json {
    let kinds = kinds::described();
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
    let of_kind = |kind: &str| {
        json!({
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": format!("#/definitions/{kind}")},
        })
    };
    let mut definitions = Map::new();
    definitions.insert(
        "entry".to_owned(),
        json!({
            "type": "object",
            "required": ["name", "kind"],
            "properties": {
                "name": {"type": "string", "pattern": "^[^:\\s]+$"},
                // There are kinds that only the original runs.
                "kind": {"type": "string", "anyOf": [{"enum": names}, {}]},
            },
            "allOf": names.iter().map(|kind| of_kind(kind)).collect::<Vec<_>>(),
        }),
    );
    for (kind, shape) in &kinds {
        let mut entry = mapping(kind, shape, "");
        if let Some(properties) = entry.get_mut("properties").and_then(Json::as_object_mut) {
            // Of a file that is one entry.
            for head in ["namespace", "version"] {
                properties.insert(head.to_owned(), json!({}));
            }
        }
        if let Some(required) = entry.get_mut("required").and_then(Json::as_array_mut) {
            required.insert(0, "name".into());
        }
        definitions.insert((*kind).to_owned(), entry);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of entries of a Wippy application",
        "type": "object",
        "required": ["namespace"],
        "properties": {
            "version": {},
            "namespace": {"type": "string", "pattern": "^[^:\\s]+$"},
            "meta": {},
            "entries": {"type": ["array", "null"], "items": {"$ref": "#/definitions/entry"}},
        },
        "if": {"required": ["kind"], "not": {"required": ["entries"]}},
        "then": {"$ref": "#/definitions/entry"},
        "definitions": definitions,
    })
}

/// The schema of a mapping within an entry.
fn mapping(kind: &str, shape: &Shape, path: &str) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, (form, needed)) in shape.fields.get(path).into_iter().flatten() {
        let inner = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        properties.insert((*name).to_owned(), field(kind, shape, &inner, *form, *needed));
        if *needed {
            required.push(Json::from(*name));
        }
    }
    for name in known::foreign(kind, path) {
        properties.entry(name).or_insert_with(|| json!({}));
    }
    // What a placeholder or `null` stands for is not a mapping yet.
    let ty = if path.is_empty() { json!("object") } else { json!(["object", "null"]) };
    json!({
        "type": ty,
        "required": required,
        "properties": properties,
        "additionalProperties": !shape.closed.contains(path),
    })
}

/// The schema of a field.
fn field(kind: &str, shape: &Shape, path: &str, form: Form, required: bool) -> Json {
    let or_filled_in = |types: Json| json!({"anyOf": [{"type": types}, {"type": "string", "pattern": "\\$\\{env:"}]});
    match form {
        Form::Text if required => json!({"type": "string", "minLength": 1}),
        Form::Text => json!({"type": ["string", "null"]}),
        Form::Flag => or_filled_in(json!(["boolean", "null"])),
        Form::Integer => or_filled_in(json!(["integer", "null"])),
        Form::Number => or_filled_in(json!(["number", "null"])),
        Form::Size | Form::Duration => json!({"type": ["string", "integer", "null"]}),
        Form::Texts => json!({"type": ["array", "null"], "items": {"type": "string"}}),
        Form::Items => {
            let item = format!("{path}[]");
            let items = match shape.fields.contains_key(&item) {
                true => mapping(kind, shape, &item),
                false => json!({}),
            };
            json!({"type": ["array", "null"], "items": items})
        }
        Form::Fields => mapping(kind, shape, path),
        Form::Map => json!({"type": ["object", "null"]}),
        Form::Any => json!({}),
    }
}
