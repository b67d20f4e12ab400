package stream_test

import (
	"testing"

	"godwit/link/linktest"
)

// What holds over a stream of bytes holds over messages of one element each
// (RFC 7395), where nothing may be sent in one piece with something else.
func TestOverMessages(t *testing.T) {
	bytes := pipe
	pipe = linktest.SecureMessages
	defer func() { pipe = bytes }()
	for name, test := range map[string]func(*testing.T){
		"mechanisms": TestEveryMechanism, "wrong credentials": TestWrongCredentials, "a second attempt": TestFailedAttemptMayBeFollowedByAGoodOne,
		"bind refused": TestBindRefused, "sending during bind": TestSendingDuringBindWaits,
		"resume": TestResume, "resume a living stream": TestResumeTakesOverALivingStream, "resume refused": TestResumeRefused,
		"acknowledgements": TestAcknowledgedMeansHandled, "requests": TestRequestsFollowTheConfiguredCount, "bounds": TestUnackedIsBounded,
		"legacy session": TestLegacySessionIsAnswered, "client state": TestClientState, "closing": TestClosing,
	} {
		t.Run(name, test)
	}
}
