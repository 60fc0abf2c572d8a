//! Files that are written anew, on a system with links and modes.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use pstats_compat::error::Result;
use pstats_compat::formats::{create, replace};

fn put(path: &Path, text: &str) -> Result<()> {
    replace(path, |out| Ok(out.write_all(text.as_bytes())?))
}

#[test]
fn links_lead_on_and_modes_stay() {
    let folder = std::env::temp_dir().join(format!("pikos-links-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    let target = folder.join("sub/target");
    symlink("sub/second", folder.join("first")).unwrap();
    symlink("../sub/target", folder.join("sub/second")).unwrap();
    put(&folder.join("first"), "made").unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "made");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    put(&folder.join("first"), "again").unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "again");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(folder.join("first")).unwrap().is_symlink());
    assert!(create(&folder.join("first"), |_| Ok(())).is_err());
    let names = fs::read_dir(folder.join("sub")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["second", "target"]);
    symlink("circle", folder.join("circle")).unwrap();
    assert!(put(&folder.join("circle"), "no").is_err());
    assert!(put(&folder.join("sub"), "no").is_err());
    put(Path::new("/dev/null"), "gone").unwrap();
    fs::remove_dir_all(folder).unwrap();
}
