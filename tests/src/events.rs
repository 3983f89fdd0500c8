//! Generated events: small, never empty, one a line.

use std::fmt::Write as _;

use strongroom_crypto::time::Instant;

use crate::entropy::Dice;

const DAY_MS: i64 = 86_400_000;

/// Events in the form of `CloudTrail`, each of one of `days` before `now_ms`.
pub fn cloudtrail(dice: &mut Dice, now_ms: i64, days: &[i64], count: u64) -> Vec<u8> {
    let calls = [("s3", "GetObject"), ("iam", "CreateUser"), ("ec2", "RunInstances")];
    let mut text = String::new();
    for _ in 0..count {
        let day = days[usize::try_from(dice.below(days.len() as u64)).unwrap()];
        let second = i64::try_from(dice.below(3_600)).unwrap();
        let at = Instant::from_unix_ms(now_ms - day * DAY_MS - second * 1_000).unwrap();
        let at = at.to_string();
        let (service, name) = calls[usize::try_from(dice.below(3)).unwrap()];
        let user = dice.below(5);
        writeln!(
            text,
            "{{\"eventVersion\":\"1.11\",\"userIdentity\":{{\"type\":\"IAMUser\",\
             \"userName\":\"user-{user}\"}},\"eventTime\":\"{}Z\",\
             \"eventSource\":\"{service}.amazonaws.com\",\"eventName\":\"{name}\",\
             \"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":\"10.0.0.{user}\",\
             \"requestParameters\":{{\"key\":\"{:x}\"}},\"eventID\":\"{}\",\
             \"readOnly\":{},\"eventType\":\"AwsApiCall\"}}",
            &at[..19],
            dice.number(),
            uuid(dice),
            dice.once_in(2),
        )
        .unwrap();
    }
    text.into_bytes()
}

/// Events of an application: JSON without a known form, and now and then a line that is no JSON.
pub fn application(dice: &mut Dice, count: u64) -> Vec<u8> {
    let mut text = String::new();
    for n in 0..count {
        let number = dice.number();
        if n > 0 && dice.once_in(6) {
            writeln!(text, "plain line {number:x} \u{e9}\\x00").unwrap();
        } else {
            let spaces = if dice.once_in(4) { "  " } else { "" };
            writeln!(text, "{{\"n\":{number},{spaces}\"who\":\"u{}\",\"n\":null}}", number % 7)
                .unwrap();
        }
    }
    text.into_bytes()
}

fn uuid(dice: &mut Dice) -> String {
    let (a, b) = (dice.number(), dice.number());
    let (low, mid, high) = (a >> 32, a >> 16 & 0xffff, a & 0xfff);
    format!("{low:08x}-{mid:04x}-4{high:03x}-8{:03x}-{:012x}", b >> 52, b & 0xffff_ffff_ffff)
}
