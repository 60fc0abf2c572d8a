//! The `pikos` command.

fn main() {
    let without_python =
        |_| Err("attaching needs a Python: use the `pikos` that `pip install pikos` brings".to_owned());
    std::process::exit(pikos_cli::run(std::env::args_os(), &without_python));
}
