use rivet_config::NotifyOn;
use rivet_history::this_process;
use rivet_model::ExportName;
use serde::Serialize;

use super::gather::Asked;
use super::news::News;
use crate::exit::Exit;

/// Things that one message tells; of more it says how many.
const MOST_NEWS: usize = 20;

/// Details that are told of one thing.
const MOST_DETAILS: usize = 10;

/// Characters of one text in a message for people.
const MOST_CHARACTERS: usize = 500;

/// What one webhook is told.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) asked: &'a Asked,
    pub(super) exit: Exit,
    /// At least one.
    pub(super) news: Vec<&'a News>,
}

/// Writes the JSON that any URL is sent.
pub(super) fn document(message: &Message<'_>) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        rivet_version: &'static str,
        configuration: String,
        host: String,
        exit_code: u8,
        events: &'a [&'a News],
    }
    let document = Document {
        rivet_version: env!("CARGO_PKG_VERSION"),
        configuration: message.asked.configuration.display().to_string(),
        host: this_process().host,
        exit_code: message.exit.code(),
        events: &message.news,
    };
    serde_json::to_string(&document).expect("texts and numbers have a JSON form")
}

/// Writes what Slack is sent: one text.
pub(super) fn slack(message: &Message<'_>) -> String {
    let text = serde_json::json!({ "text": slack_text(message, &this_process().host) });
    text.to_string()
}

fn slack_text(message: &Message<'_>, host: &str) -> String {
    let count = |on| message.news.iter().filter(|news| news.on == on).count();
    let heads =
        [(NotifyOn::Failure, "failed"), (NotifyOn::SchemaChange, "schema changed"), (NotifyOn::Degraded, "degraded")];
    let heads: Vec<String> = heads
        .into_iter()
        .map(|(on, head)| (count(on), head))
        .filter(|(many, _)| *many > 0)
        .map(|(many, head)| format!("{many} {head}"))
        .collect();
    let file = message.asked.configuration.display().to_string();
    let mut text = format!("*Rivet: {}* in `{}` on {}", heads.join(", "), fit(&file), fit(host));
    for news in message.news.iter().take(MOST_NEWS) {
        text.push_str("\n• ");
        text.push_str(&one(news));
    }
    if let more @ 1.. = message.news.len().saturating_sub(MOST_NEWS) {
        text.extend(["\n• and ", &more.to_string(), " more"]);
    }
    text
}

fn one(news: &News) -> String {
    let name = news.export.as_ref().map_or("the run", ExportName::as_str);
    let head = match news.on {
        NotifyOn::Failure => "failed",
        NotifyOn::SchemaChange => "has other columns than its last run",
        NotifyOn::Degraded => "ended well, and not as well as it should",
    };
    let mut lines = vec![match (&news.message, &news.code) {
        (Some(message), Some(code)) => format!("*{}* {head}: {} [{}]", fit(name), fit(message), fit(code)),
        (Some(message), None) => format!("*{}* {head}: {}", fit(name), fit(message)),
        (None, _) => format!("*{}* {head}", fit(name)),
    }];
    lines.extend(news.details.iter().take(MOST_DETAILS).map(|detail| fit(detail)));
    if let more @ 1.. = news.details.len().saturating_sub(MOST_DETAILS) {
        lines.push(format!("and {more} more"));
    }
    lines.extend(news.help.as_deref().map(fit));
    let run = news.run_id.map(|run| format!("run {run}"));
    let place = match (&news.manifest, &news.destination) {
        (Some(manifest), _) => Some(format!("manifest {}", fit(manifest))),
        (None, Some(destination)) => Some(format!("destination {}", fit(destination))),
        (None, None) => None,
    };
    let facts: Vec<String> = run.into_iter().chain(place).collect();
    if !facts.is_empty() {
        lines.push(facts.join(", "));
    }
    lines.join("\n    ")
}

/// Shortens a text, and takes from it what has a meaning for Slack.
fn fit(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let escaped = short.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use insta::assert_snapshot;
    use rivet_config::{Environment, Overrides, parse_str};

    use super::*;
    use crate::notify::gather::Heard;
    use crate::render::sample;

    fn asked() -> Asked {
        let text = "source: { type: postgres, host: db, database: shop }\n\
                    exports: [{ name: a, table: a, destination: { type: local, path: out } }]\n";
        let config = parse_str(text, Path::new("/etc/rivet.yaml"), &Environment::empty(), &Overrides::default());
        Asked::of(&config.unwrap())
    }

    fn news() -> Vec<News> {
        let mut nulled = sample::committed("lineitem");
        nulled.nulled = [("l_shipdate".to_owned(), 1_200)].into();
        let mut failed = sample::failed("big <orders> & more");
        failed.run_id = None;
        let report = sample::run(vec![sample::committed("orders"), nulled, failed]);
        Heard::default().news(&asked(), Ok(&report), Exit::Failed)
    }

    #[test]
    fn people_read_a_text() {
        let (asked, news) = (asked(), news());
        let message = Message { asked: &asked, exit: Exit::Failed, news: news.iter().collect() };
        assert_snapshot!(slack_text(&message, "worker-1"), @r#"
        *Rivet: 1 failed, 1 degraded* in `/etc/rivet.yaml` on worker-1
        • *lineitem* ended well, and not as well as it should
            1,200 values of `l_shipdate` became NULL: the column's type can't hold them
            run 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001, manifest /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
        • *big &lt;orders&gt; &amp; more* failed: the statement is not valid: syntax error at "FORM" [rivet::source::statement]
            Correct the query of the export.
            destination /data/out
        "#);
    }

    #[test]
    fn programs_read_a_document() {
        let (asked, news) = (asked(), news());
        let message = Message { asked: &asked, exit: Exit::Failed, news: news.iter().collect() };
        let mut document: serde_json::Value = serde_json::from_str(&document(&message)).unwrap();
        document["host"] = "worker-1".into();
        assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
        {
          "configuration": "/etc/rivet.yaml",
          "events": [
            {
              "code": null,
              "destination": "/data/out",
              "details": [
                "1,200 values of `l_shipdate` became NULL: the column's type can't hold them"
              ],
              "event": "degraded",
              "export": "lineitem",
              "help": null,
              "manifest": "/data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json",
              "message": null,
              "retry": null,
              "run_id": "01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001"
            },
            {
              "code": "rivet::source::statement",
              "destination": "/data/out",
              "details": [],
              "event": "failure",
              "export": "big <orders> & more",
              "help": "Correct the query of the export.",
              "manifest": null,
              "message": "the statement is not valid: syntax error at \"FORM\"",
              "retry": "never",
              "run_id": null
            }
          ],
          "exit_code": 1,
          "host": "worker-1",
          "rivet_version": "0.1.0"
        }
        "#);
    }

    #[test]
    fn a_message_stays_short() {
        let asked = asked();
        let many = News { details: vec!["x".repeat(10_000); 100], ..News::without_error(NotifyOn::SchemaChange) };
        let message = Message { asked: &asked, exit: Exit::Success, news: vec![&many; 1_000] };
        let text = slack_text(&message, "worker-1");
        assert!(text.chars().count() < 120_000, "{}", text.len());
        assert!(text.ends_with("\n• and 980 more"));
    }
}
