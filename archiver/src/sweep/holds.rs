//! Legal-hold flags follow the log: set where a hold stands, lifted where the last one is released.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::name::PeriodKeyName;

use crate::hold::{Flag, Ledger};
use crate::log::{LogError, manifest_key, period_key_object};
use crate::store::{Covered, Head, LockedStore, ObjectKey, versions_of};

/// What became of flags.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// Live segments.
    pub segments: u64,
    /// Those under a hold.
    pub held: u64,
    /// Flags set now.
    pub set: u64,
    /// Flags lifted now.
    pub lifted: u64,
    /// Objects under a flag that no entry ever ordered: somebody may have a reason.
    pub foreign: Vec<ObjectKey>,
    /// Objects that should be held and are not there.
    pub missing: Vec<ObjectKey>,
}

/// Sets and lifts the flags of segments, their manifests and their period keys. What is as the log
/// orders it is left alone, so that an interrupted sweep is simply repeated.
///
/// # Errors
///
/// The store's: a flag that cannot be set stops the sweep.
pub fn sweep_holds(
    store: &dyn LockedStore,
    covered: &Covered,
    ledger: &Ledger,
) -> Result<Flags, LogError> {
    let mut flags = Flags::default();
    let mut periods: BTreeMap<PeriodKeyName, Flag> = BTreeMap::new();
    for segment in ledger.state().segments() {
        let flag = ledger.flag(segment)?;
        flags.segments += 1;
        flags.held += u64::from(flag == Flag::Ordered);
        let period = periods.entry(segment.period_key).or_insert(flag);
        *period = (*period).max(flag);
        let object = ObjectKey::new(segment.object.as_str())?;
        if flag == Flag::Never {
            let found = store.head(&object, covered.version(&object).as_ref())?;
            flags.foreign.extend(found.filter(|found| found.hold).map(|_| object));
            continue;
        }
        follow(store, object, Some(segment.object_sha256), flag, &mut flags)?;
        let manifest = manifest_key(&segment.segment_id)?;
        follow(store, manifest, Some(segment.manifest_sha256), flag, &mut flags)?;
    }
    for (period, flag) in periods.into_iter().filter(|(_, flag)| *flag != Flag::Never) {
        follow(store, period_key_object(&period)?, None, flag, &mut flags)?;
    }
    Ok(flags)
}

/// Makes the flags of a name's true version follow the log; of all versions, where no digest tells
/// which one is true.
fn follow(
    store: &dyn LockedStore,
    key: ObjectKey,
    sha256: Option<Digest>,
    flag: Flag,
    flags: &mut Flags,
) -> Result<(), LogError> {
    let on = flag == Flag::Ordered;
    let is_true = |head: &Head| match (sha256, head.sha256) {
        (Some(expected), Some(found)) => expected == found,
        _ => true,
    };
    let mut there = false;
    for one in versions_of(store, &key)? {
        if one.is_delete_marker || one.version.is_null() {
            continue;
        }
        let Some(head) = store.head(&key, Some(&one.version))?.filter(is_true) else { continue };
        there = true;
        if head.hold == on {
            continue;
        }
        store.set_hold(&key, &one.version, on)?;
        if store.head(&key, Some(&one.version))?.map(|head| head.hold) != Some(on) {
            let detail = "the store changed its hold, and it reads back as before".to_owned();
            return Err(LogError::Damaged { object: key.to_string(), detail });
        }
        *(if on { &mut flags.set } else { &mut flags.lifted }) += 1;
    }
    if on && !there {
        flags.missing.push(key);
    }
    Ok(())
}
