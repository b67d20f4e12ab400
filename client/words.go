package client

import "godwit/nat/outlook"

// Lang is a language that there are words in; see package outlook.
type Lang = outlook.Lang

// The languages.
const (
	English = outlook.English
	Chinese = outlook.Chinese // simplified, zh-CN
)

// ParseLang reads the tag of a language: "en" or "zh-CN".
func ParseLang(tag string) (Lang, bool) { return outlook.ParseLang(tag) }

// sentences are the codes as sentences, in English and Chinese.
var sentences = map[Why][2]string{
	WhyDirect:       {"The two devices talk directly.", "两台设备直接通信。"},
	WhyConnecting:   {"A direct link is being built.", "正在建立直连。"},
	WhyTrying:       {"A direct path has not come up yet and is tried again.", "直连尚未建立，会继续尝试。"},
	WhyRelayOnly:    {"You share your address with nobody, so everything goes through the relay.", "你不向任何人透露自己的地址，因此一切都经由中继。"},
	WhyNoRelay:      {"You share your address with nobody, and your server has no relay.", "你不向任何人透露自己的地址，而你的服务器没有中继。"},
	WhyServerRoute:  {"You chose the server for this chat.", "你为这个聊天选择了经由服务器。"},
	WhyNoTransport:  {"This program can build no direct links.", "本程序不能建立直连。"},
	WhyOffline:      {"There is no connection to the server, which introduces the two devices.", "没有连上服务器，而两台设备要靠它牵线。"},
	WhyNotMutual:    {"The two of you do not see each other's presence.", "你们互相看不到对方是否在线。"},
	WhyAway:         {"No device of your contact is online.", "对方没有设备在线。"},
	WhyTheirClient:  {"Your contact's program has no direct links, or is set to build none.", "对方的程序不支持直连，或设置为不建立直连。"},
	WhyNotTalking:   {"You share your address with those you talk to, and nobody has written yet.", "你只向聊过天的人透露自己的地址，而双方都还没有发过消息。"},
	WhyNotWriting:   {"A link is built when you write, and closed when nobody does for a while.", "你发消息时才建立直连，一段时间没有消息就会关闭。"},
	WhyRefused:      {"The server's rules allow no direct link to this contact.", "服务器的规则不允许与这位联系人直连。"},
	WhyTooManyLinks: {"There are as many direct links as this program keeps.", "直连数量已达到本程序的上限。"},
	WhyFailed:       {"The last attempt to build a direct link failed.", "上次建立直连的尝试失败了。"},
}

// settings are what helps against some of them, to stand after who could do it.
var settings = map[Why][2]string{
	WhyRelayOnly:   {"share addresses with those you talk to (--share-address chats)", "向聊天的人透露地址（--share-address chats）"},
	WhyNoRelay:     {"share addresses with those you talk to (--share-address chats), or ask whoever runs the server for a relay", "向聊天的人透露地址（--share-address chats），或请服务器的管理者提供中继"},
	WhyServerRoute: {"choose the route auto", "把路径改为自动（auto）"},
	WhyNotMutual:   {"become contacts, in both directions", "与对方互相加为联系人"},
	WhyTheirClient: {"use a program with direct links, or share addresses with contacts", "换用支持直连的程序，或向联系人透露地址"},
	WhyNotTalking:  {"write something", "先发一条消息"},
	WhyNotWriting:  {"write something", "发一条消息"},
}

// Text is the explanation in words: one or two sentences, and nothing where there
// is nothing to explain.
func (e Explanation) Text(l Lang) string {
	if e.Why == "" {
		return ""
	}
	words, ok := sentences[e.Why]
	if !ok {
		return outlook.Reason(e.Why).Text(l)
	}
	text := l.Of(words)
	if e.Because != "" {
		text += l.Of([2]string{" ", ""}) + e.Because.Text(l)
	}
	return text
}

// Text says who could do what.
func (h Help) Text(l Lang) string {
	if h.What == Settings {
		return h.Who.Could(l.Of(settings[h.Why]), l)
	}
	return outlook.Help{Who: h.Who, What: h.What}.Text(l)
}
