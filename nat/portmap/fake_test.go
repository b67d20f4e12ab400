package portmap

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var outside = netip.MustParseAddr("27.1.2.1")

// router is a gateway in this process, on a loopback address of its own. What it
// speaks and how it lies is set before start.
type router struct {
	t testing.TB

	pcp, pmp       bool
	igd            int // version; 0 for none
	external       netip.Addr
	lifetime       uint32        // granted whatever is asked; 0 for what is asked
	pcpDelay       time.Duration // of answers
	pcpResult      byte
	spoil          func(b []byte) []byte // what is sent in place of a PCP or NAT-PMP answer
	taken          map[uint16]bool       // outside ports of others
	permanentOnly  bool
	noSuchLease    bool // refuses lifetimes with "invalid args"
	shift          uint16
	location       func(own string) string // in SSDP answers
	description    func(own string) string
	externalByUPnP string

	here         Router
	control, ssd *net.UDPConn
	web          *httptest.Server
	ending       sync.WaitGroup

	mu       sync.Mutex
	mappings map[string]string // "udp outside port" to "protocol inside port lifetime"
	requests map[string]int
	epoch    uint32
}

func startRouter(t testing.TB, r *router) *router {
	t.Helper()
	r.t, r.mappings, r.requests, r.epoch = t, map[string]string{}, map[string]int{}, 1000
	if !r.external.IsValid() {
		r.external = outside
	}
	host := netip.MustParseAddr("127.0.0.2")
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
		if err != nil {
			t.Skipf("no second loopback address: %v", err)
		}
		return c
	}
	r.control, r.ssd = listen(), listen()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	r.web = httptest.NewUnstartedServer(http.HandlerFunc(r.serveHTTP))
	_ = r.web.Listener.Close()
	r.web.Listener = l
	r.web.Start()
	r.here = Router{
		Gateway: host, Local: netip.MustParseAddr("127.0.0.1"), Subnet: netip.MustParsePrefix("127.0.0.0/30"),
		Control: r.control.LocalAddr().(*net.UDPAddr).AddrPort(), Search: r.ssd.LocalAddr().(*net.UDPAddr).AddrPort(),
	}
	r.ending.Go(r.serveControl)
	r.ending.Go(r.serveSearch)
	t.Cleanup(func() {
		r.control.Close()
		r.ssd.Close()
		r.web.Close()
		r.ending.Wait()
	})
	return r
}

func (r *router) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests[what]++
}

func (r *router) table() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for k, v := range r.mappings {
		list = append(list, k+" "+v)
	}
	return list
}

// mapPort enters a mapping and gives the outside port.
func (r *router) mapPort(protocol string, inside, wanted uint16, lifetime uint32) uint16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	owner := fmt.Sprintf("%s %d", protocol, inside)
	for k, v := range r.mappings {
		if strings.HasPrefix(v, owner+" ") {
			if lifetime == 0 {
				delete(r.mappings, k)
				return 0
			}
			wanted = 0
			fmt.Sscanf(k, "udp %d", &wanted)
		}
	}
	if lifetime == 0 {
		return 0
	}
	if wanted == 0 || r.taken[wanted] {
		wanted = 40001
	}
	wanted += r.shift
	r.mappings[fmt.Sprintf("udp %d", wanted)] = fmt.Sprintf("%s %d", owner, lifetime)
	return wanted
}

func (r *router) serveControl() {
	b := make([]byte, 2048)
	for {
		n, from, err := r.control.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		answer := r.answer(b[:n])
		if r.spoil != nil && answer != nil {
			answer = r.spoil(answer)
		}
		if answer != nil {
			_, _ = r.control.WriteToUDPAddrPort(answer, from)
		}
	}
}

func (r *router) answer(b []byte) []byte {
	r.mu.Lock()
	r.epoch++
	epoch := r.epoch
	r.mu.Unlock()
	switch {
	case len(b) >= pcpHeader && b[0] == pcpVersion:
		r.count(fmt.Sprintf("pcp %d", b[1]))
		if !r.pcp {
			if r.pmp {
				return []byte{pmpVersion, response | b[1], 0, 1, 0, 0, 0, 1}
			}
			return nil
		}
		time.Sleep(r.pcpDelay)
		a := make([]byte, len(b))
		copy(a, b)
		a[1], a[2], a[3] = response|b[1], 0, r.pcpResult
		clear(a[8:24])
		binary.BigEndian.PutUint32(a[8:], epoch)
		if b[1] != pcpMap || r.pcpResult != 0 {
			return a
		}
		lifetime := binary.BigEndian.Uint32(b[4:])
		if lifetime != 0 && r.lifetime != 0 {
			lifetime = r.lifetime
			binary.BigEndian.PutUint32(a[4:], lifetime)
		}
		port := r.mapPort("pcp", binary.BigEndian.Uint16(b[40:]), binary.BigEndian.Uint16(b[42:]), lifetime)
		binary.BigEndian.PutUint16(a[42:], port)
		address := r.external.As16()
		copy(a[44:], address[:])
		return a
	case len(b) >= 2 && b[0] == pmpVersion && r.pmp:
		r.count(fmt.Sprintf("nat-pmp %d", b[1]))
		a := make([]byte, 16)
		a[1] = response | b[1]
		binary.BigEndian.PutUint32(a[4:], epoch)
		if b[1] == pmpExternal {
			copy(a[8:], r.external.AsSlice())
			return a[:12]
		}
		lifetime := binary.BigEndian.Uint32(b[8:])
		if lifetime != 0 && r.lifetime != 0 {
			lifetime = r.lifetime
		}
		copy(a[8:], b[4:6])
		binary.BigEndian.PutUint16(a[10:], r.mapPort("nat-pmp", binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), lifetime))
		binary.BigEndian.PutUint32(a[12:], lifetime)
		return a
	}
	return nil
}

