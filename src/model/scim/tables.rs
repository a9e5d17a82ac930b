//! The schemas that are spoken here, as RFC 7643 lists them.
//!
//! Left out is what would not be kept: `password`, which identity providers send and nobody needs here, and
//! `x509Certificates`.

use super::schema::{Attribute, Kind, Schema};

const PRIMARY: Attribute =
    Attribute::new("primary", Kind::Boolean, "Whether this is the preferred one; true of one at most.");

const META: &[Attribute] = &[
    Attribute::text("resourceType", "The name of the resource's kind.").exact().read_only(),
    Attribute::new("created", Kind::DateTime, "When the resource was made.").read_only(),
    Attribute::new("lastModified", Kind::DateTime, "When the resource last changed.").read_only(),
    Attribute::reference("location", &["uri"], "Where the resource is.").read_only(),
    Attribute::text("version", "The resource's entity tag.").exact().read_only(),
];

/// What every resource has (RFC 7643 section 3).
pub static COMMON: &[Attribute] = &[
    Attribute::text("schemas", "The URNs of the schemas whose attributes the resource holds.")
        .many()
        .required()
        .always(),
    Attribute::text("id", "The resource's identifier, given by the server and never used again.")
        .exact()
        .read_only()
        .always()
        .unique(),
    Attribute::text("externalId", "The identifier that the client gave the resource.").exact(),
    Attribute::complex("meta", META, "What the server knows about the resource.").read_only(),
];

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name, as it is shown."),
    Attribute::text("familyName", "The family name, or last name."),
    Attribute::text("givenName", "The given name, or first name."),
    Attribute::text("middleName", "The middle names."),
    Attribute::text("honorificPrefix", "What stands before the name, such as a title."),
    Attribute::text("honorificSuffix", "What stands after the name."),
];

const EMAILS: &[Attribute] = &[
    Attribute::text("value", "The address."),
    Attribute::text("display", "The address, as it is shown."),
    Attribute::text("type", "What the address is used for.").usually(&["work", "home", "other"]),
    PRIMARY,
];

const PHONE_NUMBERS: &[Attribute] = &[
    Attribute::text("value", "The number."),
    Attribute::text("display", "The number, as it is shown."),
    Attribute::text("type", "What the number is used for.")
        .usually(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];

const IMS: &[Attribute] = &[
    Attribute::text("value", "The address."),
    Attribute::text("display", "The address, as it is shown."),
    Attribute::text("type", "The service.").usually(&["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
    PRIMARY,
];

const PHOTOS: &[Attribute] = &[
    Attribute::reference("value", &["external"], "Where the picture is."),
    Attribute::text("display", "The picture's name, as it is shown."),
    Attribute::text("type", "The size of the picture.").usually(&["photo", "thumbnail"]),
    PRIMARY,
];

const ADDRESSES: &[Attribute] = &[
    Attribute::text("formatted", "The whole address, as it is written on an envelope."),
    Attribute::text("streetAddress", "Street, number, and whatever stands beside them."),
    Attribute::text("locality", "The city or town."),
    Attribute::text("region", "The state or region."),
    Attribute::text("postalCode", "The postal code."),
    Attribute::text("country", "The country, by its code in ISO 3166-1 alpha-2."),
    Attribute::text("type", "What is at the address.").usually(&["work", "home", "other"]),
    PRIMARY,
];

const GROUPS: &[Attribute] = &[
    Attribute::text("value", "The group's identifier.").read_only(),
    Attribute::reference("$ref", &["Group"], "Where the group is.").read_only(),
    Attribute::text("display", "The group's name.").read_only(),
    Attribute::text("type", "How the user belongs to the group.").usually(&["direct", "indirect"]).read_only(),
];

const ENTITLEMENTS: &[Attribute] = &[
    Attribute::text("value", "The entitlement."),
    Attribute::text("display", "The entitlement, as it is shown."),
    Attribute::text("type", "The kind of entitlement."),
    PRIMARY,
];

const ROLES: &[Attribute] = &[
    Attribute::text("value", "The role."),
    Attribute::text("display", "The role, as it is shown."),
    Attribute::text("type", "The kind of role."),
    PRIMARY,
];

const USER_ATTRIBUTES: &[Attribute] = &[
    Attribute::text(
        "userName",
        "The name by which the user is known to the client; no two users of a company share it.",
    )
    .required()
    .unique(),
    Attribute::complex("name", NAME, "The parts of the user's name."),
    Attribute::text("displayName", "The name that is shown."),
    Attribute::text("nickName", "What people call the user."),
    Attribute::reference("profileUrl", &["external"], "A page about the user."),
    Attribute::text("title", "The job title, such as 'Vice President'."),
    Attribute::text("userType", "How the user belongs to the company, such as 'Employee' or 'Contractor'."),
    Attribute::text("preferredLanguage", "The languages that the user reads, as in an Accept-Language header."),
    Attribute::text("locale", "How numbers and dates are written for the user, such as 'en-US'."),
    Attribute::text("timezone", "The user's time zone by its IANA name, such as 'Europe/Amsterdam'."),
    Attribute::new("active", Kind::Boolean, "Whether the user has access. False ends all that the user holds.")
        .required(),
    Attribute::complex("emails", EMAILS, "E-mail addresses.").many(),
    Attribute::complex("phoneNumbers", PHONE_NUMBERS, "Telephone numbers.").many(),
    Attribute::complex("ims", IMS, "Addresses for instant messages.").many(),
    Attribute::complex("photos", PHOTOS, "Pictures of the user.").many(),
    Attribute::complex("addresses", ADDRESSES, "Postal addresses.").many(),
    Attribute::complex(
        "groups",
        GROUPS,
        "The groups that the user belongs to; they are changed by changing the groups.",
    )
    .many()
    .read_only(),
    Attribute::complex("entitlements", ENTITLEMENTS, "Things that the user has a right to.").many(),
    Attribute::complex("roles", ROLES, "What the user is, in the client's words; gives no rights here.").many(),
];

/// People (RFC 7643 section 4.1).
pub static USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    description: "A person",
    attributes: USER_ATTRIBUTES,
};

const MANAGER: &[Attribute] = &[
    Attribute::text("value", "The identifier of the manager's user."),
    Attribute::reference("$ref", &["User"], "Where the manager's user is."),
    Attribute::text("displayName", "The manager's name.").read_only().on_request(),
];

const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    Attribute::text("employeeNumber", "The number that the company gave the person."),
    Attribute::text("costCenter", "The name of a cost centre."),
    Attribute::text("organization", "The name of an organisation."),
    Attribute::text("division", "The name of a division."),
    Attribute::text("department", "The name of a department."),
    Attribute::complex("manager", MANAGER, "The person's manager."),
];

/// What companies keep about their people beside that (RFC 7643 section 4.3).
pub static ENTERPRISE_USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    description: "A person at work",
    attributes: ENTERPRISE_ATTRIBUTES,
};

