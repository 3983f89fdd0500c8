//! `disposition.order` and `disposition.certificate`: what goes, and that it went.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, text},
    name::OrderId,
    officer::Signatures,
    time::Instant,
};

/// The content of `disposition.order`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DispositionOrder {
    /// How long the objects of its segments are together.
    pub bytes: u64,
    /// How many segments go.
    pub count: u64,
    /// When the grace of all its segments is over.
    pub destroyable_from: Instant,
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Which holds the officers saw.
    pub hold_epoch: u64,
    /// The latest date until which one of its segments had to be kept.
    pub keep_until: Instant,
    /// Digest of the list of its segments.
    pub list: Digest,
    /// Which order.
    pub order: OrderId,
    /// Digest of the policy in force.
    pub policy: Digest,
    /// Of the officers that the policy demands; of nobody where the policy is the approval.
    pub signatures: Signatures,
    /// How many entries the officers saw.
    pub size: u64,
}

/// The content of `disposition.certificate`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DispositionCertificate {
    /// Digest of the certificate.
    pub certificate: Digest,
    /// The order that was carried out.
    pub order: OrderId,
}

impl DispositionOrder {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            bytes: members.u64("bytes")?,
            count: members.u64("count")?,
            destroyable_from: members.parsed("destroyable_from")?,
            expires_at: members.parsed("expires_at")?,
            hold_epoch: members.u64("hold_epoch")?,
            keep_until: members.parsed("keep_until")?,
            list: members.parsed("list")?,
            order: members.parsed("order")?,
            policy: members.parsed("policy")?,
            signatures: Signatures::take(members)?,
            size: members.u64("size")?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("bytes", self.bytes);
        members.insert("count", self.count);
        members.insert("destroyable_from", text(self.destroyable_from));
        members.insert("expires_at", text(self.expires_at));
        members.insert("hold_epoch", self.hold_epoch);
        members.insert("keep_until", text(self.keep_until));
        members.insert("list", text(self.list));
        members.insert("order", text(&self.order));
        members.insert("policy", text(self.policy));
        self.signatures.put(members);
        members.insert("size", self.size);
    }
}

impl DispositionCertificate {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self { certificate: members.parsed("certificate")?, order: members.parsed("order")? })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("certificate", text(self.certificate));
        members.insert("order", text(&self.order));
    }
}
