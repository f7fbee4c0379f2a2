//! How fields are read that very many objects have: without room to spare, and so that equal ones can be shared.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

/// A value that others may hold, too.
pub(super) fn shared<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<T>, D::Error> {
    T::deserialize(deserializer).map(Arc::new)
}

/// A list that others may hold, too.
pub(super) fn shared_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<[T]>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::from)
}

/// A list as long as it is: one that is read grows to room for four entries at first, and an entry may have
/// hundreds of bytes.
pub(super) fn exact<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let mut list = Vec::deserialize(deserializer)?;
    list.shrink_to_fit();
    Ok(list)
}

/// One value in place of two equal ones; whether they are.
pub(super) fn unite<T: PartialEq + ?Sized>(new: &mut Arc<T>, known: &Arc<T>) -> bool {
    let equal = Arc::ptr_eq(new, known) || **new == **known;
    if equal {
        *new = Arc::clone(known);
    }
    equal
}
