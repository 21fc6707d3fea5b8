//! A map with get, put and compare-and-swap as a model: what the ordered key-value service offers.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use super::{KeyedModel, Model};

/// A map from keys to values, empty at first.
#[derive(Clone, Copy, Debug)]
pub struct KeyValue<K, V>(PhantomData<(K, V)>);

impl<K, V> KeyValue<K, V> {
    /// The model.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K, V> Default for KeyValue<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A call on a [`KeyValue`]; the value `None` is that of an absent key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValueInput<K, V> {
    /// Return the value.
    Get {
        /// Of this key.
        key: K,
    },
    /// Replace the value.
    Put {
        /// Of this key.
        key: K,
        /// By this one; `None` removes the key.
        value: Option<V>,
    },
    /// Replace the value if it is as expected.
    CompareAndSwap {
        /// Of this key.
        key: K,
        /// The value it must have.
        expected: Option<V>,
        /// The value it then gets.
        value: Option<V>,
    },
}

/// An answer of a [`KeyValue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValueOutput<V> {
    /// The value that was asked for.
    Value(Option<V>),
    /// The put is done.
    Stored,
    /// Whether the value was as expected, and so was replaced.
    Swapped(bool),
}

impl<K: Ord + Hash + Clone + Debug, V: Hash + Eq + Clone + Debug> Model for KeyValue<K, V> {
    type State = BTreeMap<K, V>;
    type Input = KeyValueInput<K, V>;
    type Output = KeyValueOutput<V>;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn apply(&self, state: &mut Self::State, input: &Self::Input) -> Self::Output {
        match input {
            KeyValueInput::Get { key } => KeyValueOutput::Value(state.get(key).cloned()),
            KeyValueInput::Put { key, value } => {
                set(state, key, value.as_ref());
                KeyValueOutput::Stored
            }
            KeyValueInput::CompareAndSwap { key, expected, value } => {
                let is_expected = state.get(key) == expected.as_ref();
                if is_expected {
                    set(state, key, value.as_ref());
                }
                KeyValueOutput::Swapped(is_expected)
            }
        }
    }
}

impl<K: Ord + Hash + Clone + Debug, V: Hash + Eq + Clone + Debug> KeyedModel for KeyValue<K, V> {
    type Key = K;

    fn key(&self, input: &Self::Input) -> K {
        match input {
            KeyValueInput::Get { key }
            | KeyValueInput::Put { key, .. }
            | KeyValueInput::CompareAndSwap { key, .. } => key.clone(),
        }
    }
}

fn set<K: Ord + Clone, V: Clone>(state: &mut BTreeMap<K, V>, key: &K, value: Option<&V>) {
    match value {
        Some(value) => state.insert(key.clone(), value.clone()),
        None => state.remove(key),
    };
}
