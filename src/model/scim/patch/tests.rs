use proptest::prelude::*;
use serde_json::json;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ada() -> Value {
    json!({
        "userName": "ada@acme.example", "externalId": "00u1", "active": true, "title": "Countess",
        "name": {"givenName": "Ada", "familyName": "Byron"},
        "emails": [
            {"value": "ada@acme.example", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"}
        ],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "7"}}
    })
}

/// What the operations make of this user.
fn changed(user: Value, operations: Value, strictness: Strictness) -> Result<Value, FaultKind> {
    let body = json!({"schemas": [PATCH_SCHEMA], "Operations": operations});
    let Value::Object(mut resource) = user else { return Err(FaultKind::InvalidSyntax) };
    let operations = parse(body).map_err(|fault| fault.kind)?;
    apply(&mut resource, &operations, strictness).map_err(|fault| fault.kind)?;
    Ok(Value::Object(resource))
}

fn lenient(operations: Value) -> Value {
    changed(ada(), operations, Strictness::Lenient).unwrap()
}

/// Ada with these members in place of her own; a null takes one away.
fn ada_with(members: Value) -> Value {
    let mut user = ada();
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => user.as_object_mut().unwrap().remove(name),
            value => user.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    user
}

fn refused(operations: Value) -> FaultKind {
    changed(ada(), operations, Strictness::Lenient).unwrap_err()
}

fn strictly_refused(operations: Value) -> FaultKind {
    changed(ada(), operations, Strictness::Strict).unwrap_err()
}

#[test]
fn okta_deactivates_without_a_path() {
    assert_eq!(lenient(json!([{"op": "replace", "value": {"active": false}}])), ada_with(json!({"active": false})));
}

#[test]
fn entra_deactivates_with_a_text_and_capitals() {
    for value in [json!("False"), json!("false"), json!("FALSE"), json!(false)] {
        for op in ["Replace", "replace", "Add", "add"] {
            assert_eq!(
                lenient(json!([{"op": op, "path": "active", "value": value}])),
                ada_with(json!({"active": false}))
            );
        }
    }
    assert_eq!(refused(json!([{"op": "replace", "path": "active", "value": "nope"}])), FaultKind::InvalidValue);
}

#[test]
fn entra_names_paths_and_urns_without_a_path() {
    let value = json!({
        "displayName": "Ada L.", "name.givenName": "Augusta", format!("{ENTERPRISE}:employeeNumber"): "1815",
        format!("{ENTERPRISE}:manager.value"): "8", "emails[type eq \"work\"].value": "a@acme.example"
    });
    assert_eq!(
        lenient(json!([{"op": "replace", "value": value}])),
        ada_with(json!({
            "displayName": "Ada L.", "name": {"givenName": "Augusta", "familyName": "Byron"},
            "emails": [
                {"value": "a@acme.example", "type": "work", "primary": true},
                {"value": "ada@home.example", "type": "home"}
            ],
            ENTERPRISE: {"department": "Engines", "manager": {"value": "8"}, "employeeNumber": "1815"}
        }))
    );
}

#[test]
fn entra_writes_to_an_address_that_does_not_exist_yet() {
    for op in ["Add", "Replace"] {
        let operation = json!([{"op": op, "path": "emails[type eq \"other\"].value", "value": "x@acme.example"}]);
        let emails = lenient(operation.clone())["emails"].clone();
        assert_eq!(emails[2], json!({"type": "other", "value": "x@acme.example"}));
        let nobody = json!({"userName": "b"});
        assert_eq!(
            changed(nobody, operation, Strictness::Lenient),
            Ok(json!({"userName": "b", "emails": [{"type": "other", "value": "x@acme.example"}]}))
        );
    }
    let path = "addresses[type eq \"work\" and primary eq \"True\"].formatted";
    assert_eq!(
        lenient(json!([{"op": "Add", "path": path, "value": "1 Street"}]))["addresses"],
        json!([{"type": "work", "primary": true, "formatted": "1 Street"}])
    );
}

#[test]
fn strict_replaces_nothing_that_does_not_exist() {
    let path = "emails[type eq \"other\"].value";
    assert_eq!(strictly_refused(json!([{"op": "replace", "path": path, "value": "x"}])), FaultKind::NoTarget);
    assert_eq!(strictly_refused(json!([{"op": "remove", "path": path}])), FaultKind::NoTarget);
    assert_eq!(strictly_refused(json!([{"op": "replace", "path": "roles.value", "value": "x"}])), FaultKind::NoTarget);
    let added = changed(ada(), json!([{"op": "add", "path": path, "value": "x"}]), Strictness::Strict).unwrap();
    assert_eq!(added["emails"][2], json!({"type": "other", "value": "x"}));
    assert_eq!(lenient(json!([{"op": "remove", "path": path}])), ada());
}

