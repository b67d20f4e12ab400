package datetime

import (
	"fmt"
	"time"
)

// longest is more than any sane DateTime: date, time, nine fraction digits
// and an offset make 35 bytes. Fractions longer than that are refused.
const longest = 40

// Format renders t in UTC with as many fraction digits as it needs, at most
// six. Years outside 0–9999 cannot be expressed; the result then is one that
// [Parse] refuses.
func Format(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.999999Z07:00")
}

// Parse reads CCYY-MM-DDThh:mm:ss[.sss]TZD (XEP-0082 §3.2). The result is in
// UTC. A fraction of any length up to nanoseconds is kept.
func Parse(s string) (time.Time, error) {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > longest || !shaped(s) {
		return time.Time{}, fmt.Errorf("not a DateTime of XEP-0082")
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("not a DateTime of XEP-0082: no such moment")
	}
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 { // an offset can push the first and last day over the edge
		return time.Time{}, fmt.Errorf("not a DateTime of XEP-0082: beyond the years that it can express")
	}
	return t, nil
}

// shaped holds s to the exact positions of digits and separators, which
// [time.Parse] is more lenient about.
func shaped(s string) bool {
	const mask = "0000-00-00T00:00:00"
	if !follows(s[:len(mask)], mask) {
		return false
	}
	rest := s[len(mask):]
	if rest[0] == '.' {
		n := 1
		for n < len(rest) && digit(rest[n]) {
			n++
		}
		if n == 1 {
			return false
		}
		rest = rest[n:]
	}
	_, err := ParseOffset(rest)
	return err == nil
}

// FormatOffset renders a distance from UTC as a time zone definition
// (XEP-0082 §3.2): "Z" or ±hh:mm. Seconds are dropped.
func FormatOffset(d time.Duration) string {
	minutes := int(d / time.Minute)
	if minutes == 0 {
		return "Z"
	}
	sign := '+'
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60)
}

// ParseOffset reads a time zone definition, "Z" or ±hh:mm, less than a day.
func ParseOffset(s string) (time.Duration, error) {
	if s == "Z" {
		return 0, nil
	}
	if len(s) != len("+00:00") || !follows(s[1:], "00:00") || s[0] != '+' && s[0] != '-' {
		return 0, fmt.Errorf("not a time zone offset of XEP-0082")
	}
	hours := time.Duration(s[1]-'0')*10 + time.Duration(s[2]-'0')
	minutes := time.Duration(s[4]-'0')*10 + time.Duration(s[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, fmt.Errorf("not a time zone offset of XEP-0082: out of range")
	}
	d := hours*time.Hour + minutes*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, nil
}

func follows(s, mask string) bool {
	for i := range len(mask) {
		if mask[i] == '0' {
			if !digit(s[i]) {
				return false
			}
		} else if s[i] != mask[i] {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
