//! The OpenAPI document, as generators need it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use topup::domain::code::Code;

use crate::support::TestApp;
use crate::support::documented::misfits;

const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];

/// Path, method, operation.
pub fn operations() -> Vec<(String, String, Value)> {
    let paths = topup::http::openapi::document()["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            assert!(METHODS.contains(&method.as_str()), "{path} has {method}");
            operations.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    operations
}

fn walk(value: &Value, at: &str, visit: &mut dyn FnMut(&str, &str, &Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                visit(at, name, field);
                walk(field, &format!("{at}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{n}"), visit);
            }
        }
        _ => {}
    }
}

/// Not within examples, which may hold any field.
fn is_schema(at: &str) -> bool {
    !at.contains("/example")
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let committed = include_str!("../../openapi/openapi.json");
    assert!(
        committed == topup::http::openapi::text(),
        "the API has changed: look at what clients will see, then run `cargo run -- openapi > openapi/openapi.json`"
    );
}

#[test]
fn the_committed_page_of_error_codes_is_the_generated_one() {
    let committed = include_str!("../../src/docs/error_codes.md");
    assert!(
        committed == topup::http::openapi::error_codes::page(),
        "the error codes have changed: run `cargo run -- openapi --error-codes > src/docs/error_codes.md`"
    );
}

/// The codes in the examples of a part of the document.
fn example_codes(part: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(part, "", &mut |at, name, value| {
        let of_schema = at.ends_with("/properties/code") && name == "example";
        let of_example = at.contains("/example") && name == "code";
        if let Some(code) = value.as_str().filter(|_| of_schema || of_example) {
            found.push((at.to_owned(), code.to_owned()));
        }
    });
    found
}

