//! From a request to its answer.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as HttpBody;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use pikos_client::{ClientError, Command, Reply, WireText};
use pikos_views::FunctionId;
use pstats_compat::formats::Format;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::answer::{self, Body};
use crate::desk::{Ask, Asked, Desk, seconds_since_1970};
use crate::gate::{Gate, Pass, Refusal};
use crate::parse::{EventId, Scoped, query};

const PAGE: &str = include_str!("../page/page.html");
const SCRIPT: &str = include_str!("../page/page.js");
const STYLE: &str = include_str!("../page/page.css");

/// Where the page is told what it begins with: a browser asks for that while the script is still on its way.
const BEGIN: &str = "<!--begin-->";

/// Leads on to the page by itself: a redirect would be part of the other site's navigation, and without the cookie.
const LEAD: &str = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\">\
                    <title>Pikos</title><a href=\"/\">Pikos</a>";

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// The greatest body of a request, in bytes.
const MOST_BODY: usize = 64 << 10;
/// So long it may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// So long a process may take to say how it is: it does so by itself, whatever its program is at.
const STATUS: Duration = Duration::from_secs(5);
/// A file may take as long as it is large.
const DUMP: Duration = Duration::from_secs(60);

/// Answers requests.
pub struct Router {
    gate: Gate,
    asks: SyncSender<Ask>,
    read_only: bool,
    /// Whether others than users of this host may ask.
    is_remote: bool,
}

/// Why a request has no other answer.
struct Failed(StatusCode, String);

type Answer = Result<Response<Body>, Failed>;

impl From<Asked> for Failed {
    fn from(asked: Asked) -> Self {
        let status = match asked {
            Asked::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Asked::AFile | Asked::NoCommands | Asked::Other(_) => StatusCode::CONFLICT,
            _ => StatusCode::NOT_FOUND,
        };
        Failed(status, asked.to_string())
    }
}

fn not_found() -> Failed {
    Failed(StatusCode::NOT_FOUND, "there is no such page: docs/serve.md lists them".to_owned())
}

fn bad(problem: &str) -> Failed {
    Failed(StatusCode::BAD_REQUEST, problem.to_owned())
}

fn no_range() -> Failed {
    bad("`from` and `to` are seconds since 1970")
}

/// What a process is told.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
enum Told {
    // Braces: without them serde lets other fields pass.
    Pause {},
    Resume {},
    Clear {},
    Stop {},
    Interval { seconds: f64 },
    Dump { path: String },
}

#[derive(Serialize)]
struct Done {
    done: bool,
    pending: bool,
    at: f64,
}

impl Router {
    /// Asks the desk at the other end.
    pub fn new(gate: Gate, asks: SyncSender<Ask>, read_only: bool, is_remote: bool) -> Self {
        Self { gate, asks, read_only, is_remote }
    }

