/// What stands first.
pub(super) const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the types of rivet-config. Regenerate with: RIVET_UPDATE_DOCS=1 cargo test -p rivet-config -->

Rivet reads one YAML file, `rivet.yaml`. The smallest one names a source and one export:

```yaml
source:
  type: postgres
  url_env: DATABASE_URL
exports:
  - name: orders
    table: sales.orders
    destination: { type: local, path: out }
```

All mistakes of a file are reported at once, each with its line; the exit code is 2 and nothing has been touched.
`rivet schema config` prints the JSON Schema that editors complete from.

## Layers

Later ones win:

1. what is built in;
2. the file; an export starts from `defaults`, where there is one;
3. environment variables that begin with `RIVET_` and the name of a key of the root. Two underscores lead one level
   down, a number is a position in a list: `RIVET_SOURCE__TUNING__PROFILE=safe`, `RIVET_EXPORTS__0__MODE=full`. A
   value is read as it would be in the file: `4` for a number, `[a, b]` for a list;
4. flags.

## Variables

`${NAME}` in any text of the file reads the environment. In a `query`, and in the file that `query_file` names,
`${key}` is filled by `--param key=value` first. A name that nothing sets is an error. `$${` stands for `${` itself.
What a variable holds is never shown in an error, and what it puts into a query is put there as it is: quote it in the
query.

## Paths

Relative paths (`path`, `query_file`, `url_file`, `ca_file`, `credentials_file`, `state.path`) start from the folder of
the configuration, not from where Rivet is started. A `query_file` must be below that folder. Placeholders in `path`
and `prefix` are filled with values made fit for one folder name: characters with a meaning in paths are
percent-encoded. `{table}` is the table as the configuration names it, its schema included. `{{` stands for `{` itself.

## Secrets

Passwords, tokens and URLs with user info never appear in errors, logs, plans or manifests. Better still, keep them out
of the file: `url_env`, `url_file`, `password_env` and the `*_env` keys of destinations name the place instead. What a
variable puts into a `query` is a part of the query, and stands in plans.

A plan holds where the source is and who connects, and the name of the place that holds the password. `rivet apply`
reads that place again; it refuses a URL that now leads to another type, host, port, database or user, or whose
`sslmode` is another one.

| in the configuration | what the plan names |
|---|---|
| `url_env`; a `url` that is `${NAME}` and nothing else | the variable, which holds the URL |
| `url_file` | the file, by its absolute path |
| `password_env`; a `password` that is `${NAME}` and nothing else | the variable, which holds the password |
| a `url` whose password is `${NAME}` and nothing else | the variable, which holds the password, percent-encoded |
| `RIVET_SOURCE__URL`, `RIVET_SOURCE__PASSWORD` | that variable |
| no password | nothing |
| any other `url` or `password` | nothing: set `RIVET_SOURCE_PASSWORD` to the password where `rivet apply` runs |
";

/// What stands between the modes and the tables.
pub(super) const TUNING: &str = "
## Tuning profiles

| | fast | balanced | safe |
|---|---|---|---|
| rows of a batch, at most | 50,000 | 10,000 | 2,000 |
| rest between reads | none | 50 ms | 500 ms |
| statement timeout | none | 300 s | 120 s |
| time in which a statement should end | 10 s | 2 s | 0.5 s |
| lock timeout | none | 30 s | 10 s |
| retries | 1 | 3 | 5 |
| first wait before a retry | 1 s | 2 s | 5 s |
| resident memory above which reading pauses | no limit | 4096 MiB | 2048 MiB |

Without a `profile`, `source.environment` chooses: `local` is `fast`, `replica` and `production` are `balanced`; nothing
at all is `balanced`. A key of an export's `tuning` wins over the same key of `source.tuning`, and both win over the
profile. Keys that end in `_mb` count MiB (2^20 bytes).

## TLS

Without `tls` and without `sslmode` in the URL, a connection is encrypted where the server offers it and no certificate
is checked, as `psql` does. With a `tls` mapping that has no `mode` the certificate is checked fully. A `ca_file` with
`mode: require` has the certificate checked against it, as with `verify-ca`.

## Notifications

`failure` tells of an export, or of a whole command, that has failed; `schema_change` of columns that are not those of the
last run; `degraded` of a run that was committed with half of its attempts used up, with values that became NULL, with
less consistency than asked, with a snapshot that was held for long, or with batches above `max_batch_memory_mb`.
[`notifications.md`](notifications.md) has what is sent, and what happens where that fails.
";
