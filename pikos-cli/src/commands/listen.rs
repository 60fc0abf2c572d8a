//! Whom `top`, `ps` and `record` listen to.

use pikos_client::{Listener, Target};

use crate::args::FromArgs;
use crate::error::Error;

/// Listens as the command line says.
pub fn to<T: Default>(args: &FromArgs) -> Result<Listener<T>, Error> {
    if let Some(endpoint) = &args.bind {
        return Listener::bind(endpoint).map_err(Error::Listen);
    }
    let targets = args.targets.iter().map(|text| text.parse::<Target>());
    let targets = targets.collect::<Result<Vec<_>, _>>().map_err(Error::BadTarget)?;
    Listener::connect(&targets).map_err(Error::Listen)
}
