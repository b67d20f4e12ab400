-- Files that accounts put on the server, or may put there. Their bytes are in files beside the database, named by id.

-- +goose Up
CREATE TABLE upload (
	id      TEXT PRIMARY KEY,
	owner   TEXT NOT NULL,
	name    TEXT NOT NULL,
	type    TEXT NOT NULL, -- media type; empty: not said
	size    INTEGER NOT NULL,
	token   BLOB NOT NULL, -- hash of what it takes to put the file there
	state   INTEGER NOT NULL, -- 1 slot, 2 open, 3 stored
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL  -- 0: at once, its owner is gone
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_owner ON upload(owner, expires, size);
CREATE INDEX upload_by_expiry ON upload(expires);
