// Package deposit is the codec of the deposit (urn:godwit:deposit:0):
// messages that went directly between two clients, handed by
// each client to its own server for the archive and the other devices.
//
// A request is an iq of type set to the client's own account:
//
//	<deposit xmlns='urn:godwit:deposit:0'>
//	  <item direction='sent'>
//	    <forwarded xmlns='urn:xmpp:forward:0'>
//	      <delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00Z'/>
//	      <message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example/s' type='chat' id='m1'>
//	        <body>hi</body>
//	        <origin-id xmlns='urn:xmpp:sid:0' id='m1'/>
//	      </message>
//	    </forwarded>
//	  </item>
//	</deposit>
//
// The result has one <item/> for each, in the same order, with the id it now
// has in the archive or the reason why it has none:
//
//	<deposited xmlns='urn:godwit:deposit:0'>
//	  <item sender='alice@a.example' origin-id='m1' id='8f2c…'/>
//	</deposited>
//
// A message is known by its sender's bare address and its origin-id, so that
// depositing it again, or beside a copy that went through the server, gives
// the id it has already.
//
// The package may not hold storage, a queue, or the decision what to accept:
// that From is the account for a sent message and To for a received one is
// checked by the server, which knows whose stream it is.
package deposit
