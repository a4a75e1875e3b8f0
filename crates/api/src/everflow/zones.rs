//! The vendor's 99 time zones, from east to west. Its documents confirm the ids 1 to 16, 67, 80, 85, 87 and 99; the others
//! are ours, in the order that its list is described to have, and are marked.

use quittance_domain::time::{Timestamp, Zone};
use serde_json::{Value, json};

use super::quirks::OTHER_ZONE;

/// The name of a zone that the vendor's documents spell out.
const SPELT_OUT: [(&str, &str); 1] = [("Pacific/Kiritimati", "Line Is. Time")];

/// The zones by id, the first has 1.
#[rustfmt::skip]
const ZONES: [&str; 99] = [
    // 1 to 16: confirmed.
    "Pacific/Kiritimati", "Pacific/Enderbury", "Pacific/Tongatapu", "Pacific/Chatham", "Pacific/Auckland",
    "Pacific/Fiji", "Asia/Kamchatka", "Pacific/Norfolk", "Australia/Lord_Howe", "Pacific/Guadalcanal",
    "Australia/Adelaide", "Australia/Sydney", "Australia/Brisbane", "Australia/Darwin", "Asia/Seoul", "Asia/Tokyo",
    // 17 to 66: ours.
    "Asia/Hong_Kong", "Asia/Kuala_Lumpur", "Asia/Manila", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei",
    "Australia/Perth", "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Jakarta", "Asia/Rangoon", "Asia/Dhaka",
    "Asia/Kathmandu", "Asia/Colombo", "Asia/Kolkata", "Asia/Karachi", "Asia/Tashkent", "Asia/Yekaterinburg",
    "Asia/Kabul", "Asia/Baku", "Asia/Dubai", "Asia/Tbilisi", "Asia/Yerevan", "Asia/Tehran",
    "Africa/Nairobi", "Asia/Baghdad", "Asia/Riyadh", "Europe/Istanbul", "Europe/Minsk", "Europe/Moscow",
    "Africa/Cairo", "Africa/Johannesburg", "Asia/Beirut", "Asia/Jerusalem", "Europe/Athens", "Europe/Bucharest",
    "Europe/Helsinki", "Africa/Algiers", "Europe/Amsterdam", "Europe/Berlin", "Europe/Brussels", "Europe/Madrid",
    "Europe/Paris", "Europe/Prague", "Europe/Rome", "Africa/Casablanca", "Europe/Dublin", "Europe/Lisbon",
    "Europe/London", "Africa/Abidjan",
    // 67: confirmed.
    "UTC",
    // 68 to 79: ours.
    "Atlantic/Azores", "Atlantic/Cape_Verde", "America/Scoresbysund", "Atlantic/South_Georgia", "America/St_Johns",
    "America/Argentina/Buenos_Aires", "America/Sao_Paulo", "America/Santiago", "America/Halifax", "America/Puerto_Rico",
    "Atlantic/Bermuda", "America/Caracas",
    // 80: confirmed.
    "America/New_York",
    // 81 to 84: ours.
    "America/Indiana/Indianapolis", "America/Bogota", "America/Lima", "America/Panama",
    // 85: confirmed; 86: ours; 87: confirmed.
    "America/Chicago", "America/Mexico_City", "America/Denver",
    // 88 to 98: ours; 90 is in a sample without its name.
    "America/Mazatlan", "America/Phoenix", "America/Los_Angeles", "America/Tijuana", "Pacific/Pitcairn",
    "America/Anchorage", "Pacific/Gambier", "America/Adak", "Pacific/Marquesas", "Pacific/Honolulu", "Pacific/Niue",
    // 99: confirmed.
    "Pacific/Pago_Pago",
];

/// The id of a zone; that of UTC for one that the vendor does not have.
pub(super) fn id_of(zone: &str) -> i64 {
    match (1..).zip(ZONES).find(|(_, name)| name.eq_ignore_ascii_case(zone)) {
        Some((id, _)) => id,
        None => {
            tracing::warn!(zone, "the zone is none of this interface's; its invoices show UTC");
            OTHER_ZONE
        }
    }
}

/// The zone of an id.
pub(super) fn of_id(id: i64) -> Option<Zone> {
    let place = usize::try_from(id.checked_sub(1)?).ok()?;
    Zone::parse(ZONES.get(place)?).ok()
}

/// All of them, as they are at an instant.
pub(super) fn all(now: Timestamp) -> Vec<Value> {
    let shown = |(id, name): (i64, &str)| {
        let seconds = of_id(id).map_or(0, |zone| zone.offset_seconds(now));
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        json!({
            "timezone_id": id,
            "timezone_name": format!("{} ({name})", called(name)),
            "timezone": name,
            "utc_offset": format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        })
    };
    (1..).zip(ZONES).map(shown).collect()
}

/// What the zone's time is called: after its place, where the vendor does not spell it out.
fn called(zone: &str) -> String {
    if let Some((_, name)) = SPELT_OUT.iter().find(|(spelt, _)| *spelt == zone) {
        return (*name).to_owned();
    }
    let place = zone.rsplit('/').next().unwrap_or(zone).replace('_', " ");
    format!("{place} Time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_known_and_comes_once() {
        let mut names: Vec<&str> = ZONES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 99);
        for (id, name) in (1..).zip(ZONES) {
            assert!(of_id(id).is_some(), "{name}");
            assert_eq!(id_of(name), id);
        }
        assert!(of_id(0).is_none() && of_id(100).is_none() && of_id(i64::MIN).is_none());
    }

    #[test]
    fn the_confirmed_ids_are_as_the_documents_have_them() {
        let confirmed = [
            (1, "Pacific/Kiritimati"),
            (4, "Pacific/Chatham"),
            (8, "Pacific/Norfolk"),
            (12, "Australia/Sydney"),
            (16, "Asia/Tokyo"),
            (67, "UTC"),
            (80, "America/New_York"),
            (85, "America/Chicago"),
            (87, "America/Denver"),
            (99, "Pacific/Pago_Pago"),
        ];
        for (id, zone) in confirmed {
            assert_eq!(id_of(zone), id);
        }
        assert_eq!(id_of("Antarctica/Troll"), 67);
    }
}
