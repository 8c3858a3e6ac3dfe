//! How a [`SourceType`](rivet_source::SourceType) of MySQL is numbered: the type of the wire protocol in the lowest byte,
//! and what else tells types apart above it.

/// `TINYINT`. <https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html>
pub(crate) const TINY: u32 = 1;
/// `SMALLINT`
pub(crate) const SHORT: u32 = 2;
/// `INT`
pub(crate) const LONG: u32 = 3;
/// `FLOAT`
pub(crate) const FLOAT: u32 = 4;
/// `DOUBLE`
pub(crate) const DOUBLE: u32 = 5;
/// The type of a bare `NULL`.
pub(crate) const NULL: u32 = 6;
/// `TIMESTAMP`
pub(crate) const TIMESTAMP: u32 = 7;
/// `BIGINT`
pub(crate) const LONGLONG: u32 = 8;
/// `MEDIUMINT`
pub(crate) const INT24: u32 = 9;
/// `DATE`
pub(crate) const DATE: u32 = 10;
/// `TIME`
pub(crate) const TIME: u32 = 11;
/// `DATETIME`
pub(crate) const DATETIME: u32 = 12;
/// `YEAR`
pub(crate) const YEAR: u32 = 13;
/// `DATE`, as some servers call it among themselves.
pub(crate) const NEWDATE: u32 = 14;
/// `VARCHAR`, as some servers call it among themselves.
pub(crate) const VARCHAR: u32 = 15;
/// `BIT`
pub(crate) const BIT: u32 = 16;
/// `VECTOR`
pub(crate) const VECTOR: u32 = 242;
/// `JSON`
pub(crate) const JSON: u32 = 245;
/// `DECIMAL`, as servers of before 5.0 sent it.
pub(crate) const OLD_DECIMAL: u32 = 0;
/// `DECIMAL`
pub(crate) const DECIMAL: u32 = 246;
/// `ENUM`
pub(crate) const ENUM: u32 = 247;
/// `SET`
pub(crate) const SET: u32 = 248;
/// `TINYBLOB` or `TINYTEXT`
pub(crate) const TINY_BLOB: u32 = 249;
/// `MEDIUMBLOB` or `MEDIUMTEXT`
pub(crate) const MEDIUM_BLOB: u32 = 250;
/// `LONGBLOB` or `LONGTEXT`
pub(crate) const LONG_BLOB: u32 = 251;
/// `BLOB` or `TEXT`
pub(crate) const BLOB: u32 = 252;
/// `VARCHAR` or `VARBINARY`
pub(crate) const VAR_STRING: u32 = 253;
/// `CHAR` or `BINARY`
pub(crate) const STRING: u32 = 254;
/// Any geometry.
pub(crate) const GEOMETRY: u32 = 255;

/// Set for integers without a sign.
pub(crate) const UNSIGNED: u32 = 0x100;
/// Set for strings of bytes: those of character set 63. The flag that is named after it means something else.
pub(crate) const BINARY: u32 = 0x200;

/// MariaDB's `uuid`, which comes as text.
pub(crate) const UUID: u32 = 0x1001;
/// MariaDB's `inet4` and `inet6`, which come as text.
pub(crate) const INET: u32 = 0x1002;

/// The character set of what is no text.
pub(crate) const BINARY_CHARSET: u16 = 63;

/// Returns the type of the wire protocol.
pub(crate) fn code(id: u32) -> u32 {
    match id {
        UUID | INET => STRING,
        _ => id & 0xFF,
    }
}
