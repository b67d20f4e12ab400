// Package archive is the codec of Message Archive Management (XEP-0313,
// version 1.1.3, namespace urn:xmpp:mam:2) and of its preferences (XEP-0441,
// version 0.2.0): queries, results, their end, metadata and preferences.
//
// It may not hold storage, page limits or the decision what is archived.
package archive
