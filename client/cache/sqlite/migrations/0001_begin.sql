-- Addresses are stored in their normalised text form, times as microseconds since 1970 in UTC.

-- +goose Up
CREATE TABLE message (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	chat      TEXT NOT NULL,
	sender    TEXT NOT NULL,
	author    TEXT NOT NULL, -- address as seen, usually full; '' unknown
	origin    TEXT NOT NULL, -- '' none
	archive   TEXT NOT NULL, -- '' none
	stanza_id TEXT NOT NULL, -- '' none
	direction INTEGER NOT NULL,
	state     INTEGER NOT NULL,
	route     TEXT NOT NULL,
	time      INTEGER NOT NULL,
	body      TEXT NOT NULL,
	stanza    BLOB NOT NULL,
	error     TEXT NOT NULL
) STRICT;
CREATE INDEX message_chat ON message(chat, time, id);
CREATE INDEX message_time ON message(time, id);

-- Both keys of every message, kept after the message is gone (message = 0) so that it does not come back.
CREATE TABLE seen (
	kind    INTEGER NOT NULL, -- 0: author and origin-id, 1: archive and stanza-id
	scope   TEXT NOT NULL,
	key     TEXT NOT NULL,
	message INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (kind, scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_message ON seen(message);
CREATE INDEX seen_gone ON seen(at) WHERE message = 0;

CREATE TABLE outbox (
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	chat    TEXT NOT NULL,
	origin  TEXT NOT NULL UNIQUE,
	route   TEXT NOT NULL,
	sent    INTEGER NOT NULL,
	created INTEGER NOT NULL,
	stanza  BLOB NOT NULL
) STRICT;

CREATE TABLE deposit (
	seq       INTEGER PRIMARY KEY AUTOINCREMENT,
	sender    TEXT NOT NULL,
	origin    TEXT NOT NULL,
	direction INTEGER NOT NULL,
	time      INTEGER NOT NULL,
	stanza    BLOB NOT NULL,
	UNIQUE (sender, origin)
) STRICT;

CREATE TABLE position (
	archive TEXT PRIMARY KEY,
	last    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_item (
	jid          TEXT PRIMARY KEY,
	name         TEXT NOT NULL,
	subscription TEXT NOT NULL,
	ask          INTEGER NOT NULL,
	approved     INTEGER NOT NULL,
	groups       TEXT NOT NULL -- JSON array of text
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_version (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	version TEXT NOT NULL
) STRICT;

CREATE TABLE setting (
	chat  TEXT NOT NULL, -- '' for the account
	name  TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (chat, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
