//! One column of every type, each with four values and NULL.

use rivet_testing::{Family, MysqlDatabase};

use super::support::version;

/// A column: how it is declared, the Arrow type that it becomes, as pyarrow writes it, and its values as SQL: the
/// least, the greatest, a usual one, and one near zero or otherwise strange.
pub(super) struct Typed {
    pub(super) declared: &'static str,
    pub(super) arrow: &'static str,
    values: [&'static str; 4],
}

const fn typed(declared: &'static str, arrow: &'static str, values: [&'static str; 4]) -> Typed {
    Typed { declared, arrow, values }
}

const NUMBERS: &[Typed] = &[
    typed("bool", "bool", ["false", "true", "1", "0"]),
    typed("tinyint", "int8", ["-128", "127", "42", "0"]),
    typed("tinyint unsigned", "uint8", ["0", "255", "42", "1"]),
    typed("tinyint(1) unsigned", "uint8", ["0", "255", "2", "1"]),
    typed("smallint", "int16", ["-32768", "32767", "-1", "0"]),
    typed("smallint unsigned", "uint16", ["0", "65535", "32768", "1"]),
    typed("mediumint", "int32", ["-8388608", "8388607", "-1", "0"]),
    typed("mediumint unsigned", "uint32", ["0", "16777215", "8388608", "1"]),
    typed("int", "int32", ["-2147483648", "2147483647", "-1", "0"]),
    typed("int unsigned", "uint32", ["0", "4294967295", "2147483648", "1"]),
    typed("int(10) zerofill", "uint32", ["0", "4294967295", "42", "1"]),
    typed("bigint", "int64", ["-9223372036854775808", "9223372036854775807", "-1", "0"]),
    typed("bigint unsigned", "uint64", ["0", "18446744073709551615", "9223372036854775808", "1"]),
    typed("year", "int16", ["1901", "2155", "2024", "'0000'"]),
    typed("bit", "bool", ["b'0'", "b'1'", "b'1'", "b'0'"]),
    typed("bit(9)", "uint64", ["b'0'", "b'111111111'", "b'100000000'", "b'1'"]),
    typed("bit(64)", "uint64", ["0", "18446744073709551615", "9223372036854775808", "b'1'"]),
    typed("decimal(1,0)", "decimal128(1, 0)", ["-9", "9", "1", "0"]),
    typed("decimal(15,2)", "decimal128(15, 2)", ["-9999999999999.99", "9999999999999.99", "1234.50", "-0.01"]),
    typed("decimal(15,2) unsigned", "decimal128(15, 2)", ["0", "9999999999999.99", "1234.50", "0.01"]),
    typed(
        "decimal(38,10)",
        "decimal128(38, 10)",
        ["-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999", "1.5", "0.0000000001"],
    ),
    typed(
        "decimal(30,30)",
        "decimal128(30, 30)",
        ["-0.999999999999999999999999999999", "0.999999999999999999999999999999", "0.5", "1e-30"],
    ),
    typed(
        "decimal(39,0)",
        "decimal256(39, 0)",
        ["-999999999999999999999999999999999999999", "999999999999999999999999999999999999999", "42", "-1"],
    ),
    typed(
        "decimal(65,0)",
        "decimal256(65, 0)",
        [
            "-99999999999999999999999999999999999999999999999999999999999999999",
            "99999999999999999999999999999999999999999999999999999999999999999",
            "12345678901234567890123456789012345678901234567890",
            "0",
        ],
    ),
    typed(
        "decimal(65,30)",
        "decimal256(65, 30)",
        [
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "1.5",
            "-0.000000000000000000000000000001",
        ],
    ),
    // The last values are the least above zero, or that with its sign.
    typed("float", "float", ["-3.4028234663852886e38", "3.4028234663852886e38", "0.1", "1.401298464324817e-45"]),
    typed("float unsigned", "float", ["0", "3.4028234663852886e38", "16777217", "1.1754943508222875e-38"]),
    typed("float(7,3)", "float", ["-9999.999", "9999.999", "0.1", "-0e0"]),
    typed("double", "double", ["-1.7976931348623157e308", "1.7976931348623157e308", "0.1", "4.9406564584124654e-324"]),
    typed("double(10,2)", "double", ["-99999999.99", "99999999.99", "0.1", "-0e0"]),
    typed("real", "double", ["-2.2250738585072014e-308", "1.0000000000000002", "9007199254740993", "-0e0"]),
];

const MOMENTS: &[Typed] = &[
    typed("date", "date32[day]", ["'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1969-12-31'"]),
    typed(
        "datetime",
        "timestamp[us]",
        ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-29 12:34:56'", "'1969-12-31 23:59:59'"],
    ),
    typed(
        "datetime(3)",
        "timestamp[us]",
        ["'1000-01-01 00:00:00.001'", "'9999-12-31 23:59:59.999'", "'2024-02-29 12:34:56.7'", "'1970-01-01'"],
    ),
    typed(
        "datetime(6)",
        "timestamp[us]",
        [
            "'0001-01-01 00:00:00.000001'",
            "'9999-12-31 23:59:59.999999'",
            "'2024-02-29 12:34:56.789'",
            "'1969-12-31 23:59:59.999999'",
        ],
    ),
    typed(
        "timestamp",
        "timestamp[us, tz=UTC]",
        ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2024-02-29 12:34:56'", "'2024-03-31 02:30:00'"],
    ),
    typed(
        "timestamp(6)",
        "timestamp[us, tz=UTC]",
        [
            "'1970-01-01 00:00:01.000000'",
            "'2038-01-19 03:14:07.999999'",
            "'2024-02-29 12:34:56.789'",
            "'2024-10-27 02:30:00.000001'",
        ],
    ),
    typed("time", "time64[us]", ["'00:00:00'", "'23:59:59'", "'12:34:56'", "'00:00:01'"]),
    typed("time(6)", "time64[us]", ["'00:00:00'", "'23:59:59.999999'", "'12:34:56.789'", "'00:00:00.000001'"]),
];

const TEXTS: &[Typed] = &[
    typed("char(10)", "string", ["''", "'ten chars.'", "'  led'", "'ж€😀'"]),
    typed("varchar(20)", "string", ["''", "'exactly 20 letters!!'", "'comma, \"quote\"'", "'trailing   '"]),
    typed("char(10) COLLATE utf8mb4_bin", "string", ["''", "'ten chars.'", "'Aa'", "'ß'"]),
    typed("varchar(20) COLLATE utf8mb4_bin", "string", ["''", "'exactly 20 letters!!'", "'Aa'", "' '"]),
    typed("tinytext", "string", ["''", "REPEAT('x', 255)", "'it''s'", "'NULL'"]),
    typed(
        "text",
        "string",
        ["''", "REPEAT('ж', 32767)", r#"'line one\nline two\r\n\ttabbed, "quoted" \\N \\.'"#, r"'nul \0 inside'"],
    ),
    typed("mediumtext", "string", ["''", "REPEAT('long text with Ünïcödé 東京 🚂 ', 4000)", "'\\\\N'", "'\"'"]),
    typed("longtext", "string", ["''", "REPEAT('z', 300000)", "';'", "'\\r'"]),
    typed("enum('small','it''s, \"fine\"','überglücklich','')", "string", ["'small'", "'überglücklich'", "2", "''"]),
    typed("set('a','b c','ü','d')", "string", ["''", "'a,b c,ü,d'", "'ü,a'", "'d'"]),
    typed("binary(4)", "binary", ["''", "x'ffffffff'", "x'00ff0a0d'", "x'01'"]),
    typed("varbinary(300)", "binary", ["''", "REPEAT(x'80', 300)", "'abc'", "x'00'"]),
    typed("char(4) CHARACTER SET binary", "binary", ["''", "x'ffffffff'", "'abc'", "x'00'"]),
    typed("tinyblob", "binary", ["''", "REPEAT(x'ff', 255)", "x'deadbeef'", "x'00'"]),
    typed("blob", "binary", ["''", "REPEAT(x'00ff80', 21845)", "x'deadbeef'", "'\\\\x'"]),
    typed("mediumblob", "binary", ["''", "REPEAT(x'01', 70000)", "x'c328'", "x'22'"]),
    typed("longblob", "binary", ["''", "REPEAT(x'f09f', 100000)", "x'0a'", "x'2c'"]),
    typed(
        "json",
        "extension<arrow.json>",
        [
            "'{}'",
            r#"'{"big": 12345678901234567890, "deep": {"er": [[[{}]]]}, "text": "ж \\"q\\" \\n"}'"#,
            "'{\"a\": [1, 2.50, \"x\", null, true], \"é\": \"ü\"}'",
            "'null'",
        ],
    ),
];

const SHAPES: &[Typed] = &[
    typed(
        "geometry",
        "binary",
        [
            "ST_GeomFromText('POINT(0 0)')",
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1),POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1)))')",
            "ST_GeomFromText('LINESTRING(0 0,1.5 -2.5,1e300 -1e-300)')",
            "ST_GeomFromText('MULTIPOINT(0 0,-0 1)')",
        ],
    ),
    typed(
        "point",
        "binary",
        [
            "ST_GeomFromText('POINT(-1.7976931348623157e308 0)')",
            "ST_GeomFromText('POINT(1.7976931348623157e308 0)')",
            "ST_GeomFromText('POINT(1.5 -2)')",
            "ST_GeomFromText('POINT(0 4.9e-324)')",
        ],
    ),
    typed(
        "multipolygon",
        "binary",
        [
            "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",
            "ST_GeomFromText('MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((10 10,11 10,11 11,10 10)))')",
            "ST_GeomFromText('MULTIPOLYGON(((0 0,3 0,3 3,0 0)))')",
            "NULL",
        ],
    ),
];

