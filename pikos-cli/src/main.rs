//! The `pikos` command.

fn main() {
    std::process::exit(pikos_cli::run(std::env::args_os()));
}
