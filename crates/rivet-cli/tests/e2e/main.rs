//! End to end: the built program against a real PostgreSQL.
