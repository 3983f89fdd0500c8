//! The `strongroom` command: the one place that reads the clock, the system's entropy and its signals.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use strongroom_archiver::cli::{self, Machine};

#[expect(clippy::disallowed_methods, reason = "main is the one place that reads the clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[expect(clippy::expect_used, reason = "a machine without entropy must not make keys")]
fn fill(out: &mut [u8]) {
    getrandom::fill(out).expect("the operating system has no entropy");
}

fn main() -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // The second signal ends the program at once; the first lets it finish what it has read.
        let second = signal_hook::flag::register_conditional_shutdown(
            signal,
            cli::EXIT_AGAIN.into(),
            Arc::clone(&stop),
        );
        let first = signal_hook::flag::register(signal, Arc::clone(&stop));
        if first.and(second).is_err() {
            return ExitCode::from(cli::EXIT_AGAIN);
        }
    }
    cli::run(std::env::args_os(), &Machine { now, fill, stop })
}
