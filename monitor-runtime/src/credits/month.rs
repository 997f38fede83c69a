//! The months of the calendar, for grants that come once in each.

/// The year and the month, in UTC, of an instant in microseconds since the epoch.
pub(super) fn month_of(at: i64) -> (i64, i64) {
    // Days since 1 March of the year 0, in eras of 400 years: leap days come last in each year.
    let days = at.div_euclid(86_400_000_000) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_is_0 = (5 * day_of_year + 2) / 153;
    let month = if march_is_0 < 10 { march_is_0 + 3 } else { march_is_0 - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_at_midnight_in_utc() {
        let month = |seconds: i64| month_of(seconds * 1_000_000);
        assert_eq!(month(0), (1970, 1));
        assert_eq!(month(-1), (1969, 12));
        assert_eq!(month(951_782_399), (2000, 2));
        assert_eq!(month(951_782_400), (2000, 2), "the 29th");
        assert_eq!(month(951_868_799), (2000, 2));
        assert_eq!(month(951_868_800), (2000, 3));
        assert_eq!(month(1_764_028_800), (2025, 11));
        assert_eq!(month(1_767_225_599), (2025, 12));
        assert_eq!(month(1_767_225_600), (2026, 1));
    }
}
