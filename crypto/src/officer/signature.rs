//! Officers' signatures: Ed25519 in the form of OpenSSH's SSHSIG, which any machine can make.

use std::collections::BTreeMap;

use crate::{
    b64,
    digest::Digest,
    json::{JsonError, Members, ObjectReader, array, object, text},
    keys::{RoleKey, RoleKeyError, RolePublic},
    name::OfficerId,
};

/// Greatest number of signatures of an entry: they leave it room for its content.
pub const MAX_SIGNATURES: usize = 8;

/// Keeps an officer's signature from being one over anything else that the key signs.
const NAMESPACE: &[u8] = b"strongroom";

/// The member of every entry that officers sign.
pub(crate) const MEMBER: &str = "signatures";

/// One officer's signature over a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfficerSignature {
    /// Who signed.
    pub officer: OfficerId,
    /// The raw signature.
    pub sig: [u8; 64],
}

/// The signatures of an entry: each officer once, at most [`MAX_SIGNATURES`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Signatures(BTreeMap<OfficerId, [u8; 64]>);

/// What is signed for a statement of this digest: the `SSHSIG` of OpenSSH's PROTOCOL.sshsig.
pub fn signed_bytes(statement: Digest) -> Vec<u8> {
    let mut bytes = b"SSHSIG".to_vec();
    for part in [NAMESPACE, b"", b"sha256", statement.as_bytes()] {
        // INVARIANT: no part is longer than a digest.
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

/// Checks a signature strictly: one signature has one spelling.
///
/// # Errors
///
/// Refuses a signature by another key, over another statement, or malleable.
pub fn verify(
    public: &RolePublic,
    statement: Digest,
    signature: &[u8; 64],
) -> Result<(), RoleKeyError> {
    public.verify(&signed_bytes(statement), signature)
}

impl OfficerSignature {
    /// Signs a statement, given by its digest.
    pub fn sign(key: &RoleKey, officer: OfficerId, statement: Digest) -> Self {
        Self { officer, sig: key.sign(&signed_bytes(statement)) }
    }
}

impl Signatures {
    /// Puts signatures together. None if an officer signed twice, or more than [`MAX_SIGNATURES`].
    pub fn new(signatures: Vec<OfficerSignature>) -> Option<Self> {
        let found = signatures.len();
        let by_officer = signatures.into_iter().map(|signed| (signed.officer, signed.sig));
        let list = Self(by_officer.collect());
        (list.0.len() == found && found <= MAX_SIGNATURES).then_some(list)
    }

    /// All of them, by officer.
    pub fn iter(&self) -> impl Iterator<Item = OfficerSignature> {
        self.0.iter().map(|(officer, sig)| OfficerSignature { officer: officer.clone(), sig: *sig })
    }

    /// Whether nobody signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the member `signatures`.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut signatures = BTreeMap::new();
        for mut item in members.objects(MEMBER)? {
            let (officer, sig): (OfficerId, _) = (item.parsed("officer")?, item.base64("sig")?);
            item.finish()?;
            if signatures.last_key_value().is_some_and(|(last, _)| *last >= officer) {
                return Err(members.refused(MEMBER, "not sorted, or one occurs twice"));
            }
            signatures.insert(officer, sig);
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(members.refused(MEMBER, "more than 8"));
        }
        Ok(Self(signatures))
    }

    pub(crate) fn put(&self, members: &mut Members) {
        let signatures = self.0.iter().map(|(officer, sig)| {
            object([("officer", text(officer)), ("sig", b64::encode(sig).into())])
        });
        members.insert(MEMBER, array(signatures));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::signatures, *};
    use crate::{hex, json::Value};

    #[test]
    fn ssh_keygen_signs_the_same_bytes() {
        // Made by `ssh-keygen -Y sign -n strongroom -O hashalg=sha256` of OpenSSH.
        let public = "e759e447468cd1507db70bba1a3c53188e37c461c1c0575a5853d23d176f7ba4";
        let signature = "2c094a3927b94d34f302ab4c87d86a892af1fcae3f09cc112b3045441b57a987\
                         707101bc8f3c349f809d1a12fd18af36e012a444ef73fd90a19fe31bda0a1001";
        let public = RolePublic::from_bytes(&hex::decode_array(public).unwrap()).unwrap();
        let signature = hex::decode_array(signature).unwrap();
        assert_eq!(verify(&public, Digest::of(b"{\"v\":1}"), &signature), Ok(()));
        assert!(verify(&public, Digest::of(b"{\"v\":2}"), &signature).is_err());
        assert_eq!(signed_bytes(Digest::of(b"")).len(), 6 + 4 * 4 + 10 + 6 + 32);
    }

    #[test]
    fn an_officer_signs_once_and_eight_may() {
        let statement = Digest::of(b"x");
        let signed = |n: u8| signatures(statement, &[n]).iter().next().unwrap();
        assert!(Signatures::new(vec![signed(1), signed(1)]).is_none());
        assert!(Signatures::new((1..=8).map(signed).collect()).is_some());
        assert!(Signatures::new((1..=9).map(signed).collect()).is_none());
        let read = |officers: &[u8]| {
            let items = officers.iter().map(|n| {
                let mut members = Members::default();
                signatures(statement, &[*n]).put(&mut members);
                let Some(Value::Array(items)) = members.remove(MEMBER) else { panic!("no array") };
                items.into_iter().next().unwrap()
            });
            let value = object([(MEMBER, Value::Array(items.collect()))]);
            Signatures::take(&mut ObjectReader::new(value).unwrap())
        };
        assert_eq!(read(&[1, 3]), Ok(signatures(statement, &[1, 3])));
        assert!(read(&[1, 1]).unwrap_err().to_string().contains("sorted"));
        assert!(read(&[3, 1]).unwrap_err().to_string().contains("sorted"));
        assert!(read(&[1, 2, 3, 4, 5, 6, 7, 8]).is_ok());
        assert!(read(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap_err().to_string().contains("than 8"));
    }
}
