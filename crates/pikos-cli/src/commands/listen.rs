//! Whom `top`, `ps` and `record` listen to.

use pikos_client::{Listener, RecordBatches, Target};

use crate::args::FromArgs;
use crate::error::Error;

/// What to do where nobody is there to be listened to.
pub const NOBODY: &str = "no process is profiled live; start one with `pikos run --live app.py`";

/// Listens to profiles, and to what recorders tell of objects, as the command line says.
pub fn to_profiles_and_objects<T: Default>(args: &FromArgs) -> Result<Listener<T>, Error> {
    match &args.bind {
        Some(endpoint) => Listener::bind_with_objects(endpoint),
        None => Listener::connect_with_objects(&targets(args)?),
    }
    .map_err(Error::Listen)
}

/// The same, and to all recorders.
pub fn to_all<T: Default>(args: &FromArgs) -> Result<Listener<T>, Error> {
    match &args.bind {
        Some(endpoint) => Listener::bind_with_records(endpoint),
        None => Listener::connect_with_records(&targets(args)?),
    }
    .map_err(Error::Listen)
}

/// To what recorders send, each record of it.
pub fn to_recorders(args: &FromArgs) -> Result<RecordBatches, Error> {
    match (&args.bind, args.targets.is_empty()) {
        (Some(endpoint), _) => RecordBatches::bind(endpoint),
        (None, true) => RecordBatches::find(),
        (None, false) => RecordBatches::connect(&targets(args)?),
    }
    .map_err(Error::Listen)
}

fn targets(args: &FromArgs) -> Result<Vec<Target>, Error> {
    let targets = args.targets.iter().map(|text| text.parse::<Target>());
    targets.collect::<Result<Vec<_>, _>>().map_err(Error::BadTarget)
}
