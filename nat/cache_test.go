package nat

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"godwit/xep/reach"
)

func sampleReport(at time.Time) Report {
	return Report{
		Reach: reach.Reach{Class: reach.PortRestricted, Mapping: reach.EndpointIndependent, Filtering: reach.AddressPortDependent, IPv4: reach.Yes, IPv6: reach.No},
		IPv4: Family{State: Answered, Vantage: TwoAddresses, Server: a1p1, Local: here, Public: m1, Class: reach.PortRestricted,
			Allocation: Allocation{Pattern: Sequential, Step: 1, Ports: []uint16{1, 2}}},
		IPv6: Family{State: NoRoute}, Doubts: []Doubt{{AboutCarrier, RouterSilent}}, At: at, Took: time.Second,
	}
}

func TestCache(t *testing.T) {
	now := time.Unix(1e9, 0).UTC()
	c := NewCache(3, time.Hour)
	for i := range 3 {
		c.Put(fmt.Sprint(i), sampleReport(now))
	}
	if _, ok := c.Get("0", now); !ok {
		t.Fatal("forgotten at once")
	}
	c.Put("3", sampleReport(now)) // 1 is the one unused for longest
	for key, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true, "4": false, "": false} {
		if _, ok := c.Get(key, now); ok != want {
			t.Errorf("%q: %v", key, ok)
		}
	}
	if c.Len() != 3 {
		t.Errorf("%d networks", c.Len())
	}
	if _, ok := c.Get("0", now.Add(time.Hour+1)); ok {
		t.Error("an old report is believed")
	}
	if _, ok := c.Get("0", now.Add(-time.Hour)); ok {
		t.Error("a report from the future is believed")
	}
	c.Put("0", sampleReport(now.Add(time.Hour)))
	if _, ok := c.Get("0", now.Add(2*time.Hour)); !ok || c.Len() != 3 {
		t.Error("a newer report does not replace the older")
	}
	c.Forget("0")
	c.Put("", sampleReport(now))
	c.Put(strings.Repeat("x", maxKey+1), sampleReport(now))
	if c.Len() != 2 {
		t.Errorf("%d networks", c.Len())
	}
}

func TestCacheOnDisk(t *testing.T) {
	now := time.Unix(1e9, 0).UTC()
	c := NewCache(10, time.Hour)
	for i := range 10 {
		c.Put(fmt.Sprint(i), sampleReport(now))
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again := NewCache(4, time.Hour)
	if err := json.Unmarshal(data, again); err != nil || again.Len() != 4 {
		t.Fatalf("%d networks, %v", again.Len(), err)
	}
	if got, ok := again.Get("9", now); !ok || !reflect.DeepEqual(got, sampleReport(now)) {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"", "[]", `{"version":2,"networks":[]}`, `{"version":1,"networks":7}`, string(data[:len(data)/2])} {
		if err := json.Unmarshal([]byte(bad), again); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if again.Len() != 4 {
		t.Error("a file that cannot be read costs what was known")
	}
	for what, from := range map[string]string{"class": "port-restricted-cone", "state": "no-route", "vantage": "two-addresses", "pattern": "sequential"} {
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(data), from, "nonsense")), again); err != nil || again.Len() != 0 {
			t.Errorf("an entry with a wrong %s is kept: %d, %v", what, again.Len(), err)
		}
	}
}

// FuzzCache reads whatever stands in the file; what is kept can be written and
// read again.
func FuzzCache(f *testing.F) {
	c := NewCache(4, time.Hour)
	c.Put("home", sampleReport(time.Unix(1e9, 0).UTC()))
	data, _ := json.Marshal(c)
	f.Add(data)
	f.Add([]byte(`{"version":1,"networks":[{"key":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewCache(4, time.Hour)
		if json.Unmarshal(data, c) != nil {
			return
		}
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again := NewCache(4, time.Hour)
		if err := json.Unmarshal(out, again); err != nil || again.Len() != c.Len() || c.Len() > 4 {
			t.Fatalf("%d, then %d, %v: %s", c.Len(), again.Len(), err, out)
		}
	})
}
