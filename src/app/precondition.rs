//! `If-Match`: a change names the version that it replaces, so that operators do not overwrite each other's changes.

use super::Error;

/// The version that a change expects to find (RFC 9110 §13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The request has no `If-Match`.
    Unsaid,
    /// `*`: the resource must exist, in any version.
    Any,
    /// One of these versions. A tag that is not ours matches nothing.
    Versions(Vec<i64>),
}

/// A resource after a change.
#[derive(Debug, Clone)]
pub struct Saved<T> {
    pub value: T,
    pub created: bool,
}

impl Expected {
    /// Compares with the current version. A request without `If-Match` is accepted.
    ///
    /// # Errors
    /// 412 when the current version is not the expected one.
    pub fn check_if_said(&self, current: Option<i64>) -> Result<(), Error> {
        let met = match (self, current) {
            (Self::Unsaid, _) | (Self::Any, Some(_)) => true,
            (Self::Versions(versions), Some(current)) => versions.contains(&current),
            (Self::Any | Self::Versions(_), None) => false,
        };
        if met { Ok(()) } else { Err(Error::PreconditionFailed) }
    }

    /// Like [`Expected::check_if_said`], but an existing resource is replaced only by a request that names its version.
    ///
    /// # Errors
    /// 412; 428 when an existing resource is changed without `If-Match`.
    pub fn check(&self, current: Option<i64>) -> Result<(), Error> {
        if current.is_some() && *self == Self::Unsaid {
            return Err(Error::PreconditionRequired);
        }
        self.check_if_said(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_replaced_by_version_only() {
        assert!(matches!(Expected::Unsaid.check(Some(1)), Err(Error::PreconditionRequired)));
        assert!(matches!(Expected::Versions(vec![2]).check(Some(1)), Err(Error::PreconditionFailed)));
        assert!(matches!(Expected::Versions(Vec::new()).check(Some(1)), Err(Error::PreconditionFailed)));
        assert!(Expected::Versions(vec![2, 1]).check(Some(1)).is_ok());
        assert!(Expected::Any.check(Some(7)).is_ok());
    }

    #[test]
    fn what_is_not_there_is_made_unless_a_version_was_expected() {
        assert!(Expected::Unsaid.check(None).is_ok());
        assert!(matches!(Expected::Any.check(None), Err(Error::PreconditionFailed)));
        assert!(matches!(Expected::Versions(vec![1]).check(None), Err(Error::PreconditionFailed)));
    }
}
