//! `strongroom duties`

use std::time::Duration;

use clap::{ArgGroup, Args};
use strongroom_crypto::json::{Value, array, object, text};

use super::{EXIT_DONE, EXIT_FINDING, Failure, output};
use crate::config::parse_duration;
use crate::duties::{Duty, Longest, Place, Table};
use crate::store::{S3Url, StoreUrl};

/// The largest policy of a bucket, white space left out.
const MAX_POLICY_BYTES: usize = 20_480;

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("policy").requires("to").args(["iam_policy", "bucket_policy"]))]
pub(super) struct Arguments {
    /// The store that a policy is for, as `s3://bucket/prefix`
    #[arg(long, value_name = "STORE")]
    to: Option<String>,
    /// Print the identity policy of one duty
    #[arg(long, value_name = "DUTY")]
    iam_policy: Option<Duty>,
    /// Print the policy of the bucket: what the principals may do, and what nobody may
    #[arg(long, requires = "principal")]
    bucket_policy: bool,
    /// Who has a duty, as `DUTY=ARN`; may be repeated
    #[arg(long, value_name = "DUTY=ARN", conflicts_with = "iam_policy", value_parser = principal)]
    principal: Vec<(Duty, String)>,
    /// The settling period: how far ahead duty `archive` may lock, and a day
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    settle: Option<Duration>,
    /// The longest lock of any policy: how far ahead duty `lock` may lock
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_lock: Option<Duration>,
    /// The ARN of the key that wraps keys
    #[arg(long, value_name = "ARN", conflicts_with = "bucket_policy", value_parser = arn)]
    kms_key: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn principal(argument: &str) -> Result<(Duty, String), String> {
    let (duty, arn) = argument.split_once('=').ok_or("expected DUTY=ARN")?;
    Ok((duty.parse().map_err(|error| format!("{error}"))?, self::arn(arn)?))
}

fn arn(argument: &str) -> Result<String, String> {
    let found = argument.starts_with("arn:").then(|| argument.to_owned());
    found.ok_or_else(|| format!("`{argument}` is no ARN"))
}

fn duration(argument: &str) -> Result<Duration, String> {
    let found = parse_duration(argument).filter(|time| !time.is_zero());
    found.ok_or_else(|| "expected a duration like P7D".to_owned())
}

/// The table that the program was built with.
pub(super) fn table() -> Result<&'static Table, Failure> {
    let broken = |detail| Failure { code: EXIT_FINDING, message: detail, next: None };
    crate::duties::table().map_err(|error| broken(format!("the table of duties: {error}")))
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let table = table()?;
    let at = arguments.to.as_deref().map(bucket).transpose()?;
    match (&at, arguments.iam_policy, arguments.bucket_policy) {
        (Some(at), Some(duty), _) => {
            let place = place(arguments, at, table, &[duty])?;
            output::pretty(&table.identity_policy(duty, &place))?;
        }
        (Some(at), None, true) => {
            let duties: Vec<Duty> = arguments.principal.iter().map(|(duty, _)| *duty).collect();
            let place = place(arguments, at, table, &duties)?;
            let policy = table.bucket_policy(&arguments.principal, &place);
            if policy.to_canonical().len() > MAX_POLICY_BYTES {
                let next = "give fewer duties a principal, or use `--iam-policy` for each role";
                return Err(Failure::input(
                    "the policy is larger than AWS takes, 20,480 bytes",
                    next,
                ));
            }
            output::pretty(&policy)?;
        }
        _ if arguments.json => output::json(&to_json(table))?,
        _ => show(table)?,
    }
    Ok(EXIT_DONE)
}

fn bucket(address: &str) -> Result<S3Url, Failure> {
    match address.parse()? {
        StoreUrl::S3(at) => Ok(at),
        StoreUrl::File(_) => {
            let next = "give a store in a bucket with `--to s3://bucket/prefix`";
            Err(Failure::input("a directory has no policy", next))
        }
    }
}

/// A bound that nobody gave is no bound: it is asked for.
fn place<'a>(
    arguments: &'a Arguments,
    at: &'a S3Url,
    table: &Table,
    duties: &[Duty],
) -> Result<Place<'a>, Failure> {
    let needs = |longest| duties.iter().any(|duty| table.right(*duty).longest_lock == longest);
    if needs(Longest::Settle) && arguments.settle.is_none() {
        let next = "give the archive's settling period with `--settle`, as in `P7D`";
        return Err(Failure::input("how far ahead it may lock is not said", next));
    }
    if needs(Longest::Max) && arguments.max_lock.is_none() {
        let next =
            "give the longest lock that any policy may demand with `--max-lock`, as in `P3650D`";
        return Err(Failure::input("how far ahead duty `lock` may lock is not said", next));
    }
    Ok(Place {
        at,
        settle: arguments.settle.unwrap_or_default(),
        max_lock: arguments.max_lock.unwrap_or_default(),
        kms_key: arguments.kms_key.as_deref(),
    })
}

fn to_json(table: &Table) -> Value {
    let areas = || table.areas.iter().map(String::as_str);
    let duties = Duty::ALL.into_iter().map(|duty| {
        let right = table.right(duty);
        let allowed = |action: &str| array(areas().filter(|area| table.allows(duty, action, area)));
        let objects = table
            .object_actions()
            .into_iter()
            .map(|action| object([("action", action.into()), ("below", allowed(action))]));
        object([
            ("bucket", array(right.bucket.iter().map(String::as_str))),
            ("does", right.does.as_str().into()),
            ("duty", text(duty)),
            ("key", array(right.key.iter().map(String::as_str))),
            ("longest_lock", text(right.longest_lock)),
            ("objects", array(objects)),
        ])
    });
    let denied = table.denied.iter().map(|denied| {
        object([
            ("actions", array(denied.actions.iter().map(String::as_str))),
            ("below", array(denied.below.iter().map(String::as_str))),
        ])
    });
    object([("areas", array(areas())), ("denied", array(denied)), ("duties", array(duties))])
}

fn show(table: &Table) -> Result<(), Failure> {
    for duty in Duty::ALL {
        let right = table.right(duty);
        output::line(format!("{duty:<8} {}", right.does))?;
        output::line(format!("         {}", right.bucket.join(" ")))?;
        for allowed in &right.objects {
            let below = allowed.below.iter().map(|area| format!("{area}*"));
            let below: Vec<String> = below.collect();
            output::line(format!(
                "         {} below {}",
                allowed.actions.join(" "),
                below.join(" ")
            ))?;
        }
        if !right.key.is_empty() {
            output::line(format!("         {} on the key that wraps keys", right.key.join(" ")))?;
        }
    }
    for denied in &table.denied {
        output::line(format!("nobody   {} below {}", denied.actions.join(" "), {
            let below: Vec<String> = denied.below.iter().map(|area| format!("{area}*")).collect();
            below.join(" ")
        }))?;
    }
    Ok(())
}
