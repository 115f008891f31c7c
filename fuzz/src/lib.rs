#![doc = include_str!("../README.md")]

use bolero::TypeGenerator;
use serde_json::{Value, json};

/// A part of a text: a word of the target's dictionary, or a character.
#[derive(Clone, Debug, TypeGenerator)]
pub enum Part {
    /// An index, modulo the number of words.
    Word(u8),
    /// Any character.
    Char(char),
}

/// Puts a text together, so that it often looks like a valid one.
pub fn text(parts: &[Part], dictionary: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Word(index) => text += dictionary[usize::from(*index) % dictionary.len()],
            Part::Char(character) => text.push(*character),
        }
    }
    text
}

/// A change of one value in a JSON document.
#[derive(Clone, Debug, TypeGenerator)]
pub struct Mutation {
    place: u16,
    change: Change,
}

#[derive(Clone, Debug, TypeGenerator)]
enum Change {
    Remove,
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    EmptyText,
    EmptyArray,
    EmptyObject,
    Nest,
    Duplicate,
}

/// Applies mutations to a document, one after the other.
#[must_use]
pub fn mutated(mut document: Value, mutations: &[Mutation]) -> Value {
    for mutation in mutations {
        let places = count(&document);
        mutation.apply(&mut document, usize::from(mutation.place) % places);
    }
    document
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

impl Mutation {
    /// Changes the value at this place, counted in the order of the document.
    fn apply(&self, value: &mut Value, place: usize) {
        if place == 0 {
            return self.change(value);
        }
        let mut before = 1;
        match value {
            Value::Array(items) => {
                for index in 0..items.len() {
                    let size = count(&items[index]);
                    if place < before + size {
                        let inner = place - before;
                        match self.change {
                            Change::Remove if inner == 0 => drop(items.remove(index)),
                            Change::Duplicate if inner == 0 => items.push(items[index].clone()),
                            _ => self.apply(&mut items[index], inner),
                        }
                        return;
                    }
                    before += size;
                }
            }
            Value::Object(fields) => {
                let names: Vec<String> = fields.keys().cloned().collect();
                for name in names {
                    let size = count(&fields[&name]);
                    if place < before + size {
                        let inner = place - before;
                        if inner == 0 && matches!(self.change, Change::Remove) {
                            fields.remove(&name);
                        } else {
                            self.apply(&mut fields[&name], inner);
                        }
                        return;
                    }
                    before += size;
                }
            }
            _ => {}
        }
    }

    fn change(&self, value: &mut Value) {
        *value = match &self.change {
            Change::Remove | Change::Null => Value::Null,
            Change::Bool(bool) => json!(bool),
            Change::Integer(number) => json!(number),
            Change::Float(number) => json!(number),
            Change::Text(text) => json!(text),
            Change::EmptyText => json!(""),
            Change::EmptyArray => json!([]),
            Change::EmptyObject => json!({}),
            Change::Nest => json!({ "x": value.take() }),
            Change::Duplicate => json!([value.clone(), value.take()]),
        };
    }
}
