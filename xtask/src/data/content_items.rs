//! A wide table as content systems have it: texts of all lengths, JSON, arrays, and values that are absent.

use std::fmt::Write as _;

use super::random::Random;
use super::{MysqlForm, Table, csv};
use crate::database::Chunks;

/// Rows at scale 1.
const ROWS: f64 = 500_000.0;

/// Makes every machine's table the same.
const SEED: u64 = 0x5269_7665_7421;

pub(super) const TABLE: Table = Table {
    name: "content_items",
    columns: "id bigint NOT NULL, public_id uuid NOT NULL, slug text NOT NULL, title text NOT NULL, summary text, \
              body text NOT NULL, author_name text, locale varchar(8) NOT NULL, status text NOT NULL, \
              tags text[] NOT NULL, related_ids integer[], metadata jsonb NOT NULL, price numeric(12,4), \
              score double precision, view_count integer NOT NULL, is_published boolean NOT NULL, \
              is_featured boolean, created_at timestamptz NOT NULL, updated_at timestamp, published_on date",
    primary_key: "id",
    rows,
    mysql: Some(MysqlForm { columns: MYSQL_COLUMNS, values: MYSQL_VALUES }),
};

const MYSQL_COLUMNS: &str = "id bigint NOT NULL, public_id char(36) NOT NULL, slug varchar(255) NOT NULL, \
                             title varchar(255) NOT NULL, summary text, body mediumtext NOT NULL, \
                             author_name varchar(100), locale varchar(8) NOT NULL, status varchar(16) NOT NULL, \
                             tags json NOT NULL, related_ids json, metadata json NOT NULL, price decimal(12,4), \
                             score double, view_count int NOT NULL, is_published tinyint(1) NOT NULL, \
                             is_featured tinyint(1), created_at timestamp(6) NOT NULL, updated_at datetime(6), \
                             published_on date";

/// An absent value is the empty text: no column that may be absent holds one. Arrays become JSON, whose quotes they
/// have already, by other brackets; what follows the microseconds is the zone, which is UTC.
const MYSQL_VALUES: &str = "(id, public_id, slug, title, @summary, body, @author, locale, status, @tags, @related, metadata, @price, @score, \
      view_count, @published, @featured, @created, @updated, @day) \
     SET summary = nullif(@summary, ''), author_name = nullif(@author, ''), \
         tags = concat('[', substring(@tags, 2, char_length(@tags) - 2), ']'), \
         related_ids = if(@related = '', NULL, concat('[', lower(substring(@related, 2, char_length(@related) - 2)), ']')), \
         price = nullif(@price, ''), score = nullif(@score, ''), is_published = @published = 'true', \
         is_featured = nullif(@featured, '') = 'true', created_at = left(@created, 26), \
         updated_at = nullif(@updated, ''), published_on = nullif(@day, '')";

const WORDS: &[&str] = &[
    "river",
    "engine",
    "quiet",
    "market",
    "window",
    "garden",
    "signal",
    "paper",
    "bridge",
    "winter",
    "copper",
    "harbour",
    "season",
    "letter",
    "mountain",
    "kitchen",
    "traveller",
    "evening",
    "station",
    "memory",
    "island",
    "customer",
    "delivery",
    "warehouse",
    "invoice",
    "report",
    "morning",
    "orchard",
    "library",
    "teacher",
    "village",
    "weather",
    "machine",
    "journey",
    "festival",
    "painting",
    "orchestra",
    "compass",
    "lantern",
    "workshop",
    "the",
    "a",
    "of",
    "and",
    "with",
    "from",
    "under",
    "between",
    "before",
    "after",
    "slowly",
    "often",
    "never",
    "rarely",
    "almost",
    "carries",
    "finds",
    "opens",
    "writes",
    "measures",
    "repairs",
    "collects",
    "describes",
    "follows",
    "remembers",
    "café",
    "naïve",
    "Straße",
    "münchen",
    "señor",
    "façade",
    "Ærø",
    "Łódź",
    "письмо",
    "город",
    "река",
    "東京",
    "日本",
    "한국",
    "ελληνικά",
    "🚂",
    "🌊",
    "O'Brien",
    "\"quoted\"",
    "back\\slash",
    "50%",
    "a,b",
    "x;y",
    "#42",
    "1,250.00",
];

const NAMES: &[&str] =
    &["Ada Marsh", "Bo Lindqvist", "Chidi Okafor", "Дарья Ким", "Élodie Roux", "Fatima Zahra", "Goro 山田", "Ines Vaz"];

const LOCALES: &[&str] = &["en", "en-GB", "de", "fr", "pt-BR", "ja", "uk", "pl"];

const STATUSES: &[&str] = &["draft", "review", "published", "archived"];

const TAGS: &[&str] =
    &["news", "guide", "how to", "release", "opinion", "team", "a,b", "NULL", "", "{x}", "größe", "c++"];

fn rows(scale: f64) -> Chunks {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "500 to 500,000,000, rounded")]
    let count = (ROWS * scale).round().max(1.0) as u64;
    let mut next = 1;
    csv::chunks(move |record| {
        if next > count {
            return false;
        }
        row(record, next);
        next += 1;
        true
    })
}

