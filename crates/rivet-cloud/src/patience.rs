use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};

/// How long a server is waited for, and how often a request is repeated.
///
/// What is repeated are statuses of 500 and more, 429 and 408, connections that break, and requests that take too
/// long, as long as doing them twice does no harm. 403 and 404 are not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Patience {
    /// What a request may take as a whole. A piece of 8 MiB arrives in a minute at 140 kB a second.
    pub request: Duration,
    /// What making a connection may take.
    pub connect: Duration,
    /// Attempts after the first one.
    pub retries: usize,
    /// The wait before the second attempt; it doubles, with jitter.
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
    /// How long after the first attempt another one may begin.
    pub total: Duration,
}

impl Default for Patience {
    /// A minute for a request, and about a minute of waiting between nine attempts where the server answers at once.
    fn default() -> Self {
        Self {
            request: Duration::from_mins(1),
            connect: Duration::from_secs(5),
            retries: 8,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(15),
            total: Duration::from_mins(3),
        }
    }
}

impl Patience {
    pub(crate) fn retries(&self) -> RetryConfig {
        let backoff = BackoffConfig { init_backoff: self.first_wait, max_backoff: self.longest_wait, base: 2.0 };
        RetryConfig { backoff, max_retries: self.retries, retry_timeout: self.total }
    }
}
