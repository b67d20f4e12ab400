-- What signs in beside passwords, and who may come in: tokens of clients (XEP-0484) and invitations (XEP-0401).

-- +goose Up
-- One row for each client that may sign in with a token, with up to two of them: the one in use, and one that was sent and not used yet.
CREATE TABLE client_grant (
	account  TEXT NOT NULL REFERENCES account(jid) ON DELETE CASCADE,
	agent    TEXT NOT NULL, -- what the installation calls itself
	id       TEXT NOT NULL, -- what its owner knows it by
	software TEXT NOT NULL,
	device   TEXT NOT NULL,
	address  TEXT NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	password INTEGER NOT NULL, -- 1: the last time it proved the password
	salt      BLOB NOT NULL, -- of the token in use; empty: none
	mechanism TEXT NOT NULL,
	issued    INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	new_salt      BLOB NOT NULL, -- of the one that was not used yet; empty: none
	new_mechanism TEXT NOT NULL,
	new_issued    INTEGER NOT NULL,
	new_expires   INTEGER NOT NULL,
	new_count     INTEGER NOT NULL,
	PRIMARY KEY (account, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_grant_by_expiry ON client_grant(max(expires, new_expires));

CREATE TABLE invitation (
	hash     BLOB PRIMARY KEY, -- of the token, which is not kept
	inviter  TEXT NOT NULL, -- empty: the operator
	contact  INTEGER NOT NULL,
	register INTEGER NOT NULL,
	account  TEXT NOT NULL, -- the address it reserves; empty: none
	created  INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	uses     INTEGER NOT NULL -- that are left
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_by_inviter ON invitation(inviter, expires);
CREATE INDEX invitation_by_account ON invitation(account) WHERE account <> '';
CREATE INDEX invitation_by_expiry ON invitation(expires);
