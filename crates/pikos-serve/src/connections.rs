//! Connections: as many as there is room for, none that only takes up room.
//!
//! Where there is no more room, the oldest one that has not shown the token goes. So a thousand that say nothing keep nobody out, and
//! who has the token is never sent away by who hasn't.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::router::Router;

/// So many connections are kept.
const MOST: usize = 512;
/// So long a request may take to be there, the first and any other.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many headers,
const MOST_HEADERS: usize = 64;
/// of so many bytes.
const MOST_BYTES: usize = 16 << 10;
/// Where the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Those that are open, the oldest first.
#[derive(Default)]
struct Open {
    connections: Mutex<Vec<Connection>>,
    next: AtomicU64,
}

struct Connection {
    number: u64,
    /// Whether it has shown the token.
    is_known: Arc<AtomicBool>,
    task: AbortHandle,
}

/// Takes connections, for ever.
pub async fn accept(listeners: Vec<TcpListener>, router: Arc<Router>) {
    let open = Arc::new(Open::default());
    let mut tasks = tokio::task::JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept_on(listener, Arc::clone(&router), Arc::clone(&open)));
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept_on(listener: TcpListener, router: Arc<Router>, open: Arc<Open>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => open.begin(stream, &router),
            Err(_) => {
                open.make_room(0);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Open {
    fn begin(self: &Arc<Self>, stream: TcpStream, router: &Arc<Router>) {
        if !self.make_room(MOST) {
            return;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let is_known = Arc::new(AtomicBool::new(false));
        let (router, known, open) = (Arc::clone(router), Arc::clone(&is_known), Arc::clone(self));
        let mut connections = self.lock();
        let task = tokio::spawn(async move {
            let _gone = Gone { open, number };
            serve(stream, router, known).await;
        });
        connections.push(Connection { number, is_known, task: task.abort_handle() });
    }

    /// Ends the oldest unknown connection if there are so many. False if all are known.
    fn make_room(&self, most: usize) -> bool {
        let mut connections = self.lock();
        if connections.len() < most {
            return true;
        }
        let oldest = connections.iter().position(|connection| !connection.is_known.load(Ordering::Relaxed));
        if let Some(place) = oldest {
            connections.remove(place).task.abort();
        }
        oldest.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a connection off the list, however it ends.
struct Gone {
    open: Arc<Open>,
    number: u64,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.open.lock().retain(|connection| connection.number != self.number);
    }
}

async fn serve(stream: TcpStream, router: Arc<Router>, is_known: Arc<AtomicBool>) {
    // A figure is worth nothing later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let (router, is_known) = (Arc::clone(&router), Arc::clone(&is_known));
        async move {
            let on_known = || is_known.store(true, Ordering::Relaxed);
            Ok::<_, Infallible>(router.answer(request, on_known).await)
        }
    });
    // Who ends a connection in the middle of anything had a reason.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
