//! A server: sockets and a token first, so that its address can be printed; then the desk on this thread, and HTTP on another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::address::{self, Address};
use crate::connections;
use crate::desk::{Ask, Desk, Sources, Watched};
use crate::error::ServeError;
use crate::gate::Gate;
use crate::router::Router;

/// So many questions wait for the desk.
const QUEUE: usize = 256;
/// So many files are written at once.
const WRITERS: usize = 4;
/// Who is being answered when the server ends has so long.
const FAREWELL: Duration = Duration::from_millis(200);

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where it listens.
    pub address: Address,
    /// Whether nobody can control a process.
    pub read_only: bool,
    /// Pikos's version.
    pub version: &'static str,
}

/// A server that listens.
pub struct Server {
    listeners: Vec<std::net::TcpListener>,
    address: SocketAddr,
    gate: Gate,
    options: Options,
}

impl Server {
    /// Listens.
    pub fn bind(options: Options) -> Result<Self, ServeError> {
        let (listeners, address) = options.address.bind()?;
        let gate = Gate::new(address.port(), options.address.listen)?;
        Ok(Self { listeners, address, gate, options })
    }

    /// What to open: with the token.
    pub fn url(&self) -> String {
        format!("{}/?token={}", address::shown(self.address), self.gate.token())
    }

    /// The same to start a browser with: it opens once.
    pub fn url_once(&self) -> String {
        format!("{}/?token={}", address::shown(self.address), self.gate.once())
    }

    /// Serves until `is_over` says so, which is asked some times a second.
    pub fn run(self, sources: Sources, is_over: &mut dyn FnMut(Watched) -> bool) -> Result<(), ServeError> {
        let Self { listeners, gate, options, .. } = self;
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(WRITERS)
            .build()?;
        let (asks, asked) = mpsc::sync_channel::<Ask>(QUEUE);
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(ServeError::Random)?;
        let router = Router::new(gate, asks, options.read_only, options.address.is_remote);
        let (end, ended) = oneshot::channel::<()>();
        let http = thread::Builder::new().name("pikos-http".to_owned()).spawn(move || {
            runtime.block_on(async {
                let listeners =
                    listeners.into_iter().filter_map(|listener| TcpListener::from_std(listener).ok());
                tokio::spawn(connections::accept(listeners.collect(), Arc::new(router)));
                let _ = ended.await;
            });
            runtime.shutdown_timeout(FAREWELL);
        })?;
        let mut desk = Desk::new(sources, options.read_only, options.version, u64::from_le_bytes(number));
        desk.run(&asked, is_over);
        // Who waits for an answer hears that there is none.
        drop(asked);
        drop(desk);
        let _ = end.send(());
        let _ = http.join();
        Ok(())
    }
}
