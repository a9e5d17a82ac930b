//! The `offboard` binary: all of it lives in the library.

fn main() -> std::process::ExitCode {
    offboard::cli::run(std::env::args_os().collect())
}
