//! A socket that profiles of others are passed on through: in this user's folder, beside those of live processes, and
//! where the user says.

use pikos_endpoint::{Bound, Endpoint};
use pikos_wire::Message;
use pikos_wire::discovery::{self, Place};
use zmq::{Context, Socket};

use super::error::SocketError;
use super::sockets::{arrivals, bind, open, outgoing};

/// Messages that wait for a slow subscriber: there may be one for each of many streams.
const QUEUE: i32 = 1024;

/// An open relay. It is closed when dropped; what is queued then has a moment to leave.
pub struct Relay {
    process: u32,
    place: Option<Place>,
    extra: Option<Endpoint>,
    subscribers: i64,
    open: Option<Opened>,
}

struct Opened {
    messages: Socket,
    _bound: Vec<Bound>,
    // Last: dropped when its sockets are closed.
    _context: Context,
}

impl Relay {
    /// Opens it, in this user's folder and where else was asked for.
    pub fn open(extra: Option<Endpoint>) -> Result<Self, SocketError> {
        let context = Context::new();
        let mut messages = outgoing(&context, QUEUE)?;
        let mut bound = Vec::new();
        if let Some(extra) = &extra {
            bound.push(open(&mut messages, extra)?);
        }
        let place = match place() {
            Ok(place) => {
                bound.push(bind(&mut messages, &place.messages())?);
                Some(place)
            }
            // Somebody else's folder in our way: what the user named may do without.
            Err(_) if extra.is_some() => None,
            Err(problem) => return Err(problem),
        };
        let open = Some(Opened { messages, _bound: bound, _context: context });
        Ok(Self { process: std::process::id(), place, extra, subscribers: 0, open })
    }

    /// Where its messages are to be had.
    pub fn endpoints(&self) -> Vec<String> {
        let place = self.place.as_ref().map(|place| discovery::endpoint(&place.messages()));
        let own = place.map(|endpoint| String::from_utf8_lossy(&endpoint).into_owned());
        own.into_iter().chain(self.extra.as_ref().map(ToString::to_string)).collect()
    }

    /// Whether anybody listens, and whether somebody has come since this was asked last.
    pub fn listeners(&mut self) -> (bool, bool) {
        let Some(open) = self.own() else { return (false, false) };
        let (change, came) = arrivals(&open.messages);
        self.subscribers = (self.subscribers + change).max(0);
        (self.subscribers > 0, came)
    }

    /// Sends to all; whoever is too slow misses it.
    pub fn send(&self, message: &Message) -> bool {
        self.own().is_some_and(|open| open.messages.send(message.encode(), zmq::DONTWAIT).is_ok())
    }

    /// What is open, of this process: a child that was forked has no right to touch its parent's.
    fn own(&self) -> Option<&Opened> {
        self.open.as_ref().filter(|_| self.process == std::process::id())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.own().is_none() {
            std::mem::forget(self.open.take());
        }
    }
}

fn place() -> Result<Place, SocketError> {
    let folder = discovery::make_folder()?;
    // Sweeps what earlier processes left.
    discovery::list(&folder)?;
    Ok(Place::free(&folder)?)
}
