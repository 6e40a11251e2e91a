/// A request allocates some two hundred times, on one thread, and frees on another what the poster answers: an
/// allocator made for that takes a tenth less time than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    topup::cli::run()
}
