// Package script plays conversations against a server: several clients, what they send, and what must come. A script reads like a play and is
// test data; the files in testdata cover one feature each.
//
// The clients are not the project's own. They write what the script says byte for byte, read with encoding/xml and prove passwords with another
// SCRAM library, so that a mistake both ends of this project share does not cancel out. The server is the real one, on a store of its own on
// disk and over pipes in memory; with -server it is any server that runs somewhere:
//
//	go test ./script
//	go test ./script -run Scripts/carbons -serverlog
//	go test ./script -server localhost:5223 -adduser 'prosodyctl register {user} {domain} {password}'
//
// Scripts that need a server with settings of its own are then skipped. What may not enter: the project's client, sleeping, and anything that
// shipped code would import.
//
// # Lines
//
// A line is an actor and what it does. If it ends in a colon, XML follows below it, indented. # begins a comment line.
//
//	server with KEY=VALUE …        settings, before anything else: resume=30ms resources=3 contacts=3 requests=3 directed=3 inbox=4 blocked=3
//	                               introduce=contacts|anyone|off archive=always|never|roster plain stanza=BYTES register=N
//	                               invite=off|contacts|accounts
//	server restarts                stops it in order and starts it on the same data; all connections are gone
//	server removes alice           deletes the account
//	server counts NAME=N …         what it counts: sessions hibernating resumed duplicates introductions.passed introductions.refused
//	                               tokens.issued tokens.used
//	account alice bob              there are these accounts
//	contacts alice bob             they see each other's presence
//	client alice/phone OPTION …    a client of alice that binds the resource phone
//
// Options of a client: sasl2 (with Bind 2; the resource is its tag), sm (acknowledgements, resumable), carbons, noacks (does not answer <r/>),
// raw (nothing is done for it, see opens), mechanism=…, binding=… (type of channel binding), password=…, authzid=…, account=…, resource=…
// (empty: none wished), notls, fast (with sasl2: asks for a token, and signs in with it the next time), agent=… (the id of the user agent),
// count=… and invalidate (with a token).
//
//	alice/phone connects           signs in and binds
//	alice/phone comes online       the same, and sends initial presence; the presence it gets at once is not the script's business
//	alice/phone fails to connect:  the last answer of the server must match
//	alice/phone opens              connects and says nothing: the script sends every byte, the header included
//	alice/phone sends:             the lines as they stand
//	alice/phone receives:          the next elements, in this order, must match
//	alice/phone receives in any order:
//	alice/phone receives nothing   not even after all that was sent so far has arrived
//	alice/phone skips:             elements that match are ignored from now on; "skips nothing" ends that
//	alice/phone settles            waits until all that was sent so far has arrived
//	alice/phone acknowledges       says how many stanzas it got (XEP-0198)
//	alice/phone is acknowledged    asks the server and waits until it has counted all that was sent
//	alice/phone disconnects        ends its stream, and the server its own
//	alice/phone is cut             loses its connection; goes on once the server has noticed
//	alice/phone forgets 2          the last two stanzas count as lost on the way
//	alice/phone resumes            signs in and resumes its session
//	alice/phone fails to resume:   the last answer must match
//	alice/phone steals the token of alice/desk
//	                               signs in with it from now on
//	alice/phone forgets its token  signs in with the password again
//	alice/phone steals bob/desk    tries to resume that client's session the next time
//	alice/phone is closed:         the server ends the stream after these elements
//
// Nothing waits for time to pass: "receives nothing" asks the server for a pong on each connection in turn, twice, and since an answer never
// overtakes what was sent before, what has not come by then does not come. At the end of a script nobody may have received anything that it
// does not mention.
//
// # Names in braces
//
// {alice} is a bare address, {alice/phone} a full one, {domain} the domain; {alice/phone.h} is the count the server resumed with. In what is
// received, {any} is anything but nothing, {any:x} the same and remembered as {x}, and an attribute of value {absent} must not be there.
//
// # Matching
//
// An element matches if its name, the attributes and text given, and the children given, in any order, are there; more may be. On a child,
// expect='absent' or expect='2' says how often it occurs among those no other line has taken; on any element, expect='only' forbids further
// children.
package script
