package outlook

import (
	"strings"

	"godwit/xep/reach"
)

// Lang is a language that there are words in.
type Lang int

// The languages.
const (
	English Lang = iota
	Chinese      // simplified, zh-CN
)

// LangOf finds the language for a tag or the name of a locale, such as "zh-CN",
// "zh_CN.UTF-8" or "en". All that is not Chinese is English.
func LangOf(tag string) Lang {
	tag = strings.ToLower(tag)
	if tag == "zh" || strings.HasPrefix(tag, "zh-") || strings.HasPrefix(tag, "zh_") {
		return Chinese
	}
	return English
}

// String is the tag of the language (BCP 47).
func (l Lang) String() string { return l.Of([2]string{"en", "zh-CN"}) }

// ParseLang reads the tag of a language that somebody chose: "en" or "zh-CN", also
// in small letters, "zh" and "zh_CN".
func ParseLang(tag string) (Lang, bool) {
	switch strings.ToLower(tag) {
	case "en":
		return English, true
	case "zh", "zh-cn", "zh_cn":
		return Chinese, true
	}
	return English, false
}

// words is every word in both languages, by what it is a word for.
var words = map[any][2]string{
	Direct:  {"direct", "直连"},
	Guess:   {"direct after guessing ports", "猜中端口后直连"},
	Relay:   {"through the relay", "经中继"},
	Server:  {"through the server only", "只经服务器"},
	Unclear: {"trying will tell", "试过才知道"},

	IPv6:           {"Both have IPv6, where no NAT is in the way.", "双方都有 IPv6，中间没有 NAT。"},
	Reachable:      {"One of the two takes packets from anybody.", "其中一方接受任何人发来的数据包。"},
	Mapped:         {"A router maps a port to one of the two.", "其中一方的路由器映射了端口。"},
	Punch:          {"Each keeps one outside address for everybody and can tell it to the other.", "双方对所有人都保持同一个外部地址，可以告诉对方。"},
	ByAddress:      {"One NAT shows everybody another port, but the other lets in any port of an address it has sent to.", "一方的 NAT 对每个目的地换一个端口，但另一方允许它发送过的地址的任何端口进入。"},
	PortToGuess:    {"One NAT shows everybody another port, and the other lets in only the very port it has sent to, which has to be guessed.", "一方的 NAT 对每个目的地换一个端口，另一方只允许它发送过的那个端口进入，因此必须猜测端口。"},
	BothSymmetric:  {"Both NATs show everybody another port, so neither can tell the other where to send.", "双方的 NAT 对每个目的地都换一个端口，谁也无法告诉对方该发到哪里。"},
	UDPBlocked:     {"The network of one of the two lets no UDP through.", "其中一方的网络不让 UDP 通过。"},
	FamiliesDiffer: {"One has only IPv6, the other only IPv4.", "一方只有 IPv6，另一方只有 IPv4。"},
	TooLittleKnown: {"Too little is known about one of the networks.", "对其中一方的网络了解太少。"},

	Self: {"you", "你"},
	Peer: {"your contact", "对方"},
	Both: {"you both", "双方"},

	MapPort:       {"switch on UPnP, NAT-PMP or PCP in the router", "在路由器中开启 UPnP、NAT-PMP 或 PCP"},
	OpenFirewall:  {"let UDP to this program in through the firewall", "在防火墙中允许 UDP 进入本程序"},
	UnblockUDP:    {"let UDP out of the network, and its answers in", "允许 UDP 出网，并允许其应答进入"},
	GetIPv6:       {"switch IPv6 on in the router, or ask the provider for it", "在路由器中开启 IPv6，或向运营商申请"},
	PublicAddress: {"ask the provider for a public IPv4 address; a second router of your own belongs in bridge mode", "向运营商申请公网 IPv4 地址；如果是自己的第二台路由器，请改为桥接模式"},
}

// could is what stands before an advice.
var could = map[Side][2]string{
	Self: {"you could ", "你可以"},
	Peer: {"your contact could ", "对方可以"},
	Both: {"you both could ", "双方可以各自"},
}

