//! The binary `topup`: the allocator of the process, and the command line of [`topup::cli`].

/// A request makes about two hundred allocations, and memory that the poster allocated is freed on another thread.
/// With this allocator a request takes a tenth less time than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    topup::cli::run()
}
