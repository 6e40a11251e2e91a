//! The parameters of every list: the size of a page, and the place to continue.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Form, Inlined, Shape, Text, text};
use crate::app::Error;
use crate::domain::code::Code;

/// The place where a page ended. Only the list that made the cursor can read it.
pub type CursorText = Text<CursorForm>;

pub(super) fn forms() -> Vec<Inlined> {
    let mut limit = serde_json::to_value(Limit::schema()).unwrap_or_default();
    if let Some(fields) = limit.as_object_mut() {
        fields.insert("example".to_owned(), serde_json::Value::from(Limit::DEFAULT));
    }
    vec![text::<CursorForm>(), Inlined { name: "Limit", schema: limit, is_exception: false, null: None }]
}

#[derive(Debug)]
pub enum CursorForm {}

impl Form for CursorForm {
    const NAME: &'static str = "CursorText";

    fn shape() -> Shape {
        Shape {
            // The cursor of a list of sums by labels contains the labels: up to three, of at most 100 characters each.
            max_length: 2_048,
            example: Cow::Borrowed("WyI5ZjM1IiwiLi4uIl0"),
            null: Some("The place where the next page begins: send it as `cursor`. Null on the last page."),
            ..Shape::default()
        }
    }
}

/// How many items a page has at most.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(i64);

impl Limit {
    const DEFAULT: i64 = 20;
    const MOST: i64 = 100;

    /// Reads a page size; an absent one is 20.
    ///
    /// # Errors
    /// 422 `?limit` for a number outside 1 to 100.
    pub fn read(asked: Option<Self>) -> Result<i64, Error> {
        match asked {
            None => Ok(Self::DEFAULT),
            Some(Self(limit)) if (1..=Self::MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(Error::field("?limit", Code::OutOfRange, format!("must be 1 to {}", Self::MOST))),
        }
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(1))
            .maximum(Some(Self::MOST))
            .into()
    }
}

impl ToSchema for Limit {}
