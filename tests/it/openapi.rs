//! The description of the native API says what there is, no more and no less.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, light_edit};

/// Routes that are no part of the API: the studio's pages and their files.
const STUDIO: [&str; 4] = ["/", "/live", "/offload", "/studio/{file}"];

/// Served by another route's handler, as a path segment is one parameter.
const MP4: &str = "/v1/videos/{id}.mp4";

/// The addresses of the native API's routes, from the one table of them.
fn routes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("src/http/router.rs")).expect("the table");
    let quoted = table.split(".route(").skip(1).map(|rest| {
        let mut parts = rest.split('"');
        parts.nth(1).expect("an address").to_owned()
    });
    let edit_api = ["/v1/templates", "/v1/templates/{id}"].map(str::to_owned);
    let all = quoted.chain(edit_api).chain([MP4.to_owned()]);
    all.filter(|route| !STUDIO.contains(&route.as_str()))
        .collect()
}

/// Every `$ref` within `value`.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                found.push(target.to_owned());
            }
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|one| references(one, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_described_and_what_is_described_is_there() {
    let server = Server::start();
    let answer = server.get("/openapi.json");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let document = answer.json();
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<String> = paths.keys().cloned().collect();
    assert_eq!(described, routes());

    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for target in found {
        let pointer = target.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{target}");
    }

    for (path, operations) in paths {
        let operations = operations.as_object().expect("operations");
        let concrete = path
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{name}", "show")
            .replace("{epoch}", "0")
            .replace("{track}", "video")
            .replace("{kind}", "live")
            .replace("{key}", "0")
            .replace("{file}", "0.m4s")
            .replace("{playlist}", "live.m3u8");
        for (method, there) in [
            ("GET", operations.contains_key("get")),
            ("POST", operations.contains_key("post")),
            ("DELETE", operations.contains_key("delete")),
        ] {
            // Methods of the other API, or of the handler's own address.
            let others = path.starts_with("/v1/templates") || path == MP4;
            if others && method != "GET" {
                continue;
            }
            let answer = match method {
                "GET" => server.get(&concrete),
                "POST" => server.post(&concrete, b"{}"),
                _ => server.delete(&concrete),
            };
            assert_eq!(
                answer.status != 405,
                there,
                "{method} {path}: {}",
                answer.text()
            );
            let nowhere = answer.text().contains("nothing at ");
            assert!(!nowhere, "{method} {path}");
            let Some(said) = operations.get(&method.to_lowercase()) else {
                continue;
            };
            let known = said["responses"].get(answer.status.to_string());
            assert!(
                !there || known.is_some(),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[test]
fn a_video_has_the_members_that_are_described_and_no_others() {
    let server = Server::start();
    let document = server.get("/openapi.json").json();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let members = |value: &Value| -> BTreeSet<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let video = server.publish(&json!({"edit": light_edit(2, "#0a1001")}));
    assert_eq!(members(&video), members(&schema("Video")["properties"]));
    let chunk = &video["chunks"][0];
    assert_eq!(members(chunk), members(&schema("Chunk")["properties"]));
    let template = &server.get("/v1/templates").json()["templates"][0];
    assert_eq!(
        members(template),
        members(&schema("Template")["properties"])
    );

    // What is asked with: each member is taken, and no other.
    let request = schema("VideoRequest");
    for name in members(&request["properties"]) {
        let body = json!({ name.as_str(): [] });
        let answer = server.post("/v1/videos", body.to_string().as_bytes());
        assert!(
            !answer.text().contains("unknown field"),
            "{name}: {}",
            answer.text()
        );
    }
    let answer = server.post("/v1/videos", br#"{"nothing": 1}"#);
    let said = answer.text();
    assert_eq!(answer.status, 400);
    for name in members(&request["properties"]) {
        assert!(said.contains(&format!("`{name}`")), "{name} in {said}");
    }
    let error = &answer.json()["error"];
    let known = members(&schema("Error")["properties"]["error"]["properties"]);
    assert!(members(error).is_subset(&known), "{error}");
    let codes = &schema("Error")["properties"]["error"]["properties"]["code"]["enum"];
    assert!(codes.as_array().expect("codes").contains(&error["code"]));
}
