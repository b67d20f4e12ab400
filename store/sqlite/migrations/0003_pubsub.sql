-- Whom accounts have blocked, and what they publish about themselves.

-- +goose Up
CREATE TABLE blocked (
	owner TEXT NOT NULL,
	jid   TEXT NOT NULL, -- of a person, a resource or a domain
	PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
	owner   TEXT NOT NULL,
	name    TEXT NOT NULL,
	created INTEGER NOT NULL,
	config  TEXT NOT NULL, -- JSON object
	PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE node_item (
	owner    TEXT NOT NULL,
	node     TEXT NOT NULL,
	id       TEXT NOT NULL,
	position INTEGER NOT NULL, -- grows with every publication on the node
	time     INTEGER NOT NULL,
	payload  BLOB NOT NULL,
	UNIQUE (owner, node, id),
	UNIQUE (owner, node, position)
) STRICT;

-- How much each owner has published; kept by the triggers, whoever adds and removes.
CREATE TABLE node_size (
	owner TEXT PRIMARY KEY,
	bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER node_item_added AFTER INSERT ON node_item BEGIN
	INSERT INTO node_size(owner, bytes) VALUES (NEW.owner, length(CAST(NEW.id AS BLOB)) + length(NEW.payload))
	ON CONFLICT(owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER node_item_removed AFTER DELETE ON node_item BEGIN
	UPDATE node_size SET bytes = bytes - length(CAST(OLD.id AS BLOB)) - length(OLD.payload) WHERE owner = OLD.owner;
END;
-- +goose StatementEnd