#[test]
fn every_error_code_in_an_example_is_known() {
    let document = topup::http::openapi::document();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let (mut found, mut unknown) = (0, Vec::new());
    for part in ["/components/responses", "/components/schemas/Problem", "/components/schemas/ProblemField"] {
        for (at, code) in example_codes(document.pointer(part).unwrap()) {
            found += 1;
            if !known.contains(code.as_str()) {
                unknown.push(format!("{part}{at}: {code}"));
            }
        }
    }
    assert!(found >= 18, "the examples were not found: {found}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn it_is_the_same_every_time_and_sorted() {
    let document = topup::http::openapi::document();
    assert_eq!(document["openapi"], "3.1.0");
    for map in ["/paths", "/components/schemas"] {
        let names: Vec<&String> = document.pointer(map).unwrap().as_object().unwrap().keys().collect();
        assert!(names.is_sorted(), "{map}: {names:?}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = topup::http::openapi::document();
    let mut used = BTreeSet::new();
    walk(document, "", &mut |at, name, value| {
        if name == "$ref" {
            let target = value.as_str().unwrap();
            assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{at}: {target} is missing");
            used.insert(target.to_owned());
        }
    });
    for name in document.pointer("/components/schemas").unwrap().as_object().unwrap().keys() {
        assert!(used.contains(&format!("#/components/schemas/{name}")), "nothing refers to the schema {name}");
    }
}

#[test]
fn operations_are_named_once_tagged_once_and_described() {
    let described: BTreeSet<&str> = topup::http::openapi::document()["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tag| !tag["description"].as_str().unwrap().is_empty())
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut silent = Vec::new();
    for (path, method, operation) in operations() {
        let at = format!("{method} {path}");
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no operationId")).to_owned();
        let camel =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        assert!(camel, "{at}: {name} is not camelCase");
        if let Some(other) = names.insert(name.clone(), at.clone()) {
            panic!("{name} is both {other} and {at}");
        }
        let tags = operation["tags"].as_array().unwrap();
        assert_eq!(tags.len(), 1, "{at}: {tags:?}");
        assert!(described.contains(tags[0].as_str().unwrap()), "{at}: the tag {} is not described", tags[0]);
        for field in ["summary", "description"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{at} has no {field}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter.get("$ref").is_none() && !parameter["description"].is_string() {
                silent.push(format!("{at}: {}", parameter["name"]));
            }
        }
    }
    assert!(silent.is_empty(), "parameters without a description: {silent:#?}");
}

#[test]
fn generators_find_nothing_that_they_stumble_over() {
    let document = topup::http::openapi::document();
    let mut found = Vec::new();
    walk(document, "", &mut |at, name, value| {
        if !is_schema(at) {
            return;
        }
        let is_reference_or_null = || {
            let one_of = value.as_array().unwrap();
            let references = one_of.iter().filter(|one| one.get("$ref").is_some());
            references.count() == 1 && one_of.len() == 2 && one_of.contains(&json!({ "type": "null" }))
        };
        let stumbles = matches!(name, "allOf" | "anyOf" | "discriminator")
            || (name == "oneOf" && !is_reference_or_null())
            || (name == "format" && matches!(value.as_str(), Some("decimal" | "double" | "float")))
            || (name == "type" && value == "array" && !at.is_empty() && needs_max_items(document, at));
        if stumbles {
            found.push(format!("{at}/{name}"));
        }
    });
    assert!(found.is_empty(), "{found:#?}");
}

fn needs_max_items(document: &Value, at: &str) -> bool {
    document.pointer(at).is_some_and(|schema| schema.get("items").is_some() && schema.get("maxItems").is_none())
}

#[test]
fn failures_are_shared_and_complete() {
    for (path, method, operation) in operations() {
        let at = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2') || status.starts_with('3')),
            "{at} never succeeds"
        );
        assert!(!responses.contains_key("default"), "{at} has a default response");
        for (status, response) in responses {
            let failure = status.parse::<u16>().unwrap() >= 400;
            assert_eq!(response.get("$ref").is_some(), failure, "{at} {status}");
            assert!(failure || response.pointer("/headers/X-Request-Id").is_some(), "{at} {status}");
        }
        let wanted: &[&str] = match operation["security"].as_array().unwrap().is_empty() {
            true => &[],
            false => &["401", "403", "429", "500", "503"],
        };
        for status in wanted {
            assert!(responses.contains_key(*status), "{at} lacks {status}");
        }
    }
}

/// Every operation under `/v1/admin` is named as one, and no other.
#[test]
fn operations_of_operators_are_named_as_such() {
    for (path, method, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert_eq!(path.starts_with("/v1/admin/"), name.starts_with("admin"), "{method} {path}: {name}");
    }
}

/// The scopes are in `security`, each as an alternative.
#[test]
fn scopes_stand_in_security() {
    for (path, method, operation) in operations() {
        let alternatives = operation["security"].as_array().unwrap().iter().map(|one| &one["bearer"]);
        let scopes: Vec<Value> = alternatives.map(|scopes| scopes[0].clone()).collect();
        let named = operation["x-scopes"].as_array().cloned().unwrap_or_default();
        assert_eq!(scopes, named, "{method} {path}");
    }
}

/// Every failure names its codes, and every code belongs to the status.
#[test]
fn every_operation_names_its_codes() {
    for (path, method, operation) in operations() {
        let at = format!("{method} {path}");
        let named = operation["x-error-codes"].as_object().cloned().unwrap_or_default();
        for (status, response) in operation["responses"].as_object().unwrap() {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let codes = named.get(status).unwrap_or_else(|| panic!("{at}: {status} names no code"));
            for code in codes.as_array().unwrap() {
                let code = Code::ALL.iter().find(|known| known.as_str() == code).unwrap();
                let place = topup::domain::code::Appearance::Problem(status.parse().unwrap());
                assert!(code.places().contains(&place), "{at}: {code} is no code of {status}");
                assert!(response["description"].as_str().unwrap().contains(code.as_str()), "{at}: {code}");
            }
        }
    }
}

/// Answers always have all of their fields. There are two exceptions. Two unions leave out the fields that are not
/// theirs. One schema is also a request, because what a caller reads of it can be sent again.
#[test]
fn what_is_absent_has_one_form() {
    let document = topup::http::openapi::document();
    let mut got = BTreeSet::new();
    for (_, _, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with('2') {
                collect(document, response, &mut got);
            }
        }
    }
    let mut optional = BTreeSet::new();
    for name in &got {
        let schema = document.pointer(name.trim_start_matches('#')).unwrap();
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        let mut fields = schema["properties"].as_object().into_iter().flatten();
        if fields.any(|(field, _)| !required.contains(field.as_str())) {
            optional.insert(name.rsplit('/').next().unwrap());
        }
    }
    assert_eq!(optional, BTreeSet::from(["EventData", "Problem", "StatementMapping"]), "they leave fields out");
}

/// A text that programs read is an `enum`, or names its values and says that there may be others.
#[test]
fn lists_of_values_are_closed_or_say_that_they_grow() {
    let document = topup::http::openapi::document();
    let mut answers = BTreeSet::new();
    for (_, _, operation) in operations() {
        collect(document, &operation["responses"], &mut answers);
    }
    let (mut open, mut unclear) = (0, Vec::new());
    for name in answers {
        let schema = document.pointer(name.trim_start_matches('#')).unwrap();
        for (field, of_field) in schema["properties"].as_object().into_iter().flatten() {
            let says_so =
                of_field["description"].as_str().is_some_and(|text| text.contains(" may grow: a client must"));
            open += usize::from(says_so);
            let is_code = matches!(field.as_str(), "status" | "kind" | "reason_code" | "provider" | "event")
                || field.ends_with("_type");
            let is_text = of_field["type"] == "string" || of_field["type"] == json!(["string", "null"]);
            if is_code && is_text && !says_so {
                unclear.push(format!("{name}/{field}"));
            }
            if of_field.get("x-extensible-enum").is_some() && !says_so {
                unclear.push(format!("{name}/{field} names values"));
            }
        }
    }
    assert!(open >= 12, "{open}");
    assert!(unclear.is_empty(), "{unclear:#?}");
}

fn collect(document: &Value, part: &Value, found: &mut BTreeSet<String>) {
    walk(part, "", &mut |_, name, value| {
        if let Some(reference) = value.as_str().filter(|_| name == "$ref")
            && found.insert(reference.to_owned())
        {
            collect(document, document.pointer(reference.trim_start_matches('#')).unwrap(), found);
        }
    });
}

/// Every success with a body shows one as a whole, with every field that is always there.
#[test]
fn every_success_has_an_example() {
    let document = topup::http::openapi::document();
    for (path, method, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let at = format!("{method} {path} {status}");
            let content = response.pointer("/content/application~1json").filter(|_| status.starts_with('2'));
            let Some(content) = content.filter(|content| content["schema"]["type"] != "string") else { continue };
            let schema =
                content["schema"]["$ref"].as_str().map(|to| document.pointer(to.trim_start_matches('#')).unwrap());
            let schema = schema.unwrap_or(&content["schema"]);
            assert!(content["example"].is_object(), "{at} has no example");
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(content["example"].get(name.as_str().unwrap()).is_some(), "{at}: {name} is not in the example");
            }
        }
    }
}