/// Those of one of the two, from a version on.
const ALONE: &[(Family, u32, Typed)] = &[
    (
        Family::Mariadb,
        100_700,
        typed(
            "uuid",
            "extension<arrow.uuid>",
            [
                "'00000000-0000-0000-0000-000000000000'",
                "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
                "'0190163d-8694-739b-aea5-966c26f8ad91'",
                "'00000000-0000-0000-0000-000000000001'",
            ],
        ),
    ),
    (
        Family::Mariadb,
        100_500,
        typed(
            "inet6",
            "string",
            ["'::'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'", "'2001:db8::ff00:42:8329'", "'::ffff:1.2.3.4'"],
        ),
    ),
    (
        Family::Mariadb,
        101_000,
        typed("inet4", "string", ["'0.0.0.0'", "'255.255.255.255'", "'192.168.0.1'", "'0.0.0.1'"]),
    ),
    (
        Family::Mariadb,
        100_600,
        typed(
            "decimal(38,38)",
            "decimal128(38, 38)",
            [
                "-0.99999999999999999999999999999999999999",
                "0.99999999999999999999999999999999999999",
                "0.5",
                "0.00000000000000000000000000000000000001",
            ],
        ),
    ),
    (
        Family::Mariadb,
        110_700,
        typed(
            "vector(3)",
            "fixed_size_list<item: float not null>[3]",
            [
                "x'ffff7fffffff7fffffff7fff'",
                "x'ffff7f7fffff7f7fffff7f7f'",
                "x'cdcccc3d000020c00000803f'",
                "x'000000000000008001000000'",
            ],
        ),
    ),
    (
        Family::Mysql,
        80_003,
        typed(
            "point SRID 4326",
            "binary",
            [
                "ST_GeomFromText('POINT(-90 -180)', 4326, 'axis-order=lat-long')",
                "ST_GeomFromText('POINT(90 180)', 4326)",
                "ST_GeomFromText('POINT(51.77 19.46)', 4326)",
                "ST_GeomFromText('POINT(0 0)', 4326)",
            ],
        ),
    ),
    (
        Family::Mysql,
        90_000,
        typed(
            "vector(3)",
            "fixed_size_list<item: float not null>[3]",
            [
                "TO_VECTOR('[-3.4028235e38,-3.4028235e38,-3.4028235e38]')",
                "TO_VECTOR('[3.4028235e38,3.4028235e38,3.4028235e38]')",
                "TO_VECTOR('[0.1,-2.5,1]')",
                "x'000000000000008001000000'",
            ],
        ),
    ),
];