#[test]
fn a_filter_that_describes_no_value_makes_none() {
    for filter in [
        "type sw \"o\"",
        "type eq \"other\" or type eq \"more\"",
        "not (type eq \"work\" or type eq \"home\")",
        "type eq \"other\" and type eq \"more\"",
        "display pr",
    ] {
        let operation = json!([{"op": "add", "path": format!("emails[{filter}].value"), "value": "x"}]);
        assert_eq!(refused(operation), FaultKind::NoTarget, "{filter}");
    }
}

#[test]
fn a_manager_is_a_text_an_object_or_a_list_of_one() {
    for value in [json!("8"), json!({"value": "8"}), json!([{"value": "8", "displayName": "x"}]), json!(["8"])] {
        for path in ["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", &ENTERPRISE.to_uppercase()] {
            let operation = if path.ends_with("manager") {
                json!([{"op": "Replace", "path": path, "value": value}])
            } else {
                json!([{"op": "Add", "path": path, "value": {"Manager": value}}])
            };
            assert_eq!(
                lenient(operation),
                ada_with(json!({ENTERPRISE: {"department": "Engines", "manager": {"value": "8"}}}))
            );
        }
    }
}

#[test]
fn a_null_takes_a_value_away() {
    for op in ["add", "replace"] {
        assert_eq!(lenient(json!([{"op": op, "path": "title", "value": null}])), ada_with(json!({"title": null})));
        assert_eq!(
            lenient(json!([{"op": op, "value": {"title": null, "name": null, ENTERPRISE: {"department": null}}}])),
            ada_with(json!({"title": null, "name": null, ENTERPRISE: {"manager": {"value": "7"}}}))
        );
        assert_eq!(
            lenient(json!([{"op": op, "path": "name", "value": {"givenName": null}}])),
            ada_with(json!({"name": {"familyName": "Byron"}}))
        );
        for path in ["userName", "active"] {
            assert_eq!(refused(json!([{"op": op, "path": path, "value": null}])), FaultKind::InvalidValue);
            assert_eq!(refused(json!([{"op": op, "value": {path: null}}])), FaultKind::InvalidValue);
        }
    }
    assert_eq!(refused(json!([{"op": "replace", "path": "active", "value": []}])), FaultKind::InvalidValue);
    let replaced = json!([{"op": "replace", "path": "emails", "value": null}]);
    assert_eq!(lenient(replaced), ada_with(json!({"emails": null})));
    assert_eq!(lenient(json!([{"op": "add", "path": "emails", "value": null}])), ada(), "nothing is added");
}

#[test]
fn what_only_the_server_changes_is_refused_by_name_and_passed_over_in_an_object() {
    for (path, value) in [
        ("id", json!("7")),
        ("meta.created", json!("2026-11-23T00:00:00Z")),
        ("schemas", json!([])),
        ("groups", json!([{"value": "7"}])),
        ("groups[value eq \"7\"].display", json!("x")),
        ("groups.value", json!("7")),
    ] {
        for op in ["add", "replace", "remove"] {
            assert_eq!(
                refused(json!([{"op": op, "path": path, "value": value}])),
                FaultKind::Mutability,
                "{op} {path}"
            );
        }
        assert_eq!(
            lenient(json!([{"op": "replace", "value": {path: value, "title": "Dr"}}])),
            ada_with(json!({"title": "Dr"}))
        );
    }
    let path = format!("{ENTERPRISE}:manager.displayName");
    assert_eq!(refused(json!([{"op": "replace", "path": path, "value": "x"}])), FaultKind::Mutability);
}

#[test]
fn a_remove_needs_a_path_and_spares_what_must_be() {
    assert_eq!(refused(json!([{"op": "remove"}])), FaultKind::NoTarget);
    assert_eq!(refused(json!([{"op": "remove", "value": {"title": "x"}}])), FaultKind::NoTarget);
    for path in ["userName", "active", "USERNAME"] {
        assert_eq!(refused(json!([{"op": "remove", "path": path}])), FaultKind::Mutability);
    }
    for (path, rest) in [
        ("title", json!({"title": null})),
        ("name", json!({"name": null})),
        ("name.givenName", json!({"name": {"familyName": "Byron"}})),
        ("emails", json!({"emails": null})),
        ("emails[primary eq true]", json!({"emails": [{"value": "ada@home.example", "type": "home"}]})),
        ("emails[value ew \"EXAMPLE\"]", json!({"emails": null})),
        (format!("{ENTERPRISE}:department").as_str(), json!({ENTERPRISE: {"manager": {"value": "7"}}})),
        (format!("{ENTERPRISE}:manager.value").as_str(), json!({ENTERPRISE: {"department": "Engines"}})),
        (ENTERPRISE, json!({ENTERPRISE: null})),
    ] {
        assert_eq!(lenient(json!([{"op": "Remove", "path": path}])), ada_with(rest.clone()), "{path}");
        assert_eq!(changed(ada(), json!([{"op": "remove", "path": path}]), Strictness::Strict), Ok(ada_with(rest)));
    }
}

