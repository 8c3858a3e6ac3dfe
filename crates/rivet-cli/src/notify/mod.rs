//! Tells people of runs that need them, by the webhooks of a configuration.
//!
//! Nothing here changes how a run ends: all that can go wrong is a warning, after at most [`PATIENCE`].

mod gather;
mod message;
mod news;
mod send;

use std::sync::OnceLock;
use std::time::Duration;

use rivet_config::{Config, Webhook};
use rivet_core::{Event, Observer, RunReport};
use tokio::runtime::Builder;

use self::gather::{Asked, Heard};
use self::message::{Message, document, slack};
use self::news::News;
use self::send::Sender;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Printer;
use crate::signals;

/// How long all notifications of a run may take together, a second attempt included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hears what happens in a run, and tells whoever wants to know when it has ended.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    asked: OnceLock<Asked>,
    heard: Heard,
}

impl Observer for Notifier {
    fn event(&self, event: &Event) {
        self.heard.event(event);
    }
}

impl Notifier {
    /// Says whom to tell. Without it nobody is told.
    pub(crate) fn follow(&self, config: &Config) {
        // A command reads one configuration.
        drop(self.asked.set(Asked::of(config)));
    }

    /// Tells how a run has ended, to those who want to know of that.
    pub(crate) fn tell(&self, result: Result<&RunReport, &Failure>, exit: Exit, printer: &Printer) {
        let Some(asked) = self.asked.get() else { return };
        let Some(hooks) = &asked.notifications else { return };
        let news = self.heard.news(asked, result, exit);
        let message = |hook: &Webhook| {
            let wanted: Vec<&News> = news.iter().filter(|news| hook.on.contains(&news.on)).collect();
            (!wanted.is_empty()).then_some(Message { asked, exit, news: wanted })
        };
        let mut letters = Vec::new();
        if let Some((hook, message)) = hooks.slack.as_ref().and_then(|hook| Some((hook, message(hook)?))) {
            letters.push(("slack", hook, slack(&message)));
        }
        if let Some((hook, message)) = hooks.webhook.as_ref().and_then(|hook| Some((hook, message(hook)?))) {
            letters.push(("webhook", hook, document(&message)));
        }
        if letters.is_empty() {
            return;
        }
        for (name, reason) in send_all(&letters) {
            printer.warning(&format!("`notifications.{name}` was not told how the run ended: {reason}"));
        }
    }
}

/// Sends letters at the same time, and returns which of them were not sent, and why.
fn send_all(letters: &[(&'static str, &Webhook, String)]) -> Vec<(&'static str, String)> {
    let failed = |reason: &str| letters.iter().map(|(name, ..)| (*name, reason.to_owned())).collect();
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return failed("the operating system refuses what that needs");
    };
    let unsent = runtime.block_on(async {
        let sender = match Sender::new() {
            Ok(sender) => sender,
            Err(reason) => return failed(&reason),
        };
        let sender = &sender;
        let sending = futures_util::future::join_all(
            letters.iter().map(|(name, hook, body)| async move { (*name, sender.send(&hook.url, body).await) }),
        );
        tokio::select! {
            sent = tokio::time::timeout(PATIENCE, sending) => match sent {
                Ok(sent) => sent.into_iter().filter_map(|(name, sent)| Some((name, sent.err()?))).collect(),
                Err(_elapsed) => failed(&format!("no answer within {} s", PATIENCE.as_secs())),
            },
            () = signals::any() => failed("interrupted"),
        }
    });
    // Names are still being looked up, perhaps: nobody waits for that.
    runtime.shutdown_background();
    unsent
}
