//! The `offboard` binary: all of it lives in the library.

/// Requests are made of many small pieces, which glibc's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    offboard::cli::run(std::env::args_os().collect())
}
