/// How much is read, how runs follow each other, and how hard one of them presses.
pub(super) const MODES: &str = "
## Modes

### `full`

All rows, as they were at one moment. A large plain table is read in several statements one after the other, all of
them on one snapshot, so that none takes much longer than `statement_budget_s`; what is written is the same as with one
statement.

### `incremental`

Each run reads the rows that come after the last one's. They are ordered by `cursor_column` and, where rows share a
value of it, by the tie-break: the primary key, or the columns of `cursor_tiebreak`. When a run begins it fixes its
*watermark*, the last row in that order, and reads the closed interval from the stored position (which it leaves out) up
to the watermark (which it includes). When the run is committed, the watermark is the new position, in the same
transaction of the state store. So no row of a cursor value is lost between two runs and none is read twice, however
many rows share the value. The cursor may be any type with an order: a number, a text, a date, a timestamp, a UUID.

A table without a primary key needs `cursor_tiebreak`, unless no two rows share a value of the cursor: without one, a
row that comes later with the very value of the watermark is not seen. A row is seen again when its cursor changes to a
later value; a row that is deleted is not missed.

**Rows that come late.** A transaction may commit after a run with a value from before that run's watermark: the next
run begins behind it, and the row is lost. `cursor_lag` keeps each run behind the newest rows by that time. Make it
longer than the longest transaction that writes to the table; the run warns where an older one is open.

- A cursor of dates or timestamps is compared with the clock of the source less the lag. Where the column names no zone,
  its values are read in `time_zone`. A date counts once its day is over there.
- Any other cursor has no clock. The run ends at a position that an earlier run saw as the newest one, at least the
  lag ago: each run notes what it sees. Until there is such a position, nothing is read. With a run every 10 minutes
  and a lag of 30, rows arrive 30 to 40 minutes late.

**Rows without a cursor.** A NULL has no place in the order. With `incremental_cursor_mode: coalesce` the column of
`cursor_fallback_column` stands in for it. Where that is NULL too, `cursor_nulls` says what happens. With `error` the run
fails and says how many such rows there are. With `skip` they are counted, told and left out. With `first_run` the run
that has no stored position yet exports them too; later runs count them, tell, and leave them out.

`rivet state show` says where an export stands; `rivet state reset -e NAME` lets it begin from the start.

### `chunked`

All rows, in chunks: each is read by itself, remembered when its files are durable, and tried again by itself.

The cuts are found before the first chunk is read, along `chunk_column`, by default the primary key. They are made so
that chunks have about the same number of rows, by what the source knows of the column (its statistics, and samples of
an index): a key with wide gaps or with most of its rows in one place is cut where its rows are, not at equal distances.
Rows whose key is NULL are a chunk of their own. A plain table without a usable key is cut by the pages that it is
stored in.

| key | chunks |
|---|---|
| `chunk_size` | of about this many rows; 100,000 where nothing is said |
| `chunk_size` and `chunk_dense: true` | of this many rows, counted; that reads the key of the whole table once more |
| `chunk_count` | about this many, of about the same number of rows |
| `chunk_by_days` | of this many whole days in UTC, for a column of dates or timestamps |
| `chunk_by_key` | along a unique key that it names, of one column or several; `chunk_size` rows each |
| `chunk_size_memory_mb` | of about this many MiB |

At most one of them is given. `parallel` chunks are read at a time.

`consistency` says what the chunks have in common. With `chunk`, each shows the table as it is when that chunk is read:
nothing is held open on the server in between, and a row whose key changes meanwhile may be in two chunks or in none.
With `snapshot`, all show the table at the moment when the run began, for all workers. The server keeps old versions of
changed rows for as long as that snapshot is open, which is the whole run: on a busy primary, prefer `chunk`, a
replica, or a run that is short. Cuts by pages hold within one snapshot only, so there one is taken in either case. The
manifest says what was held. On MySQL and MariaDB one worker reads all chunks of a snapshot.

A chunk that took longer than `statement_budget_s` is a sign that the others will too: those that are not begun are cut
again, smaller.

### `time_window`

The rows of the last days: those whose `time_column` is not before the beginning of the day that is `days_window` days
before today. Days are whole days in `time_zone`; `days_window: 7` on a Monday afternoon reads from the beginning of the
Monday before. A date, and a timestamp without a zone, are taken as those of that zone. With `time_column_type: unix`
the column holds seconds since 1970. There is no end: rows of today, and of the future, are read. Rows without a time
are not. Each run stands for itself, so that the days that two runs share are in both.

## Resuming

A run that did not come to its end (its process was killed, a signal stopped it, the source was lost) may have left
chunks that are done. The next run of the export goes on with the others, under the same run id, where the configuration
still asks for the same files: nothing that is done is read again. Otherwise what the run had written is removed, and
the export begins anew.

`resume: auto` does so by itself for a run that began less than 24 hours ago. It is what `chunked` does where nothing is
said, unless it has `chunk_checkpoint: false` or `consistency: snapshot`. With `resume: never` the export begins anew.
`rivet run --resume` goes on in every mode, whatever `resume` says and however long ago the run began.
`rivet state chunks -e NAME` lists what is done.

A snapshot ends with the process that holds it. So a run on one snapshot, as all are but those of `chunked` with
`consistency: chunk`, goes on only where every chunk is done and the commit alone is missing. Never gone on with is a run
with `quality.unique_columns`, because the values that it had seen are forgotten, and one that writes to `stdout`.

## Statement budget

`tuning.statement_budget_s` is the time in which one statement on the source should end, 0.5 for half a second. It is an
aim, not a limit (`statement_timeout_s` is that): where a read would take longer, it is made of several statements. A
`full` export of a plain table is read in pieces, and a `chunked` one gets smaller chunks. Short statements let the
server do its housekeeping and give way to others; each costs a little, so that a budget far below the default makes a
run slower. 0 reads everything in as few statements as there can be.
";