#[test]
fn a_remove_with_values_spares_the_others() {
    let home = json!({"emails": [{"value": "ada@home.example", "type": "home"}]});
    for value in
        [json!([{"value": "ADA@acme.example"}]), json!("ada@acme.example"), json!({"value": "ada@acme.example"})]
    {
        assert_eq!(lenient(json!([{"op": "Remove", "path": "emails", "value": value}])), ada_with(home.clone()));
    }
    for value in [json!([]), json!([{"value": "other@acme.example"}]), json!({"type": "work"}), json!({})] {
        assert_eq!(lenient(json!([{"op": "remove", "path": "emails", "value": value}])), ada());
    }
}

#[test]
fn an_added_value_stands_beside_the_others_once() {
    let new = json!({"value": "ada@work.example", "type": "work", "primary": true});
    let mut emails = ada()["emails"].clone();
    assert_eq!(lenient(json!([{"op": "add", "path": "emails", "value": emails}])), ada());
    emails[0]["primary"] = json!(false);
    let mut expected = emails.as_array().unwrap().clone();
    expected.push(new.clone());
    for value in [new.clone(), json!([new])] {
        let operation = json!([{"op": "add", "path": "emails", "value": value}]);
        assert_eq!(lenient(operation), ada_with(json!({"emails": expected})));
    }
}

#[test]
fn a_primary_among_chosen_values_makes_the_others_secondary() {
    for operation in [
        json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
        json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"primary": true}}),
    ] {
        let emails = lenient(json!([operation]))["emails"].clone();
        assert_eq!((&emails[0]["primary"], &emails[1]["primary"]), (&json!(false), &json!(true)));
    }
    let all = json!([{"op": "replace", "path": "emails.primary", "value": true}]);
    let emails = lenient(all.clone())["emails"].clone();
    assert_eq!((&emails[0]["primary"], &emails[1]["primary"]), (&json!(false), &json!(true)));
    assert_eq!(strictly_refused(all), FaultKind::InvalidValue);
}

#[test]
fn a_chosen_value_keeps_what_was_not_sent() {
    for (op, value) in [("replace", json!({"display": "Ada"})), ("add", json!([{"display": "Ada"}]))] {
        let operation = json!([{"op": op, "path": "emails[type eq \"work\"]", "value": value}]);
        assert_eq!(
            lenient(operation)["emails"][0],
            json!({"type": "work", "value": "ada@acme.example", "primary": true, "display": "Ada"})
        );
    }
}

#[test]
fn values_that_become_the_same_become_one() {
    let same = json!({"value": "x", "type": "work", "primary": false});
    let operation = json!([{"op": "replace", "path": "emails[value pr]", "value": same}]);
    assert_eq!(lenient(operation)["emails"], json!([same]));
}

#[test]
fn a_sub_attribute_without_a_filter_is_that_of_all_values() {
    let operation = json!([{"op": "replace", "path": "emails.type", "value": "other"}]);
    let emails = lenient(operation)["emails"].clone();
    assert_eq!((&emails[0]["type"], &emails[1]["type"]), (&json!("other"), &json!("other")));
    let operation = json!([{"op": "add", "path": "roles.value", "value": "engineer"}]);
    assert_eq!(lenient(operation)["roles"], json!([{"value": "engineer"}]));
    let operation = json!([{"op": "remove", "path": "emails.type"}]);
    assert!(lenient(operation)["emails"][1].get("type").is_none());
}

#[test]
fn a_replaced_list_is_the_list_that_was_sent() {
    let operation = json!([{"op": "replace", "path": "emails", "value": [{"value": "x"}]}]);
    assert_eq!(lenient(operation), ada_with(json!({"emails": [{"value": "x"}]})));
    let operation = json!([{"op": "replace", "path": "emails", "value": []}]);
    assert_eq!(lenient(operation), ada_with(json!({"emails": null})));
    assert_eq!(lenient(json!([{"op": "add", "path": "emails", "value": []}])), ada());
}

#[test]
fn a_complex_value_keeps_what_was_not_sent() {
    for op in ["add", "replace"] {
        assert_eq!(
            lenient(json!([{"op": op, "path": "name", "value": {"FAMILYNAME": "Lovelace"}}])),
            ada_with(json!({"name": {"givenName": "Ada", "familyName": "Lovelace"}}))
        );
    }
    assert_eq!(lenient(json!([{"op": "replace", "path": "name", "value": {}}])), ada_with(json!({"name": null})));
}