/// Appends the row with this id; it does not depend on the other rows.
fn row(record: &mut String, id: u64) {
    let random = &mut Random::of_row(SEED, id);
    // Writing into a string can't fail; `write!` says so by a result that is left alone.
    let _infallible = write!(record, "{id},{},", uuid(random));
    let title = words(random, 3, 9);
    csv::quote(record, &format!("{}-{id}", title.to_lowercase().replace(' ', "-")));
    text(record, &title);
    let summary = random.percent(85).then(|| words(random, 8, 40));
    optional(record, summary.as_deref());
    text(record, &body(random));
    let author = random.percent(90).then(|| random.pick(NAMES));
    optional(record, author);
    let _infallible = write!(record, ",{},{},", random.pick(LOCALES), random.pick(STATUSES));
    csv::quote(record, &tags(random));
    let related = random.percent(70).then(|| related(random));
    optional(record, related.as_deref());
    text(record, &metadata(random, id));
    numbers(record, random);
    moments(record, random);
    record.push('\n');
}

fn text(record: &mut String, value: &str) {
    record.push(',');
    csv::quote(record, value);
}

fn optional(record: &mut String, value: Option<&str>) {
    record.push(',');
    if let Some(value) = value {
        csv::quote(record, value);
    }
}

fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.next(), random.next());
    let (a, b, c) = (high >> 32, (high >> 16) & 0xFFFF, high & 0x0FFF);
    format!("{a:08x}-{b:04x}-4{c:03x}-8{:03x}-{:012x}", (low >> 48) & 0x0FFF, low & 0xFFFF_FFFF_FFFF)
}

/// Joins so many random words, both bounds included.
fn words(random: &mut Random, least: u64, most: u64) -> String {
    let count = least + random.below(most - least + 1);
    let mut joined = String::new();
    for position in 0..count {
        if position > 0 {
            joined.push(' ');
        }
        joined.push_str(random.pick(WORDS));
    }
    joined
}

/// Makes paragraphs of sentences: most a few hundred bytes, a tail of several thousand.
fn body(random: &mut Random) -> String {
    let paragraphs = if random.percent(10) { 20 + random.below(34) } else { 5 + random.below(12) };
    let mut body = String::new();
    for position in 0..paragraphs {
        body.push_str(if position > 0 { "\n\n" } else { "" });
        for _ in 0..=random.below(6) {
            body.push_str(&words(random, 6, 25));
            body.push_str(". ");
        }
    }
    body
}

fn tags(random: &mut Random) -> String {
    let list: Vec<String> = (0..random.below(7)).map(|_| format!("\"{}\"", random.pick(TAGS))).collect();
    format!("{{{}}}", list.join(","))
}

fn related(random: &mut Random) -> String {
    let list: Vec<String> = (0..random.below(9))
        .map(|_| if random.percent(5) { "NULL".to_owned() } else { random.below(500_000).to_string() })
        .collect();
    format!("{{{}}}", list.join(","))
}

fn metadata(random: &mut Random, id: u64) -> String {
    let source = random.pick(&["editor", "import", "api"]);
    let note = words(random, 2, 12).replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"{{"source": "{source}", "revision": {}, "note": "{note}", "ratio": {}.{:03}, "flags": [{}, null, "{id}"], "nested": {{"width": {}, "height": {}}}}}"#,
        random.below(40),
        random.below(100),
        random.below(1000),
        random.percent(50),
        random.below(4000),
        random.below(4000),
    )
}

fn numbers(record: &mut String, random: &mut Random) {
    record.push(',');
    if random.percent(80) {
        let _infallible = write!(record, "{}.{:04}", random.below(1_000_000), random.below(10_000));
    }
    record.push(',');
    if random.percent(95) {
        // A tenth and a seventh have no short binary form: every digit counts.
        let _infallible =
            write!(record, "{}e{}", random.below(1_000_000_007), i64::try_from(random.below(12)).unwrap_or(0) - 12);
    }
    let _infallible = write!(record, ",{},{}", random.below(2_000_000), random.percent(75));
    record.push(',');
    if random.percent(60) {
        record.push_str(if random.percent(10) { "true" } else { "false" });
    }
}

/// Appends a moment with a zone, one without, and a date, all between 2015 and 2026.
fn moments(record: &mut String, random: &mut Random) {
    let date = |random: &mut Random| {
        format!("{:04}-{:02}-{:02}", 2015 + random.below(11), 1 + random.below(12), 1 + random.below(28))
    };
    let time = |random: &mut Random| {
        let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
        format!("{hour:02}:{minute:02}:{second:02}.{:06}", random.below(1_000_000))
    };
    let _infallible = write!(record, ",{} {}+00,", date(random), time(random));
    if random.percent(88) {
        let _infallible = write!(record, "{} {}", date(random), time(random));
    }
    record.push(',');
    if random.percent(75) {
        record.push_str(&date(random));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_at_every_scale() {
        let all = |scale| rows(scale).flat_map(|chunk| chunk.to_vec()).collect::<Vec<u8>>();
        let (small, large) = (all(0.0001), all(0.0002));
        assert!(large.starts_with(&small) && large.len() > small.len());
    }

    #[test]
    fn a_record_has_twenty_values() {
        for id in 1..200 {
            let mut record = String::new();
            row(&mut record, id);
            let outside: String = record.split('"').step_by(2).collect();
            assert_eq!(outside.matches(',').count(), 19, "{record}");
        }
    }
}
