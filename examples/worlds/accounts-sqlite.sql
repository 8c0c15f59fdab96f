-- The accounts of accounts-sqlite.toml; what a password may be kept as is in docs/accounts.md.
CREATE TABLE users (user TEXT, domain TEXT, password TEXT, active INT, PRIMARY KEY (user, domain));
INSERT INTO users VALUES ('alice', 'example.test', '{PLAIN}secret', 1);
INSERT INTO users VALUES ('bob', 'example.test',
    '{BLF-CRYPT}$2y$05$Xmp/8uBDtknVwDdkBtbmbOoi48tI8GeiRSYbbcN073t.r1Px7XJ/i', 1);
INSERT INTO users VALUES ('mallory', 'example.test', '{PLAIN}secret', 0);
