fn main() -> std::process::ExitCode {
    topup::cli::run()
}
