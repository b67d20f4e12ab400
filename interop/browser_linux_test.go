package interop

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/peer/datachannel"
	"godwit/stanza"
	"godwit/stream"
	xep "godwit/xep/datachannel"
	"godwit/xep/icetransport"
	"godwit/xmlstream"
)

// browserVariable makes the test binary run inside the network that only has a loopback interface: a browser's packets
// belong nowhere else. It names the browser.
const browserVariable = "GODWIT_INTEROP_BROWSER"

const browser = "chromium-headless-shell"

//go:embed testdata/channel.html
var channelPage []byte

// TestBrowserDataChannel has a page with nothing but the browser's own RTCPeerConnection and our transport build a link,
// each beginning once, and speak an XML stream with acknowledgements on it.
func TestBrowserDataChannel(t *testing.T) {
	if os.Getenv(browserVariable) != "" {
		speakWithPage(t)
		return
	}
	need(t, browser, browser)
	need(t, "util-linux", "unshare", "-n", "true") // needs root
	need(t, "iproute2", "ip", "-V")
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "-n", "--", "sh", "-c", `ip link set lo up && exec "$0" "$@"`,
		os.Args[0], "-test.run", "^TestBrowserDataChannel$", "-test.v")
	cmd.Env = append(os.Environ(), browserVariable+"="+browser)
	out, err := cmd.CombinedOutput()
	t.Logf("in a network of its own:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// page is the browser with the page.
type page struct {
	t        *testing.T
	commands chan any
	told     chan pageEvent
	// Credentials of the page's half, which stand beside its candidates.
	ufrag, pwd string
	early      []pageCandidate // found before the native half is there
}

// pageTransport is <transport/> as JSON.
type pageTransport struct {
	Ufrag string `json:"ufrag"`
	Pwd   string `json:"pwd"`
	Hash  string `json:"hash"`
	Value string `json:"value"`
	Setup string `json:"setup"`
	Port  uint16 `json:"port"`
	Max   uint32 `json:"max"`
}

type pageCandidate struct {
	Foundation string `json:"foundation"`
	Component  uint16 `json:"component"`
	Protocol   string `json:"protocol"`
	Priority   uint32 `json:"priority"`
	IP         string `json:"ip"`
	Port       uint16 `json:"port"`
	Type       string `json:"type"`
}

type pageEvent struct {
	Event, Text, Label, Protocol string
	Ordered                      bool
	Transport                    pageTransport
	Candidate                    pageCandidate
}

type pageCommand struct {
	Do        string         `json:"do"`
	Initiator bool           `json:"initiator"`
	Transport *pageTransport `json:"transport,omitempty"`
	Candidate *pageCandidate `json:"candidate,omitempty"`
}

// openPage serves the page and starts the browser on it.
func openPage(t *testing.T) *page {
	t.Helper()
	p := &page{t: t, commands: make(chan any, 64), told: make(chan pageEvent, 256)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(channelPage)
	})
	mux.HandleFunc("GET /command", func(w http.ResponseWriter, r *http.Request) {
		select {
		case c := <-p.commands:
			_ = json.NewEncoder(w).Encode(c)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		var e pageEvent
		if err := json.NewDecoder(r.Body).Decode(&e); err == nil {
			p.told <- e
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	startBrowser(t, "http://"+listener.Addr().String()+"/")
	return p
}

// startBrowser runs the browser, which is told what to do by pipes (the protocol of its developer tools). More are further flags.
func startBrowser(t *testing.T, address string, more ...string) {
	t.Helper()
	toBrowser, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	theirs, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(os.Getenv(browserVariable), append(more, "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir(),
		// Without these two (see the permission below) a page finds no address where there is only loopback.
		"--allow-loopback-in-peer-connection", "about:blank")...)
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser}
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = toBrowser.Close()
	_ = fromBrowser.Close()
	go func() { _, _ = io.Copy(io.Discard, theirs) }() // answers; the page tells what matters
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = ours.Close()
		_ = theirs.Close()
		if t.Failed() {
			t.Logf("the browser said:\n%s", log.String())
		}
	})
	for i, call := range []struct {
		Method string
		Params any
	}{
		// A page that may use the microphone is shown real addresses and not names of multicast DNS.
		{"Browser.grantPermissions", map[string]any{"permissions": []string{"audioCapture", "videoCapture"}}},
		{"Target.createTarget", map[string]any{"url": address}},
	} {
		b, err := json.Marshal(map[string]any{"id": i + 1, "method": call.Method, "params": call.Params})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ours.Write(append(b, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits for an event of the page; candidates go to the native side meanwhile.
func (p *page) await(kind string, native peer.Session, match func(pageEvent) bool) pageEvent {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-p.told:
			switch {
			case e.Event == "error":
				p.t.Fatalf("the page: %s", e.Text)
			case e.Event == "candidate" && native == nil:
				p.early = append(p.early, e.Candidate)
			case e.Event == "candidate":
				p.candidate(e.Candidate, native)
			case e.Event == "local":
				p.ufrag, p.pwd = e.Transport.Ufrag, e.Transport.Pwd
				if kind == "local" {
					return e
				}
			case e.Event == kind && (match == nil || match(e)):
				return e
			}
		case <-deadline:
			p.t.Fatalf("the page does not tell %q", kind)
		}
	}
}

func (p *page) candidate(c pageCandidate, native peer.Session) {
	address, err := netip.ParseAddr(c.IP)
	if err != nil || c.Protocol != "udp" {
		return
	}
	info := xep.Transport{ICE: icetransport.Transport{Candidates: []icetransport.Candidate{{
		Component: c.Component, Foundation: c.Foundation, Priority: c.Priority, Protocol: "udp", ID: "p",
		Address: netip.AddrPortFrom(address, c.Port), Kind: icetransport.Kind(c.Type),
	}}}}
	info.ICE.Ufrag, info.ICE.Pwd = p.ufrag, p.pwd
	if err := native.Info(info.Node()); err != nil {
		p.t.Errorf("a candidate of the page: %v", err)
	}
}

func (j pageTransport) node(t *testing.T) xmlstream.Node {
	t.Helper()
	value, err := hex.DecodeString(strings.ReplaceAll(j.Value, ":", ""))
	if err != nil {
		t.Fatal(err)
	}
	return xep.Transport{Port: j.Port, MaxMessageSize: j.Max, ICE: icetransport.Transport{Ufrag: j.Ufrag, Pwd: j.Pwd,
		Fingerprint: &icetransport.Fingerprint{Hash: strings.ToLower(j.Hash), Setup: icetransport.Setup(j.Setup), Value: value}}}.Node()
}

// give hands our <transport/> to the page.
func (p *page) give(n xmlstream.Node, full bool) {
	p.t.Helper()
	parsed, err := xep.Parse(n)
	if err != nil {
		p.t.Fatal(err)
	}
	if full {
		f := parsed.ICE.Fingerprint
		octets := make([]string, len(f.Value))
		for i, o := range f.Value {
			octets[i] = fmt.Sprintf("%02X", o)
		}
		p.commands <- pageCommand{Do: "remote", Transport: &pageTransport{Ufrag: parsed.ICE.Ufrag, Pwd: parsed.ICE.Pwd, Hash: f.Hash,
			Value: strings.Join(octets, ":"), Setup: string(f.Setup), Port: parsed.Port, Max: parsed.Limit()}}
	}
	for _, c := range parsed.ICE.Candidates {
		p.commands <- pageCommand{Do: "candidate", Candidate: &pageCandidate{Foundation: c.Foundation, Component: c.Component,
			Protocol: c.Protocol, Priority: c.Priority, IP: c.Address.Addr().String(), Port: c.Address.Port(), Type: string(c.Kind)}}
	}
}

// speakWithPage runs in a network that has only loopback.
func speakWithPage(t *testing.T) {
	native, err := datachannel.New(datachannel.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := native.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := openPage(t)
	for _, initiator := range []bool{true, false} {
		t.Run("the page begins: "+strconv.FormatBool(initiator), func(t *testing.T) { p.meet(t, native, initiator) })
	}
}

var (
	pageJID   = jid.MustParse("alice@example.org/page")
	nativeJID = jid.MustParse("bob@example.org/native")
)

// meet builds one link and speaks on it.
func (p *page) meet(t *testing.T, native *datachannel.Transport, initiator bool) {
	p.t = t
	begun := time.Now()
	links, failed := make(chan link.Link, 1), make(chan error, 1)
	params := peer.Params{SID: strconv.FormatBool(initiator), Peer: pageJID, Addresses: peer.AllAddresses, Events: peer.Events{
		Candidates: func(n xmlstream.Node) { p.give(n, false) },
		Connected:  func(l link.Link, _ peer.Path) { links <- l },
		Moved:      func(link.Link, peer.Path) {},
		Failed:     func(err error) { failed <- err },
	}}
	p.commands <- pageCommand{Do: "start", Initiator: initiator}
	var session peer.Session
	var err error
	if initiator {
		offer := p.await("local", nil, nil)
		if session, err = native.Answer(params, offer.Transport.node(t)); err != nil {
			t.Fatal(err)
		}
		p.give(session.Local(), true)
	} else {
		if session, err = native.Offer(params); err != nil {
			t.Fatal(err)
		}
		p.give(session.Local(), true)
		if err := session.Remote(p.await("local", session, nil).Transport.node(t)); err != nil {
			t.Fatal(err)
		}
	}
	defer session.Close()
	for _, c := range p.early {
		p.candidate(c, session)
	}
	p.early = nil
	open := p.await("open", session, nil)
	if open.Label != "xmlstream" || open.Protocol != "xmpp" || !open.Ordered {
		t.Errorf("the channel: %+v", open)
	}
	select {
	case l := <-links:
		t.Logf("connected in %v: %v and %v", time.Since(begun).Round(time.Millisecond), l.LocalAddr(), l.RemoteAddr())
		p.converse(t, l, !initiator)
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("no link")
	}
}

// converse runs the stream: two messages of the page arrive and are acknowledged, ours arrives and is acknowledged.
func (p *page) converse(t *testing.T, l link.Link, initiator bool) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := stream.Direct(ctx, l, stream.DirectConfig{Local: nativeJID, Remote: pageJID, Initiator: initiator})
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, s.Abort)()
	message := stanza.Build(stanza.Message, stanza.Chat, pageJID, nativeJID, "native", func(e *xmlstream.Encoder) {
		e.Leaf("jabber:client", "body", "from the native client")
	})
	if err := s.SendTagged(message, 1); err != nil {
		t.Fatal(err)
	}
	s.RequestAck()
	var heard []string
	for acked := false; !acked || len(heard) < 2; {
		e, err := s.Read()
		if err != nil {
			t.Fatalf("after %q: %v", heard, err)
		}
		switch e.Kind {
		case stream.StanzaEvent:
			body, _ := e.Stanza.Child("jabber:client", "body")
			heard = append(heard, e.Stanza.ID+" "+body.InnerText())
			s.Handled(e.Seq)
		case stream.AckedEvent:
			acked = acked || len(e.Acked) == 1 && e.Acked[0].Tag == 1
		}
	}
	if heard[0] != "small from the page 你好" || heard[1] != "large "+strings.Repeat("x", 200000) {
		t.Errorf("%.80q and %.80q arrived", heard[0], heard[1])
	}
	p.await("heard", nil, func(e pageEvent) bool { return strings.Contains(e.Text, "from the native client") })
	p.await("heard", nil, func(e pageEvent) bool { return strings.HasPrefix(e.Text, "<a ") && strings.Contains(e.Text, "h='2'") })
	s.Close(nil)
	p.await("heard", nil, func(e pageEvent) bool { return strings.HasPrefix(e.Text, "<close ") })
	<-l.Done()
	p.await("closed", nil, nil)
}