/// Each webhook shows its event with the object that the event is about.
#[test]
fn every_webhook_has_an_example() {
    let document = topup::http::openapi::document();
    for (kind, webhook) in document["webhooks"].as_object().unwrap() {
        let content = &webhook["post"]["requestBody"]["content"]["application/json"];
        let mut found = Vec::new();
        misfits(document, &content["schema"], &content["example"], "", &mut found);
        assert!(found.is_empty(), "{kind}: {found:#?}");
        let (noun, _) = kind.split_once('.').unwrap();
        assert_eq!(content["example"]["type"], json!(kind));
        assert!(content["example"]["data"][noun].is_object(), "{kind}");
    }
}

/// Tools that know only OpenAPI 3.0 read the older form, and find every operation in it.
#[test]
fn the_older_form_is_a_document_of_3_0() {
    let text = topup::http::openapi::older_text();
    let older: openapiv3::OpenAPI = serde_json::from_str(&text).unwrap();
    assert_eq!(older.openapi, "3.0.3");
    let found: BTreeSet<String> =
        older.operations().filter_map(|(_, _, operation)| operation.operation_id.clone()).collect();
    let all: BTreeSet<String> =
        operations().iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, all);
    let plain: Value = serde_json::from_str(&text).unwrap();
    walk(&plain, "", &mut |at, name, value| {
        let is_null = name == "type" && !at.contains("/example") && !at.ends_with("/properties");
        assert!(!(is_null && (value.is_array() || value == "null")), "{at}/{name}: 3.0 knows no such type");
    });
}

/// A new document is compared with that of the last release. Until there is a release, this version is compared with
/// itself.
#[test]
fn nothing_breaks_for_clients_of_the_released_document() {
    let released = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/released.json");
    let Ok(released) = std::fs::read_to_string(released) else { return };
    let released: Value = serde_json::from_str(&released).unwrap();
    assert_eq!(topup::http::openapi::breaking_changes(&released), Vec::<String>::new());
}

#[test]
fn the_policy_stands_in_the_document() {
    let about = topup::http::openapi::document()["info"]["description"].as_str().unwrap();
    for part in ["**Versions.**", "**Lists of values.**", "**Deprecation.**", "**What is absent.**", "`x-error-codes`"]
    {
        assert!(about.contains(part), "{part} is not said");
    }
}

#[tokio::test]
async fn it_is_served_with_a_reader() {
    let app = TestApp::spawn().await;
    let anyone = app.anonymous();
    let served = anyone.get("/openapi.json").await.expect(200);
    assert_eq!(served.text, topup::http::openapi::text());
    assert_eq!(served.header("content-type"), Some("application/json"));
    for path in ["/", "/docs"] {
        assert_eq!(anyone.get(path).await.expect(302).header("location"), Some("/docs/"));
    }
    assert!(anyone.get("/docs/").await.expect(200).text.contains("swagger-ui"));
    let settings = anyone.get("/docs/swagger-initializer.js").await.expect(200).text;
    for setting in [
        r#"url: "/openapi.json""#,
        r#"validatorUrl: "none""#,
        "persistAuthorization: true",
        "tryItOutEnabled: true",
        "deepLinking: true",
        "requestInterceptor: prepare",
    ] {
        assert!(settings.contains(setting), "{setting} is missing: {settings}");
    }
    // The example of the document is what the page exchanges for a new key.
    let document: Value = serde_json::from_str(&served.text).unwrap();
    let example = document.pointer("/components/parameters/IdempotencyKey/example").unwrap().as_str().unwrap();
    assert!(settings.contains(&format!("exampleKey = \"{example}\"")), "{settings}");
    let index = anyone.get("/llms.txt").await.expect(200).text;
    for page in ["/docs/api.md", "/docs/errors.md", "/docs/identity.md"] {
        assert!(index.contains(page));
        let page = anyone.get(page).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/markdown; charset=utf-8"));
        assert!(page.text.starts_with("# "), "{}", page.text);
    }
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"] {
        anyone.get(&format!("/docs/{asset}")).await.expect(200);
    }
    app.finish().await;
}
