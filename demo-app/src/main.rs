//! The program: its exit code and what it says on the way. The service itself is the library.

use std::process::ExitCode;

use demo_app::{Options, Start};

fn main() -> ExitCode {
    let started = match Options::read(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Start::Help(help)) => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
        Ok(Start::WriteRules(directory)) => demo_app::write_rules(&directory),
        Ok(Start::Serve(options)) => demo_app::run(&options),
        Err(wrong) => Err(wrong),
    };
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo-app: {error}");
            ExitCode::FAILURE
        }
    }
}
