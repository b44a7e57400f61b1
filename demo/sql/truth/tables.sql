-- One vocabulary for the files of all lenders: amounts in minor units, Metro 2 codes, times in seconds.
CREATE TABLE accounts (
    lender VARCHAR, customer VARCHAR, status VARCHAR, opened DATE, closed DATE, reported DATE, first_delinquency DATE,
    credit_limit BIGINT, balance BIGINT, past_due BIGINT, payment BIGINT, payment_due DATE, days_past_due INTEGER,
    past INTEGER[], charged_off BIGINT, in_collection BIGINT, disputed BOOLEAN
);
CREATE TABLE inquiries (lender VARCHAR, customer VARCHAR, time BIGINT, hard BOOLEAN);
CREATE TABLE pendings (lender VARCHAR, customer VARCHAR, amount BIGINT, made BIGINT, expires BIGINT);
CREATE TABLE customers (lender VARCHAR, customer VARCHAR, person BIGINT, kind INTEGER, frozen BOOLEAN);
CREATE MACRO fen(yuan) AS CAST(CAST(yuan AS DECIMAL(18, 2)) * 100 AS BIGINT);
