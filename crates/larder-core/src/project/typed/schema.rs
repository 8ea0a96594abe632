//! The JSON Schemas of the files that users write.
//! They are generated from the types that read these
//! files and are committed under `schema/`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::recipe::RawRecipe;
use super::user::RawUser;
use super::versions::RawVersions;

/// The JSON Schema of `versions.yml`.
pub fn versions_schema() -> Value {
    schema::<RawVersions>("versions.yml")
}

/// The JSON Schema of `subsystems/<name>/recipe.yml`.
pub fn recipe_schema() -> Value {
    schema::<RawRecipe>("recipe.yml")
}

/// The JSON Schema of the user's `config.yml`.
pub fn user_schema() -> Value {
    schema::<RawUser>("config.yml")
}

fn schema<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    let mut value = schema.to_value();
    tidy(&mut value);
    value
}

/// Removes `required: []`, which has no effect and which older validators reject.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(Vec::is_empty)
            {
                map.remove("required");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_nothing_may_be_null() {
        let schema = versions_schema();
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        assert_eq!(schema["required"], serde_json::json!(["versions"]));
        assert!(!schema.to_string().contains("\"null\""));
        assert!(!recipe_schema().to_string().contains("\"null\""));
    }
}
