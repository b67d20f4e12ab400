package datetime

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in, want string // want is RFC 3339 in UTC; empty means an error
		why      string
	}{
		{"1969-07-21T02:56:15Z", "1969-07-21T02:56:15Z", "the example of XEP-0082"},
		{"1969-07-20T21:56:15-05:00", "1969-07-21T02:56:15Z", "the same moment with an offset"},
		{"2026-11-23T06:12:00.123Z", "2026-11-23T06:12:00.123Z", "milliseconds"},
		{"2026-11-23T06:12:00.123456789Z", "2026-11-23T06:12:00.123456789Z", "nanoseconds"},
		{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "leap day"},
		{"2023-02-29T00:00:00Z", "", "no such day"},
		{"2026-11-23 06:12:00Z", "", "a space for the T"},
		{"2026-11-23T6:12:00Z", "", "one digit for the hour, which time.Parse would take"},
		{"2026-11-23T06:12:00,5Z", "", "a comma, which time.Parse would take"},
		{"2026-11-23T06:12:00.Z", "", "a point without a fraction"},
		{"2026-11-23T06:12:00", "", "the zone is required"},
		{"2026-11-23T06:12:00z", "", "a small z"},
		{"2026-11-23T06:12:00+24:00", "", "an offset of a day"},
		{"2026-11-23T06:12:00+2:00", "", "a short offset"},
		{"2026-11-23T24:00:00Z", "", "hour 24"},
		{"20261123T06:12:00", "", "the legacy form of XEP-0091"},
		{"2026-11-23T06:12:00.000000000000000000000000000000000Z", "", "an endless fraction"},
		{"0000-01-01T00:00:00+01:00", "", "in UTC that is before the year 0"},
		{"9999-12-31T23:59:59-01:00", "", "in UTC that is after the year 9999"},
		{"", "", "nothing"},
	} {
		got, err := Parse(row.in)
		if row.want == "" {
			if err == nil {
				t.Errorf("%q accepted as %v; %s", row.in, got, row.why)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != row.want {
			t.Errorf("%q = %v, %v; want %s (%s)", row.in, got, err, row.want, row.why)
		}
	}
}

func TestFormat(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	for _, row := range []struct {
		in   time.Time
		want string
		why  string
	}{
		{time.Date(2002, 9, 10, 23, 8, 25, 0, time.UTC), "2002-09-10T23:08:25Z", "whole seconds carry no fraction"},
		{time.Date(2002, 9, 11, 1, 8, 25, 500e6, zone), "2002-09-10T23:08:25.5Z", "always UTC"},
		{time.Date(2002, 9, 10, 23, 8, 25, 999_999_999, time.UTC), "2002-09-10T23:08:25.999999Z", "cut, not rounded into the next second"},
	} {
		if got := Format(row.in); got != row.want {
			t.Errorf("got %s, want %s (%s)", got, row.want, row.why)
		}
	}
}

func TestOffset(t *testing.T) {
	for _, row := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"Z", 0, true}, {"+00:00", 0, true}, {"-06:00", -6 * time.Hour, true}, {"+05:45", 5*time.Hour + 45*time.Minute, true},
		{"-00:30", -30 * time.Minute, true}, {"+23:59", 24*time.Hour - time.Minute, true},
		{"+24:00", 0, false}, {"+10:60", 0, false}, {"0600", 0, false}, {"+0600", 0, false}, {"", 0, false}, {"~06:00", 0, false},
	} {
		got, err := ParseOffset(row.in)
		if (err == nil) != row.ok || got != row.want {
			t.Errorf("%q = %v, %v", row.in, got, err)
		}
		if row.ok {
			if back, err := ParseOffset(FormatOffset(got)); err != nil || back != got {
				t.Errorf("%q does not survive: %q", row.in, FormatOffset(got))
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1969-07-20T21:56:15-05:00")
	f.Add("2026-11-23T06:12:00.123456Z")
	f.Fuzz(func(t *testing.T, s string) {
		moment, err := Parse(s)
		if err != nil {
			return
		}
		back, err := Parse(Format(moment))
		if err != nil || !back.Equal(moment.Truncate(time.Microsecond)) {
			t.Fatalf("%q became %v, then %q: %v", s, moment, Format(moment), err)
		}
	})
}
