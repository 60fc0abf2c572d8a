//! A server of one file, and what requests get of it: those of a browser, and those of others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pikos_serve::{Address, Options, Server, Sources};
use pikos_views::{Input, Profiles};
use pstats_compat::{Calls, Coroutine, Edge, Figures, Function, FunctionId, Profile, SlowStep, Tasks};

/// Serves until it is dropped.
struct Running {
    address: SocketAddr,
    token: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn profile() -> Profile {
    let calls = |ncalls, tottime, cumtime| Calls {
        ncalls,
        primitive_calls: ncalls,
        tottime,
        cumtime,
        ..Calls::default()
    };
    let functions = vec![
        Function::new("/app/a.py".into(), 1, "main".into(), calls(1, 1.0, 3.0)),
        Function::new("/app/a.py".into(), 9, "</script><b>&\u{202e}".into(), calls(4, 2.0, 2.0)),
    ];
    let edge = Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(4, 2.0, 2.0) };
    Profile::new(functions, vec![edge])
}

/// The same with coroutines and a slow step, whose task has a hostile name.
fn followed() -> Profile {
    let figures =
        Figures { started: 3, steps: 9, run: 0.5, parked: 4.0, longest: 0.25, ..Figures::default() };
    let row = |caller| Coroutine { function: FunctionId(0), caller, figures };
    let step = SlowStep {
        at: 2.0,
        seconds: 0.25,
        task: Some("<b>pay\u{202e}".into()),
        function: FunctionId(0),
        path: vec![(FunctionId(0), 0.25), (FunctionId(1), 0.2)],
    };
    let tasks = Tasks {
        coroutines: vec![row(None), row(Some(FunctionId(1)))],
        slow: vec![step],
        slow_count: 7,
        slow_seconds: 1.5,
        slow_from: 0.05,
    };
    Profile { tasks: Some(tasks), ..profile() }
}

impl Running {
    fn new(read_only: bool) -> Self {
        Self::of(profile(), read_only)
    }

