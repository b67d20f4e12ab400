package client

import (
	"container/list"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/caps"
	"godwit/xep/disco"
	"godwit/xep/version"
)

// software is what a client of somebody else can do.
type software struct {
	name     string
	features map[string]bool
}

func (s *software) has(feature string) bool { return s != nil && s.features[feature] }

// capabilities remember answers to disco#info. Those whose hash was verified hold
// for everybody who announces the same (XEP-0115 §5.4); others only for who was
// asked.
type capabilities struct {
	known  map[caps.Caps]*list.Element // of *capsEntry
	recent *list.List
	most   int
	asking map[caps.Caps]bool
	queue  []question // to be asked when others are answered
	out    int        // questions under way
}

type capsEntry struct {
	key      caps.Caps
	software *software
}

type question struct {
	device jid.JID
	caps   caps.Caps
}

// Bounds on questions about capabilities.
const (
	maxAskedAtOnce = 16
	maxAskedLater  = 1024
	maxFeatures    = 512
	maxSoftware    = 128 // bytes of a name
)

func (c *capabilities) init(most int) {
	c.known, c.recent, c.most = map[caps.Caps]*list.Element{}, list.New(), most
	c.asking = map[caps.Caps]bool{}
}

// verifiedKey is what the hash alone names: the node is only decoration.
func verifiedKey(c caps.Caps) caps.Caps { return caps.Caps{Hash: c.Hash, Ver: c.Ver} }

func (c *capabilities) get(key caps.Caps) *software {
	el := c.known[verifiedKey(key)]
	if el == nil {
		return nil
	}
	c.recent.MoveToFront(el)
	return el.Value.(*capsEntry).software
}

func (c *capabilities) put(key caps.Caps, s *software) {
	key = verifiedKey(key)
	if c.known[key] != nil {
		return
	}
	c.known[key] = c.recent.PushFront(&capsEntry{key, s})
	for c.recent.Len() > c.most {
		el := c.recent.Back()
		c.recent.Remove(el)
		delete(c.known, el.Value.(*capsEntry).key)
	}
}

// describe finds out what d can do, from memory or by asking.
func (k *core) describe(d *device) {
	if d.software != nil {
		return
	}
	if d.caps.Ver == "" {
		k.askVersion(d)
		return
	}
	if !d.caps.Legacy() {
		if s := k.caps.get(d.caps); s != nil {
			k.described(d, s)
			return
		}
		if k.caps.asking[d.caps] {
			return // answered for all who announce the same
		}
	}
	if len(k.caps.queue) >= maxAskedLater {
		return
	}
	k.caps.queue = append(k.caps.queue, question{d.jid, d.caps})
	k.caps.asking[d.caps] = true
	k.askCaps()
}

// askCaps asks as many of the waiting questions as may be under way.
func (k *core) askCaps() {
	for k.caps.out < maxAskedAtOnce && len(k.caps.queue) > 0 {
		q := k.caps.queue[0]
		k.caps.queue = k.caps.queue[1:]
		if d := k.people.find(q.device); d == nil || d.caps != q.caps {
			delete(k.caps.asking, q.caps)
			k.askAnother(q.caps)
			continue
		}
		k.caps.out++
		k.request(q.device, stanza.Get, disco.Info{Node: q.caps.Query()}.Encode, func(s *stanza.Stanza, err error) {
			k.caps.out--
			delete(k.caps.asking, q.caps)
			k.capsAnswered(q, s, err)
			k.askCaps()
		})
	}
}

// capsAnswered takes an answer to disco#info.
func (k *core) capsAnswered(q question, s *stanza.Stanza, err error) {
	var info disco.Info
	if err == nil {
		n, _ := s.Child(disco.InfoNS, "query")
		info, err = disco.ParseInfo(n)
	}
	if err != nil {
		k.log.Debug("no capabilities", "device", q.device.String(), "error", err)
		if d := k.people.find(q.device); d != nil && d.caps == q.caps {
			k.askVersion(d)
		}
		k.askAnother(q.caps)
		return
	}
	found := softwareOf(info)
	if caps.Verify(q.caps, info) != nil {
		// XEP-0115 §5.4: it holds for this one device, and others are asked themselves.
		if d := k.people.find(q.device); d != nil && d.caps == q.caps {
			k.described(d, found)
		}
		k.askAnother(q.caps)
		return
	}
	k.caps.put(q.caps, found)
	for _, devices := range k.people.people {
		for _, d := range devices {
			if d.software == nil && verifiedKey(d.caps) == verifiedKey(q.caps) {
				k.described(d, found)
			}
		}
	}
}

// askAnother asks the next device that announces the same, if the one asked could
// not tell. Those that have answered for themselves are not asked again.
func (k *core) askAnother(c caps.Caps) {
	for _, devices := range k.people.people {
		for _, d := range devices {
			if d.caps == c && d.software == nil && !d.doubtful && d.name == "" && !k.caps.asking[c] && !d.asked {
				d.asked = true
				k.describe(d)
				return
			}
		}
	}
}

func softwareOf(info disco.Info) *software {
	s := &software{features: map[string]bool{}}
	for _, id := range info.Identities {
		if id.Category == "client" && id.Name != "" {
			s.name = clip(id.Name, maxSoftware)
			break
		}
	}
	for i, f := range info.Features {
		if i == maxFeatures {
			break
		}
		s.features[f] = true
	}
	return s
}

// described notes what d can do.
func (k *core) described(d *device, s *software) {
	d.software = s
	if s.name == "" {
		k.askVersion(d)
		return
	}
	k.nameKnown(d)
}

// askVersion asks for the name of the software where capabilities do not tell
// (XEP-0092).
func (k *core) askVersion(d *device) {
	if d.versionAsked {
		return
	}
	d.versionAsked = true
	full := d.jid
	k.request(full, stanza.Get, version.Version{}.Encode, func(s *stanza.Stanza, err error) {
		if d := k.people.find(full); d != nil {
			if err == nil {
				n, _ := s.Child(version.NS, "query")
				if v, bad := version.Parse(n); bad == nil {
					d.name = clip(v.Name+" "+v.Version, maxSoftware)
				}
			}
			k.nameKnown(d)
		}
	})
}

// nameKnown tells what was waiting for the name, or that it is known now.
func (k *core) nameKnown(d *device) {
	switch {
	case d.announced:
		k.announce(d)
	case d.changed.isSet():
		k.tell(d)
	}
	k.reviewReceipts(d.jid.Bare())
	k.considerIntroduction(d.jid.Bare())
}
