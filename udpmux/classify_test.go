package udpmux

import "testing"

func TestClassify(t *testing.T) {
	// RFC 9443 §3, Figure 2, first and last value of every row.
	tests := []struct {
		first    byte
		fromTURN bool
		want     Kind
		why      string
	}{
		{0, false, STUN, "Binding request"},
		{1, false, STUN, "Binding response"},
		{3, false, STUN, "end of STUN"},
		{4, false, Unknown, "unassigned"},
		{15, false, Unknown, "unassigned"},
		{16, false, Unknown, "ZRTP"},
		{19, false, Unknown, "ZRTP"},
		{20, false, DTLS, "change cipher spec"},
		{22, false, DTLS, "handshake"},
		{63, false, DTLS, "end of DTLS"},
		{64, true, TURNChannel, "channel data from a TURN server"},
		{79, true, TURNChannel, "last channel number"},
		{64, false, QUIC, "short header from anybody else"},
		{79, false, QUIC, "short header from anybody else"},
		{80, true, QUIC, "a TURN server has no channels beyond 79"},
		{127, false, QUIC, "end of short headers"},
		{128, false, Unknown, "RTP"},
		{191, false, Unknown, "RTCP"},
		{192, false, QUIC, "long header"},
		{255, false, QUIC, "long header"},
	}
	for _, test := range tests {
		if got := Classify(test.first, test.fromTURN); got != test.want {
			t.Errorf("%d (TURN %v) is %v, want %v: %s", test.first, test.fromTURN, got, test.want, test.why)
		}
	}
}