    /// Answers a request. `on_known` is told that it has the token.
    pub async fn answer<B>(&self, request: Request<B>, on_known: impl FnOnce()) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let takes_address = path == "/" || path.ends_with("/pprof") || path.ends_with("/profile");
        let offered = parts.uri.query().filter(|_| takes_address).and_then(|text| query(text, "token"));
        let pass = match self.gate.check(&parts.headers, offered.as_deref()) {
            Ok(pass) => pass,
            Err(refusal) => return refused(refusal),
        };
        on_known();
        // The token must not stay in the bar, nor in the history.
        if path == "/" && offered.is_some() && parts.method == Method::GET {
            return self.lead(pass == Pass::Address { is_led: true });
        }
        let answer = match &parts.method {
            &Method::GET | &Method::HEAD => self.get(&parts).await,
            &Method::POST => self.post(&parts, body).await,
            _ => Err(Failed(StatusCode::METHOD_NOT_ALLOWED, "only GET, and POST for control".to_owned())),
        };
        answer.unwrap_or_else(|Failed(status, problem)| {
            let mut response = answer::error(status, &problem);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            }
            response
        })
    }

    /// Sets the cookie, and leads to the page.
    fn lead(&self, is_led: bool) -> Response<Body> {
        let mut response = answer::bytes("text/html; charset=utf-8", LEAD);
        if !is_led {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
        }
        if let Ok(cookie) = HeaderValue::try_from(self.gate.set_cookie()) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    }

    async fn get(&self, parts: &Parts) -> Answer {
        let text = parts.uri.query().unwrap_or_default();
        let field = |name: &str| query(text, name);
        match parts.uri.path() {
            "/" => {
                let page = page(&self.ask(|desk| desk.first()).await?);
                return Ok(answer::bytes("text/html; charset=utf-8", page));
            }
            "/assets/page.js" => return Ok(answer::bytes("text/javascript; charset=utf-8", SCRIPT)),
            "/assets/page.css" => return Ok(answer::bytes("text/css; charset=utf-8", STYLE)),
            "/api/processes" => return self.ask(Desk::processes).await.map(answer::json),
            _ => {}
        }
        if let Some((scoped, action)) = of_process(parts.uri.path()) {
            return match action {
                "profile" => self.file(thread_of(scoped, field("thread"))?, field("format")).await,
                "pprof" => self.file(thread_of(scoped, field("thread"))?, Some("pprof".to_owned())).await,
                _ => Err(not_found()),
            };
        }
        let Some(route) = parts.uri.path().strip_prefix("/api/") else { return Err(not_found()) };
        let scoped = field("scope").unwrap_or_else(|| "all".to_owned());
        let scoped = Scoped::parse(&scoped).ok_or_else(|| {
            bad("this is no scope: `all`, `files`, or an `id` of `/api/processes`, with `:THREAD` if you like")
        })?;
        let is_wanted = |name: &str| field(name).is_some_and(|value| value == "1");
        let with_stacks = is_wanted("stacks");
        let function = || field("function").and_then(|text| text.parse().ok()).map(FunctionId);
        let function = || function().ok_or_else(|| bad("`function` is one of the numbers in `labels`"));
        let time = |name: &str| {
            let value = field(name).map(|text| text.parse::<f64>());
            value.transpose().ok().flatten().filter(|time| time.is_finite())
        };
        // None where none is asked for.
        let range = || match (field("from"), field("to")) {
            (None, None) => Ok(None),
            _ => {
                let ends = time("from").zip(time("to")).filter(|(from, to)| from <= to);
                ends.map(Some).ok_or_else(no_range)
            }
        };
        let answered = match route {
            "events" => {
                if parts.method != Method::GET {
                    return Err(Failed(StatusCode::METHOD_NOT_ALLOWED, "events are for GET".to_owned()));
                }
                // A browser that connects again says what it has heard since.
                let last = last_event(&parts.headers).or_else(|| EventId::parse(&field("since")?));
                let events = self.ask(move |desk| desk.view(scoped, with_stacks, last)).await??;
                return Ok(answer::events(events));
            }
            "begin" => self.ask(move |desk| desk.begin(scoped, with_stacks)).await?,
            "picture" => self.ask(move |desk| desk.once(scoped, with_stacks)).await?,
            "edges" => {
                let function = function()?;
                match range()? {
                    None => self.ask(move |desk| desk.edges(scoped, function)).await?,
                    Some(ends) => self.ask(move |desk| desk.edges_within(scoped, function, ends)).await?,
                }
            }
            "source" => {
                let function = function()?;
                let question = self.ask(move |desk| desk.source(scoped, function)).await??;
                let source = elsewhere(move || question.answer()).await?;
                return source.map(answer::json).map_err(|problem| Failed(StatusCode::NOT_FOUND, problem));
            }
            "now" => self.ask(move |desk| desk.now(scoped)).await?,
            "tasks" => self.ask(move |desk| desk.tasks(scoped)).await?,
            "history" => {
                let (from, most) = (time("from"), field("buckets").and_then(|text| text.parse().ok()));
                self.ask(move |desk| desk.history(scoped, from, most)).await?
            }
            "range" => {
                let ends = range()?.ok_or_else(no_range)?;
                let with_labels = field("labels").is_none_or(|value| value != "0");
                self.ask(move |desk| desk.range(scoped, ends, with_stacks, with_labels)).await?
            }
            "recording" => self.ask(move |desk| desk.recording(scoped)).await?,
            _ => return Err(not_found()),
        };
        Ok(answer::json(answered?))
    }

    /// A profile, written somewhere else than at the desk.
    async fn file(&self, scoped: Scoped, format: Option<String>) -> Answer {
        let format =
            format.ok_or_else(|| bad("`format` is missing: `pikos formats` lists what is written"))?;
        let format: Format = format.parse().map_err(|error| bad(&format!("{error}")))?;
        if !format.is_written() {
            return Err(bad(&format!("{} files are only read", format.name())));
        }
        let (profile, stem) = self.ask(move |desk| desk.file(scoped)).await??;
        let written = elsewhere(move || {
            let mut content = Vec::new();
            format.write(&profile, &mut content).map(|()| content).map_err(|error| error.to_string())
        });
        let content = written.await?.map_err(|problem| Failed(StatusCode::CONFLICT, problem))?;
        let ending = format.endings().first().copied().unwrap_or_default();
        Ok(answer::file(&format!("{stem}{ending}"), content))
    }

    async fn post<B>(&self, parts: &Parts, body: B) -> Answer
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let scoped = match of_process(parts.uri.path()) {
            Some((scoped, "control")) if !self.read_only => scoped,
            _ => return Err(not_found()),
        };
        // No form of another site's can say that.
        let is_json =
            parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
                kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
            });
        if !is_json {
            let problem = "say `Content-Type: application/json`".to_owned();
            return Err(Failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
        }
        let whole = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, MOST_BODY).collect()).await;
        let whole =
            whole.map_err(|_| Failed(StatusCode::REQUEST_TIMEOUT, "the body did not arrive".to_owned()))?;
        let whole = whole.map_err(|_| {
            Failed(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broken".to_owned())
        })?;
        let told: Told = serde_json::from_slice(&whole.to_bytes())
            .map_err(|error| bad(&format!("this is no command ({error}): docs/serve.md lists them")))?;
        let command = self.command(told)?;
        let endpoint = self.ask(move |desk| desk.control(scoped)).await??;
        let reply = elsewhere(move || ask_process(&endpoint, &command)).await?;
        match reply {
            Ok(Reply { error: Some(problem), .. }) => Err(Failed(StatusCode::CONFLICT, problem)),
            Ok(reply) => {
                let done = Done { done: true, pending: reply.pending, at: seconds_since_1970() };
                Ok(answer::json(serde_json::to_string(&done).unwrap_or_default()))
            }
            Err(problem) => Err(Failed(StatusCode::GATEWAY_TIMEOUT, problem.to_string())),
        }
    }

    fn command(&self, told: Told) -> Result<Command, Failed> {
        Ok(match told {
            Told::Pause {} => Command::Pause,
            Told::Resume {} => Command::Resume,
            Told::Clear {} => Command::Clear,
            Told::Stop {} => Command::Stop,
            Told::Interval { seconds } => Command::Interval { seconds },
            Told::Dump { .. } if self.is_remote => {
                let problem = "a server that others can reach has no files written: save the profile instead";
                return Err(Failed(StatusCode::FORBIDDEN, problem.to_owned()));
            }
            Told::Dump { path } if !std::path::Path::new(&path).is_absolute() => {
                return Err(bad("`path` must be absolute: the process has a working folder of its own"));
            }
            Told::Dump { path } => Command::Dump { path: WireText(path.as_str().into()) },
        })
    }

    /// Asks the desk.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let (answer, answered) = oneshot::channel();
        let busy = || Failed(StatusCode::SERVICE_UNAVAILABLE, "too many ask at once: try again".to_owned());
        self.asks.try_send(Box::new(move |desk| drop(answer.send(question(desk))))).map_err(|problem| {
            match problem {
                TrySendError::Full(_) => busy(),
                TrySendError::Disconnected(_) => ended(),
            }
        })?;
        answered.await.map_err(|_| ended())
    }
}

