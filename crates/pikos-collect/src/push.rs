//! What was added, sent as pprof to a server that takes what Pyroscope takes: `POST /ingest`, a form with the profile and the meaning of
//! its values. HTTP alone: for TLS there is a proxy on the way.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use pstats_compat::Profile;
use pstats_compat::formats::{Format, Output};

use crate::collection::Sums;
use crate::key::Key;

/// A server may take so long to take a profile.
const PATIENCE: Duration = Duration::from_secs(10);
/// More is not read of an answer.
const MOST_ANSWER: u64 = 64 << 10;
/// So much of it is quoted.
const MOST_QUOTED: usize = 200;

/// Between the parts of a form; no gzipped profile holds it but by chance of 1 to 2²⁰⁰.
const BOUNDARY: &str = "pikos-7d1f0a5b6c3e4f2889a1c0d2e3b4f596";

/// What pprof's values are, as that server asks it: both are what was added in this time.
const TYPES: &str = concat!(
    r#"{"time": {"units": "nanoseconds", "aggregation": "sum", "display-name": "time", "sampled": false}, "#,
    r#""calls": {"units": "count", "aggregation": "sum", "display-name": "calls", "sampled": false}}"#
);

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    host: String,
    port: u16,
    path: String,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No address of a server.
    #[error("`{0}` is no address to push to: write http://HOST:PORT (for https, put a proxy in between)")]
    Address(String),
    /// The system's word.
    #[error("{address}: {source}")]
    Io {
        /// Of whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The server's.
    #[error("{address} answers {answer}")]
    Refused {
        /// Who.
        address: String,
        /// What.
        answer: String,
    },
    /// Not even bytes.
    #[error("{0}")]
    Profile(pstats_compat::Error),
}

impl FromStr for Push {
    type Err = PushError;

    fn from_str(text: &str) -> Result<Self, PushError> {
        let parsed = || {
            let rest = text.strip_prefix("http://")?;
            let (place, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            let is_plain = |text: &str| {
                text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['@', '?', '#'])
            };
            let colon = place.rfind(':').filter(|colon| !place[*colon..].contains(']'));
            let (host, port) = match colon {
                Some(colon) => (&place[..colon], place[colon + 1..].parse().ok().filter(|port| *port > 0)?),
                None => (place, 80),
            };
            (!host.is_empty() && is_plain(host) && is_plain(path)).then(|| Self {
                host: host.to_owned(),
                port,
                path: path.trim_end_matches('/').to_owned(),
            })
        };
        parsed().ok_or_else(|| PushError::Address(text.to_owned()))
    }
}

impl Push {
    /// Sends what was added between two moments, in seconds since 1970: a profile for each key.
    pub fn send(&self, from: f64, until: f64, grown: &Sums) -> Result<(), PushError> {
        grown.iter().try_for_each(|(key, profile)| self.send_one(from, until, key, profile))
    }

