//! Checking a policy file: everything that is wrong with it, at once.

use jiff::Timestamp;
use strongroom_crypto::Digest;

use super::complaint::{Complaint, Complaints};
use super::node::Node;
use super::reader::Field;
use super::{Policy, file, text};
use crate::catalogue::Catalogue;

/// What a policy is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// Version and digest of the policy that it takes the place of, if there is one.
    pub previous: Option<(u64, Digest)>,
    /// The rules that it may cite, and whose digest it has to name.
    pub catalogue: &'a Catalogue,
}

/// A policy without a complaint.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it says.
    pub policy: Policy,
    /// Digest of its bytes, which officers sign.
    pub digest: Digest,
    /// What officers should know before they do.
    pub advice: Vec<Complaint>,
}

impl Policy {
    /// Reads and checks the text of a policy file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in the order of the file; never empty.
    pub fn check(text: &str, context: &Context<'_>) -> Result<Checked, Vec<Complaint>> {
        let mut complaints = Complaints::default();
        let readable = text::screen(text, &mut complaints);
        let tree = readable.then(|| Node::parse(text, &mut complaints)).flatten();
        let root = tree.as_ref().map(Field::root);
        let policy = root.and_then(|root| file::read(&root, context, &mut complaints));
        complaints.sort();
        match policy {
            Some(policy) if complaints.errors.is_empty() => {
                let digest = Digest::of(text.as_bytes());
                Ok(Checked { policy, digest, advice: complaints.advice })
            }
            _ => Err(complaints.errors),
        }
    }
}
