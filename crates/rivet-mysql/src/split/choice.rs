use rivet_model::Scalar;

/// Where a piece ends and the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// The key of the first row behind it.
    pub(super) values: Vec<Scalar>,
    /// Rows between the cut before and this one.
    pub(super) rows_before: Option<u64>,
    /// Rows between this cut and the next.
    pub(super) rows_after: Option<u64>,
}

/// A place where a range could be cut, and how many rows of it are before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) values: Vec<Scalar>,
    pub(super) before: u64,
}

/// Chooses the cuts that make so many pieces of about the same size, of so many rows. The places are in their order.
pub(super) fn even(places: &[Place], pieces: u64, rows: u64) -> Vec<Cut> {
    let mut chosen: Vec<usize> = Vec::new();
    for number in 1..pieces {
        let ideal = u128::from(rows) * u128::from(number) / u128::from(pieces);
        let ideal = u64::try_from(ideal).unwrap_or(u64::MAX);
        let after = places.partition_point(|place| place.before < ideal);
        let near = |index: &usize| places[*index].before.abs_diff(ideal);
        let candidates = [after.checked_sub(1), (after < places.len()).then_some(after)];
        let Some(best) = candidates.into_iter().flatten().min_by_key(near) else { break };
        // Before the first row and behind the last one there is nothing to cut off.
        let is_inside = places[best].before > 0 && places[best].before < rows;
        if is_inside && chosen.last().is_none_or(|last| *last < best) {
            chosen.push(best);
        }
    }
    let chosen: Vec<Place> = chosen.into_iter().map(|index| places[index].clone()).collect();
    cuts(chosen, rows)
}

/// Makes cuts of places, where there are so many rows in all.
pub(super) fn cuts(places: Vec<Place>, rows: u64) -> Vec<Cut> {
    let ends: Vec<u64> = places.iter().skip(1).map(|place| place.before).chain([rows]).collect();
    let mut last = 0;
    let made = places.into_iter().zip(ends).map(|(place, end)| {
        let rows_before = Some(place.before.saturating_sub(last));
        last = place.before;
        Cut { values: place.values, rows_before, rows_after: Some(end.saturating_sub(place.before)) }
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(groups: &[u64], pieces: u64) -> Vec<(i64, u64, u64)> {
        let mut before = 0;
        let mut places = Vec::new();
        for (number, rows) in groups.iter().enumerate() {
            places.push(Place { values: vec![Scalar::Int(i64::try_from(number).unwrap())], before });
            before += rows;
        }
        let number = |cut: &Cut| match cut.values[0] {
            Scalar::Int(number) => number,
            ref other => panic!("{other:?}"),
        };
        let made = even(&places, pieces, before);
        made.iter().map(|cut| (number(cut), cut.rows_before.unwrap(), cut.rows_after.unwrap())).collect()
    }

    #[test]
    fn cuts_are_the_places_nearest_to_where_they_should_be() {
        assert_eq!(found(&[1; 9], 3), [(3, 3, 3), (6, 3, 3)]);
        assert_eq!(found(&[4, 1, 4, 1], 2), [(2, 5, 5)]);
        // A group that is larger than a piece stays whole.
        assert_eq!(found(&[2, 90, 2, 6], 5), [(1, 2, 90), (2, 90, 8)]);
        assert_eq!(found(&[100], 5), []);
        assert_eq!(found(&[], 5), []);
        assert_eq!(found(&[1, 1], 9), [(1, 1, 1)]);
    }
}
