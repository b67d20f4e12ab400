package nat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Cache remembers a report for each network, so that coming back to one needs no
// discovery before something can be said about it. It is safe for concurrent
// use and owns its entries; its lock guards leaf data only. The zero value
// remembers nothing; use NewCache.
//
// The key is what tells networks apart, for instance the hardware address of the
// gateway, the local subnet and the public address; package nat/network makes it.
//
// It can be kept on disk as JSON: json.Marshal(cache), and json.Unmarshal into a
// Cache made by NewCache, which checks what it reads.
type Cache struct {
	max int
	age time.Duration

	mu      sync.Mutex
	entries []entry // the one used last at the end
}

type entry struct {
	Key    string `json:"key"`
	Report Report `json:"report"`
}

// Defaults of a cache, for most callers right.
const (
	CacheSize = 32
	CacheAge  = 24 * time.Hour
)

// maxKey bounds a key, in bytes; longer ones are not kept.
const maxKey = 256

// NewCache makes a cache of at most so many networks, whose reports are believed
// for so long after Report.At.
func NewCache(size int, age time.Duration) *Cache {
	return &Cache{max: size, age: age}
}

// Get is the report of a network, if there is one that is young enough at now.
func (c *Cache) Get(key string, now time.Time) (Report, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.find(key)
	if i < 0 || !c.fresh(c.entries[i].Report, now) {
		return Report{}, false
	}
	e := c.entries[i]
	c.entries = append(slices.Delete(c.entries, i, i+1), e)
	return e.Report, true
}

// Put remembers a report, forgetting the network that was unused for longest
// where there are too many.
func (c *Cache) Put(key string, r Report) {
	if key == "" || len(key) > maxKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(entry{key, r})
}

// Forget drops a network, for instance because what was said turned out wrong.
func (c *Cache) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.find(key); i >= 0 {
		c.entries = slices.Delete(c.entries, i, i+1)
	}
}

// Len is how many networks are remembered, old ones included.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

func (c *Cache) find(key string) int {
	return slices.IndexFunc(c.entries, func(e entry) bool { return e.Key == key })
}

// fresh reports whether a report may still be believed. One from the future (a
// clock that was set back) may not.
func (c *Cache) fresh(r Report, now time.Time) bool {
	age := now.Sub(r.At)
	return age >= -time.Minute && age <= c.age
}

func (c *Cache) put(e entry) {
	if i := c.find(e.Key); i >= 0 {
		c.entries = slices.Delete(c.entries, i, i+1)
	}
	c.entries = append(c.entries, e)
	if over := len(c.entries) - max(c.max, 0); over > 0 {
		c.entries = slices.Delete(c.entries, 0, over)
	}
}

const cacheVersion = 1

type cacheFile struct {
	Version  int     `json:"version"`
	Networks []entry `json:"networks"`
}

// MarshalJSON writes all that is remembered.
func (c *Cache) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(cacheFile{cacheVersion, slices.Clone(c.entries)})
}

var errCacheVersion = errors.New("nat: a cache of another version")

// UnmarshalJSON replaces what is remembered. Of a file that holds too much, or
// entries that make no sense, it keeps the rest; a file of another version is an
// error and changes nothing.
func (c *Cache) UnmarshalJSON(data []byte) error {
	var f cacheFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("nat: reading a cache: %w", err)
	}
	if f.Version != cacheVersion {
		return errCacheVersion
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
	for _, e := range f.Networks {
		if e.Key != "" && len(e.Key) <= maxKey && e.Report.sane() {
			c.put(e)
		}
	}
	return nil
}
