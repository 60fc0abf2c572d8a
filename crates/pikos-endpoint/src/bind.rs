//! Binding: of ipc endpoints with a socket of our own, of all others as ZeroMQ does it.

use std::path::{Path, PathBuf};

use pikos_os::local_socket::{self, Listening, Mark};
use zmq::Socket;

use super::own;

/// Why nothing can be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something stands at the path.
    #[error(transparent)]
    Path(#[from] local_socket::ListenError),
    /// ZeroMQ refuses.
    #[error("{problem}{}", hint(*problem))]
    Refused {
        /// Why.
        #[from]
        problem: zmq::Error,
    },
}

fn hint(error: zmq::Error) -> &'static str {
    match error {
        zmq::Error::EADDRINUSE => ": another process has it; take another port",
        zmq::Error::EADDRNOTAVAIL | zmq::Error::ENODEV => {
            ": no address of this host; to reach a subscriber, --connect"
        }
        _ => "",
    }
}

/// What was bound. Its file, if it has one, goes with it, unless another one stands there by then.
#[derive(Debug, Default)]
pub struct Bound(Option<(PathBuf, Mark)>);

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some((path, mark)) = &self.0 {
            local_socket::remove(path, *mark);
        }
    }
}

/// Binds a socket.
pub fn bind(socket: &mut Socket, address: &str) -> Result<Bound, BindError> {
    let Some(name) = address.strip_prefix("ipc://") else {
        socket.bind(address)?;
        return Ok(Bound::default());
    };
    let Listening { descriptor, mark } = match name.strip_prefix('@') {
        Some(name) => local_socket::listen_by_name(name.as_bytes())?,
        None => local_socket::listen_at(Path::new(name))?,
    };
    let bound = Bound(mark.map(|mark| (PathBuf::from(name), mark)));
    if !own::set_descriptor(socket, Some(local_socket::number(&descriptor))) {
        return Err(zmq::Error::EINVAL.into());
    }
    let done = socket.bind(address);
    own::set_descriptor(socket, None);
    done?;
    local_socket::give_away(descriptor);
    Ok(bound)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pikos-bind-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn bound(path: &Path) -> Result<(Socket, Bound), BindError> {
        let mut socket = zmq::Context::new().socket(zmq::PUB).unwrap();
        let bound = bind(&mut socket, &format!("ipc://{}", path.display()))?;
        Ok((socket, bound))
    }

    #[test]
    fn what_stands_there_stays() {
        let folder = Folder::new("stays");
        let at = |name| folder.at(name);
        fs::write(at("file"), "kept").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        let listening = UnixListener::bind(at("socket")).unwrap();
        symlink("socket", at("link to a socket")).unwrap();
        let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
        for (name, what) in [
            ("file", "a file is in the way"),
            ("folder", "a folder is in the way"),
            ("link", "a link is in the way"),
            ("dangling", "a link is in the way"),
            ("link to a socket", "a link is in the way"),
            ("socket", "another process is listening there"),
            ("datagrams", "another process is listening there"),
            ("missing/socket", "No such file"),
            ("file/socket", "Not a directory"),
        ] {
            let told = bound(&at(name)).err().expect("refused").to_string();
            assert!(told.contains(what), "{name}: {told}");
        }
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "kept");
        assert_eq!(fs::read_link(at("dangling")).unwrap(), Path::new("nowhere"));
        std::os::unix::net::UnixStream::connect(at("socket")).unwrap();
        listening.accept().unwrap();
        // Also a socket of ours.
        let first = bound(&at("ours")).unwrap();
        assert!(bound(&at("ours")).is_err());
        drop(first);
        assert!(fs::symlink_metadata(at("ours")).is_err());
    }

    #[test]
    fn a_dead_socket_is_replaced_and_only_its_user_may_connect() {
        let folder = Folder::new("dead");
        let path = folder.at("socket");
        drop(UnixListener::bind(&path).unwrap());
        let ours = bound(&path).unwrap();
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        // What somebody has put there meanwhile isn't ours to remove.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        drop(ours);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn messages_go_through() {
        let folder = Folder::new("through");
        let path = folder.at("socket");
        let name = format!("ipc://@pikos-bind-{}", std::process::id());
        for address in [format!("ipc://{}", path.display()), name] {
            let context = zmq::Context::new();
            let mut pull = context.socket(zmq::PULL).unwrap();
            let _bound = bind(&mut pull, &address).unwrap();
            assert!(bind(&mut context.socket(zmq::PULL).unwrap(), &address).is_err());
            let push = context.socket(zmq::PUSH).unwrap();
            push.set_linger(0).unwrap();
            push.connect(&address).unwrap();
            push.send("a word", 0).unwrap();
            pull.set_rcvtimeo(10_000).unwrap();
            assert_eq!(pull.recv_bytes(0).unwrap(), b"a word");
        }
    }
}
