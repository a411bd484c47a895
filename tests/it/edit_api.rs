//! The API of clients of the Shotstack Edit API, as those clients use it.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Answer, Server, light_edit};

const KEY: [(&str, &str); 1] = [("x-api-key", "any")];

fn response(answer: &Answer, status: u16) -> Value {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body:#}");
    assert_eq!(body["success"], status < 300, "{body:#}");
    body["response"].clone()
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post(path, body.to_string().as_bytes())
}

/// Polls a render until it is over, as the clients do.
fn finished(server: &Server, base: &str, id: &str) -> Value {
    loop {
        // As the Python client spells it.
        let path = format!("{base}/render/{id}?data=False&merged=True");
        let render = response(&server.get_with(&path, &KEY), 200);
        let status = render["status"].as_str().expect("a status");
        assert!(
            [
                "queued",
                "fetching",
                "rendering",
                "saving",
                "done",
                "failed"
            ]
            .contains(&status),
            "{render:#}"
        );
        // What has no value is not there at all: clients take a null for a fault.
        assert!(
            render["url"].is_string() == (status == "done"),
            "{render:#}"
        );
        assert!(render.get("data").is_none() && !render["owner"].is_null());
        if status == "done" || status == "failed" {
            return render;
        }
        // A part that is not there yet: it is answered when there is news.
        server.get(&format!("/v1/videos/{id}/live/video.m3u8?_HLS_msn=1"));
    }
}

#[test]
fn an_edit_is_posted_polled_until_it_is_done_and_fetched() {
    let server = Server::start();
    for base in ["/edit/v1", "/edit/stage", "/v1", "/stage"] {
        let edit = light_edit(3, "#ed1701");
        let queued = response(&post(&server, &format!("{base}/render"), &edit), 201);
        assert_eq!(queued["message"], "Render Successfully Queued");
        let id = queued["id"].as_str().expect("an id");
        let render = finished(&server, base, id);
        assert_eq!(render["status"], "done", "{render:#}");
        assert_eq!(render["duration"], 3.0);
        let url = render["url"].as_str().expect("an address");
        let path = url.strip_prefix(&server.url("")).expect("of this server");
        let file = server.get(path);
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, "video/mp4")
        );
        assert!(file.body.len() > 10_000);
        let with_data = server.get_with(&format!("{base}/render/{id}?data=true"), &KEY);
        assert_eq!(response(&with_data, 200)["data"], edit);
    }
}

#[test]
fn templates_are_made_listed_changed_rendered_and_thrown_away() {
    let server = Server::start();
    let base = "/edit/v1";
    let body = json!({"name": "greeting", "template": light_edit(3, "#ed1702")});
    let made = response(&post(&server, &format!("{base}/templates"), &body), 201);
    let id = made["id"].as_str().expect("an id");
    let own = format!("{base}/templates/{id}");
    let shown = response(&server.get_with(&own, &KEY), 200);
    assert_eq!(
        (&shown["name"], &shown["template"]),
        (&body["name"], &body["template"])
    );

    let changed = json!({"name": "hello", "template": light_edit(4, "#ed1702")});
    let put = server.put(&own, changed.to_string().as_bytes());
    assert_eq!(response(&put, 200)["id"], id);
    // The same list under every base; without a key it is the studio's.
    for list in ["/edit/stage/templates", "/v1/templates", "/stage/templates"] {
        let listed = response(&server.get_with(list, &KEY), 200);
        let templates = listed["templates"].as_array().expect("templates");
        assert_eq!(templates.len(), 1, "{list}: {listed:#}");
        assert_eq!(
            (&templates[0]["id"], &templates[0]["name"]),
            (&json!(id), &json!("hello"))
        );
    }
    assert!(server.get("/v1/templates").json()["success"].is_null());

    let wish = json!({"id": id, "merge": [{"find": "name", "replace": "Zoe"}]});
    let queued = response(
        &post(&server, &format!("{base}/templates/render"), &wish),
        201,
    );
    let render = finished(&server, base, queued["id"].as_str().expect("an id"));
    assert_eq!(
        (&render["status"], &render["duration"]),
        (&json!("done"), &json!(4.0))
    );

    assert_eq!(server.delete(&own).status, 204);
    response(&server.get_with(&own, &KEY), 404);
    response(
        &post(&server, &format!("{base}/templates/render"), &wish),
        404,
    );
}

#[test]
fn a_probe_tells_what_a_file_is_made_of_in_ffprobes_words() {
    let server = Server::start();
    let probed = server.get("/edit/v1/probe/media%2Fgreeting-30%2Fbg.mp4");
    let metadata = response(&probed, 200)["metadata"].clone();
    let stream = &metadata["streams"][0];
    assert_eq!(
        (&stream["codec_type"], &stream["codec_name"]),
        (&json!("video"), &json!("h264"))
    );
    assert!(stream["width"].as_u64() >= Some(256), "{metadata:#}");
    assert!(
        stream["r_frame_rate"]
            .as_str()
            .is_some_and(|rate| rate.contains('/'))
    );
    let duration = metadata["format"]["duration"].as_str();
    assert!(duration.and_then(|text| text.parse::<f64>().ok()) > Some(1.0));
    // Nothing outside the assets is looked at.
    for outside in [
        "%2Fetc%2Fpasswd",
        "..%2F..%2Fetc%2Fpasswd",
        "file%3A%2F%2F%2Fetc%2Fpasswd",
    ] {
        response(&server.get(&format!("/edit/v1/probe/{outside}")), 400);
    }
    response(&server.get("/edit/v1/probe/media%2Fnone.mp4"), 404);
}

