//! Whose a file is, and who may read it.

#[cfg(not(unix))]
pub use crate::elsewhere::{for_owner_alone, resemble};
#[cfg(unix)]
pub use unix::{for_owner_alone, resemble};

#[cfg(unix)]
mod unix {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};

    /// Files that are made so are for their owner alone.
    pub fn for_owner_alone(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    /// Gives the new file the owner, group and mode of the old one. An error where that isn't ours to do.
    pub fn resemble(new: &File, old: &File) -> io::Result<()> {
        let (before, now) = (old.metadata()?, new.metadata()?);
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            fchown(new, Some(before.uid()), Some(before.gid()))?;
        }
        new.set_permissions(before.permissions())
    }
}
