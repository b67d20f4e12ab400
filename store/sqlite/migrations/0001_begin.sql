-- Addresses are stored in their normalised text form, times as microseconds since 1970 in UTC.

-- +goose Up
CREATE TABLE account (
	jid     TEXT PRIMARY KEY,
	created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
	account    TEXT NOT NULL REFERENCES account(jid) ON DELETE CASCADE,
	hash       TEXT NOT NULL,
	salt       BLOB NOT NULL,
	iterations INTEGER NOT NULL,
	stored_key BLOB NOT NULL,
	server_key BLOB NOT NULL,
	PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

-- The version of a roster, and the oldest version from which all later removals are still known.
CREATE TABLE roster (
	owner   TEXT PRIMARY KEY,
	version INTEGER NOT NULL,
	oldest  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_item (
	owner        TEXT NOT NULL,
	jid          TEXT NOT NULL,
	name         TEXT NOT NULL,
	groups       TEXT NOT NULL, -- JSON array of text
	subscription TEXT NOT NULL,
	ask          INTEGER NOT NULL,
	approved     INTEGER NOT NULL,
	pending_in   INTEGER NOT NULL,
	hidden       INTEGER NOT NULL,
	request      BLOB,
	version      INTEGER NOT NULL, -- 0 for hidden items
	PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;
CREATE INDEX roster_item_by_version ON roster_item(owner, version);

CREATE TABLE roster_removed (
	owner   TEXT NOT NULL,
	jid     TEXT NOT NULL,
	version INTEGER NOT NULL,
	PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;
CREATE INDEX roster_removed_by_version ON roster_removed(owner, version);

-- The highest id ever given to a row of archive or inbox. Ids are not used twice.
CREATE TABLE sequence (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequence(name, value) VALUES ('message', 0);

CREATE TABLE archive (
	id            INTEGER PRIMARY KEY,
	owner         TEXT NOT NULL,
	with_bare     TEXT NOT NULL,
	with_resource TEXT NOT NULL,
	time          INTEGER NOT NULL,
	sender        TEXT NOT NULL,
	origin        TEXT NOT NULL, -- empty: none
	stanza        BLOB NOT NULL
) STRICT;
-- time is in both so that a page chosen by time is found without touching the rows that are skipped.
CREATE INDEX archive_by_owner ON archive(owner, id, time);
CREATE INDEX archive_by_with ON archive(owner, with_bare, id, time);
CREATE INDEX archive_by_time ON archive(time);
CREATE UNIQUE INDEX archive_once ON archive(owner, sender, origin) WHERE origin <> '';

CREATE TABLE archive_prefs (
	owner     TEXT PRIMARY KEY,
	otherwise TEXT NOT NULL, -- always, never or roster
	always    TEXT NOT NULL, -- JSON array of addresses
	never     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
	id      INTEGER PRIMARY KEY,
	owner   TEXT NOT NULL,
	time    INTEGER NOT NULL,
	expires INTEGER, -- NULL: never
	archived INTEGER NOT NULL, -- id of the same message in the owner's archive; 0: not there
	stanza  BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_by_owner ON inbox(owner, id);
CREATE INDEX inbox_by_expiry ON inbox(expires) WHERE expires IS NOT NULL;

-- How full each inbox is; kept by the triggers, whoever adds and removes.
CREATE TABLE inbox_size (
	owner   TEXT PRIMARY KEY,
	entries INTEGER NOT NULL,
	bytes   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER inbox_added AFTER INSERT ON inbox BEGIN
	INSERT INTO inbox_size(owner, entries, bytes) VALUES (NEW.owner, 1, length(NEW.stanza))
	ON CONFLICT(owner) DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER inbox_removed AFTER DELETE ON inbox BEGIN
	UPDATE inbox_size SET entries = entries - 1, bytes = bytes - length(OLD.stanza) WHERE owner = OLD.owner;
END;
-- +goose StatementEnd

-- When each account was last online, and its last words.
CREATE TABLE seen (
	owner  TEXT PRIMARY KEY,
	time   INTEGER NOT NULL,
	status TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
