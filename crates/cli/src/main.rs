//! The command `clusterkeep`; everything it does is in the library beside it.

fn main() -> std::process::ExitCode {
    clusterkeep::run(std::env::args_os()).code().into()
}