#[test]
fn what_names_nothing_that_there_is_is_refused() {
    assert_eq!(refused(json!([{"op": "replace", "path": "activ", "value": false}])), FaultKind::InvalidPath);
    assert_eq!(refused(json!([{"op": "replace", "path": "password", "value": "x"}])), FaultKind::InvalidPath);
    assert_eq!(refused(json!([{"op": "replace", "value": {"activ": false}}])), FaultKind::InvalidPath);
    assert_eq!(refused(json!([{"op": "replace", "path": ENTERPRISE, "value": {"x": 1}}])), FaultKind::InvalidPath);
    assert_eq!(
        refused(json!([{"op": "replace", "value": {"active": false, "Active": true}}])),
        FaultKind::InvalidSyntax
    );
    assert_eq!(refused(json!([{"op": "replace", "value": "active"}])), FaultKind::InvalidValue);
    assert_eq!(refused(json!([{"op": "replace", "path": "title"}])), FaultKind::InvalidValue);
    assert_eq!(refused(json!([{"op": "add", "path": ENTERPRISE, "value": "x"}])), FaultKind::InvalidValue);
    assert_eq!(
        refused(json!([{"op": "replace", "path": "emails[type eq work].value", "value": "x"}])),
        FaultKind::InvalidFilter
    );
    assert_eq!(
        lenient(json!([{"op": "replace", "value": {"title": "Dr", "activ": false, "urn:other": {"x": 1}}}])),
        ada_with(json!({"title": "Dr"}))
    );
}

#[test]
fn strict_wants_a_path_and_known_names() {
    assert_eq!(strictly_refused(json!([{"op": "replace", "value": {"active": false}}])), FaultKind::InvalidSyntax);
    let operation = json!([{"op": "replace", "path": ENTERPRISE, "value": {"department": "A", "x": 1}}]);
    assert_eq!(strictly_refused(operation), FaultKind::InvalidSyntax);
    let operation = json!([{"op": "replace", "path": "name", "value": {"x": 1}}]);
    assert_eq!(strictly_refused(operation), FaultKind::InvalidSyntax);
    let operation = json!([{"op": "replace", "path": "active", "value": "False"}]);
    assert_eq!(strictly_refused(operation), FaultKind::InvalidValue);
}

#[test]
fn operations_follow_each_other() {
    let operations = json!([
        {"op": "remove", "path": "emails"},
        {"op": "add", "path": "emails", "value": [{"value": "a", "type": "work"}]},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b"}
    ]);
    assert_eq!(lenient(operations), ada_with(json!({"emails": [{"value": "b", "type": "work"}]})));
}

#[test]
fn a_list_has_a_most_of_values() {
    let addresses: Vec<Value> = (0..normal::ELEMENTS).map(|number| json!({"value": number.to_string()})).collect();
    let operations = json!([{"op": "add", "path": "emails", "value": addresses}]);
    assert_eq!(refused(operations), FaultKind::InvalidValue);
}

proptest! {
    #[test]
    fn no_operation_stops_the_program(
        op in "(add|remove|replace)",
        path in concat!(
            "(emails|name|active|members|urn:[a-z:]{0,9}|[a-zA-Z]{0,8})",
            "(\\[(type|value|x) (eq|sw|pr) \"?[a-z]{0,4}\"?\\])?",
            "(\\.[a-z$]{0,6})?"
        ),
        value in "(null|true|\"x\"|\\[\\]|\\{\\}|\\{\"value\":[0-9]\\}|\\[\"a\",null\\])",
    ) {
        let value: Value = serde_json::from_str(&value).unwrap();
        for strictness in [Strictness::Lenient, Strictness::Strict] {
            let _ = changed(ada(), json!([{"op": op, "path": path, "value": value}]), strictness);
            let _ = changed(ada(), json!([{"op": op, "value": {&path: value}}]), strictness);
        }
    }

    #[test]
    fn a_change_made_twice_changes_nothing_more(
        op in "(add|replace)",
        path in "(emails|roles|emails\\[type eq \"work\"\\](\\.value)?|emails\\.type|name|title)",
        value in concat!(
            "(\"x\"|\\{\"value\":\"y\",\"primary\":true\\}",
            "|\\[\\{\"value\":\"z\"\\},\\{\"value\":\"ada@acme[.]example\"\\}\\])"
        ),
    ) {
        let value: Value = serde_json::from_str(&value).unwrap();
        let operations = json!([{"op": op, "path": path, "value": value}]);
        if let Ok(once) = changed(ada(), operations.clone(), Strictness::Lenient) {
            prop_assert_eq!(changed(once.clone(), operations, Strictness::Lenient), Ok(once));
        }
    }
}
