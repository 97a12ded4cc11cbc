//! What a selection means to Nimble: which parameters say it.

use super::api::Api;
use super::decode::Decoder;
use super::reader::Reader;
use crate::error::{Error, Result};
use crate::extract::Selection;
use crate::record::schema::{Schema, Side};
use crate::record::service_name;
use std::sync::Arc;

/// A reader of what `selection` asks for.
pub(super) fn selected<'a>(api: &'a Api, schema: &Schema, selection: &Selection) -> Result<Reader<'a>> {
    let mut reader = Reader::whole(api, Arc::new(Decoder::new(schema)));
    if selection.find.is_some() {
        return Err(Error::input("Nimble has no `--find`").hint("use `--keyword`"));
    }
    match selection.kind.as_deref() {
        None | Some("all") => {}
        Some(kind @ ("person" | "company")) => reader.filter = reader.filter.with("record_type", kind),
        Some(other) => {
            return Err(Error::input(format!("Nimble has no contacts of type `{other}`"))
                .hint("`person` or `company`"));
        }
    }
    if let Some(keyword) = &selection.keyword {
        reader.filter = reader.filter.with("keyword", keyword);
    }
    let mut names: Vec<String> = Vec::new();
    for written in &selection.fields {
        let place = schema.resolve(written, Side::From).map_err(|unknown| {
            let error = Error::input(unknown.what);
            unknown.hint.into_iter().fold(error, Error::hint)
        })?;
        // Ferry's own columns come with every contact.
        if let Some(name) = service_name(&place.name).map(|name| name.replace(',', "\\,"))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    reader.fields = (!names.is_empty()).then(|| names.join(","));
    Ok(reader)
}