#[test]
fn what_is_wrong_is_said_in_the_envelope() {
    let server = Server::start();
    let mut edit = light_edit(3, "#ed1703");
    edit["timeline"]["tracks"][0]["clips"][0]["length"] = json!(-1);
    let refused = response(&post(&server, "/edit/v1/render", &edit), 400);
    assert_eq!(
        refused["error"]["field"],
        "/timeline/tracks/0/clips/0/length"
    );
    response(&server.post("/edit/v1/render", b"{"), 400);
    response(
        &post(&server, "/edit/v1/templates", &json!({"name": ""})),
        400,
    );
    assert_eq!(refused["message"], refused["error"]["message"]);
    response(&server.get("/edit/v1/render/none"), 404);
    response(&server.get("/edit/v1/templates/none"), 404);
    // Also where there is nothing at all.
    for base in ["/edit/v1", "/stage"] {
        response(&server.get(&format!("{base}/nothing")), 404);
        response(&server.delete(&format!("{base}/render")), 405);
    }
    // The native API's errors stay its own.
    assert_eq!(
        server.get("/v1/nothing").json()["error"]["code"],
        "not_found"
    );
}

#[test]
fn a_render_is_told_with_its_edit_as_given_or_with_its_fields_filled_in() {
    let server = Server::start();
    let edit = light_edit(3, "#ed1704");
    let body = json!({"name": "greeting", "template": edit});
    let made = response(&post(&server, "/edit/v1/templates", &body), 201);
    let wish = json!({"id": made["id"], "merge": [{"find": "name", "replace": "Zoe"}]});
    let queued = response(&post(&server, "/edit/v1/templates/render", &wish), 201);
    let own = format!("/edit/v1/render/{}", queued["id"].as_str().expect("an id"));
    let data = |query: &str| response(&server.get(&format!("{own}?{query}")), 200)["data"].clone();
    let html = "/timeline/tracks/0/clips/0/asset/html";
    let given = data("data=True&merged=False");
    assert_eq!(given.pointer(html), edit.pointer(html));
    assert_eq!(given["merge"], wish["merge"]);
    let merged = data("merged=True&data=True");
    assert_eq!(merged.pointer(html), Some(&json!("<p>Hello Zoe</p>")));
    assert!(data("merged=true").is_null());
}

#[test]
fn a_template_may_be_kept_before_it_says_anything() {
    let server = Server::start();
    let body = json!({"name": "empty"});
    let made = response(&post(&server, "/edit/v1/templates", &body), 201);
    let own = format!("/edit/v1/templates/{}", made["id"].as_str().expect("an id"));
    assert_eq!(response(&server.get(&own), 200)["template"], json!({}));
    let refused = post(
        &server,
        "/edit/v1/templates/render",
        &json!({"id": made["id"]}),
    );
    assert_eq!(response(&refused, 400)["error"]["field"], "/output");
}

#[test]
fn where_there_are_keys_who_asks_for_work_has_one_of_them() {
    let data = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
    let options = ["--api-key", "first-key", "--api-key", "second-key"];
    let server = Server::start_under(&[], data.path(), &options);
    let edit = light_edit(3, "#ed1705");
    let known = [("x-api-key", "second-key")];
    let wrong = [("x-api-key", "second-kez")];
    for base in ["/edit/v1", "/v1", "/stage"] {
        let path = format!("{base}/render");
        response(&post(&server, &path, &edit), 401);
        response(&server.post_with(&path, &edit, &wrong), 403);
        let queued = response(&server.post_with(&path, &edit, &known), 201);
        let own = format!("{path}/{}", queued["id"].as_str().expect("an id"));
        response(&server.get(&own), 401);
        response(&server.get_with(&own, &wrong), 403);
        response(&server.get_with(&own, &known), 200);
    }
    let wish = json!({"edit": edit});
    for (headers, status) in [(&[][..], 401), (&wrong[..], 403), (&known[..], 201)] {
        let answer = server.post_with("/v1/videos", &wish, headers);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let listed = server.get_with("/v1/videos", &known).json();
    let own = listed["videos"][0]["urls"]["self"].as_str().expect("one");
    assert_eq!(server.get("/v1/videos").status, 401);
    assert_eq!(server.delete(own).status, 401);
    // Players have no keys.
    for path in [
        own,
        &format!("{own}/index.m3u8"),
        "/v1/templates",
        "/healthz",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}