    fn of(profile: Profile, read_only: bool) -> Self {
        let (tell, told) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let address = Address { port: Some(0), ..Address::default() };
            let server = Server::bind(Options { address, read_only, version: "test" }).expect("a free port");
            tell.send(server.url()).expect("somebody waits");
            let input = Input { path: None, profile };
            let files = Some(Profiles::new(vec![input], Box::new(|_| None)));
            let sources = Sources { live: None, files };
            server.run(sources, &mut |_| stopped.load(Ordering::Relaxed)).expect("it serves");
        });
        let url = told.recv().expect("an address");
        let (address, token) =
            url.strip_prefix("http://").and_then(|url| url.split_once("/?token=")).expect("an address");
        Self {
            address: address.parse().expect("an address"),
            token: token.to_owned(),
            stop,
            thread: Some(thread),
        }
    }

    /// The answer to these bytes, until the server closes, at most so many seconds.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        // It may hang up in the middle.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The answer to a request with these headers.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.raw(request.as_bytes())
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", path, &[("Authorization", &self.bearer())], "")
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ended");
        }
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn json(answer: &str) -> serde_json::Value {
    assert_eq!(status(answer), 200, "{answer}");
    serde_json::from_str(body(answer)).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn the_address_sets_a_cookie_that_opens_the_rest() {
    let server = Running::new(false);
    let led = server.ask("GET", &format!("/?token={}", server.token), &[], "");
    assert_eq!((status(&led), header(&led, "location")), (303, Some("/")));
    let cookie = header(&led, "set-cookie").expect("a cookie");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    assert!(cookie.starts_with(&format!("pikos-{}=", server.address.port())), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair");
    for path in ["/", "/assets/page.js", "/assets/page.css", "/api/processes"] {
        assert_eq!(status(&server.ask("GET", path, &[("Cookie", pair)], "")), 200, "{path}");
        assert_eq!(status(&server.ask("GET", path, &[], "")), 401, "{path}");
    }
    // From another site the cookie would not come along: the page leads on by itself.
    let headers = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")];
    let led = server.ask("GET", &format!("/?token={}", server.token), &headers, "");
    assert_eq!(status(&led), 200);
    assert!(body(&led).contains("url=/") && !led.contains(&format!("token={}", server.token)), "{led}");
}

#[test]
fn the_page_is_told_where_it_begins() {
    let server = Running::new(false);
    let page = server.get("/");
    assert!(body(&page).contains("href=\"/api/begin?scope=f0\" data-scope=\"f0\">"), "{page}");
    let told = json_of(&server, "/api/begin?scope=f0");
    assert_eq!(told["processes"], json_of(&server, "/api/processes"));
    assert_eq!(told["full"]["functions"], json_of(&server, "/api/picture?scope=f0")["functions"]);
    assert!(told["id"].as_str().is_some_and(|id| id.split('.').count() == 3), "{}", told["id"]);
}

#[test]
fn every_answer_has_the_headers_that_bind_a_browser() {
    let server = Running::new(false);
    for answer in [
        server.get("/"),
        server.get("/api/processes"),
        server.get("/api/processes/f0/profile?format=html"),
        server.get("/nowhere"),
        server.ask("GET", "/", &[], ""),
        server.ask("GET", "/", &[("Host", "evil.example")], ""),
    ] {
        let policy = header(&answer, "content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
    }
}

#[test]
fn an_attacker_gets_nothing() {
    let server = Running::new(false);
    let bearer = server.bearer();
    let good = ("Authorization", bearer.as_str());
    for (headers, expected) in [
        (vec![good, ("Host", "evil.example")], 403),
        (vec![good, ("Host", "127.0.0.1.evil.example")], 403),
        (vec![good, ("Origin", "http://evil.example")], 403),
        (vec![good, ("Origin", "null")], 403),
        (vec![good, ("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Authorization", "Bearer x")], 401),
        (vec![("Cookie", "pikos-1=x")], 401),
        (vec![], 401),
    ] {
        for path in ["/api/processes", "/api/events", "/", "/api/picture", "/nowhere"] {
            let answer = server.ask("GET", path, &headers, "");
            assert_eq!(status(&answer), expected, "{path} {headers:?}: {answer}");
            assert!(!answer.contains("main"), "{answer}");
        }
    }
    let no_host = format!("GET /api/processes HTTP/1.0\r\nAuthorization: {bearer}\r\n\r\n");
    assert_eq!(status(&server.raw(no_host.as_bytes())), 400);
    let absolute = format!(
        "GET http://evil.example/api/processes HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nAuthorization: {bearer}\r\n\r\n"
    );
    assert_eq!(status(&server.raw(absolute.as_bytes())), 403);
}

#[test]
fn paths_lead_nowhere_else() {
    let server = Running::new(false);
    for path in [
        "/..",
        "/../Cargo.toml",
        "/assets/../page.html",
        "/assets/%2e%2e/page.html",
        "/assets/",
        "/assets/page.html",
        "//api/processes",
        "/api/processes/",
        "/api/processes/..%2f..%2fetc%2fpasswd/profile?format=pstats",
        "/api/processes/f1/profile?format=pstats",
        "/api/processes/p0/profile?format=pstats",
        "/api/processes/f0:1/profile?format=pstats",
        "/api/processes/f0/control",
        "/api//picture",
        "/api/picture?scope=p0",
        "/api/picture?scope=f9",
        "/api/source?scope=f0&function=0",
        "/api/source?scope=f0&function=99",
        "/api/history?scope=f0",
        "/api/edges?scope=f0&function=1&from=1&to=2",
        "/api/now?scope=f0",
        "/api/recording?scope=f0",
    ] {
        assert_eq!(status(&server.get(path)), 404, "{path}");
    }
    for path in [
        "/api/picture?scope=../x",
        "/api/picture?scope=p0%00",
        "/api/edges?scope=f0",
        "/api/edges?scope=f0&function=-1",
        "/api/edges?scope=f0&function=1&from=1",
        "/api/edges?scope=f0&function=1&from=2&to=1",
        "/api/range?scope=f0&from=2&to=1",
        "/api/range?scope=f0&from=nan&to=1",
        "/api/processes/f0/profile",
        "/api/processes/f0/profile?format=exe",
        "/api/processes/f0/profile?format=perf",
        "/api/processes/f0/profile?format=pstats&thread=1",
    ] {
        let answer = server.get(path);
        assert_eq!(status(&answer), 400, "{path}: {answer}");
        assert!(serde_json::from_str::<serde_json::Value>(body(&answer)).expect("JSON")["error"].is_string());
    }
}

#[test]
fn tasks_are_told_where_they_were_followed() {
    let server = Running::new(false);
    assert_eq!(json_of(&server, "/api/processes")["processes"][0]["tasks"], false);
    assert_eq!(status(&server.get("/api/tasks?scope=f0")), 404);

    let server = Running::of(followed(), false);
    assert_eq!(json_of(&server, "/api/processes")["processes"][0]["tasks"], true);
    for (scope, id) in [("f0", "f0"), ("files", "files"), ("all", "files")] {
        let told = json_of(&server, &format!("/api/tasks?scope={scope}"));
        let process = &told["processes"][0];
        assert_eq!((&process["id"], &process["slow_count"]), (&id.into(), &7.into()), "{told}");
        assert_eq!(process["under_way"], 0);
        let step = &told["slow"][0];
        assert_eq!((&step["seconds"], &step["at"]), (&0.25.into(), &2.0.into()));
        assert!(
            step["task"]
                .as_str()
                .is_some_and(|name| name.starts_with("<b>pay") && !name.contains('\u{202e}'))
        );
        let columns = &told["coroutines"];
        assert_eq!(columns["steps"], serde_json::json!([18]), "whoever awaited it");
        assert_eq!(columns["longest"], serde_json::json!([0.25]));
        let place =
            told["labels"]["id"].as_array().expect("ids").iter().position(|id| *id == columns["function"][0]);
        assert_eq!(told["labels"]["name"][place.expect("it has a name")], "main");
    }
    assert_eq!(status(&server.get("/api/tasks?scope=f1")), 404);
}

#[test]
fn methods_are_for_what_they_are_for() {
    let server = Running::new(false);
    let bearer = server.bearer();
    let json = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        assert_eq!(status(&server.ask(method, "/api/processes", &json, "")), 405, "{method}");
    }
    let control = "/api/processes/f0/control";
    let post = |body: &str| server.ask("POST", control, &json, body);
    assert_eq!(status(&server.ask("POST", "/api/processes", &json, "{}")), 404);
    assert_eq!(status(&server.ask("POST", "/", &json, "{}")), 404);
    let plain = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
    assert_eq!(status(&server.ask("POST", control, &plain, r#"{"command": "pause"}"#)), 415);
    assert_eq!(status(&server.ask("POST", control, &plain[..1], r#"{"command": "pause"}"#)), 415);
    assert_eq!(status(&post(r#"{"command": "pause"}"#)), 409, "a file takes no commands");
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"command": "exec"}"#,
        r#"{"command": "interval"}"#,
        r#"{"command": "pause", "x": 1}"#,
        "\u{0}",
    ] {
        assert_eq!(status(&post(bad)), 400, "{bad}");
    }
    assert_eq!(
        status(&post(r#"{"command": "dump", "path": "a.pstats"}"#)),
        400,
        "whose folder would that be?"
    );
    // It hangs up on who goes on sending.
    assert!([0, 413].contains(&status(&post(&"x".repeat(100_000)))));
    let head = server.ask("HEAD", "/", &json[..1], "");
    assert_eq!((status(&head), body(&head)), (200, ""));

    let read_only = Running::new(true);
    let bearer = read_only.bearer();
    let json = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(status(&read_only.ask("POST", control, &json, r#"{"command": "pause"}"#)), 404);
    assert_eq!(json_of(&read_only, "/api/processes")["read_only"], true);
}

fn json_of(server: &Running, path: &str) -> serde_json::Value {
    json(&server.get(path))
}

#[test]
fn huge_and_broken_requests_are_turned_away() {
    let server = Running::new(false);
    let bearer = server.bearer();
    let many: Vec<(String, String)> = (0..100).map(|n| (format!("X-{n}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(status(&server.ask("GET", "/", &many, "")), 431);
    let long = "x".repeat(100_000);
    let answer = server.ask("GET", "/", &[("Authorization", &bearer), ("X", &long)], "");
    assert!([0, 431].contains(&status(&answer)), "{answer}");
    let answer = server.get(&format!("/{long}"));
    assert!([0, 414, 431].contains(&status(&answer)), "{answer}");
    for bytes in
        [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        assert!(status(&server.raw(bytes)) != 200);
    }
    let smuggled = format!(
        "POST / HTTP/1.1\r\nHost: {0}\r\nAuthorization: {bearer}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /api/processes HTTP/1.1\r\nHost: {0}\r\nAuthorization: {bearer}\r\n\r\n",
        server.address
    );
    assert!(!server.raw(smuggled.as_bytes()).contains("processes\":"));
    assert_eq!(status(&server.get("/api/processes")), 200, "it is still there");
}

#[test]
fn a_request_that_never_ends_is_ended() {
    let server = Running::new(false);
    let start = Instant::now();
    let answer = server.raw(b"GET / HTTP/1.1\r\nHost: loc");
    assert_ne!(status(&answer), 200);
    assert!(start.elapsed() > Duration::from_secs(5), "it had its time");
}

#[test]
fn a_thousand_that_say_nothing_keep_nobody_out() {
    let server = Running::new(false);
    let mut idle = Vec::new();
    for _ in 0..1000 {
        // The system may give us no more.
        idle.extend(TcpStream::connect_timeout(&server.address, Duration::from_secs(5)).ok());
    }
    if idle.len() < 1000 {
        idle.truncate(idle.len() - 20);
    }
    assert!(idle.len() > 300, "{}", idle.len());
    let answer = server.get("/api/processes");
    assert_eq!(status(&answer), 200);
}

#[test]
fn what_a_file_says_is_told() {
    let server = Running::new(false);
    let list = json_of(&server, "/api/processes");
    assert_eq!(
        (&list["version"], &list["processes"][0]["id"], &list["processes"][0]["kind"]),
        (&"test".into(), &"f0".into(), &"file".into())
    );
    for scope in ["all", "files", "f0"] {
        let full = json_of(&server, &format!("/api/picture?scope={scope}&stacks=1"));
        assert_eq!(full["labels"]["place"], serde_json::json!(["/app/a.py:1", "/app/a.py:9"]));
        assert_eq!(full["functions"]["own"], serde_json::json!([1.0, 2.0]));
        assert_eq!(full["stacks"]["parent"], serde_json::json!([-1, 0]));
        assert_eq!((&full["is_live"], &full["edges"]), (&false.into(), &"full".into()));
    }
    let edges = json_of(&server, "/api/edges?scope=f0&function=1");
    assert_eq!(
        edges["callers"],
        serde_json::json!({"id": [0], "calls": [4], "own": [2.0], "cumulative": [2.0]})
    );
    assert_eq!(edges["callees"]["id"], serde_json::json!([]));
    let name = &json_of(&server, "/api/picture?scope=f0")["labels"]["name"][1];
    assert!(!name.as_str().expect("text").contains('\u{202e}'), "{name}");
    let file = server.get("/api/processes/f0/profile?format=collapsed");
    assert_eq!(header(&file, "content-disposition"), Some("attachment; filename=\"pikos-file-0.collapsed\""));
    assert!(body(&file).contains("main"), "{file}");
    let asked = format!("/api/processes/all/pprof?token={}", server.token);
    assert_eq!(status(&server.ask("GET", &asked, &[], "")), 200);
    let asked = format!("/api/processes?token={}", server.token);
    assert_eq!(
        status(&server.ask("GET", &asked, &[], "")),
        401,
        "only who can send no headers may say it there"
    );
}

#[test]
fn events_begin_with_processes_and_a_full() {
    let server = Running::new(false);
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let request = format!(
        "GET /api/events?scope=f0 HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
        server.address,
        server.bearer()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains("event: full") || !text.ends_with("\n\n\r\n") {
        let count = stream.read(&mut bytes).expect("events");
        assert!(count > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert_eq!(header(&text, "content-type"), Some("text/event-stream"));
    let (processes, full) = (text.find("event: processes"), text.find("event: full"));
    assert!(processes < full, "{text}");
}
