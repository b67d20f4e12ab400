package xmlstream

import "encoding/binary"

// interned is a fixed hash table of the strings XMPP is made of, so that names of ordinary traffic cost no memory.
// It is written once, before main, and only read afterwards.
var interned, internedMax = buildInterned()

const internBits = 11

func internHash(b []byte) uint32 {
	n := len(b)
	var x uint64
	switch {
	case n >= 8:
		x = binary.LittleEndian.Uint64(b[n-8:]) ^ uint64(b[n/2])<<13
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		x = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	x = (x ^ uint64(n)<<56 ^ uint64(n)) * 0x9E3779B97F4A7C15
	return uint32(x >> (64 - internBits))
}

// internBytes gives the one shared string equal to b, if b is well known.
func internBytes(b []byte) (string, bool) {
	if len(b) > internedMax {
		return "", false
	}
	for h := internHash(b); ; h = (h + 1) & (1<<internBits - 1) {
		s := interned[h]
		if s == "" {
			return "", len(b) == 0
		}
		if s == string(b) {
			return s, true
		}
	}
}

// internHead is internBytes for what the heads of stanzas are made of, which is asked for most.
func internHead(b []byte) (string, bool) {
	switch string(b) {
	case "to":
		return "to", true
	case "id":
		return "id", true
	case "from":
		return "from", true
	case "type":
		return "type", true
	case "message":
		return "message", true
	case "presence":
		return "presence", true
	case "iq":
		return "iq", true
	}
	return internBytes(b)
}

func buildInterned() (table [1 << internBits]string, longest int) {
	for _, s := range wellKnown {
		b := []byte(s)
		h := internHash(b)
		for table[h] != "" && table[h] != s {
			h = (h + 1) & (1<<internBits - 1)
		}
		table[h] = s
		longest = max(longest, len(s))
	}
	return table, longest
}