const MEMBERS: &[Attribute] = &[
    Attribute::text("value", "The identifier of the member.").immutable(),
    Attribute::reference("$ref", &["User"], "Where the member is.").immutable(),
    Attribute::text("type", "What the member is.").usually(&["User"]).immutable(),
    Attribute::text("display", "The member's name.").read_only().on_request(),
];

const GROUP_ATTRIBUTES: &[Attribute] = &[
    Attribute::text("displayName", "The group's name; no two groups of a company share it.").required().unique(),
    Attribute::complex("members", MEMBERS, "The users who belong to the group.").many(),
];

/// Groups of people (RFC 7643 section 4.2).
pub static GROUP: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    description: "A group of people",
    attributes: GROUP_ATTRIBUTES,
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::scim::schema::{Mutability, ResourceKind, Returned, Uniqueness, document};

    fn all(attributes: &'static [Attribute]) -> Vec<&'static Attribute> {
        attributes.iter().flat_map(|attribute| std::iter::once(attribute).chain(attribute.children)).collect()
    }

    #[test]
    fn names_are_unique_in_any_case() {
        for attributes in [COMMON, USER.attributes, GROUP.attributes, ENTERPRISE_USER.attributes] {
            let lists = std::iter::once(attributes).chain(attributes.iter().map(|attribute| attribute.children));
            for list in lists {
                let names: HashSet<String> = list.iter().map(|attribute| attribute.name.to_lowercase()).collect();
                assert_eq!(names.len(), list.len());
            }
        }
    }

    #[test]
    fn complex_attributes_and_no_others_have_children() {
        for attributes in [COMMON, USER.attributes, GROUP.attributes, ENTERPRISE_USER.attributes] {
            for attribute in all(attributes) {
                assert_eq!(attribute.kind == Kind::Complex, !attribute.children.is_empty(), "{}", attribute.name);
                assert_eq!(attribute.kind == Kind::Reference, !attribute.references.is_empty(), "{}", attribute.name);
                assert!(attribute.description.ends_with('.'), "{}", attribute.name);
            }
        }
    }

    #[test]
    fn what_must_be_unique_or_hidden_is_said_so() {
        let name = USER.attribute("USERNAME").unwrap();
        assert!(name.required && !name.case_exact && name.uniqueness == Uniqueness::Server);
        assert!(USER.attribute("password").is_none() && USER.attribute("x509Certificates").is_none());
        assert!(
            all(USER.attribute("groups").unwrap().children)
                .iter()
                .all(|child| child.mutability == Mutability::ReadOnly)
        );
        let id = ResourceKind::Group.attribute("ID").unwrap();
        assert!(id.case_exact && id.returned == Returned::Always && id.mutability == Mutability::ReadOnly);
        assert!(ResourceKind::User.attribute("department").is_none());
    }

    #[test]
    fn a_schema_is_shown_as_the_rfc_lists_it() {
        let shown = document(&USER);
        assert_eq!(shown["id"], "urn:ietf:params:scim:schemas:core:2.0:User");
        assert_eq!(shown["schemas"][0], "urn:ietf:params:scim:schemas:core:2.0:Schema");
        let attributes = shown["attributes"].as_array().unwrap();
        let attribute = |name: &str| attributes.iter().find(|attribute| attribute["name"] == name).unwrap();
        let user_name = attribute("userName");
        assert_eq!(user_name["type"], "string");
        assert_eq!(user_name["uniqueness"], "server");
        assert_eq!(user_name["required"], true);
        assert_eq!(user_name["caseExact"], false);
        assert!(user_name.get("subAttributes").is_none() && user_name.get("canonicalValues").is_none());
        assert!(attribute("active").get("caseExact").is_none());
        let emails = attribute("emails");
        assert_eq!(emails["type"], "complex");
        assert_eq!(emails["multiValued"], true);
        assert_eq!(emails["subAttributes"].as_array().unwrap().len(), 4);
        assert_eq!(emails["subAttributes"][2]["canonicalValues"][0], "work");
        assert_eq!(attribute("profileUrl")["referenceTypes"][0], "external");
        assert!(!shown.to_string().contains("null"));
    }
}