func (r *router) serveSearch() {
	b := make([]byte, 2048)
	for {
		n, from, err := r.ssd.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		r.count("search")
		if r.igd == 0 || !strings.Contains(string(b[:n]), "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n") {
			continue
		}
		location := r.web.URL + "/root.xml"
		if r.location != nil {
			location = r.location(location)
		}
		_, _ = r.ssd.WriteToUDPAddrPort([]byte("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"+
			"USN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nEXT:\r\nSERVER: test\r\nLOCATION: "+location+"\r\n\r\n"), from)
	}
}

func (r *router) serveHTTP(w http.ResponseWriter, q *http.Request) {
	r.count(q.Method + " " + q.URL.Path)
	w.Header().Set("Content-Type", "text/xml")
	if q.URL.Path == "/root.xml" {
		text := describe(r.igd, "/control")
		if r.description != nil {
			text = r.description(r.web.URL)
		}
		_, _ = io.WriteString(w, text)
		return
	}
	body, _ := io.ReadAll(io.LimitReader(q.Body, 1<<16))
	arg := func(name string) string {
		if m := regexp.MustCompile(`<` + name + `>([^<]*)</` + name + `>`).FindSubmatch(body); m != nil {
			return string(m[1])
		}
		return ""
	}
	_, action, _ := strings.Cut(strings.Trim(q.Header.Get("SOAPACTION"), `"`), "#")
	r.count("soap " + action)
	envelope := func(inner string) {
		_, _ = io.WriteString(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>`+inner+`</s:Body></s:Envelope>`)
	}
	fault := func(code int, text string) {
		w.WriteHeader(http.StatusInternalServerError)
		envelope(fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>%s</errorDescription></UPnPError></detail></s:Fault>`, code, text))
	}
	answer := func(inner string) {
		envelope(fmt.Sprintf(`<u:%sResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:%d">%s</u:%sResponse>`, action, r.igd, inner, action))
	}
	var port, inside uint16
	fmt.Sscanf(arg("NewExternalPort"), "%d", &port)
	fmt.Sscanf(arg("NewInternalPort"), "%d", &inside)
	switch action {
	case "GetExternalIPAddress":
		text := r.external.String()
		if r.externalByUPnP != "" {
			text = r.externalByUPnP
		}
		answer("<NewExternalIPAddress>" + text + "</NewExternalIPAddress>")
	case "AddPortMapping", "AddAnyPortMapping":
		lease := arg("NewLeaseDuration")
		switch {
		case r.permanentOnly && lease != "0":
			fault(upnpOnlyPermanent, "OnlyPermanentLeasesSupported")
		case r.noSuchLease && lease != "0":
			fault(upnpInvalidArgs, "Invalid Args")
		case r.taken[port] && action == "AddPortMapping":
			fault(upnpConflict, "ConflictInMappingEntry")
		default:
			if r.taken[port] {
				port = 40002
			}
			r.mu.Lock()
			r.mappings[fmt.Sprintf("udp %d", port)] = fmt.Sprintf("upnp %d %s", inside, lease)
			r.mu.Unlock()
			answer(fmt.Sprintf("<NewReservedPort>%d</NewReservedPort>", port))
		}
	case "DeletePortMapping":
		r.mu.Lock()
		_, ok := r.mappings[fmt.Sprintf("udp %d", port)]
		delete(r.mappings, fmt.Sprintf("udp %d", port))
		r.mu.Unlock()
		if !ok {
			fault(upnpNoSuchEntry, "NoSuchEntryInArray")
			return
		}
		answer("")
	default:
		fault(401, "Invalid Action")
	}
}

// describe is a device description as home routers have it, shortened.
func describe(version int, control string) string {
	return fmt.Sprintf(`<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:%[1]d</deviceType><friendlyName>Router</friendlyName><UDN>uuid:1</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:%[1]d</deviceType><UDN>uuid:2</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:%[1]d</deviceType><UDN>uuid:3</UDN>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:%[1]d</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/conn.xml</SCPDURL><controlURL>%[2]s</controlURL><eventSubURL>/evt</eventSubURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`, version, control)
}
