//! How much work a step is. A user is changed in a transaction, which others wait for.

use serde_json::{Map, Value};

use super::super::fault::Fault;
use super::super::filter::Filter;
use super::super::normal::{invalid, size};
use super::super::path::Target;

/// The most bytes that the steps of one request may look at, together. That is about a second's work; what identity
/// providers send is a thousandth of it.
const EFFORT: usize = 1024 * 1024;

/// Counts what the steps of one request look at.
#[derive(Default)]
pub(super) struct Effort(usize);

impl Effort {
    /// Counts one more step, and refuses it when it is too much.
    pub(super) fn add(&mut self, resource: &Map<String, Value>, target: &Target) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(of_step(resource, target));
        if self.0 > EFFORT {
            return Err(invalid("these are too many changes of too long lists for one request"));
        }
        Ok(())
    }
}

fn of_step(resource: &Map<String, Value>, target: &Target) -> usize {
    let (path, filter) = match target {
        Target::Extension(_) => return 0,
        Target::Attribute(path) => (path, None),
        Target::Elements { attribute, filter, .. } => (attribute, Some(filter)),
    };
    let holder = match path.extension {
        Some(schema) => resource.get(schema.id).and_then(Value::as_object),
        None => Some(resource),
    };
    let Some(present) = holder.and_then(|members| members.get(path.attribute.name)) else { return 0 };
    let Some(filter) = filter else { return size(present) };
    // Each comparison folds its text for each value anew.
    let values = present.as_array().map_or(1, Vec::len);
    size(present) * (1 + comparisons(filter)) + values * filter.to_string().len()
}

fn comparisons(filter: &Filter) -> usize {
    match filter {
        Filter::And(left, right) | Filter::Or(left, right) => comparisons(left) + comparisons(right),
        Filter::Not(inner) | Filter::Element { filter: inner, .. } => comparisons(inner),
        Filter::Compare { .. } | Filter::Present(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::schema::ResourceKind;
    use super::*;

    #[test]
    fn long_lists_and_long_filters_are_looked_at_a_bounded_number_of_times() {
        let roles: Vec<Value> = (0..1000).map(|number| json!({"value": number.to_string()})).collect();
        let resource = Map::from_iter([("roles".to_owned(), Value::Array(roles))]);
        let filter = ["value eq \"x\""; 20].join(" or ");
        for (path, at_least, at_most) in [
            (format!("roles[{filter}].display"), 1, 10),
            ("roles[value eq \"x\"].display".to_owned(), 5, 1000),
            ("roles".to_owned(), 30, 5000),
        ] {
            let target = Target::parse(ResourceKind::User, &path).unwrap();
            let mut effort = Effort::default();
            let steps = (0..100_000).take_while(|_| effort.add(&resource, &target).is_ok()).count();
            assert!((at_least..=at_most).contains(&steps), "{steps}");
        }
    }

    #[test]
    fn what_is_not_there_costs_nothing() {
        let target = Target::parse(ResourceKind::User, "title").unwrap();
        let mut effort = Effort::default();
        assert!((0..1000).all(|_| effort.add(&Map::new(), &target).is_ok()));
    }
}
