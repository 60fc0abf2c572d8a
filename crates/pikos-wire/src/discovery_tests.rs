use std::os::unix::net::UnixListener;

use super::*;

/// A new folder for one test, removed after it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pikos-test-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn socket(path: &Path) {
    UnixListener::bind(path).unwrap();
}

#[test]
fn names_come_back_and_others_are_left_alone() {
    let folder = Path::new("/f");
    let by = Some((8, 0xcafe));
    for (pid, start, number, by) in
        [(7, 0xbeef, 1, None), (7, 0xbeef, 2, None), (1, 0, 1, None), (7, 0xbeef, 1, by), (7, 0xbeef, 2, by)]
    {
        let place = Place { pid, start, number, by, folder: folder.into() };
        for path in [place.messages(), place.control()] {
            assert_eq!(Place::parse(folder, path.file_name().unwrap()), Some(place.clone()));
        }
    }
    for name in [
        "7.pub",
        "7-beef.txt",
        "7-BEEF.pub",
        "+7-beef.pub",
        "07-beef.pub",
        "7-beef-1.pub",
        "7-beef-2-3.pub",
        "x-y.pub",
        "7-beef@8.pub",
        "7-beef@8-CAFE.pub",
        "7-beef@8-1@9-1.pub",
        "pub",
    ] {
        assert_eq!(Place::parse(folder, OsStr::new(name)), None, "{name}");
    }
}

#[test]
fn the_living_are_listed_and_the_dead_swept() {
    let scratch = Scratch::new("list");
    let mine = Place::free(&scratch.0).unwrap();
    assert!(mine.is_alive());
    socket(&mine.messages());
    socket(&mine.control());
    let second = Place::free(&scratch.0).unwrap();
    assert_eq!(second.number, 2);
    // The same pid, another start: an earlier process of that number.
    let earlier = Place { start: mine.start + 1, ..mine.clone() };
    let gone = Place { pid: u32::MAX, ..mine.clone() };
    // Who spoke for a process that lives on.
    let unspoken = Place { by: Some((u32::MAX, 1)), ..mine.clone() };
    for place in [&earlier, &gone, &unspoken] {
        socket(&place.messages());
        socket(&place.control());
    }
    // Not ours to sweep: no socket, and no name of ours.
    fs::write(scratch.0.join(format!("{}-1.pub", u32::MAX)), "").unwrap();
    socket(&scratch.0.join("other"));
    assert_eq!(list(&scratch.0).unwrap(), std::slice::from_ref(&mine));
    let mut left: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|file| file.unwrap().path()).collect();
    left.sort();
    let mut expected = vec![
        mine.messages(),
        mine.control(),
        scratch.0.join("other"),
        scratch.0.join(format!("{}-1.pub", u32::MAX)),
    ];
    expected.sort();
    assert_eq!(left, expected);
    mine.remove();
    assert_eq!(list(&scratch.0).unwrap(), []);
}

#[test]
fn a_path_that_no_socket_can_have_is_an_error() {
    let error = Place::free(Path::new(&format!("/{}", "x".repeat(100)))).unwrap_err();
    assert!(matches!(error, DiscoveryError::TooLong(_)), "{error}");
}

#[test]
fn who_speaks_for_another_process_has_a_place_of_that() {
    let scratch = Scratch::new("by");
    // There is none where the system doesn't say.
    let Some(other) = pikos_os::process::parent() else { return };
    let place = Place::free_of(&scratch.0, other).unwrap();
    assert_eq!((place.pid, place.by.map(|(pid, _)| pid)), (other, Some(std::process::id())));
    socket(&place.messages());
    assert_eq!(list(&scratch.0).unwrap(), [place]);
    assert_eq!(Place::free_of(&scratch.0, std::process::id()).unwrap().by, None);
}
