//! The stream `nimble:users`: who works in the account, those who no longer do among them. Read only.
//!
//! The list has no key for a user's id; it is visible inside the address of the picture alone (facts,
//! section 13), and taken from there.

use super::api::{Api, Query, failed};
use super::{one_answer, options};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::Failure;
use crate::record::schema::{FieldSpec, Kind, Schema};
use crate::record::{Field, Record, to_text};
use serde_json::Value;
use std::sync::Arc;

/// The stream as people write it.
const USERS: &str = "nimble:users";
/// Its fields.
const FIELDS: [&str; 4] = ["name", "email", "is_active", "avatar_url"];
/// Digits of an id (facts, section 3).
const ID: usize = 24;

/// The users of an account.
#[derive(Debug)]
pub(super) struct Users {
    api: Api,
    account: Account,
    schema: Arc<Schema>,
}

struct UserDecoder;

impl Users {
    pub(super) fn new(api: Api, account: Account) -> Self {
        Self { api, account, schema: Arc::new(schema()) }
    }

    fn list(&self) -> Result<Vec<Value>> {
        let what = "cannot read users from Nimble";
        let read = self.api.get("/company/users", &Query::default(), |_, body| {
            let answer: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
            let users = answer.get("users").or_else(|| answer.get("resources")).unwrap_or(&answer);
            users.as_array().cloned().ok_or_else(|| "the answer has no list of users".to_owned())
        });
        read.map_err(|failure| match failure {
            Failure::Refused { status: 404 | 405 | 410, .. } => {
                Error::input(format!("{what}: this account's API has no list of users"))
                    .hint("the newer API left it out; users stand as authors and owners in the other streams")
            }
            failure => failed(what, failure),
        })
    }
}

/// The fields of a user.
pub(super) fn schema() -> Schema {
    let field = |name: &&str| FieldSpec {
        name: (*name).to_owned(),
        modifiers: vec![String::new()],
        read_only: true,
        kind: if *name == "is_active" { Kind::Bool } else { Kind::Text },
        ..FieldSpec::default()
    };
    let fields = FIELDS.iter().map(field).collect();
    Schema { of: USERS.to_owned(), has_head: true, fields, ..Schema::default() }
}

fn record(user: &Value) -> Option<Record> {
    let user = user.as_object()?;
    let url = user.get("avatar_url").and_then(Value::as_str).unwrap_or_default();
    let stated = ["user_id", "id"].iter().find_map(|key| user.get(*key)).map(to_text);
    let value = |name: &&str| {
        let value = user.get(*name).filter(|value| !value.is_null())?;
        Some(Field::single(*name, value.clone()))
    };
    Some(Record {
        id: stated.filter(|id| !id.is_empty()).or_else(|| id_in(url)),
        kind: Some("user".to_owned()),
        fields: FIELDS.iter().filter_map(value).collect(),
        ..Record::default()
    })
}

/// The last run of exactly so many hex digits as an id has.
fn id_in(url: &str) -> Option<String> {
    let mut words = url.split(|c: char| !c.is_ascii_hexdigit()).collect::<Vec<_>>().into_iter().rev();
    words.find(|word| word.len() == ID).map(str::to_owned)
}

impl Decode for UserDecoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let user: Value =
            serde_json::from_str(raw).map_err(|error| format!("the user cannot be read: {error}"))?;
        record(&user).ok_or_else(|| "the user is no JSON object".to_owned())
    }
}

impl Source for Users {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        USERS
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(UserDecoder)
    }

    /// One answer has all of them, so it is whole by itself.
    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        options::only(selection, USERS, &[])?;
        let users = self.list()?;
        let users = users.into_iter().map(|user| (record(&user).unwrap_or_default(), user.to_string()));
        one_answer::stage("users", users.collect(), selection, staging)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_users_become_records_with_the_id_that_their_picture_shows() {
        let answer: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/nimble/users.json")).unwrap();
        let users: Vec<_> = answer["users"].as_array().unwrap().iter().filter_map(record).collect();
        let ids: Vec<_> = users.iter().map(|user| user.id.as_deref()).collect();
        assert_eq!(ids, [Some("50f8a2b60000000000000001"), None]);
        let active: Vec<_> = users.iter().map(|user| user.values("is_active", "").next().cloned()).collect();
        assert_eq!(active, [Some(Value::Bool(true)), Some(Value::Bool(false))]);
        assert!(UserDecoder.decode("7").is_err());
    }
}
