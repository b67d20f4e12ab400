-- What conversations need: replies, edits, retractions, the list of chats, what was read, and a text to search.

-- +goose Up
ALTER TABLE message ADD COLUMN name       TEXT    NOT NULL DEFAULT ''; -- id attribute where it is not the origin-id
ALTER TABLE message ADD COLUMN kind       INTEGER NOT NULL DEFAULT 0;  -- 0 says something, 1 edits, 2 retracts
ALTER TABLE message ADD COLUMN target     TEXT    NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN reply_to   TEXT    NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN reply_from TEXT    NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN quote      TEXT    NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN edited     INTEGER NOT NULL DEFAULT 0;  -- 0 never
ALTER TABLE message ADD COLUMN original   TEXT    NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN retracted  INTEGER NOT NULL DEFAULT 0;  -- 0 never
ALTER TABLE message ADD COLUMN unread     INTEGER NOT NULL DEFAULT 0;

DROP INDEX message_chat;
DROP INDEX message_time;
CREATE INDEX message_chat ON message(chat, time, id) WHERE kind = 0;
CREATE INDEX message_time ON message(time, id) WHERE kind = 0;
CREATE INDEX message_change ON message(chat, sender, target, time, id) WHERE kind <> 0;
CREATE INDEX message_name ON message(chat, sender, name, time, id) WHERE name <> '';
CREATE INDEX message_unread ON message(chat, time, id) WHERE unread = 1;

CREATE TABLE chat (
	chat      TEXT PRIMARY KEY,
	last      INTEGER NOT NULL, -- id of the newest message, and its time
	time      INTEGER NOT NULL,
	unread    INTEGER NOT NULL, -- how many messages have unread = 1
	read_time INTEGER NOT NULL, -- place up to which the user has read; id 0: none
	read_id   INTEGER NOT NULL,
	peer_time INTEGER NOT NULL, -- and up to which the other side has
	peer_id   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_time ON chat(time, last);
INSERT INTO chat(chat, last, time, unread, read_time, read_id, peer_time, peer_id)
	SELECT chat, id, time, 0, time, id, 0, 0 FROM (SELECT chat, id, time, row_number() OVER (PARTITION BY chat ORDER BY time DESC, id DESC) AS n FROM message)
	WHERE n = 1;

-- What is searched, in the order of places. Older messages are put in when the file is opened, because folding is no SQL.
CREATE TABLE searchable (
	time   INTEGER NOT NULL,
	id     INTEGER NOT NULL,
	chat   TEXT NOT NULL,
	folded TEXT NOT NULL,
	PRIMARY KEY (time, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE to_fold (id INTEGER PRIMARY KEY) STRICT;
INSERT INTO to_fold(id) SELECT id FROM message WHERE body <> '';
