package app

import (
	"godwit/nat"
	"godwit/xep/reach"
)

// natTitles say in one line what was found.
var natTitles = map[reach.Class]phrase{
	reach.Open:           {"You are on an open network.", "你的网络是开放的。"},
	reach.Firewall:       {"You are behind a firewall, without NAT.", "你在防火墙之后，没有 NAT。"},
	reach.FullCone:       {"You are behind a full cone NAT.", "你在完全锥形 NAT 之后。"},
	reach.RestrictedCone: {"You are behind a restricted cone NAT.", "你在地址受限锥形 NAT 之后。"},
	reach.PortRestricted: {"You are behind a port-restricted cone NAT.", "你在端口受限锥形 NAT 之后。"},
	reach.Symmetric:      {"You are behind a symmetric NAT.", "你在对称型 NAT 之后。"},
	reach.Blocked:        {"Your network lets no UDP through.", "你的网络不让 UDP 通过。"},
}

// What is said where the class is unknown but something else is not.
var (
	natProbablyPortRestricted = phrase{"You are behind a NAT, probably a port-restricted cone.", "你在 NAT 之后，很可能是端口受限锥形。"}
	natProbablyCone           = phrase{"You are behind a NAT, probably a cone that does not look at ports.", "你在 NAT 之后，很可能是不看端口的锥形。"}
	natSomeCone               = phrase{"You are behind a cone NAT; which one could not be told.", "你在锥形 NAT 之后，具体哪一种无法判断。"}
	natNoTranslation          = phrase{"You are not behind a NAT; whether there is a firewall could not be told.", "你不在 NAT 之后；有没有防火墙无法判断。"}
	natSomeNAT                = phrase{"You are behind a NAT; which kind could not be told.", "你在 NAT 之后，是哪一种无法判断。"}
	natNothing                = phrase{"Nothing could be found out.", "什么也没能查明。"}
)

// Labels of the rows and headings.
var (
	natMapping    = phrase{"Mapping", "映射"}
	natFiltering  = phrase{"Filtering", "过滤"}
	natPorts      = phrase{"Ports", "端口"}
	natCarrier    = phrase{"Carrier NAT", "运营商 NAT"}
	natPortMap    = phrase{"Port mapping", "端口映射"}
	natTCP        = phrase{"TCP", "TCP"}
	natWhatWorks  = phrase{"How you reach contacts, by the network they are on", "按联系人的网络类型，连接方式为"}
	natWhatHelps  = phrase{"What would help", "怎样改善"}
	natDoubts     = phrase{"Not certain", "不确定之处"}
	natEverybody6 = phrase{"everybody with IPv6", "所有有 IPv6 的人"}
)

// Values of the rows.
var (
	natYes         = phrase{"yes", "有"}
	natNo          = phrase{"no", "没有"}
	natUnknown     = phrase{"unknown", "未知"}
	natSeenAs      = phrase{"%s, outside %s", "%s，外部地址 %s"}
	natHere        = phrase{" (here %s)", "（本机 %s）"}
	natPreserved   = phrase{"the same outside as inside", "内外相同"}
	natSequential  = phrase{"one after the other, %+d each", "依次分配，每次 %+d"}
	natRandom      = phrase{"random", "随机"}
	natTCPAnswers  = phrase{"works; the server answers over TCP", "可用，服务器通过 TCP 应答"}
	natTCPAlive    = phrase{"works", "可用"}
	natNoProtocol  = phrase{"none; the router answers neither PCP, NAT-PMP nor UPnP", "无；路由器对 PCP、NAT-PMP、UPnP 均无应答"}
	natProtocols   = phrase{"%s; your client asks it for a port", "%s；你的客户端会请求它映射端口"}
	natBehindOne   = phrase{"%s, but behind the carrier's NAT it is no use", "%s，但在运营商 NAT 之后没有用处"}
	natAsked       = phrase{"Asked %s, %s away, in %s.", "询问了 %s，往返 %s，用时 %s。"}
	natAskedSilent = phrase{"Asked %s for %s.", "询问了 %s，用时 %s。"}
)

// natAbout names what a doubt is about.
var natAbout = map[nat.Subject]phrase{
	nat.AboutMapping:   natMapping,
	nat.AboutFiltering: natFiltering,
	nat.AboutUDP:       {"UDP", "UDP"},
	nat.AboutIPv4:      {"IPv4", "IPv4"},
	nat.AboutIPv6:      {"IPv6", "IPv6"},
	nat.AboutCarrier:   natCarrier,
}

// natWhy says why something could not be told.
var natWhy = map[nat.Why]phrase{
	nat.PlainServer:    {"the server shows only how it sees you; one with a second address (RFC 5780) would tell", "服务器只能告诉你它看到的地址；有第二个地址的服务器（RFC 5780）才能判断"},
	nat.OneAddress:     {"the server has one address; a second one would tell", "服务器只有一个地址，有第二个才能判断"},
	nat.OtherSilent:    {"the server's other address does not answer", "服务器的另一个地址没有应答"},
	nat.ChangeIgnored:  {"the server does not answer from its other address when asked to", "服务器没有按要求从另一个地址应答"},
	nat.Refused:        {"the server refuses to answer", "服务器拒绝应答"},
	nat.Unstable:       {"your outside address changed meanwhile; try again", "期间外部地址变了，请再试一次"},
	nat.HeavyLoss:      {"too many packets were lost to be certain; try again", "丢包太多，无法确定，请再试一次"},
	nat.LocalUnknown:   {"this machine's own address could not be told", "无法得知本机地址"},
	nat.NothingAnswers: {"nothing answers, over UDP or TCP: the server may be down or its name wrong, or this machine is offline", "UDP 和 TCP 都没有应答：服务器可能没开或名字有误，或者本机离线"},
	nat.ServerUnproven: {"the server's host is there over TCP, but nothing shows that it serves STUN; if it does not, UDP may be fine", "服务器主机可通过 TCP 到达，但没有证据表明它提供 STUN；若没有，UDP 也许正常"},
	nat.NoServer:       {"the server has no such address to ask", "服务器没有这种地址可问"},
	nat.FamilySilent:   {"there is a way out, but no answer came", "有出口，但没有收到应答"},
	nat.RouterSilent:   {"the router does not tell its outside address", "路由器没有告知它的外部地址"},
}
