//! Users and groups as resources (RFC 7643).

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::app::App;
use super::super::failure::Failure;
use super::BASE;
use super::answer::version;
use super::list::with_list;
use crate::domain::people::{Member, Person};
use crate::model::clock::Timestamp;
use crate::model::group::Group;
use crate::model::id::UserId;
use crate::model::scim::project::Projection;
use crate::model::scim::schema::{ENTERPRISE_USER, GROUP, ResourceKind, USER};
use crate::model::user::Status;

/// What a client may change about a user, as it is now.
pub(super) fn changeable(person: &Person) -> Map<String, Value> {
    let mut resource = person.described();
    resource.insert("userName".to_owned(), person.user_name.clone().into());
    if let Some(id) = &person.external_id {
        resource.insert("externalId".to_owned(), id.clone().into());
    }
    resource
}

/// Where a user is found.
pub(super) fn user_location(app: &App, id: UserId) -> String {
    format!("{}{BASE}/Users/{id}", app.settings.public_url)
}

/// Where a group is found.
pub(super) fn group_location(app: &App, group: &Group) -> String {
    format!("{}{BASE}/Groups/{}", app.settings.public_url, group.id)
}

/// The version of a user: his revision and, where he is in groups, what tells these from others.
pub(super) fn user_version((person, groups): &Member) -> String {
    if groups.is_empty() {
        return version(person.revision);
    }
    let mut hash = Sha256::new();
    for (id, name) in groups {
        hash.update(id.0.as_bytes());
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let tells = u32::from_be_bytes(hash.finalize()[..4].try_into().unwrap_or_default());
    format!("W/\"{}.{tells:08x}\"", person.revision)
}

/// A user, as far as the client wants to see.
pub(super) fn user(app: &App, member: &Member, projection: &Projection) -> String {
    let (person, groups) = member;
    let mut resource = changeable(person);
    let user = &person.user;
    let mut schemas = vec![USER.id];
    if resource.contains_key(ENTERPRISE_USER.id) {
        schemas.push(ENTERPRISE_USER.id);
    }
    resource.insert("schemas".to_owned(), json!(schemas));
    resource.insert("id".to_owned(), user.id.to_string().into());
    resource.insert("active".to_owned(), (user.status == Status::Active).into());
    let location = user_location(app, user.id);
    let version = user_version(member);
    let meta = meta(ResourceKind::User, user.created_at, person.updated_at, location, version);
    resource.insert("meta".to_owned(), meta);
    if !groups.is_empty() {
        let group = |(id, name): &(crate::model::id::GroupId, String)| {
            let location = format!("{}{BASE}/Groups/{id}", app.settings.public_url);
            json!({"value": id.to_string(), "$ref": location, "display": name, "type": "direct"})
        };
        resource.insert("groups".to_owned(), groups.iter().map(group).collect());
    }
    projection.apply(ResourceKind::User, &mut resource);
    Value::Object(resource).to_string()
}

/// A group, as far as the client wants to see. Its members are read page by page, and only if they are wanted.
pub(super) async fn group(app: &App, group: &Group, projection: &Projection) -> Result<String, Failure> {
    let mut resource = Map::new();
    resource.insert("schemas".to_owned(), json!([GROUP.id]));
    resource.insert("id".to_owned(), group.id.to_string().into());
    resource.insert("displayName".to_owned(), group.name.clone().into());
    if let Some(id) = &group.external_id {
        resource.insert("externalId".to_owned(), id.clone().into());
    }
    let location = group_location(app, group);
    let version = version(group.revision);
    let meta = meta(ResourceKind::Group, group.created_at, group.updated_at, location, version);
    resource.insert("meta".to_owned(), meta);
    projection.apply(ResourceKind::Group, &mut resource);
    let resource = Value::Object(resource);
    if group.member_count == 0 || !projection.wants("members") {
        return Ok(resource.to_string());
    }
    let with_names = projection.names("members", "display");
    let mut members = Vec::new();
    let mut after = None;
    loop {
        let page = app.directory.named_members(group.id, after).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (id, name) in &page {
            let mut shown = Map::new();
            let mut member = json!({"value": id.to_string(), "$ref": user_location(app, *id), "type": "User"});
            if let (true, Some(member)) = (with_names, member.as_object_mut()) {
                member.insert("display".to_owned(), name.clone().into());
            }
            shown.insert("members".to_owned(), json!([member]));
            projection.apply(ResourceKind::Group, &mut shown);
            let member = shown.get("members").and_then(|members| members.get(0));
            members.extend(member.map(Value::to_string));
        }
    }
    Ok(if members.is_empty() { resource.to_string() } else { with_list(&resource, "members", &members) })
}

fn meta(kind: ResourceKind, created: Timestamp, changed: Timestamp, location: String, version: String) -> Value {
    json!({
        "resourceType": kind.name(),
        "created": created.to_string(),
        "lastModified": changed.to_string(),
        "location": location,
        "version": version,
    })
}