// className and its neighbours are the words for what a codec's values mean. They
// are tables of their own because the same value means two things: a mapping and
// a filter.
var (
	className = map[reach.Class][2]string{
		reach.UnknownClass:   {"unknown", "未知"},
		reach.Open:           {"open", "开放"},
		reach.Firewall:       {"firewall", "防火墙"},
		reach.FullCone:       {"full cone", "完全锥形"},
		reach.RestrictedCone: {"restricted cone", "地址受限锥形"},
		reach.PortRestricted: {"port-restricted cone", "端口受限锥形"},
		reach.Symmetric:      {"symmetric", "对称型"},
		reach.Blocked:        {"UDP blocked", "UDP 被屏蔽"},
	}
	classMeaning = map[reach.Class][2]string{
		reach.UnknownClass:   {"not enough could be seen to name it", "看到的不足以命名"},
		reach.Open:           {"there is no NAT, and nothing is kept out", "没有 NAT，也没有过滤"},
		reach.Firewall:       {"there is no NAT, but only answers are let in", "没有 NAT，但只放行应答"},
		reach.FullCone:       {"anybody may send to your outside address", "任何人都可以发到你的外部地址"},
		reach.RestrictedCone: {"it lets in the addresses you have sent to", "它只允许你发送过的地址进入"},
		reach.PortRestricted: {"it lets in the very address and port you have sent to, as most home routers do", "它只允许你发送过的地址和端口进入，多数家用路由器如此"},
		reach.Symmetric:      {"it shows everybody another port, as many mobile and office networks do", "它对每个目的地换一个端口，许多移动和办公网络如此"},
		reach.Blocked:        {"direct links need UDP, so everything goes through a relay over TCP", "直连需要 UDP，因此一切都经由 TCP 中继"},
	}
	mappingName = map[reach.Behaviour][2]string{
		reach.Unknown:              {"unknown", "未知"},
		reach.None:                 {"no translation", "无转换"},
		reach.EndpointIndependent:  {"endpoint-independent", "与目的地无关"},
		reach.AddressDependent:     {"address-dependent", "随目的地址变化"},
		reach.AtMostAddress:        {"the same for every port; for other addresses unknown", "对各端口相同；对其他地址未知"},
		reach.AddressPortDependent: {"address- and port-dependent", "随目的地址和端口变化"},
		reach.AtLeastAddress:       {"address-dependent; for other ports unknown", "随目的地址变化；对其他端口未知"},
	}
	filteringName = map[reach.Behaviour][2]string{
		reach.Unknown:              {"unknown", "未知"},
		reach.None:                 {"none", "无过滤"},
		reach.EndpointIndependent:  {"endpoint-independent", "与来源无关"},
		reach.AddressDependent:     {"address-dependent", "只看来源地址"},
		reach.AtMostAddress:        {"lets in every port of a known address; other addresses unknown", "放行已知地址的任何端口；其他地址未知"},
		reach.AddressPortDependent: {"address- and port-dependent", "看来源地址和端口"},
		reach.AtLeastAddress:       {"address-dependent; other ports unknown", "看来源地址；其他端口未知"},
	}
)

// Text is the way in words, to stand after "it goes".
func (w Way) Text(l Lang) string { return text(w, string(w), l) }

// Text is the reason as a sentence.
func (r Reason) Text(l Lang) string { return text(r, string(r), l) }

// Text is who could do something, in words.
func (s Side) Text(l Lang) string { return text(s, string(s), l) }

// Text is the advice in words, as one would say it to who can follow it.
func (a Advice) Text(l Lang) string { return text(a, string(a), l) }

// Text is the advice with who could follow it.
func (h Help) Text(l Lang) string { return h.Who.Could(h.What.Text(l), l) }

// Could says who could do what, in words of the same language as one would say to
// them.
func (s Side) Could(what string, l Lang) string {
	if w, ok := could[s]; ok {
		return l.Of(w) + what
	}
	return what
}

// Of picks the words of the language from those in English and Chinese.
func (l Lang) Of(w [2]string) string {
	if l == Chinese {
		return w[1]
	}
	return w[0]
}

func text(key any, code string, l Lang) string {
	if w, ok := words[key]; ok {
		return l.Of(w)
	}
	return code
}

// ClassText is the classic name in words people know.
func ClassText(c reach.Class, l Lang) string { return named(className, c, l) }

// ClassMeaning is what the class means, in half a sentence.
func ClassMeaning(c reach.Class, l Lang) string { return named(classMeaning, c, l) }

// MappingText names how a NAT maps.
func MappingText(b reach.Behaviour, l Lang) string { return named(mappingName, b, l) }

// FilteringText names how a NAT filters.
func FilteringText(b reach.Behaviour, l Lang) string { return named(filteringName, b, l) }

func named[K ~string](table map[K][2]string, k K, l Lang) string {
	if w, ok := table[k]; ok {
		return l.Of(w)
	}
	return string(k)
}