    fn send_one(&self, from: f64, until: f64, key: &Key, profile: &Profile) -> Result<(), PushError> {
        let mut pprof = Vec::new();
        Output::new(profile, Format::Pprof).write(&mut pprof).map_err(PushError::Profile)?;
        let body = form(&pprof);
        let Self { host, path, .. } = self;
        let name = name(key);
        let (from, until) = (from.floor(), until.ceil());
        let head = format!(
            "POST {path}/ingest?name={name}&from={from}&until={until}&format=pprof&spyName=pikos HTTP/1.1\r\n\
             Host: {host}:{}\r\nUser-Agent: pikos/{}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        let address = self.address();
        let failed = |source| PushError::Io { address: address.clone(), source };
        let answer = self.ask(head.as_bytes(), &body).map_err(failed)?;
        let is_taken = answer.split(' ').nth(1).is_some_and(|code| code.len() == 3 && code.starts_with('2'));
        if is_taken {
            return Ok(());
        }
        let line = answer.lines().next().unwrap_or_default();
        let text = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
        let status = line.split_once(' ').map_or(line, |(_, status)| status);
        let mut told = format!("{status} {text}");
        if let Some((end, _)) = told.char_indices().nth(MOST_QUOTED) {
            told.truncate(end);
        }
        Err(PushError::Refused { address, answer: told.trim().to_owned() })
    }

    fn ask(&self, head: &[u8], body: &[u8]) -> io::Result<String> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut problem = io::Error::new(io::ErrorKind::NotFound, "no such host");
        for place in (host, self.port).to_socket_addrs()? {
            let mut stream = match TcpStream::connect_timeout(&place, PATIENCE) {
                Ok(stream) => stream,
                Err(error) => {
                    problem = error;
                    continue;
                }
            };
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.write_all(head)?;
            stream.write_all(body)?;
            let mut answer = Vec::new();
            stream.take(MOST_ANSWER).read_to_end(&mut answer)?;
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
        Err(problem)
    }

    fn address(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// The form that is sent.
fn form(pprof: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(pprof.len() + 1024);
    for (name, file, content) in [
        ("profile", "profile.pprof", pprof),
        ("sample_type_config", "sample_type_config.json", TYPES.as_bytes()),
    ] {
        body.extend(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .bytes(),
        );
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

/// The name of an application with its labels: `web.py{host=node7,thread=MainThread}`, as part of a query.
fn name(key: &Key) -> String {
    let Key { host, program, thread } = key;
    // What would end a value there has a stand-in.
    let value = |text: &str| text.replace(['{', '}', ',', '=', '"'], "_");
    let plain = format!("{}{{host={},thread={}}}", value(program), value(host), value(thread));
    let mut name = String::new();
    for byte in plain.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => name.push(byte.into()),
            // Into a String, which takes all.
            _ => drop(write!(name, "%{byte:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::net::TcpListener;
    use std::thread;

    use pstats_compat::formats::{ReadOptions, read_from};
    use pstats_compat::{Calls, Function};

    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text: &str| text.parse::<Push>().ok().map(|push| push.address());
        assert_eq!(parsed("http://localhost:4040").as_deref(), Some("http://localhost:4040"));
        assert_eq!(parsed("http://h/pyro/").as_deref(), Some("http://h:80/pyro"));
        assert_eq!(parsed("http://[::1]:1").as_deref(), Some("http://[::1]:1"));
        for bad in [
            "",
            "localhost:4040",
            "https://h",
            "http://",
            "http://:1",
            "http://h:0",
            "http://h:x",
            "http://u@h",
            "http://h/a b",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_server_gets_the_profile_and_its_refusal_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let server = thread::spawn(move || {
            let answers = ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 422 No\r\nX: y\r\n\r\nbad name\n"];
            answers.map(|answer| {
                let (stream, _) = listener.accept().expect("somebody comes");
                let mut reader = io::BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    reader.read_line(&mut head).expect("a head");
                }
                let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.lines().next());
                let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
                reader.read_exact(&mut body).expect("a body");
                reader.into_inner().write_all(answer.as_bytes()).expect("an answer");
                (head, body)
            })
        });
        let calls = Calls { ncalls: 3, primitive_calls: 3, tottime: 0.5, cumtime: 0.5, ..Calls::default() };
        let profile = Profile::new(vec![Function::new("a.py".into(), 1, "f".into(), calls)], Vec::new());
        let key = Key { host: "node,7".into(), program: "web.py".into(), thread: "Main Thread".into() };
        let push: Push = address.parse().expect("an address");
        let grown = Sums::from([(key, profile)]);
        push.send(10.2, 20.0, &grown).expect("taken");
        let refused = push.send(10.2, 20.0, &grown).expect_err("refused").to_string();
        assert!(refused.ends_with("answers 422 No bad name"), "{refused}");
        let [(head, body), _] = server.join().expect("served");
        assert!(head.starts_with(
            "POST /ingest?name=web.py%7Bhost%3Dnode_7%2Cthread%3DMain%20Thread%7D&from=10&until=20&format=pprof&"
        ));
        let first = body.windows(4).position(|four| four == b"\r\n\r\n").expect("a part") + 4;
        let end = format!("\r\n--{BOUNDARY}");
        let length =
            body[first..].windows(end.len()).position(|part| part == end.as_bytes()).expect("an end");
        let options = ReadOptions::default();
        let read =
            read_from(&body[first..first + length], Some("x.pb.gz".as_ref()), &options).expect("a profile");
        let rows: Vec<_> =
            read.functions.iter().map(|function| (function.name.clone(), function.calls.tottime)).collect();
        assert_eq!(rows, [("f".into(), 0.5)]);
    }
}
