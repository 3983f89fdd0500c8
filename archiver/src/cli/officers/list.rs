//! `strongroom officers list`

use clap::Args;
use strongroom_crypto::entry::Verdict;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::officer::OfficerKey;
use strongroom_crypto::state::State;

use crate::act::dossier::{Dossier, Said, Standing, dossiers};
use crate::act::refusal::Refusal;
use crate::cli::signing::FIRST_OFFICERS;
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::detail::Detail;
use crate::log::instant;
use crate::officer::{name, public_line};
use crate::store::{Covered, LockedStore};

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
    place.key()?;
    let (store, keys, covered) =
        (place.store_read_only(machine)?, place.keys()?, Covered::default());
    let (state, found) = dossiers(&*store, &keys, &covered)?;
    let now = instant(store.now()?);
    let (names, unopened) = name::read(&*store, &covered, &keys, state.officers())?;
    let name = |officer: &OfficerKey| names.get(&officer.id).map(String::as_str);
    let open = found.iter().filter(|dossier| dossier.entered.is_none());
    let acts: Vec<(&Dossier, Standing)> =
        open.map(|dossier| (dossier, dossier.standing(&state, now))).collect();
    let refused = refusals(&*store, &covered, &keys, &found);
    if arguments.json {
        let of = |waits: bool| {
            let acts = acts.iter().filter(move |(_, standing)| {
                (*standing == Standing::Waiting) == waits && *standing != Standing::Refused
            });
            array(acts.map(|(dossier, standing)| describe_act(dossier, standing, &state)))
        };
        output::json(&object([
            ("dead", of(false)),
            ("names_unopened", unopened.into()),
            ("number", state.officers_number().into()),
            ("officers", array(state.officers().iter().map(|one| describe(one, name(one))))),
            ("refused", array(refused.iter().map(Refused::to_json))),
            ("waiting", of(true)),
        ]))?;
        output::warn(&covered);
        return Ok(EXIT_DONE);
    }
    if state.officers().is_empty() {
        output::line("no officers: nobody can hold, approve a policy or a disposal")?;
        output::line(format!("next        {FIRST_OFFICERS}"))?;
    } else {
        output::line(format!("{:<20} {:<20} {:<68} NAME", "ID", "ROLE", "PUBLIC KEY"))?;
    }
    for officer in state.officers().iter() {
        let OfficerKey { id, role, public } = officer;
        let (id, role, public) = (id.as_str(), role.as_str(), public_line(public));
        let name = name(officer).unwrap_or("-");
        output::line(format!("{id:<20} {role:<20} {:<68} {name}", public.trim()))?;
    }
    for (dossier, standing) in &acts {
        if *standing != Standing::Refused {
            show(dossier, standing, &state)?;
        }
    }
    refused.iter().try_for_each(Refused::print)?;
    if unopened > 0 {
        let names = output::counted(unopened, "name", "names");
        let next = "give the archive's own key with `--key FILE`";
        output::complain(&format!("{names} below `records/officers/` did not open"), Some(next));
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}

/// A refusal and the act that it is about.
pub(in crate::cli) struct Refused {
    dossier: Dossier,
    said: Said,
    /// What is sealed beside it; none if it was erased.
    about: Option<Result<Refusal, String>>,
}

/// The refusals of dossiers, in order of the log.
pub(in crate::cli) fn refusals(
    store: &dyn LockedStore,
    covered: &Covered,
    keys: &KeyFile,
    dossiers: &[Dossier],
) -> Vec<Refused> {
    let mut refused: Vec<Refused> = Vec::new();
    for dossier in dossiers {
        for said in dossier.said.iter().filter(|said| said.act.verdict == Verdict::Refused) {
            let read =
                said.act.reason.map(|digest| Detail::Refusal.load(store, covered, keys, digest));
            let about = match read {
                None | Some(Ok(None)) => None,
                Some(Ok(Some(plain))) => {
                    Some(Refusal::parse(&plain).map_err(|error| error.to_string()))
                }
                Some(Err(error)) => Some(Err(error.to_string())),
            };
            refused.push(Refused { dossier: dossier.clone(), said: said.clone(), about });
        }
    }
    refused.sort_by_key(|one| one.said.index);
    refused
}

impl Refused {
    pub(in crate::cli) fn print(&self) -> Result<(), Failure> {
        let (act, digest) = (&self.dossier.act, self.dossier.digest);
        let (at, entry) = (self.said.at, self.said.index);
        let why = match &self.about {
            None => "why was erased".to_owned(),
            Some(Err(error)) => format!("why is unreadable: {error}"),
            Some(Ok(Refusal { officer, signed, why })) => {
                let who = match (officer, signed) {
                    (None, _) => "nobody signed".to_owned(),
                    (Some(officer), true) => format!("`{officer}` signed"),
                    (Some(officer), false) => format!("as `{officer}`, without that officer's key"),
                };
                format!("{who}: {why}")
            }
        };
        output::line(format!("refused    {act} {digest} at {at}, entry {entry}: {why}"))?;
        Ok(())
    }

    pub(in crate::cli) fn to_json(&self) -> Value {
        let about = self.about.as_ref().and_then(|about| about.as_ref().ok());
        let officer = about.and_then(|about| about.officer.as_ref());
        object([
            ("act", text(&self.dossier.act)),
            ("at", text(self.said.at)),
            ("digest", text(self.dossier.digest)),
            ("entry", self.said.index.into()),
            ("officer", officer.map(text).into()),
            ("signed", about.map(|about| about.signed).into()),
            ("why", about.map(|about| about.why.as_str()).into()),
        ])
    }
}

/// Prints an act that is not entered.
pub(in crate::cli) fn show(
    dossier: &Dossier,
    standing: &Standing,
    state: &State,
) -> Result<(), Failure> {
    let approvals = dossier.approvals(state);
    let by: Vec<&str> = approvals.iter().map(|(signed, _)| signed.officer.as_str()).collect();
    let by = if by.is_empty() { "nobody who may".to_owned() } else { by.join(", ") };
    let why = standing.why().map(|why| format!(": {why}")).unwrap_or_default();
    let (word, act, digest) = (standing.as_str(), &dossier.act, dossier.digest);
    output::line(format!("{word:<10} {act} {digest}, signed by {by}{why}"))?;
    Ok(())
}

fn describe(officer: &OfficerKey, name: Option<&str>) -> Value {
    object([
        ("id", text(&officer.id)),
        ("name", name.into()),
        ("public", public_line(&officer.public).into()),
        ("role", text(&officer.role)),
    ])
}

/// An act that is not entered, as JSON.
pub(in crate::cli) fn describe_act(dossier: &Dossier, standing: &Standing, state: &State) -> Value {
    let approvals = dossier.approvals(state);
    let signed = approvals
        .iter()
        .map(|(signed, at)| object([("at", text(at)), ("officer", text(&signed.officer))]));
    object([
        ("signed", array(signed)),
        ("standing", standing.as_str().into()),
        ("statement", text(dossier.digest)),
        ("type", text(&dossier.act)),
        ("why", standing.why().into()),
    ])
}
