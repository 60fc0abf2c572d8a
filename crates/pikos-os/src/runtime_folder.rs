//! A folder that only the running user may enter, for what lasts no longer than their processes do.
//!
//! `$XDG_RUNTIME_DIR/NAME` if `XDG_RUNTIME_DIR` is a folder of this user; else `NAME-UID` in `$TMPDIR` or `/tmp`.

use std::io;
use std::path::PathBuf;

use crate::Unsupported;

#[cfg(not(unix))]
pub use crate::elsewhere::is_socket;
#[cfg(unix)]
pub use unix::{find, is_socket, make};

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// What could not be read or made.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something else stands in its place.
    #[error("{} is not a folder: remove it, or set XDG_RUNTIME_DIR or TMPDIR to another place", .0.display())]
    NotAFolder(PathBuf),
    /// Others may enter it, or it is theirs.
    #[error(
        "{} must belong to user {expected} and be closed to all others (mode 0700); it belongs to user {owner}, mode \
         {mode:04o}: remove it, or set XDG_RUNTIME_DIR or TMPDIR to another place",
        path.display()
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Our user.
        expected: u32,
        /// Whose it is.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// Not on this system.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// The folder, if it is there and fit to be used.
#[cfg(not(unix))]
pub fn find(name: &str) -> Result<Option<PathBuf>, FolderError> {
    Ok(crate::elsewhere::find(name)?)
}

/// The folder, made if it is not there yet.
#[cfg(not(unix))]
pub fn make(name: &str) -> Result<PathBuf, FolderError> {
    Ok(crate::elsewhere::make(name)?)
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsString;
    use std::fs::{self, DirBuilder, FileType, Metadata};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
    use std::path::{Path, PathBuf};

    use super::FolderError;

    /// The folder, if it is there and fit to be used.
    pub fn find(name: &str) -> Result<Option<PathBuf>, FolderError> {
        let path = path_of(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => check(&path, &metadata, user()).map(|()| Some(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    /// The folder, made if it is not there yet.
    pub fn make(name: &str) -> Result<PathBuf, FolderError> {
        let path = path_of(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FolderError::Io { path, error });
            }
            _ => {}
        }
        // Of what is there, whoever made it: somebody may have been quicker.
        match fs::symlink_metadata(&path) {
            Ok(metadata) => check(&path, &metadata, user()).map(|()| path),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    /// Whether a file is a socket.
    pub fn is_socket(kind: FileType) -> bool {
        kind.is_socket()
    }

    fn path_of(name: &str) -> PathBuf {
        path_in(std::env::var_os("XDG_RUNTIME_DIR"), std::env::var_os("TMPDIR"), name, user())
    }

    pub(super) fn path_in(
        runtime: Option<OsString>,
        temporary: Option<OsString>,
        name: &str,
        user: u32,
    ) -> PathBuf {
        let runtime = runtime.map(PathBuf::from).filter(|path| {
            path.is_absolute()
                && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
        });
        match runtime {
            Some(runtime) => runtime.join(name),
            None => {
                let temporary = temporary.map(PathBuf::from).filter(|path| path.is_absolute());
                temporary.unwrap_or_else(|| "/tmp".into()).join(format!("{name}-{user}"))
            }
        }
    }

    /// A folder of this user's own, no link, and closed to all others.
    pub(super) fn check(path: &Path, metadata: &Metadata, user: u32) -> Result<(), FolderError> {
        if !metadata.is_dir() {
            return Err(FolderError::NotAFolder(path.to_owned()));
        }
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        if owner != user || mode & 0o077 != 0 {
            return Err(FolderError::NotOurs { path: path.to_owned(), expected: user, owner, mode });
        }
        Ok(())
    }

    pub(super) fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, DirBuilder};
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::unix::{check, path_in, user};
    use super::*;

    /// A new folder for one test, removed after it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pikos-test-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            DirBuilder::new().mode(0o700).create(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_runtime_folder_is_used_only_where_it_is_ours() {
        let scratch = Scratch::new("runtime");
        let runtime = || Some(scratch.0.clone().into_os_string());
        assert_eq!(path_in(runtime(), None, "pikos", user()), scratch.0.join("pikos"));
        assert_eq!(
            path_in(runtime(), Some("/var/tmp".into()), "pikos", user() + 1),
            Path::new("/var/tmp").join(format!("pikos-{}", user() + 1))
        );
        assert_eq!(path_in(Some("/does/not/exist".into()), None, "pikos", 7), Path::new("/tmp/pikos-7"));
        assert_eq!(path_in(None, Some("relative".into()), "pikos", 7), Path::new("/tmp/pikos-7"));
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let scratch = Scratch::new("check");
        let look = |path: &Path, user| check(path, &fs::symlink_metadata(path).unwrap(), user);
        assert!(look(&scratch.0, user()).is_ok());
        assert!(matches!(look(&scratch.0, user() + 1), Err(FolderError::NotOurs { .. })));
        let link = scratch.0.join("link");
        symlink(&scratch.0, &link).unwrap();
        assert!(matches!(look(&link, user()), Err(FolderError::NotAFolder(_))));
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o750)).unwrap();
        let error = look(&scratch.0, user()).unwrap_err();
        assert!(error.to_string().contains("mode 0750"), "{error}");
    }
}