/// The page, which begins with this scope.
fn page(scope: &str) -> String {
    let link = format!(
        "<link id=\"begin\" rel=\"preload\" as=\"fetch\" crossorigin href=\"/api/begin?scope={scope}\" data-scope=\"{scope}\">"
    );
    PAGE.replacen(BEGIN, &link, 1)
}

fn ended() -> Failed {
    Failed(StatusCode::SERVICE_UNAVAILABLE, "the server is ending".to_owned())
}

/// Does what takes long on a thread that nobody waits for.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Failed(StatusCode::INTERNAL_SERVER_ERROR, "this failed in Pikos itself: please report it".to_owned())
    })
}

/// Asks how a process is before it is told anything: one that is stopped would do it later, when nobody expects it.
fn ask_process(endpoint: &str, command: &Command) -> Result<Reply, ClientError> {
    let known = pikos_client::request(endpoint, Command::Status, STATUS)?;
    let patience = match (command, &known.status) {
        (_, None) => return Ok(known),
        (Command::Dump { .. }, _) => DUMP,
        // The main thread has an interval's time, which may be a minute.
        (_, Some(status)) => STATUS + Duration::from_secs_f64(status.interval.clamp(0.0, 60.0)),
    };
    pikos_client::request(endpoint, command.clone(), patience)
}

/// `/api/processes/ID/ACTION`.
fn of_process(path: &str) -> Option<(Scoped, &str)> {
    let (id, action) = path.strip_prefix("/api/processes/")?.split_once('/')?;
    let scoped = Scoped::parse(id).filter(|scoped| !matches!(scoped, Scoped::Thread(..)))?;
    Some((scoped, action))
}

fn thread_of(scoped: Scoped, thread: Option<String>) -> Result<Scoped, Failed> {
    match (scoped, thread) {
        (scoped, None) => Ok(scoped),
        (Scoped::Process(process), Some(thread)) => {
            let thread =
                thread.parse().map_err(|_| bad("`thread` is the `id` of one of the process's threads"))?;
            Ok(Scoped::Thread(process, thread))
        }
        _ => Err(bad("only live processes have threads to choose from")),
    }
}

fn last_event(headers: &HeaderMap) -> Option<EventId> {
    EventId::parse(headers.get(LAST_EVENT)?.to_str().ok()?)
}

fn refused(refusal: Refusal) -> Response<Body> {
    let (status, problem) = match refusal {
        Refusal::NoHost => (StatusCode::BAD_REQUEST, "the request names no host, or several"),
        Refusal::OtherHost => {
            (StatusCode::FORBIDDEN, "this server goes by its address in figures, or `localhost`, alone")
        }
        Refusal::OtherSite => (StatusCode::FORBIDDEN, "another site's page has no business here"),
        Refusal::NoToken => (
            StatusCode::UNAUTHORIZED,
            "open the address that `pikos serve` printed: the token in it is missing here",
        ),
    };
    answer::error(status, problem)
}
