//! Whose code a function is: the user's own, or what came with the interpreter or was installed beside it.
//!
//! Paths tell, of whatever release, system and environment: no profile says where its interpreter stood. What is neither the
//! standard library's, nor in `site-packages`, nor without a file is somebody's own.

use std::collections::HashSet;

use crate::model::{FunctionId, Profile, facts};
use crate::modules::{self, Origin};

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user's own.
    User,
    /// A package's, in `site-packages`, or a command's that it brought.
    Package,
    /// The standard library's.
    Library,
    /// A built-in, or code that has no file: made at run time, by `dataclasses` for instance.
    Builtin,
}

/// Whose code the functions of a profile are.
pub struct Owners(Vec<Owner>);

impl Owners {
    /// As the files of the profile tell, and the command that ran.
    pub fn of(profile: &Profile) -> Self {
        let files = profile.functions.iter().map(|function| function.file.as_bytes());
        Self::of_files(files, profile.metadata.fact(facts::COMMAND).unwrap_or_default())
    }

    /// Whose the functions of these files are, each as a profile names it; of a run of this command.
    pub fn of_files<'f>(files: impl Iterator<Item = &'f [u8]> + Clone, command: &str) -> Self {
        let homes: HashSet<Vec<&[u8]>> = files.clone().filter_map(modules::home).collect();
        let mut owners: Vec<Owner> = files.clone().map(|file| owner_of(file, &homes)).collect();
        // What `python -c` runs has no file; nor has what others make at run time, under the same name.
        if ran_code(command) {
            for (owner, file) in owners.iter_mut().zip(files) {
                if file == b"<string>" {
                    *owner = Owner::User;
                }
            }
        }
        Self(owners)
    }

    /// Whose code this function is.
    pub fn owner(&self, function: FunctionId) -> Owner {
        self.0[function.index()]
    }

    /// Whether it is the user's own.
    pub fn is_own(&self, function: FunctionId) -> bool {
        self.owner(function) == Owner::User
    }

    /// Whether there is any of the user's own.
    pub fn has_own(&self) -> bool {
        self.0.contains(&Owner::User)
    }

    /// Whether each is the user's own, in their order.
    pub fn own(&self) -> impl Iterator<Item = bool> {
        self.0.iter().map(|&owner| owner == Owner::User)
    }

    /// Whether each function is another's than the user's.
    pub fn others(&self) -> Vec<bool> {
        self.0.iter().map(|&owner| owner != Owner::User).collect()
    }
}

fn owner_of(path: &[u8], homes: &HashSet<Vec<&[u8]>>) -> Owner {
    match modules::installed(path) {
        Some((Origin::Library, _)) => return Owner::Library,
        Some((Origin::Package, _)) => return Owner::Package,
        None => {}
    }
    if path == b"~" {
        return Owner::Builtin;
    }
    // Typed in by hand: they have the rest of the brackets to themselves.
    let is_typed = path == b"<stdin>" || path.starts_with(b"<ipython-input-");
    if path.starts_with(b"<") && !is_typed {
        return Owner::Builtin;
    }
    let parts: Vec<&[u8]> = modules::parts(path).collect();
    match parts.split_last_chunk::<2>() {
        // `bin/pytest`, beside the `lib` in which pytest is.
        Some((home, [folder, name]))
            if is_for_commands(folder) && !name.ends_with(b".py") && homes.contains(home) =>
        {
            Owner::Package
        }
        _ => Owner::User,
    }
}

fn is_for_commands(folder: &[u8]) -> bool {
    folder == b"bin" || folder.eq_ignore_ascii_case(b"scripts")
}

/// Whether the run was one of `python -c`.
fn ran_code(command: &str) -> bool {
    let mut words = command.split(' ').skip(1);
    while let Some(word) = words.next() {
        match word {
            "-c" => return true,
            // Options of the interpreter's that another word belongs to.
            "-X" | "-W" => drop(words.next()),
            _ if word.starts_with('-') && word != "-m" && word != "-" => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(files: &[&str], command: &str) -> Vec<Owner> {
        Owners::of_files(files.iter().map(|file| file.as_bytes()), command).0
    }

    #[test]
    fn paths_tell_whose_it_is() {
        let files = [
            ("/home/me/app/main.py", Owner::User),
            ("tests/test_a.py", Owner::User),
            (r"C:\me\app\main.py", Owner::User),
            ("/home/me/app/.venv/lib/python3.12/site-packages/numpy/core.py", Owner::Package),
            (r"C:\Python312\Lib\site-packages\numpy\core.py", Owner::Package),
            ("/usr/lib/python3/dist-packages/yaml.py", Owner::Package),
            ("/usr/lib/python3.11/json/decoder.py", Owner::Library),
            (r"C:\Python312\Lib\json\decoder.py", Owner::Library),
            ("<frozen importlib._bootstrap>", Owner::Library),
            ("~", Owner::Builtin),
            ("<string>", Owner::Builtin),
            ("<attrs generated init a.B>", Owner::Builtin),
            ("<stdin>", Owner::User),
            ("<ipython-input-3-abc>", Owner::User),
            // Commands of packages that are seen to be beside them; and one of the user's own.
            ("/home/me/app/.venv/bin/pytest", Owner::Package),
            (r"C:\Python312\Scripts\pytest.exe\__main__.py", Owner::User),
            (r"C:\Python312\Scripts\pytest", Owner::Package),
            ("/home/me/bin/mine", Owner::User),
        ];
        let found = owners(&files.map(|(file, _)| file), "python main.py");
        for ((file, expected), found) in files.iter().zip(found) {
            assert_eq!(found, *expected, "{file}");
        }
    }

    #[test]
    fn code_without_a_file_is_ones_own_where_that_is_what_ran() {
        let own = owners(&["<string>", "/a/b.py"], "python -X dev -c 'import b'");
        assert_eq!(own, [Owner::User, Owner::User]);
        let made = owners(&["<string>", "/a/b.py"], "python b.py -c 3");
        assert_eq!(made, [Owner::Builtin, Owner::User]);
    }
}