/// A table of every type that a server has, in columns `c0`, `c1`, and so on behind `id`.
pub(super) struct EveryType {
    pub(super) database: MysqlDatabase,
    pub(super) columns: Vec<&'static Typed>,
}

impl Typed {
    /// Whether the values may become NULL though the column has none: dates and moments may be zero.
    pub(super) fn has_sentinels(&self) -> bool {
        self.arrow.starts_with("date") || self.arrow.starts_with("timestamp")
    }

    fn strictly_declared(&self) -> String {
        // Where none is given, some servers take a date of zeros for it.
        let default = if self.declared.starts_with("timestamp") { " DEFAULT '2000-01-01'" } else { "" };
        format!("{} NOT NULL{default}", self.declared)
    }
}

impl EveryType {
    /// Makes the table `strict`: the same columns, none of which may be NULL, and one usual row.
    #[track_caller]
    pub(super) fn make_strict(&self) {
        let declared =
            self.columns.iter().enumerate().map(|(number, typed)| format!("c{number} {}", typed.strictly_declared()));
        let declared: Vec<String> = declared.collect();
        self.database.execute(&format!("CREATE TABLE strict (id int PRIMARY KEY, {})", declared.join(", ")));
        self.database.execute("INSERT INTO strict SELECT * FROM every_type WHERE id = 2");
    }
}

/// Makes the table `every_type`.
#[track_caller]
pub(super) fn every_type(family: Family) -> EveryType {
    let database = MysqlDatabase::create(family);
    let version = version(&database);
    let everywhere = [NUMBERS, MOMENTS, TEXTS, SHAPES].into_iter().flatten();
    let here = ALONE.iter().filter(|(only, since, _)| *only == family && version >= *since).map(|(.., typed)| typed);
    let columns: Vec<&Typed> = everywhere.chain(here).collect();
    // Where NULL is not allowed by name, a moment would be that of the change.
    let declared = columns.iter().enumerate().map(|(number, typed)| format!("c{number} {} NULL", typed.declared));
    let declared: Vec<String> = declared.collect();
    database.execute(&format!("CREATE TABLE every_type (id int PRIMARY KEY, {})", declared.join(", ")));
    for row in 0..4 {
        let values: Vec<&str> = columns.iter().map(|typed| typed.values[row]).collect();
        database.execute(&format!("INSERT INTO every_type VALUES ({row}, {})", values.join(", ")));
    }
    database.execute("INSERT INTO every_type (id) VALUES (4)");
    EveryType { database, columns }
}
