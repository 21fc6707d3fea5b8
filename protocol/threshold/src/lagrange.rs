//! Lagrange coefficients: the weights with which values at some indices give the value elsewhere.
//!
//! Shamir 1979. The indices are public, so nothing here is secret.

use alloc::vec::Vec;

use crate::parameters::ShareIndex;
use crate::rejected::Rejected;
use crate::scalar::Scalar;

/// The weights for the value at zero, where the secret is.
///
/// # Errors
/// [`Rejected::DuplicateIndex`]: two equal indices have no polynomial through them.
pub(crate) fn weights_at_zero(indices: &[ShareIndex]) -> Result<Vec<Scalar>, Rejected> {
    weights_at(0, indices)
}

/// The weight of each index, in the given order, for the value at `place`: the product of
/// `(x_j - place) / (x_j - x_i)` over `j != i`.
///
/// # Errors
/// [`Rejected::DuplicateIndex`]: two equal indices have no polynomial through them.
pub(crate) fn weights_at(place: u16, indices: &[ShareIndex]) -> Result<Vec<Scalar>, Rejected> {
    if let Some(index) = first_duplicate(indices) {
        return Err(Rejected::DuplicateIndex { index });
    }
    let place = Scalar::from_u16(place);
    Ok(indices.iter().map(|index| weight_at(&place, *index, indices)).collect())
}

fn weight_at(place: &Scalar, index: ShareIndex, indices: &[ShareIndex]) -> Scalar {
    let own = Scalar::from_u16(index.get());
    let mut numerator = Scalar::from_u16(1);
    let mut denominator = Scalar::from_u16(1);
    for other in indices.iter().filter(|other| **other != index) {
        let other = Scalar::from_u16(other.get());
        numerator = numerator.mul(&other.sub(place));
        denominator = denominator.mul(&other.sub(&own));
    }
    numerator.mul(&denominator.invert())
}

/// The first index that occurs a second time.
pub(crate) fn first_duplicate(indices: &[ShareIndex]) -> Option<ShareIndex> {
    let repeats = |(place, index): &(usize, &ShareIndex)| {
        indices.iter().take(*place).any(|earlier| earlier == *index)
    };
    indices.iter().enumerate().find(repeats).map(|(_place, index)| *index)
}

#[cfg(test)]
mod tests;
