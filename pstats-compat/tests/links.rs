//! Files that are written anew, on a system with links and modes.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pstats_compat::Profile;
use pstats_compat::error::Result;
use pstats_compat::formats::{Format, Output, create, replace, save_file};

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

#[test]
fn a_file_with_several_names_is_one_file_still() {
    let folder = std::env::temp_dir().join(format!("pikos-names-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let at = |name: &str| folder.join(name);
    put(&at("first"), "a text that is longer").unwrap();
    fs::hard_link(at("first"), at("second")).unwrap();
    symlink("second", at("link")).unwrap();
    fs::set_permissions(at("first"), fs::Permissions::from_mode(0o640)).unwrap();
    for (name, text) in [("first", "new"), ("second", "newer, and longer"), ("link", "last")] {
        put(&at(name), text).unwrap();
        let read = |name| fs::read_to_string(at(name)).unwrap();
        assert_eq!((read("first").as_str(), read("second").as_str()), (text, text), "{name}");
    }
    save_file(&Output::new(&Profile::default(), Format::Json), &at("second")).unwrap();
    let both = [at("first"), at("second")].map(|path| fs::metadata(path).unwrap());
    assert_eq!(both.each_ref().map(MetadataExt::nlink), [2, 2]);
    assert_eq!(both[0].ino(), both[1].ino());
    assert_eq!(both[0].permissions().mode() & 0o777, 0o640);
    // A failure in the making leaves what was there.
    let before = fs::read_to_string(at("first")).unwrap();
    assert!(replace(&at("first"), |_| Err(std::io::Error::other("no").into())).is_err());
    assert_eq!(fs::read_to_string(at("second")).unwrap(), before);
    // With one name only, it is replaced as a whole.
    fs::remove_file(at("second")).unwrap();
    put(&at("first"), "alone").unwrap();
    assert_ne!(fs::metadata(at("first")).unwrap().ino(), both[0].ino());
    fs::remove_dir_all(folder).unwrap();
}

/// A new folder with what is no file in it: each with what it is called.
fn zoo(name: &str) -> (PathBuf, Vec<(PathBuf, &'static str)>) {
    let folder = std::env::temp_dir().join(format!("pikos-{name}-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let at = |name: &str| folder.join(name);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("pipe", at("link")).unwrap();
    symlink("link", at("second")).unwrap();
    symlink("around", at("round")).unwrap();
    symlink("round", at("around")).unwrap();
    symlink("/dev/null", at("null")).unwrap();
    fs::write(at("file"), "kept").unwrap();
    let animals = vec![
        (at("pipe"), "a pipe"),
        (at("link"), "a pipe"),
        (at("second"), "a pipe"),
        (at("socket"), "a socket"),
        (at("null"), "a device"),
        ("/dev/zero".into(), "a device"),
        ("/dev/stdin".into(), "name a regular file"),
        (folder.clone(), "a folder"),
        (at("round"), "symbolic link"),
        (at("file").join("below"), "Not a directory"),
        ("/nul\0".into(), "NUL byte"),
    ];
    (folder, animals)
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let (folder, animals) = zoo("refused");
    let before = Instant::now();
    for (path, what) in animals {
        let told =
            save_file(&Output::new(&Profile::default(), Format::Pstats), &path).unwrap_err().to_string();
        assert!(told.contains(what), "{path:?}: {told}");
    }
    assert!(before.elapsed() < Duration::from_secs(1));
    // With a reader, too: it gets nothing, not even an end.
    let reader = fs::OpenOptions::new().read(true).write(true).open(folder.join("pipe")).unwrap();
    assert!(save_file(&Output::new(&Profile::default(), Format::Pstats), &folder.join("pipe")).is_err());
    drop(reader);
    symlink("file", folder.join("good")).unwrap();
    save_file(&Output::new(&Profile::default(), Format::Pstats), &folder.join("good")).unwrap();
    assert_ne!(fs::read(folder.join("file")).unwrap(), b"kept");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_pipe_without_a_reader_is_given_up() {
    let (folder, _) = zoo("pipe");
    let before = Instant::now();
    let told = put(&folder.join("link"), "nobody").unwrap_err().to_string();
    assert!(told.contains("no process reads"), "{told}");
    assert!(before.elapsed() < Duration::from_secs(20));
    let pipe = folder.join("pipe");
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        fs::read_to_string(pipe).unwrap()
    });
    // More than it holds.
    let text = "somebody ".repeat(100_000);
    put(&folder.join("link"), &text).unwrap();
    assert_eq!(reader.join().unwrap(), text);
    fs::remove_dir_all(folder).unwrap();
}
