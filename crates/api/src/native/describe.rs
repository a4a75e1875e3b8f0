//! The parameters of lists and of other routes, as the OpenAPI document describes them.

use std::marker::PhantomData;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, PartialSchema};

use super::list::List;
use super::params::{Form, LIMIT_DEFAULT, LIMIT_MAX, Param, members};

/// The parameters of a list.
pub(super) struct Listed<L>(PhantomData<L>);

impl<L: List> IntoParams for Listed<L> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params: Vec<Parameter> = L::FILTERS.iter().map(described).collect();
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LIMIT_MAX))
            .default(Some(LIMIT_DEFAULT.into()));
        params.push(query("limit", "How many rows the page has.", limit.into()));
        params.push(query("cursor", "The `next_cursor` of the page before.", text()));
        let schema = L::Row::schema();
        let names = members(&schema).cloned();
        params.push(many("fields", "Only these members of each row.", words(names)));
        let sorts = L::SORTS.iter().map(|sort| (*sort).to_owned());
        params.push(query("sort", "The order; `-` turns it round.", words(sorts)));
        params
    }
}

/// The parameters of a route that is no list.
pub(super) trait Parameters {
    /// All of them.
    const ALL: &'static [Param];
}

/// The parameters of a route, as they are described.
pub(super) struct Given<P>(PhantomData<P>);

impl<P: Parameters> IntoParams for Given<P> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        P::ALL.iter().map(described).collect()
    }
}

/// The header of a request that insists on a version.
pub(super) struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let told = "The `ETag` that the object must have, or `*`: else nothing is done, and the answer is 412.";
        vec![base("If-Match", told).parameter_in(ParameterIn::Header).schema(Some(text())).build()]
    }
}

/// A parameter of a query as the document has it.
fn described(param: &Param) -> Parameter {
    let Param { name, form, told } = *param;
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into_iter();
    match form {
        Form::Int => query(name, told, integer()),
        Form::Ints => many(name, told, integer()),
        Form::Flag => query(name, told, of(Type::Boolean).into()),
        Form::Day => {
            let date = of(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
            query(name, told, date.into())
        }
        Form::Instant => {
            let instant = of(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
            query(name, told, instant.into())
        }
        Form::Decimal => query(name, told, of(Type::String).pattern(Some(r"^-?[0-9]+(\.[0-9]+)?$")).into()),
        Form::Text => query(name, told, text()),
        Form::Word(known) => query(name, told, words(owned(known))),
        Form::Words(known) => many(name, told, words(owned(known))),
    }
}

fn integer() -> RefOr<Schema> {
    let int64 = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(int64)).into()
}

fn text() -> RefOr<Schema> {
    Object::with_type(Type::String).into()
}

fn words(words: impl Iterator<Item = String>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

fn query(name: &str, told: &str, schema: RefOr<Schema>) -> Parameter {
    base(name, told).schema(Some(schema)).build()
}

/// Values with commas between.
fn many(name: &str, told: &str, item: RefOr<Schema>) -> Parameter {
    let list = ArrayBuilder::new().items(item).min_items(Some(1));
    base(name, told).schema(Some(list)).style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn base(name: &str, told: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(told))
}
