//! The columns that say how a proposal ended, the same in every table of proposals.

use chrono::{DateTime, Utc};

use crate::domain::own_word::ProposalEnd;

/// Both pairs are null while a proposal waits. Afterwards only one of them is.
#[derive(Debug, Default)]
pub(super) struct EndColumns {
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub withdrawn_by: Option<String>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl From<Option<&ProposalEnd>> for EndColumns {
    fn from(end: Option<&ProposalEnd>) -> Self {
        match end.cloned() {
            None => Self::default(),
            Some(ProposalEnd::Approved { by, at }) => {
                Self { approved_by: Some(by), approved_at: Some(at), ..Self::default() }
            }
            Some(ProposalEnd::Withdrawn { by, at }) => {
                Self { withdrawn_by: Some(by), withdrawn_at: Some(at), ..Self::default() }
            }
        }
    }
}

impl EndColumns {
    pub fn read(self) -> Option<ProposalEnd> {
        let approved = self.approved_by.zip(self.approved_at).map(|(by, at)| ProposalEnd::Approved { by, at });
        let withdrawn = self.withdrawn_by.zip(self.withdrawn_at).map(|(by, at)| ProposalEnd::Withdrawn { by, at });
        approved.or(withdrawn)
    }
}
