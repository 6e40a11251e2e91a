//! Pages of lists. A page begins next to a row that the reader knows, never at a number of rows, so rows that appear
//! meanwhile move nothing.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A row's place in a list: its time, and its id among rows of one time.
pub type Position = (DateTime<Utc>, Uuid);

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sort {
    #[default]
    Newest,
    Oldest,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<P> {
    Start,
    /// Its first row follows this one.
    After(P),
    /// The last row of the page is the one before this: the list is read backwards.
    Before(P),
}

/// The page that a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<P = Position> {
    pub place: Place<P>,
    pub sort: Sort,
    pub limit: i64,
}

/// The rows of a page, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// Whether there are rows before these.
    pub has_previous: bool,
    /// Whether there are rows after these.
    pub has_next: bool,
}

impl<P: Clone> Page<P> {
    /// The first page of the newest rows.
    #[must_use]
    pub fn newest(limit: i64) -> Self {
        Self { place: Place::Start, sort: Sort::Newest, limit }
    }

    /// The row beyond which this page is read.
    #[must_use]
    pub fn bound(&self) -> Option<P> {
        match &self.place {
            Place::Start => None,
            Place::After(position) | Place::Before(position) => Some(position.clone()),
        }
    }

    /// Whether it is read from older rows to newer ones.
    #[must_use]
    pub fn ascends(&self) -> bool {
        matches!(self.place, Place::Before(_)) != (self.sort == Sort::Oldest)
    }

    /// How many rows must be read: one more than the page has, which shows whether the list continues.
    #[must_use]
    pub fn to_read(&self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// Makes the page from all rows, which are in the ascending order of their places.
    #[must_use]
    pub fn pick<T>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> P) -> Rows<T>
    where
        P: Ord,
    {
        if !self.ascends() {
            rows.reverse();
        }
        if let Some(bound) = self.bound() {
            rows.retain(|row| if self.ascends() { place(row) > bound } else { place(row) < bound });
        }
        self.cut(rows)
    }

    /// Makes the page of the rows that were read, in the order in which they were read.
    #[must_use]
    pub fn cut<T>(&self, mut rows: Vec<T>) -> Rows<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let goes_on = rows.len() > limit;
        rows.truncate(limit);
        match self.place {
            Place::Start => Rows { rows, has_previous: false, has_next: goes_on },
            Place::After(_) => Rows { rows, has_previous: true, has_next: goes_on },
            Place::Before(_) => {
                rows.reverse();
                Rows { rows, has_previous: goes_on, has_next: true }
            }
        }
    }
}

impl<T> Rows<T> {
    /// Changes each row.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn try_map<U, E>(self, f: impl FnMut(T) -> Result<U, E>) -> Result<Rows<U>, E> {
        let rows = self.rows.into_iter().map(f).collect::<Result<_, E>>()?;
        Ok(Rows { rows, has_previous: self.has_previous, has_next: self.has_next })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    /// The numbers 1 to 9, read as a database would.
    fn read(page: &Page<i32>) -> Rows<i32> {
        page.pick((1..10).collect(), |row| *row)
    }

    #[test]
    fn forwards_and_backwards_are_the_same_pages() {
        for (sort, expected) in [
            (Sort::Newest, [&[9, 8, 7, 6][..], &[5, 4, 3, 2], &[1]]),
            (Sort::Oldest, [&[1, 2, 3, 4][..], &[5, 6, 7, 8], &[9]]),
        ] {
            let page = |place| Page { place, sort, limit: 4 };
            let mut place = Place::Start;
            for (at, rows) in expected.iter().enumerate() {
                let found = read(&page(place));
                assert_eq!(found.rows, *rows);
                assert_eq!((found.has_previous, found.has_next), (at > 0, at < 2), "{sort:?} {at}");
                place = Place::After(rows[rows.len() - 1]);
            }
            for at in [1, 0] {
                let found = read(&page(Place::Before(expected[at + 1][0])));
                assert_eq!(found.rows, *expected[at]);
                assert_eq!((found.has_previous, found.has_next), (at > 0, true), "{sort:?} {at}");
            }
        }
    }
}
