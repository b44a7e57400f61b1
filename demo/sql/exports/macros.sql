-- How the generator's integers are written in source files.
CREATE MACRO day(d) AS CASE WHEN d > -1000000 THEN DATE '1970-01-01' + CAST(d AS INTEGER) END;
CREATE MACRO moment(t) AS make_timestamp(CAST(t AS BIGINT) * 1000000);
CREATE MACRO yuan(fen) AS printf('%d.%02d', CAST(fen AS BIGINT) // 100, CAST(fen AS BIGINT) % 100);
CREATE MACRO account_number(prefix, row) AS printf('%s%07d', prefix, CAST(row AS BIGINT));
-- A month before the account was opened has no entry.
CREATE MACRO month_or_none(value, opened, reported, months) AS
    CASE WHEN reported - opened >= 30 * months THEN value END;
CREATE MACRO mistyped(id) AS id[1:17] || CASE WHEN id[18] = '1' THEN '2' ELSE '1' END;
