//! `strongroom doctor`

use std::time::Duration;

use clap::Args;
use strongroom_crypto::json::{array, object, text};

use super::target::{Target, random};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::doctor::{Capability, Outcome, examine};
use crate::store::StoreUrl;
use crate::store::s3::S3Store;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let (now, run) = ((machine.now)(), random(machine.fill));
    let pause = |time: jiff::SignedDuration| {
        std::thread::sleep(Duration::try_from(time).unwrap_or_default());
    };
    let found = match &place.url {
        StoreUrl::File(_) => examine(&*place.store(machine)?, None, run, now, &pause)?,
        StoreUrl::S3(at) => {
            let bucket = S3Store::connect(at)?;
            examine(&bucket, Some(&bucket), run, now, &pause)?
        }
    };
    let usable = !found.iter().any(|one| one.required && one.outcome == Outcome::Missing);
    if arguments.json {
        let capabilities = array(found.iter().map(|one| {
            object([
                ("detail", one.detail.as_str().into()),
                ("name", one.name.into()),
                ("required", one.required.into()),
                ("result", text(one.outcome)),
            ])
        }));
        output::json(&object([("capabilities", capabilities), ("usable", usable.into())]))?;
    } else {
        for one in &found {
            show(one)?;
        }
        let verdict = if usable { "usable" } else { "not usable as it is" };
        output::line(format!("{} is {verdict}", place.url))?;
    }
    Ok(if usable { EXIT_DONE } else { EXIT_FINDING })
}

fn show(one: &Capability) -> Result<(), Failure> {
    output::line(format!("{:<22} {:<11} {}", one.name, one.outcome, one.detail))?;
    Ok(())
}
